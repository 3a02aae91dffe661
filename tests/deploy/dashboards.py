# SPDX-License-Identifier: Apache-2.0
"""What stands in the dashboards' files: panels, what they ask, and what is chosen above them."""
import json
import re

from deployed import DEPLOY

FOLDER = DEPLOY / "grafana/dashboards"

# Kinds that have been in Grafana for years and stay: their pages are not seen by any test.
STABLE = {"timeseries", "stat", "table", "gauge", "bargauge", "heatmap", "row"}


class Panel:
    def __init__(self, dashboard, raw):
        self.raw = raw
        self.kind = raw["type"]
        self.name = f"{dashboard['title']}: {raw['title']}"
        self.targets = raw.get("targets", [])


class Dashboard:
    def __init__(self, file):
        self.file = file
        self.raw = json.loads(file.read_text())
        self.uid, self.title = self.raw["uid"], self.raw["title"]
        self.panels = [Panel(self.raw, raw) for raw in self.raw["panels"]]
        self.asking = [panel for panel in self.panels if panel.kind != "row"]
        self.variables = {each["name"]: each["query"]["query"] for each in self.raw["templating"]["list"]}

    def __repr__(self):
        return self.title


DASHBOARDS = [Dashboard(file) for file in sorted(FOLDER.glob("*.json"))]


def with_all(expression, variables):
    """An expression as Grafana asks it when all of everything is chosen."""
    for name in variables:
        expression = re.sub(rf"\${name}\b", ".*", expression)
    return expression


# ---- PromQL, as far as its names go ----

WORDS = """by without on ignoring group_left group_right and or unless bool offset sum count avg min max topk bottomk
    rate increase histogram_quantile label_replace absent time vector predict_linear clamp_min sort_desc
    avg_over_time min_over_time max_over_time last_over_time""".split()
LABELS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")


def metrics_of(expression):
    """The names of metrics that an expression asks for."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", expression)
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]", "", LABELS.sub("", bare))
    names = set(re.findall(r"(?<![\w:.$])[a-zA-Z_:][\w:]*", bare))
    return names - set(WORDS)

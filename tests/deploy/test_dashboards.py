# SPDX-License-Identifier: Apache-2.0
"""Dashboards, as files: what a person sees is explained, in kinds of panels that stay, and shown in its unit."""
import pytest

from dashboards import DASHBOARDS, STABLE

PANELS = [panel for dashboard in DASHBOARDS for panel in dashboard.asking]


def test_there_is_one_for_each_part_of_the_system():
    assert [dashboard.title for dashboard in DASHBOARDS] == ["gRPC", "Store", "Telemetry pipeline", "Temperatures"]
    for dashboard in DASHBOARDS:
        assert dashboard.uid == f"thermograph-{dashboard.file.stem}"
        assert dashboard.raw["description"]
        assert {"job", "instance"} <= set(dashboard.variables)


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=str)
def test_panels_lie_beside_each_other_and_not_over(dashboard):
    taken = set()
    for panel in dashboard.panels:
        place = panel.raw["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel.name
        assert place["x"] + place["w"] <= 24, panel.name
        taken |= cells
    assert len({panel.raw["id"] for panel in dashboard.panels}) == len(dashboard.panels)


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.name)
def test_a_panel_is_explained_and_of_a_kind_that_stays(panel):
    assert panel.kind in STABLE
    assert len(panel.raw["description"]) > 10
    assert panel.raw["fieldConfig"]["defaults"]["unit"]
    assert panel.targets
    for target in panel.targets:
        assert target["datasource"]["uid"] == "prometheus"


def test_panels_of_durations_lead_to_traces():
    leading = [panel.name for panel in PANELS if any(target.get("exemplar") for target in panel.targets)]
    assert leading == ["gRPC: Duration", "gRPC: Duration, as clients wait", "Store: Duration of a commit"]


def test_a_number_is_not_what_is_left_of_nothing_by_nothing():
    """Without calls there is no share of them that failed: NaN would be shown."""
    numbers = [target["expr"] for panel in PANELS if panel.kind == "stat" for target in panel.targets]
    shares = [expression.split(" / ")[1] for expression in numbers if " / " in expression]
    assert shares
    assert [divisor for divisor in shares if not divisor.endswith(" > 0)")] == []

# SPDX-License-Identifier: Apache-2.0
"""What was measured as Markdown, for people and for docs/performance.md."""
import statistics

from lib import loads, receivers, telemetry

TITLES = {"memory": "Thermograph, in memory", "durable": "Thermograph, durable", "tonic": "tonic, in memory",
          "grpc-cpp": "gRPC C++, in memory", "grpc-go": "grpc-go, in memory", "store-durable": "Thermograph, durable, over TLS, 1,000 sensors",
          "store-durable-b": "the same, data set B", "store-durable-10k": "data set A, 10,000 sensors",
          "store-durable-1m": "data set A, 1,000,000 sensors, 4 readings of each",
          "store-durable-100m": "data set A, 1,000 sensors, 100 million readings",
          "store-sqlite": "SQLite, one row a reading, 10,000 a transaction, synced",
          "store-postgresql": "PostgreSQL, COPY of 10,000 a transaction, fsync on"}
BASE = "tonic"
ALONE = {"coder": "The coder of chunks", "otel": "Spans, log records and metrics"}


def spread(values, form):
    """Median, and least and most where there are several."""
    text = form(statistics.median(values))
    if len(values) > 1:
        text += f" ({form(min(values))} to {form(max(values))})"
    return text


def time_of(item):
    """How a time in nanoseconds an item is written."""
    if item == "reading":
        return lambda ns: f"{ns:.0f} ns"
    return lambda ns: f"{ns / 1000:.2f} us"


def us(value):
    return f"{value:,.0f} us"


def ratio(runs, base):
    if not base:
        return ""
    return f"{statistics.median(run['cpu_ns'] for run in runs) / statistics.median(run['cpu_ns'] for run in base):.2f}"


def row(server, load, runs, base):
    def each(name):
        return [run[name] for run in runs if name in run]
    cells = [TITLES[server], f"{statistics.median(each('rate')):,.0f}",
             spread(each("cpu_ns"), time_of(load.item)), ratio(runs, base)]
    for name in ("p50_us", "p99_us", "p999_us"):
        cells.append(spread(each(name), us) if each(name) else "")
    memory = each("server_peak_rss_bytes")
    cells.append(f"{max(memory) / 2**20:,.0f} MiB" if memory else "")
    return f"| {' | '.join(cells)} |"


def table(load, runs):
    servers = [server for server in TITLES if any(run["server"] == server for run in runs)]
    of_server = {server: [run for run in runs if run["server"] == server] for server in servers}
    lines = [f"### {load.title}", "",
             f"| server | {load.item}s a second | processor time a {load.item} | to {BASE} "
             "| p50 | p99 | p99.9 | memory |",
             "|---|---|---|---|---|---|---|---|"]
    lines += [row(server, load, of_server[server], of_server.get(BASE)) for server in servers]
    disk = [run["disk_bytes"] / run["readings"] for run in of_server.get("durable", []) if run.get("disk_bytes")]
    if disk and load.name in ("client-stream", "many"):
        lines += ["", "On disk while it runs, preallocated files included: "
                  f"{statistics.median(disk):.1f} bytes a reading."]
    return lines


def store_row(name, runs):
    def median(figure):
        return statistics.median(map(figure, runs))
    cells = [TITLES[name], f"{median(lambda run: run['rate']):,.0f}",
             spread([run["cpu_ns"] for run in runs], time_of("call")),
             f"{median(lambda run: run['disk_bytes'] / run['readings']):.1f}"]
    if "start_s" in runs[0]:
        cells += [f"{max(run['rss_bytes'] for run in runs) / 2**20:,.0f} MiB",
                  f"{median(lambda run: run['start_s']):.2f} s, "
                  f"{max(run['start_rss_bytes'] for run in runs) / 2**20:,.0f} MiB"]
    else:
        cells += ["", ""]
    return f"| {' | '.join(cells)} |"


def stores_table(runs):
    lines = ["### Data sets into stores", "",
             "| store | readings a second | processor time a reading | bytes on disk a reading "
             "| memory | start on it again |",
             "|---|---|---|---|---|---|"]
    return lines + [store_row(name, [run for run in runs if run["store"] == name])
                    for name in TITLES if any(run["store"] == name for run in runs)]


# ---- telemetry ----

def spans_of(runs):
    """What became of the spans, all runs together."""
    spans = [run["spans"] for run in runs]
    if any("started" not in each for each in spans):
        return f"{sum(each['received'] or 0 for each in spans):,} received"
    started, dropped = (sum(each[what] for each in spans) for what in ("started", "dropped"))
    return f"{dropped:,} of {started:,} dropped" if dropped else f"none of {started:,} dropped"


def telemetry_row(comparison, runs):
    form = time_of(comparison.load.item)
    cells = [TITLES[comparison.server], comparison.title, receivers.TABLE[comparison.receiver].title]
    cells += [spread([run[which]["cpu_ns"] for run in runs], form) for which in ("without", "with")]
    cells.append(spread([run["with"]["cpu_ns"] / run["without"]["cpu_ns"] for run in runs], "{:.2f}".format))
    cells += [f"{comparison.most:.2f}" if comparison.most else "", spans_of(runs)]
    return f"| {' | '.join(cells)} |"


def telemetry_table(runs):
    lines = ["### What telemetry costs", "",
             "Traces, metrics and logs over OTLP/gRPC, every call sampled unless it says otherwise. The ratio is that of "
             "the two runs of one round; the receiver shares the load's core.", "",
             "| server | load | receiver | without: processor time | with | with to without | aim, at most | spans |",
             "|---|---|---|---|---|---|---|---|"]
    for comparison in telemetry.TABLE.values():
        of_it = [run for run in runs if run["comparison"] == comparison.name]
        if of_it:
            lines.append(telemetry_row(comparison, of_it))
    return lines + [line for run in runs if run["warning"] for line in ("", f"Round {run['round']}: {run['warning']}.")]


def preface(results):
    where, sync = results["machine"], results["sync_us"]
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    lines = [
        f"{where['date']}, {where['cores']} cores of {where['model']}, {where['memory_gib']} GiB, {where['system']}, "
        f"kernel {where['kernel']}.", f"{versions}.",
        f"Rounds: {results['rounds']}, each of {results['duration']}; median (least to most). "
        "Server on one core, load on the other; TLS everywhere, Thermograph checks a token too.",
        f"A write of 16 KiB with fdatasync on this disk ({sync['file_system']}): median {sync['median']:.0f} us, "
        f"p99 {sync['p99']:.0f} us ({sync['minimum']:.0f} to {sync['maximum']:.0f})."]
    lines += [f"Left out: {TITLES.get(name, name)}: {why.splitlines()[0]}" for name, why in results["left_out"].items()]
    lines += [f"Not counted: {trouble}" for trouble in results["troubles"]]
    return [line for each in lines for line in (each, "")]


def markdown(results):
    lines = preface(results)
    for load in loads.TABLE.values():
        runs = [run for run in results["runs"] if run["load"] == load.name]
        if runs:
            lines += [*table(load, runs), ""]
    if results["telemetry"]:
        lines += [*telemetry_table(results["telemetry"]), ""]
    if results["stores"]:
        lines += [*stores_table(results["stores"]), ""]
    for part, title in ALONE.items():
        if results[part]:
            lines += [f"### {title}, alone", "", *(f"    {line}" for line in results[part]), ""]
    return "\n".join(lines)

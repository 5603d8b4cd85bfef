#!/usr/bin/env python3
"""bench/overload.py [SECONDS [MS]] -- twice the load that a server can take: what it still does.
bench/overload.py --plot -- draws the last measurement: bench/plots/overload.svg.

A function burns MS (default 1.5) of processor time: test/guests/spin.c `work`, calibrated for each
server. With another MS the table is only printed.
First the most that a server does (clients that wait for their answers), and latencies at a tenth
and at half of that; then arrivals at random: half of it for a while, twice as much for SECONDS
(default 30), half again. One worker on one core, the generator on the other; a request without an
answer after 10 s is given up. Goodput counts answers with status 2xx when they come.
"""
import sys

from common import keep, kept, machine, median, publish, table
from plot import Line, Panel, save, time_series
from rivals import guest, node, weir
from servers import lateness

SERVICE_MS = 1.5        # what is published
CALM_S = 3
ROUNDS = 3
CLIENTS = 6             # enough to keep it busy, too few to be refused
RECOVERED_S = 0.2       # so long all must be well again


def calibrate(server, service_ms):
    """Rounds of `work` that take so long, after a warm-up."""
    rounds = 100_000
    for seconds in (1, 1, 1):
        result = server.offer(f"c1:{seconds}", [("work", 1, "/work", f"[{rounds}]")])
        took = result["phases"][0]["classes"]["work"]["service_ms"]["p50"]
        rounds = max(1000, int(rounds * service_ms / took))
    return rounds


def first_class(phase):
    return phase["classes"]["work"]


def goodput(timeline, begin, end):
    """Good answers a second between two times."""
    return sum(row[3] for row in timeline if begin <= row[0] < end) / (end - begin)


def recovery_s(result, begin, bar_ms):
    """Seconds from `begin` until all is well for RECOVERED_S: nothing refused or failed, p99 of
    what is answered within the bar. None: not while the load lasted."""
    rows = [row for row in result["timeline"] if row[0] >= begin and row[1] > 0]
    many = round(RECOVERED_S / result["slice_s"])
    for i in range(len(rows) - many + 1):
        if all(row[4] == row[5] == 0 and row[7] <= bar_ms for row in rows[i:i + many]):
            return rows[i][0] - begin
    return None


def measure(server, seconds, service_ms):
    """All figures of one server, and the result of the phases."""
    with server:
        classes = [("work", 1, "/work", f"[{calibrate(server, service_ms)}]")]
        closed = [server.offer(f"c{CLIENTS}:2", classes) for _ in range(ROUNDS)]
        most = median([first_class(result["phases"][0])["good"] / 2 for result in closed])
        calm = [server.offer(f"{most * part:.1f}:{CALM_S}", classes) for part in (0.1, 0.5)]
        half, twice = f"{most / 2:.1f}:{CALM_S}", f"{most * 2:.1f}:{seconds}"
        flood = server.offer(f"{half},{twice},{half}", classes)
    quiet, busy = (first_class(result["phases"][0])["latency_ms"] for result in calm)
    over = first_class(flood["phases"][1])
    return {
        "name": server.name, "most": most, "flood": flood, "seconds": seconds,
        "tenth": quiet, "half": busy, "over": over["latency_ms"], "refusal": over["refusal_ms"],
        "goodput": goodput(flood["timeline"], CALM_S, CALM_S + seconds),
        "refused": over["refused"] / over["offered"], "failed": over["failed"] / over["offered"],
        "recovery": recovery_s(flood, CALM_S + seconds, 3 * busy["p99"]),
        "late": lateness(calm + [flood]),
    }


def row(m):
    recovery = f"> {CALM_S}" if m["recovery"] is None else f"{m['recovery']:.2f}"
    return [m["name"], f"{m['most']:.0f}", f"{m['goodput']:.0f}",
            f"{100 * m['goodput'] / m['most']:.0f} %", f"{100 * m['refused']:.0f} %",
            f"{100 * m['failed']:.0f} %", f"{m['tenth']['p99']:.1f}", f"{m['half']['p99']:.1f}",
            f"{m['over']['p50']:.1f}", f"{m['over']['p99']:.1f}",
            f"{m['over']['p99'] / m['half']['p99']:.1f}", f"{m['refusal']['p99']:.1f}", recovery]


HEAD = ["server", "most, requests/s", "goodput at 200 %", "of most", "refused", "failed",
        "p99 at 10 %, ms", "p99 at 50 %, ms", "p50 served at 200 %, ms", "p99 served at 200 %, ms",
        "× p99 at 50 %", "p99 of a refusal, ms", "well again after, s"]


def smooth(timeline, column, width):
    """Requests a second, in steps of `width` slices."""
    step = timeline[1][0] - timeline[0][0]
    return [(timeline[i][0], sum(row[column] for row in timeline[i:i + width]) / (width * step))
            for i in range(0, len(timeline) - width + 1, width)]


def plot():
    rates, latencies = [], []
    measured = kept("overload")
    for color, m in enumerate(measured):
        timeline = [row for row in m["flood"]["timeline"] if row[0] < 2 * CALM_S + m["seconds"]]
        rates.append(Line(f"{m['name']}: offered", color, smooth(timeline, 1, 4), True))
        rates.append(Line(f"{m['name']}: answered well", color, smooth(timeline, 3, 4)))
        latencies.append(Line(f"{m['name']}: p99 of those", color,
                              [(row[0], row[7] if row[3] else None) for row in timeline]))
    bands = [(CALM_S, CALM_S + measured[0]["seconds"], "twice the most it can do")]
    save("overload", time_series(
        "Twice the load: answers a second and latency",
        "Offered and answered requests a second over time, and the 99th percentile of the latency "
        "of answered requests on a logarithmic scale, for " +
        " and ".join(f"{m['name']} (goodput {100 * m['goodput'] / m['most']:.0f} % of its most)"
                     for m in measured) + ".",
        [Panel("requests a second", rates, False, bands, 240),
         Panel("latency from the intended time of sending, ms", latencies, True, bands, 230)]))


def main():
    if sys.argv[1:] == ["--plot"]:
        plot()
        return
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    service_ms = float(sys.argv[2]) if len(sys.argv) > 2 else SERVICE_MS
    module = guest("spin")
    measured = [measure(server, seconds, service_ms) for server in (weir(module), node(module))]
    late = "; ".join(f"{m['name']}: {m['late']}" for m in measured)
    text = f"{machine()}; server and generator on a core each; calls of {service_ms} ms; " \
        f"{CALM_S} s at 50 %, {seconds} s at 200 %, {CALM_S} s at 50 %. {late}.\n\n" \
        f"{table(HEAD, [row(m) for m in measured])}"
    if service_ms != SERVICE_MS:
        print(text)
        return
    keep("overload", measured)
    publish("overload", text)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""bench/overload.py [SECONDS [MS]] -- twice the load that a server can take: what it still does.
bench/overload.py --plot -- draws the last measurement: bench/plots/overload.svg.

A function burns MS (default 5) of processor time: test/guests/spin.c `work`, calibrated for each
server. With another MS the table is only printed.
First the most that a server does (clients that wait for their answers). Then rounds: arrivals at
random, a tenth of it, half of it, twice as much for SECONDS (default 10), half again; the figures
are the medians of the rounds, the picture is of the one in the middle. One worker on one core, the
generator on the other; a request without an answer after 10 s is given up. Goodput counts answers
with status 2xx when they come.
"""
import sys

from common import keep, kept, machine, median, publish, table
from plot import Line, Panel, save, time_series
from rivals import guest, node, weir
from servers import lateness

SERVICE_MS = 5          # what is published: a shared machine stops for some ms now and then
CALM_S = 5              # of a tenth, and of half of the load
ROUNDS = 5
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


def measure_round(server, classes, most, seconds):
    """The figures of one round, and the result of its phases. Its p99 are compared with each other:
    what else the machine does meets all of them."""
    tenth, half, twice = (f"{most * part:.1f}" for part in (0.1, 0.5, 2))
    phases = f"{tenth}:{CALM_S},{half}:{CALM_S},{twice}:{seconds},{half}:{CALM_S}"
    flood = server.offer_in_time(phases, classes)
    quiet, busy, over, _ = map(first_class, flood["phases"])
    begin, p99 = 2 * CALM_S, busy["latency_ms"]["p99"]
    good = goodput(flood["timeline"], begin, begin + seconds)
    return flood, {
        "goodput": good, "of_most": good / most,
        "refused": over["refused"] / over["offered"], "failed": over["failed"] / over["offered"],
        "tenth": quiet["latency_ms"]["p99"], "half": p99,
        "p50": over["latency_ms"]["p50"], "p99": over["latency_ms"]["p99"],
        "times_tenth": over["latency_ms"]["p99"] / quiet["latency_ms"]["p99"],
        "times_half": over["latency_ms"]["p99"] / p99, "refusal": over["refusal_ms"]["p99"],
        "recovery": recovery_s(flood, begin + seconds, 3 * p99),
    }


def measure(server, seconds, service_ms):
    """All figures of one server, and the round in the middle."""
    with server:
        classes = [("work", 1, "/work", f"[{calibrate(server, service_ms)}]")]
        closed = [server.offer(f"c{CLIENTS}:2", classes) for _ in range(3)]
        most = median([first_class(result["phases"][0])["good"] / 2 for result in closed])
        rounds = [measure_round(server, classes, most, seconds) for _ in range(ROUNDS)]
    rounds.sort(key=lambda one: one[1]["times_half"])
    figures = [figures for _, figures in rounds]
    return {
        "name": server.name, "most": most, "seconds": seconds, "flood": rounds[ROUNDS // 2][0],
        "late": lateness([flood for flood, _ in rounds]),
        **{f"{key}_of": (min(one[key] for one in figures), max(one[key] for one in figures))
           for key in ("times_tenth", "times_half")},
        **{key: median([CALM_S + 1 if one[key] is None else one[key] for one in figures])
           for key in figures[0]},
    }


def row(m):
    recovery = f"> {CALM_S}" if m["recovery"] > CALM_S else f"{m['recovery']:.2f}"
    times = ["{:.1f} ({:.1f} to {:.1f})".format(m[key], *m[key + "_of"])
             for key in ("times_tenth", "times_half")]
    return [m["name"], f"{m['most']:.0f}", f"{m['goodput']:.0f}", f"{100 * m['of_most']:.0f} %",
            f"{100 * m['refused']:.0f} %", f"{100 * m['failed']:.0f} %", f"{m['tenth']:.1f}",
            f"{m['half']:.1f}", f"{m['p50']:.1f}", f"{m['p99']:.1f}",
            *times, f"{m['refusal']:.1f}", recovery]


HEAD = ["server", "most, requests/s", "goodput at 200 %", "of most", "refused", "failed",
        "p99 at 10 %, ms", "p99 at 50 %, ms", "p50 served at 200 %, ms", "p99 served at 200 %, ms",
        "× p99 at 10 % (rounds)", "× p99 at 50 % (rounds)", "p99 of a refusal, ms",
        "well again after, s"]


def smooth(timeline, column, width):
    """Requests a second, in steps of `width` slices."""
    step = timeline[1][0] - timeline[0][0]
    return [(timeline[i][0], sum(row[column] for row in timeline[i:i + width]) / (width * step))
            for i in range(0, len(timeline) - width + 1, width)]


def plot():
    rates, latencies = [], []
    measured = kept("overload")
    for color, m in enumerate(measured):
        timeline = [row for row in m["flood"]["timeline"] if row[0] < 3 * CALM_S + m["seconds"]]
        rates.append(Line(f"{m['name']}: offered", color, smooth(timeline, 1, 4), True))
        rates.append(Line(f"{m['name']}: answered well", color, smooth(timeline, 3, 4)))
        latencies.append(Line(f"{m['name']}: p99 of those", color,
                              [(row[0], row[7] if row[3] else None) for row in timeline]))
    bands = [(2 * CALM_S, 2 * CALM_S + measured[0]["seconds"], "twice the most it can do")]
    save("overload", time_series(
        "Twice the load: answers a second and latency",
        "Offered and answered requests a second over time, and the 99th percentile of the latency "
        "of answered requests on a logarithmic scale, for " +
        " and ".join(f"{m['name']} (goodput {100 * m['of_most']:.0f} % of its most)"
                     for m in measured) + ".",
        [Panel("requests a second", rates, False, bands, 240),
         Panel("latency from the intended time of sending, ms", latencies, True, bands, 230)]))


def main():
    if sys.argv[1:] == ["--plot"]:
        plot()
        return
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    service_ms = float(sys.argv[2]) if len(sys.argv) > 2 else SERVICE_MS
    module = guest("spin")
    measured = [measure(server, seconds, service_ms) for server in (weir(module), node(module))]
    late = "; ".join(f"{m['name']}: {m['late']}" for m in measured)
    text = f"{machine()}; server and generator on a core each; calls of {service_ms} ms; " \
        f"medians of {ROUNDS} rounds: {CALM_S} s at 10 %, {CALM_S} s at 50 %, {seconds} s at " \
        f"200 %, {CALM_S} s at 50 %. {late}.\n\n" \
        f"{table(HEAD, [row(m) for m in measured])}"
    if service_ms != SERVICE_MS:
        print(text)
        return
    keep("overload", measured)
    publish("overload", text)


if __name__ == "__main__":
    main()

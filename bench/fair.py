#!/usr/bin/env python3
"""bench/fair.py [SECONDS] -- short requests beside long and endless ones; how exactly limits bite.
bench/fair.py --plot -- draws the last measurement: bench/plots/fair.svg.

  beside   100 us requests, 200 a second at random, alone and beside 1,000 endless calls
  mixed    90 % of the requests take 100 us, 10 % burn 50 ms, at 70 % of the core; the short ones'
           latencies, in Weir, Node and workerd
  limits   by how much calls that never end pass their limit of processor time or their deadline
           (access log): an empty loop, memory.fill of 120 MiB, recursion, `_initialize`, a host
           call that waits; one at a time, and about 1,000 at once
  tick     what a lone guest loses to the scheduler's tick (bench_runtime)

One worker on one core, the generator on the other; SECONDS (default 20) each.
"""
import contextlib
import json
import os
import re
import sys
import time
from collections import namedtuple

import rivals
from common import BIN, WEIR, WORK, call, keep, kept, machine, publish, table
from plot import Bar, bars, save
from servers import SERVER_CORE, Server, lateness, open_unanswered

SPINNERS = 1000
SHORT_MS, LONG_MS = 0.1, 50
LOAD = 0.7
CPU_LIMIT_MS, WALL_LIMIT_MS = 50, 50
CROWD, CROWD_PHASE, CROWD_LIMIT_MS = "about 1,000", "200:5", 8000
FOREVER_MS = 3600000
LOG_S = 2               # until the last line has been written

LONG_LIVED = """
listen = "127.0.0.1:0"
workers = 1
log = "none"
connections = 5000
waiting = 5000
drain = "1 s"
breaker-failures = 1000000

[modules.trap]
path = "{trap}"
[routes.trap]
[modules.spin]
path = "{spin}"
[routes.work]
module = "spin"
function = "work"
[routes.spin]
module = "spin"
function = "spin"
cpu = "3600 s"
wall = "3600 s"
concurrency = 5000
queue = 5000
"""

LIMITED = """
listen = "127.0.0.1:0"
workers = 1
log = "json"
log-file = "access.log"
connections = 5000
waiting = 5000
breaker-failures = 1000000
concurrency = 5000
queue = 5000
snapshot = "never"
[modules.endless]
path = "{endless}"
[modules.stuck]
path = "{stuck}"
[modules.nap]
path = "{nap}"
"""
LIMITED_ROUTE = """
[routes.{route}]
module = "{module}"
function = "{function}"
cpu = "{cpu} ms"
wall = "{wall} ms"
"""
# Calls that never end, and what they are called in the table.
Endless = namedtuple("Endless", "words module function arguments")
LOOP = Endless("empty loop", "endless", "loop", "[]")
NAP = Endless("a host call that waits", "nap", "nap", f"[{FOREVER_MS}]")
ENDLESS = (LOOP, Endless("memory.fill of 120 MiB", "endless", "fill", "[]"),
           Endless("recursion", "endless", "recurse", "[]"),
           Endless("`_initialize` of a new instance", "stuck", "add", "[1,2]"), NAP)


def serve(name, text):
    """A server of a weir.toml."""
    path = rivals.write(rivals.folder_for(name), "weir.toml", text)
    return Server("weir", [WEIR, "serve", path, "--cache", os.path.join(WORK, "cache")],
                  core=SERVER_CORE)


def calibrate(server, milliseconds):
    """Rounds of `work` that take so long."""
    rounds = 20_000
    for seconds in (1, 1, 0.5):
        result = server.offer(f"c1:{seconds}", [("work", 1, "/work", f"[{rounds}]")])
        took = result["phases"][0]["classes"]["work"]["service_ms"]["p50"]
        rounds = max(100, int(rounds * milliseconds / took))
    return rounds


def classes_of(result):
    return result["phases"][0]["classes"]


# ---- beside endless calls ----

def beside(seconds):
    results = {}
    text = LONG_LIVED.format(spin=rivals.guest("spin"), trap=rivals.guest("trap"))
    with serve("beside", text) as server:
        rounds = calibrate(server, 1) // round(1 / SHORT_MS)
        classes = [("short", 1, "/work", f"[{rounds}]")]
        results["alone"] = server.offer_in_time(f"200:{seconds}", classes)
        traps = [("trap", 2, "/trap/trap_memory", "[4294967295]")]
        results["beside 400 traps a second"] = server.offer_in_time(f"600:{seconds}",
                                                                    classes + traps)
        with contextlib.ExitStack() as stack:
            open_unanswered(stack, server, "/spin", "[]", SPINNERS)
            results[f"beside {SPINNERS} endless calls"] = server.offer_in_time(f"200:{seconds}",
                                                                               classes)
    return results


# ---- mixed ----

def mixed(seconds):
    spin = rivals.guest("spin")
    results = {}
    servers = rivals.installed({"weir": rivals.weir(spin, "--breaker-failures", "1000000"),
                                "node": rivals.node(spin), "workerd": rivals.workerd(spin)})
    for server in servers:
        with server:
            long = calibrate(server, LONG_MS)
            short = max(1, int(long * SHORT_MS / LONG_MS))
            rate = LOAD / ((0.9 * SHORT_MS + 0.1 * LONG_MS) / 1000)
            classes = [("short", 9, "/work", f"[{short}]"), ("long", 1, "/work", f"[{long}]")]
            results[server.name] = server.offer_in_time(f"{rate:.0f}:{seconds}", classes, seed=7)
    return results


# ---- limits ----

def overruns(log, path, kind, limit):
    """Of calls at this path that were stopped, by how much they passed the limit, in ms, sorted."""
    field = "cpu_ms" if kind == "cpu" else "wall_ms"
    with open(log, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    return sorted(line[field] - limit for line in lines
                  if line["path"] == path and line["outcome"] == f"{kind}-limit")


def limits(seconds):
    """[(what, limit in ms, overruns of the calls that were stopped)], from the access log."""
    folder = rivals.folder_for("limits")
    log = os.path.join(folder, "access.log")
    rivals.write(folder, "access.log", "")
    text = LIMITED.format(endless=rivals.build_guest("endless", "-mbulk-memory"),
                          stuck=rivals.guest("stuck"), nap=rivals.build_guest("nap"))
    cases = []
    for kind, name, limit in (("cpu", "processor time", CPU_LIMIT_MS),
                              ("wall", "deadline", WALL_LIMIT_MS)):
        for endless in ENDLESS:
            if kind == "wall" or endless is not NAP:  # which takes no processor time
                cases.append((f"{name}, {endless.words}", kind, f"{kind}-{endless.function}",
                              endless, limit, f"c1:{seconds / 2}"))
    cases.append((f"deadline, {CROWD} empty loops at once", "wall", "crowd", LOOP, CROWD_LIMIT_MS,
                  CROWD_PHASE))
    for _, kind, route, endless, limit, _ in cases:
        text += LIMITED_ROUTE.format(route=route, module=endless.module, function=endless.function,
                                     cpu=limit if kind == "cpu" else FOREVER_MS,
                                     wall=limit if kind == "wall" else FOREVER_MS)
    with serve("limits", text) as server:
        for _, _, route, endless, _, phase in cases:
            server.offer(phase, [("endless", 1, f"/{route}", endless.arguments)],
                         timeout_ms=60000)
        time.sleep(LOG_S)
        return [(what, limit, overruns(log, f"/{route}", kind, limit))
                for what, kind, route, _, limit, _ in cases]


# ---- the tick ----

def tick():
    """Lines of bench_runtime: [(calls, median of what they lose, 95 % certain to lie between)]."""
    lines = call([os.path.join(BIN, "bench_runtime"), "tick"]).splitlines()
    found = [re.fullmatch(r"lost_by_(\S+) (\S+ %) \((.*)\)", line).groups() for line in lines]
    return [(calls.replace("_", " "), median, span) for calls, median, span in found]


# ---- tables ----

LATENCIES = ("p50", "p99", "p99.9", "max")


def latency_cells(tally):
    return [f"{tally['latency_ms'][part]:.2f}" for part in LATENCIES]


def limit_row(what, limit, passed):
    if not passed:
        sys.exit(f"{what}: no call was stopped")
    return [what, str(limit), str(len(passed))] + \
        [f"{passed[min(int(len(passed) * part), len(passed) - 1)]:.2f}" for part in (0.5, 0.99, 1)]


def mixed_row(name, result):
    tallies = classes_of(result)
    lost = sum(tally["offered"] - tally["good"] for tally in tallies.values())
    long = tallies["long"]["latency_ms"]
    return [name, f"{result['phases'][0]['rate']:.0f}", *latency_cells(tallies["short"]),
            f"{long['p50']:.0f}", f"{long['p99']:.0f}", str(lost)]


def text_of(figures, seconds):
    heads = [f"{part}, ms" for part in LATENCIES]
    beside_table = table(["", *heads], [[name, *latency_cells(classes_of(result)["short"])]
                                        for name, result in figures["beside"].items()])
    mixed_table = table(["short requests", "requests/s", *heads, "long ones: p50, ms", "p99, ms",
                         "not answered"],
                        [mixed_row(name, result) for name, result in figures["mixed"].items()])
    limit_table = table(["limit", "ms", "calls", "p50, ms", "p99, ms", "max, ms"],
                        [limit_row(*entry) for entry in figures["limits"]])
    tick_table = table(["lost by", "median", "95 % certain, %"], figures["tick"])
    late = lateness([*figures["beside"].values(), *figures["mixed"].values()])
    return f"""{machine()}; server and generator on a core each; {seconds} s each; {late}.

A call of {SHORT_MS * 1000:.0f} µs, 200 a second at random, on one worker:

{beside_table}

{LOAD * 100:.0f} % of a core, arrivals at random, {SHORT_MS} ms for 90 % of them and {LONG_MS} ms \
for 10 %:

{mixed_table}

Calls that never end: by how much they pass their limit of processor time or their deadline:

{limit_table}

What the tick takes from calls one after the other, beside the same calls without a tick:

{tick_table}"""


def plot():
    figures = kept("fair")
    p99 = {kind: [(name, classes_of(result)["short"]["latency_ms"]["p99"])
                  for name, result in figures[kind].items()] for kind in ("mixed", "beside")}
    titles = {"mixed": "a short request while one in ten burns 50 ms: p99, ms",
              "beside": f"a short request in Weir, alone and beside {SPINNERS} endless ones: "
                        "p99, ms"}
    groups = [(titles[kind], [Bar(name, value, f"{value:.2f}", int(name in ("node", "workerd")))
                              for name, value in rows]) for kind, rows in p99.items()]
    words = ", ".join(f"{name} {value:.1f} ms" for rows in p99.values() for name, value in rows)
    save("fair", bars("Short requests beside long and endless ones",
                      f"Bars: 99th percentile of the latency of requests of 0.1 ms; {words}",
                      groups))


def main():
    if sys.argv[1:] == ["--plot"]:
        plot()
        return
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    os.makedirs(WORK, exist_ok=True)
    figures = {"beside": beside(seconds), "mixed": mixed(seconds), "limits": limits(seconds),
               "tick": tick()}
    keep("fair", figures)
    publish("fair", text_of(figures, seconds))


if __name__ == "__main__":
    main()

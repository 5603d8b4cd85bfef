#!/usr/bin/env python3
"""bench/hello.py [ROUNDS [SECONDS]] -- the least request there is, beside other servers.
bench/hello.py --plot -- draws the last measurement: bench/plots/hello.svg.

A function that returns 42, and a program that prints it, in a fresh instance a request, by one
worker on one core; wrk on the other. Beside it what answers a constant (the bare responder, nginx,
Node) and what calls the same Wasm function in a fresh instance (Node, workerd), or a component
(wasmtime serve, Spin). What is not installed is left out; bench/rivals.py says where it looks.
Processor time is that of all the server's processes (/proc/PID/stat), memory what they do not share
with others after the load. The servers take turns; medians of the rounds (default 3 of 3 seconds).
p99.9 is of a load of half the most, arrivals at random, from the intended time (weir-load).
"""
import contextlib
import os
import sys
import tempfile

import rivals
from common import WORK, keep, kept, machine, median, publish, table
from plot import Bar, bars, save
from requests import POST
from servers import LOAD_CORE, lateness, private_kib, processes

CONNECTIONS = 64


def contestants():
    """[(server, path, body or None)], the floor first."""
    function = rivals.guest("hello")
    program = rivals.build_guest("answer")
    call, get = ("/answer", "[]"), ("/", None)
    servers = {
        "bare": (rivals.bare(), *call),
        "nginx": (rivals.nginx(), *get),
        "weir function": (rivals.weir(function, name="weir, function, fresh instance"), *call),
        "weir command": (rivals.weir(program, name="weir, program, fresh instance"), *get),
        "node": (rivals.node(function, "node, a constant"), *get),
        "node wasm": (rivals.node(function, "node, function, fresh instance"), *call),
        "workerd": (rivals.workerd(function, "workerd, function, fresh instance"), *call),
        "wasmtime": (rivals.wasmtime(), *get),
        "spin": (rivals.spin(), *get),
    }
    there = rivals.installed({name: entry[0] for name, entry in servers.items()})
    return [entry for entry in servers.values() if entry[0] in there]


def measure(server, path, body, scripts, seconds):
    """One turn: (requests/s, CPU us a request, p50, p99, private MiB)."""
    script = scripts["POST" if body is not None else "GET"]
    server.load(path, script, CONNECTIONS, 1, core=LOAD_CORE)
    load = server.load(path, script, CONNECTIONS, seconds, core=LOAD_CORE)
    memory = sum(private_kib(pid) for pid in processes(server.process.pid)) / 1024
    return load.rate, load.cpu_s / load.count * 1e6, load.p50, load.p99, memory


def write_scripts(folder):
    scripts = {"POST": os.path.join(folder, "post.lua"), "GET": os.path.join(folder, "get.lua")}
    for kind, path in scripts.items():
        with open(path, "w", encoding="utf-8") as file:
            file.write(POST if kind == "POST" else 'wrk.method = "GET"\n')
    return scripts


def run(entries, rounds, seconds):
    """Returns [{...}] for the entries."""
    turns = [[] for _ in entries]
    tails = []
    with tempfile.TemporaryDirectory(dir=WORK) as folder:
        scripts = write_scripts(folder)
        for _ in range(rounds):
            for (server, path, body), done in zip(entries, turns):
                with server:
                    done.append(measure(server, path, body, scripts, seconds))
        for (server, path, body), done in zip(entries, turns):
            rate = median([turn[0] for turn in done]) / 2
            with contextlib.ExitStack() as stack:
                stack.enter_context(server)
                server.load(path, scripts["POST" if body is not None else "GET"], CONNECTIONS, 1,
                            core=LOAD_CORE)
                tails.append(server.offer_in_time(
                    f"{rate:.0f}:{seconds}", [("hello", 1, path, body)], connections=1024))
    figures = []
    for (server, _, _), done, tail in zip(entries, turns, tails):
        rate, cpu_us, p50, p99, memory = (median(column) for column in zip(*done))
        figures.append({"name": server.name, "rate": rate, "cpu_us": cpu_us, "p50": p50,
                        "p99": p99, "memory": memory,
                        "tail": tail["phases"][0]["classes"]["hello"]["latency_ms"]})
    return figures, lateness(tails)


def row(figures, floor):
    return [figures["name"], f"{figures['rate']:.0f}", f"{figures['cpu_us']:.1f}",
            f"{figures['cpu_us'] / floor['cpu_us']:.2f}", f"{figures['p50']:.2f}",
            f"{figures['p99']:.2f}", f"{figures['tail']['p99']:.2f}",
            f"{figures['tail']['p99.9']:.2f}", f"{figures['memory']:.1f}",
            f"{figures['rate'] / figures['memory']:.0f}"]


HEAD = ["server", "requests/s", "CPU µs a request", "× bare", "p50, ms", "p99, ms",
        "p99 at half load, ms", "p99.9 at half load, ms", "private MiB", "requests/s per MiB"]


def color(name):
    return 0 if name.startswith("weir") else 3 if "fresh" not in name else 1


def plot():
    measured = kept("hello")
    groups = [
        ("requests a second", [Bar(f["name"], f["rate"], f"{f['rate']:,.0f}", color(f["name"]))
                               for f in measured]),
        ("processor time of a request, µs",
         [Bar(f["name"], f["cpu_us"], f"{f['cpu_us']:.1f}", color(f["name"])) for f in measured]),
        ("memory not shared, MiB",
         [Bar(f["name"], f["memory"], f"{f['memory']:.1f}", color(f["name"])) for f in measured]),
    ]
    save("hello", bars("The least request: 42", "Bars: requests a second, processor time of a "
                       "request and memory of servers that answer 42, Weir beside others.", groups))


def main():
    if sys.argv[1:] == ["--plot"]:
        plot()
        return
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    os.makedirs(WORK, exist_ok=True)
    figures, late = run(contestants(), rounds, seconds)
    keep("hello", figures)
    publish("hello",
            f"{machine()}; server and generator on a core each; {CONNECTIONS} connections, "
            f"{rounds} rounds of {seconds} s. At half load {late}.\n\n"
            f"{table(HEAD, [row(f, figures[0]) for f in figures])}")


if __name__ == "__main__":
    main()

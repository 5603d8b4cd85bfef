#!/usr/bin/env python3
"""bench/programs.py [SECONDS] -- a program behind HTTP against Node: examples/upper.c.

The program is an ordinary one, standard input to standard output; every request runs it in a fresh
instance. bench/programs/server.js does the same in Node's http server, one process for all
requests. wrk posts bodies over keep-alive connections; the servers take turns.
"""
import os
import re
import sys
import tempfile

from common import ROOT, WEIR, WORK, call, machine, publish, table
from requests import cpu_seconds
from typed import Server, milliseconds

SIZES = (("1 KiB", 1 << 10), ("1 MiB", 1 << 20))
CONNECTIONS = 8
NODE_PORT = 18473


def build_module():
    module = os.path.join(WORK, "upper.wasm")
    call(["emcc", "-O3", "-sSTANDALONE_WASM", os.path.join(ROOT, "examples/upper.c"), "-o", module])
    return module


def write_script(folder, size):
    path = os.path.join(folder, f"{size}.lua")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'wrk.method = "POST"\nwrk.body = string.rep("abcdefg ", {size // 8})\n')
    return path


def load(server, script, size, seconds):
    before = cpu_seconds(server.process.pid)
    output = call(["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "30s",
                   "--latency", "-s", script, server.url + "/"])
    used = cpu_seconds(server.process.pid) - before
    if "Non-2xx" in output or "Socket errors" in output:
        sys.exit(f"{server.name}: requests failed\n{output}")
    count = max(1, int(re.search(r"(\d+) requests in", output).group(1)))
    rate = float(re.search(r"Requests/sec:\s*([\d.]+)", output).group(1))
    return [f"{rate:.0f}", f"{used / count * 1e6:.0f}", f"{size * count / used / 1e6:.0f}",
            f"{milliseconds(output, 50):.2f}", f"{milliseconds(output, 99):.2f}"]


def main():
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    os.makedirs(WORK, exist_ok=True)
    module = build_module()
    commands = {
        "weir": [WEIR, "serve", module, "--workers", "1", "--addr", "127.0.0.1:0", "--log", "none",
                 "--cache", os.path.join(WORK, "cache")],
        "node": ["node", os.path.join(ROOT, "bench/programs/server.js"), str(NODE_PORT)],
    }
    rows = []
    with tempfile.TemporaryDirectory(dir=WORK) as folder:
        for text, size in SIZES:
            script = write_script(folder, size)
            for name, command in commands.items():
                with Server(name, command) as server:
                    load(server, script, size, 2)
                    row = load(server, script, size, seconds)
                    rows.append([f"{name}, {text}", *row, f"{server.peak_mib():.0f}"])
    head = ["server, body", "requests/s", "CPU us a request", "body MB per CPU second", "p50 ms",
            "p99 ms", "peak MiB"]
    publish("programs", f"{machine()}; {CONNECTIONS} connections, {seconds} s; wrk and the server "
                        f"share the cores.\n\n{table(head, rows)}")


if __name__ == "__main__":
    main()

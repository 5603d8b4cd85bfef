#!/usr/bin/env python3
"""bench/programs.py [SECONDS] -- a program behind HTTP against Node: examples/upper.c.

The program is an ordinary one, standard input to standard output; every request runs it in a fresh
instance. bench/programs/server.js does the same in Node's http server, one process for all
requests. wrk posts bodies over keep-alive connections; the servers take turns.
"""
import os
import sys
import tempfile

from common import ROOT, WEIR, WORK, call, machine, publish, table
from servers import Server

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
                    server.load("/", script, CONNECTIONS, 2)
                    load = server.load("/", script, CONNECTIONS, seconds)
                    rows.append([f"{name}, {text}", f"{load.rate:.0f}",
                                 f"{load.cpu_s / load.count * 1e6:.0f}",
                                 f"{size * load.count / load.cpu_s / 1e6:.0f}",
                                 f"{load.p50:.2f}", f"{load.p99:.2f}", f"{server.peak_mib():.0f}"])
    head = ["server, body", "requests/s", "CPU us a request", "body MB per CPU second", "p50 ms",
            "p99 ms", "peak MiB"]
    publish("programs", f"{machine()}; {CONNECTIONS} connections, {seconds} s; wrk and the server "
                        f"share the cores.\n\n{table(head, rows)}")


if __name__ == "__main__":
    main()

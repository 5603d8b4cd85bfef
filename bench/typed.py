#!/usr/bin/env python3
"""bench/typed.py [SECONDS] -- lists of numbers: read and written, and over HTTP against Node.

First bench_typed: MB/s of one core, without a machine. Then a dot product of two lists of a million
f32 each, as JSON and as raw bytes, by wrk over keep-alive connections to one worker, a fresh
instance a request, and the same in Node's http server (bench/typed/server.js); they take turns.
"""
import json
import os
import random
import shutil
import struct
import sys
import tempfile

from common import BIN, ROOT, WASM_FLAGS, WEIR, WORK, call, machine, publish, table
from servers import Server

COUNT = 1_000_000
CONNECTIONS = 2
NODE_PORT = 18472


def conversions():
    rows = []
    for line in call([os.path.join(BIN, "bench_typed"), "20"]).splitlines():
        kind, per_number, *rates = line.split()
        rows.append([f"list<{kind}>", per_number, *rates])
    return table(["", "bytes a number", "JSON in, MB/s", "JSON out, MB/s", "raw in, MB/s",
                  "raw out, MB/s"], rows)


def build_module():
    folder = os.path.join(ROOT, "bench/typed")
    module = os.path.join(WORK, "vectors.wasm")
    call(["clang-22", *WASM_FLAGS, "-O3", "-g", os.path.join(folder, "vectors.c"), "-o", module])
    shutil.copy(os.path.join(folder, "vectors.sig"), WORK)
    return module


def write_bodies(folder):
    """Files of the two bodies, and wrk's scripts that send them."""
    rng = random.Random(1)
    halves = [[round(rng.random(), 8) for _ in range(COUNT)] for _ in range(2)]
    bodies = {
        "dot": ("application/json", json.dumps(halves, separators=(",", ":")).encode()),
        "dot_halves": ("application/octet-stream",
                       struct.pack(f"<{2 * COUNT}f", *halves[0], *halves[1])),
    }
    scripts = {}
    for name, (media, body) in bodies.items():
        path = os.path.join(folder, name)
        with open(path + ".body", "wb") as file:
            file.write(body)
        with open(path + ".lua", "w", encoding="utf-8") as file:
            file.write(f'wrk.method = "POST"\nwrk.headers["Content-Type"] = "{media}"\n'
                       f'local file = io.open("{path}.body", "rb")\nwrk.body = file:read("*a")\n'
                       'file:close()\n')
        scripts[name] = (path + ".lua", len(body))
    return scripts


def row(server, name, size, load):
    return [f"{server.name}, {'raw' if name == 'dot_halves' else 'JSON'}", f"{load.rate:.1f}",
            f"{load.cpu_s / load.count * 1000:.2f}",
            f"{size * load.count / load.cpu_s / 1e6:.0f}", f"{load.p50:.1f}", f"{load.p99:.1f}",
            f"{server.peak_mib():.0f}"]


def over_http(seconds):
    rows = []
    module = build_module()
    with tempfile.TemporaryDirectory(dir=WORK) as folder:
        scripts = write_bodies(folder)
        for name, (script, size) in scripts.items():
            servers = [
                Server("weir", [WEIR, "serve", module, "--workers", "1", "--addr", "127.0.0.1:0",
                                "--body-kib", "65536", "--cache", os.path.join(WORK, "cache")]),
                Server("node", ["node", os.path.join(ROOT, "bench/typed/server.js"),
                                str(NODE_PORT)]),
            ]
            for server in servers:
                with server:
                    server.load("/" + name, script, CONNECTIONS, 2)
                    load = server.load("/" + name, script, CONNECTIONS, seconds)
                    rows.append(row(server, name, size, load))
    return table(["server, body", "requests/s", "CPU ms a request", "body MB per CPU second",
                  "p50 ms", "p99 ms", "peak MiB"], rows)


def main():
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    os.makedirs(WORK, exist_ok=True)
    text = f"{machine()}; one core each, best of 20.\n\n{conversions()}\n\n" \
           f"Dot product of two lists of {COUNT} f32; {CONNECTIONS} connections, {seconds} s; " \
           f"wrk and the server share the cores.\n\n{over_http(seconds)}"
    publish("typed", text)


if __name__ == "__main__":
    main()

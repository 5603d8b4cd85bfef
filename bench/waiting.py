#!/usr/bin/env python3
"""bench/waiting.py [CALLS] -- what a call costs while it waits for something.

CALLS (default 10,000) requests of one worker wait at the same time, each in an instance and on a
stack of its own; each has written one page of its memory, 4 KiB of what is measured. Memory is what
the worker has written (RssAnon) and its page tables, with and without them. Beside them another
function is called, one request after the other.
"""
import contextlib
import json
import os
import re
import resource
import sys
import time

import rivals
from common import WEIR, WORK, call, machine, publish, table
from requests import POST
from servers import Server, open_unanswered, processes

NAP_MS, PATIENCE_S = 100000, 30

CONFIG = """
listen = "127.0.0.1:0"
workers = 1
log = "none"
connections = {most}
waiting = {most}
control = "{control}"
concurrency = {most}
queue = {most}
wall = "120 s"
[modules.nap]
path = "{nap}"
[routes.nap]
module = "nap"
"""


def status(control):
    return json.loads(call([WEIR, "status", "--json", "--control", control]))


def memory(pid):
    """Written memory and page tables, in KiB."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        text = file.read()
    return [int(re.search(rf"^{name}:\s+(\d+)", text, re.M).group(1))
            for name in ("RssAnon", "VmPTE")]


def worker_of(server):
    for pid in processes(server.process.pid):
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            if b"worker" in file.read():
                return pid
    sys.exit("no worker")


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10000
    resource.setrlimit(resource.RLIMIT_NOFILE, (count + 1000, resource.getrlimit(
        resource.RLIMIT_NOFILE)[1]))
    folder = rivals.folder_for("waiting")
    control = os.path.join(folder, "control.sock")
    path = rivals.write(folder, "weir.toml", CONFIG.format(
        most=count + 500, control=control, nap=rivals.build_guest("nap")))
    command = [WEIR, "serve", path, "--cache", os.path.join(WORK, "cache")]
    with Server("weir", command) as server, contextlib.ExitStack() as stack:
        worker = worker_of(server)
        alone = server.load("/nap/answer", rivals.write(folder, "post.lua", POST), 1, 2)
        before = memory(worker)
        open_unanswered(stack, server, "/nap/nap", f"[{NAP_MS}]", count)
        end = time.monotonic() + PATIENCE_S
        while status(control)["routes"][0]["running"] < count:
            if time.monotonic() > end:
                sys.exit(f"only {status(control)['routes'][0]['running']} of {count} wait")
            time.sleep(0.1)
        after = memory(worker)
        beside = server.load("/nap/answer", os.path.join(folder, "post.lua"), 1, 2)
    written, tables = ((b - a) / count for a, b in zip(before, after))
    rows = [["written memory a waiting call, KiB", f"{written:.1f}"],
            ["page tables a waiting call, KiB", f"{tables:.1f}"],
            ["p50 of another call, alone, ms", f"{alone.p50:.3f}"],
            ["p50 of another call, beside them, ms", f"{beside.p50:.3f}"]]
    publish("waiting", f"{machine()}; {count} calls wait.\n\n" + table(["", ""], rows))


if __name__ == "__main__":
    main()

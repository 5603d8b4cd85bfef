#!/usr/bin/env python3
"""bench/initialise.py [ROUNDS [SECONDS]] -- what a costly `_initialize` costs a request.

test/guests/prepared.c makes a table of a million numbers (4 MiB) in its constructors; wrk asks for
one of them. Once from the snapshot taken at the start, once with --snapshot never, where each
request runs the constructors; hello, which has none, is the floor. The servers take
turns; each figure is processor time of all the server's processes divided by the requests answered,
median of the rounds (default 3 of 3 seconds).
"""
import os
import sys
import tempfile

from common import ROOT, WEIR, WORK, call, machine, median, publish, table
from servers import Server

CONNECTIONS = 8
POST = 'wrk.method = "POST"\nwrk.body = "%s"\nwrk.headers["Content-Type"] = "application/json"\n'


def serve(name, guest, *options):
    return Server(name, [WEIR, "serve", os.path.join(WORK, "guests", guest + ".wasm"), "--workers",
                         "1", "--addr", "127.0.0.1:0", "--log", "none", "--cache",
                         os.path.join(WORK, "cache"), *options])


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    call([os.path.join(ROOT, "test/guests/build"), os.path.join(WORK, "guests"), "hello",
          "prepared"])
    servers = [(serve("nothing to initialise", "hello"), "/answer", ""),
               (serve("once, from the snapshot", "prepared"), "/lookup", "5"),
               (serve("for every request", "prepared", "--snapshot", "never"), "/lookup", "5")]
    loads = [[] for _ in servers]
    for _ in range(rounds):
        for (server, path, argument), done in zip(servers, loads):
            with tempfile.NamedTemporaryFile("w", suffix=".lua") as script, server:
                script.write(POST % f"[{argument}]")
                script.flush()
                server.load(path, script.name, CONNECTIONS, 1)
                done.append(server.load(path, script.name, CONNECTIONS, seconds))
    rows = [[server.name, f"{median([load.cpu_s / load.count * 1e6 for load in done]):.1f}",
             f"{median([load.rate for load in done]):.0f}",
             f"{median([load.p99 for load in done]):.2f}"]
            for (server, _, _), done in zip(servers, loads)]
    publish("initialise", f"{machine()}; wrk and the server share the cores; {CONNECTIONS} "
                          f"connections, {rounds} rounds of {seconds} s.\n\n" +
            table(["initialised", "CPU µs a request", "requests/s", "p99 ms"], rows))


if __name__ == "__main__":
    main()

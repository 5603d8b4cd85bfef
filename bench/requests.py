#!/usr/bin/env python3
"""bench/requests.py [ROUNDS [SECONDS]] -- processor time of an HTTP request, against the floor.

wrk calls a function that returns 42, in a fresh instance a request, over keep-alive connections to
one worker; the same load goes to bare_http, which only reads and writes. The servers take turns;
each figure is processor time of all the server's processes (/proc/PID/stat) divided by the requests
answered, median of the rounds (default 5 of 4 seconds).
"""
import os
import sys
import tempfile

from common import BIN, ROOT, WEIR, WORK, call, machine, median, publish, table
from servers import Server

CONNECTIONS = 32
PORT = 18471
POST = 'wrk.method = "POST"\nwrk.body = "[]"\nwrk.headers["Content-Type"] = "application/json"\n'


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 4
    call([os.path.join(ROOT, "test/guests/build"), os.path.join(WORK, "guests"), "hello"])
    module = os.path.join(WORK, "guests/hello.wasm")
    servers = [
        (Server("bare epoll responder", [os.path.join(BIN, "bare_http"), str(PORT)]), "/"),
        (Server("weir serve, fresh instance a request",
                [WEIR, "serve", module, "--workers", "1", "--addr", "127.0.0.1:0", "--log", "none",
                 "--cache", os.path.join(WORK, "cache")]), "/answer"),
    ]
    loads = [[] for _ in servers]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(POST)
        script.flush()
        with servers[0][0], servers[1][0]:
            for server, path in servers:
                server.load(path, script.name, CONNECTIONS, 1)
            for _ in range(rounds):
                for (server, path), done in zip(servers, loads):
                    done.append(server.load(path, script.name, CONNECTIONS, seconds))
    costs = [median([load.cpu_s / load.count * 1e6 for load in done]) for done in loads]
    rows = [[server.name, f"{cost:.2f}", f"{cost / costs[0]:.2f}",
             f"{median([load.rate for load in done]):.0f}",
             f"{median([load.p99 for load in done]):.2f}"]
            for (server, _), cost, done in zip(servers, costs, loads)]
    text = table(["server", "CPU µs a request", "× bare", "requests/s", "p99 ms"], rows)
    publish("http", f"{machine()}; wrk and the server share the cores; {CONNECTIONS} connections, "
                    f"{rounds} rounds of {seconds} s.\n\n{text}")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""bench/requests.py [ROUNDS [SECONDS]] -- processor time of an HTTP request, against the floor.

wrk calls a function that returns 42, in a fresh instance a request, over keep-alive connections to
one worker; the same load goes to bare_http, which only reads and writes. The servers take turns;
each figure is processor time of all the server's processes (/proc/PID/stat) divided by the requests
answered, median of the rounds (default 5 of 4 seconds).
"""
import os
import re
import subprocess
import sys
import tempfile
import time

from common import BIN, ROOT, WEIR, WORK, call, machine, median, publish, table

CONNECTIONS = 32
PORT = 18471
POST = 'wrk.method = "POST"\nwrk.body = "[]"\nwrk.headers["Content-Type"] = "application/json"\n'


def processes(root):
    """A process and all its descendants."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8") as file:
                    parents[int(name)] = int(file.read().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
    found, grew = {root}, True
    while grew:
        children = {pid for pid, parent in parents.items() if parent in found}
        grew = not children <= found
        found |= children
    return found


def cpu_seconds(root):
    """User and system time that a server's processes have used."""
    ticks = 0
    for pid in processes(root):
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


class Server:
    """A running server; stopped at the end of its with block."""

    def __init__(self, name, command, path):
        self.name, self.command, self.path = name, command, path
        self.costs, self.rates, self.latencies = [], [], []

    def __enter__(self):
        # pylint: disable=consider-using-with
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(self.command, stderr=self.log)
        for _ in range(600):
            self.log.seek(0)
            match = re.search(r"listening on (http://\S+)\n", self.log.read())
            if match:
                self.url = match.group(1) + self.path
                return self
            time.sleep(0.1)
        self.__exit__()
        sys.exit(f"{self.name} did not start")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.log.close()

    def load(self, script, seconds):
        before = cpu_seconds(self.process.pid)
        output = call(["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-s", script,
                       self.url])
        used = cpu_seconds(self.process.pid) - before
        if "Non-2xx" in output or "Socket errors" in output:
            sys.exit(f"{self.name}: requests failed\n{output}")
        count = int(re.search(r"(\d+) requests in", output).group(1))
        self.costs.append(used / count * 1e6)
        self.rates.append(float(re.search(r"Requests/sec:\s*([\d.]+)", output).group(1)))
        value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", output).groups()
        self.latencies.append(float(value) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit])


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 4
    call([os.path.join(ROOT, "test/guests/build"), os.path.join(WORK, "guests"), "hello"])
    module = os.path.join(WORK, "guests/hello.wasm")
    servers = [
        Server("bare epoll responder", [os.path.join(BIN, "bare_http"), str(PORT)], "/"),
        Server("weir serve, fresh instance a request",
               [WEIR, "serve", module, "--workers", "1", "--addr", "127.0.0.1:0", "--log", "none",
                "--cache", os.path.join(WORK, "cache")], "/answer"),
    ]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(POST)
        script.flush()
        with servers[0], servers[1]:
            for server in servers:
                server.load(script.name, 1)
                server.costs, server.rates, server.latencies = [], [], []
            for _ in range(rounds):
                for server in servers:
                    server.load(script.name, seconds)
    floor = median(servers[0].costs)
    rows = [[server.name, f"{median(server.costs):.2f}", f"{median(server.costs) / floor:.2f}",
             f"{median(server.rates):.0f}", f"{median(server.latencies):.2f}"]
            for server in servers]
    text = table(["server", "CPU µs a request", "× bare", "requests/s", "p99 ms"], rows)
    publish("http", f"{machine()}; wrk and the server share the cores; {CONNECTIONS} connections, "
                    f"{rounds} rounds of {seconds} s.\n\n{text}")


if __name__ == "__main__":
    main()

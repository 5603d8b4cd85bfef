"""Servers under wrk: started, loaded, and what that cost them. Shared by the benches over HTTP."""
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import namedtuple

from common import call

# A run of wrk: requests a second, their number, CPU seconds of the server, latencies in ms.
Load = namedtuple("Load", "rate count cpu_s p50 p99")


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

    def __init__(self, name, command):
        self.name, self.command = name, command

    def __enter__(self):
        # pylint: disable=consider-using-with
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL,
                                        stderr=self.log)
        for _ in range(600):
            self.log.seek(0)
            match = re.search(r"listening on (http://\S+)\n", self.log.read())
            if match:
                self.url = match.group(1)
                return self
            time.sleep(0.1)
        self.__exit__()
        sys.exit(f"{self.name} did not start")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.log.close()

    def load(self, path, script, connections, seconds):
        """Runs wrk; every request must succeed."""
        before = cpu_seconds(self.process.pid)
        output = call(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s",
                       "--latency", "-s", script, self.url + path])
        used = cpu_seconds(self.process.pid) - before
        if "Non-2xx" in output or "Socket errors" in output:
            sys.exit(f"{self.name}: requests failed\n{output}")
        return Load(rate=float(re.search(r"Requests/sec:\s*([\d.]+)", output).group(1)),
                    count=max(1, int(re.search(r"(\d+) requests in", output).group(1))),
                    cpu_s=used, p50=milliseconds(output, 50), p99=milliseconds(output, 99))

    def peak_mib(self):
        total = 0
        for pid in processes(self.process.pid):
            with open(f"/proc/{pid}/status", encoding="utf-8") as file:
                total += int(re.search(r"VmHWM:\s+(\d+)", file.read()).group(1))
        return total / 1024


def milliseconds(output, percent):
    value, unit = re.search(rf"{percent}%\s+([\d.]+)(us|ms|s)", output).groups()
    return float(value) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit]

"""Servers under load, by wrk or weir-load: started, loaded, and what that cost them. Shared by the
benches over HTTP."""
import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections import namedtuple

from common import BIN, call

SERVER_CORE, LOAD_CORE = 0, 1   # where a bench pins them
GAP_S = 0.002                   # between requests that are to wait side by side
TRIES = 4                       # for what is not valid when the generator is late

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


def core_seconds(core):
    """Time that a core has worked, or was withheld by a hypervisor."""
    with open("/proc/stat", encoding="utf-8") as file:
        fields = re.search(rf"^cpu{core} (.*)$", file.read(), re.M).group(1).split()
    user, nice, system, _, _, irq, softirq, steal = map(int, fields[:8])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def private_kib(pid):
    """Resident memory that a process shares with no other."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as file:
        return sum(int(kib) for kib in re.findall(r"^Private_\w+:\s+(\d+)", file.read(), re.M))


def is_answered(client):
    """Takes an answer, if there is one."""
    with contextlib.suppress(BlockingIOError):
        return len(client.recv(4096)) > 0
    return False


def open_unanswered(stack, server, path, body, count):
    """Requests whose answers are not waited for. They come slowly, or they would be refused; those
    that are ask again."""
    host, port = server.url.removeprefix("http://").split(":")
    request = (f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n"
               f"{body}").encode()
    clients = []
    for _ in range(count):
        client = stack.enter_context(socket.create_connection((host, int(port)), timeout=60))
        client.sendall(request)
        client.setblocking(False)
        clients.append(client)
        time.sleep(GAP_S)
    for _ in range(60):
        time.sleep(1)
        refused = [client for client in clients if is_answered(client)]
        for client in refused:
            client.sendall(request)
            time.sleep(GAP_S)
        if not refused:
            return
    sys.exit(f"requests of {path} are answered")


class Server:
    """A running server; stopped at the end of its with block. Its log says where it listens, or
    else its command does: then `port` is where. On one core, if that is given."""

    def __init__(self, name, command, port=None, core=None):
        self.name, self.port = name, port
        self.command = command if core is None else ["taskset", "-c", str(core), *command]

    def __enter__(self):
        # pylint: disable=consider-using-with
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL,
                                        stderr=self.log)
        for _ in range(600):
            self.url = self.find_url()
            if self.url is not None:
                return self
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        self.log.seek(0)
        said = self.log.read()
        self.__exit__()
        sys.exit(f"{self.name} did not start\n{said}")

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def find_url(self):
        """None: it does not listen yet."""
        if self.port is not None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                return None
            return f"http://127.0.0.1:{self.port}"
        self.log.seek(0)
        match = re.search(r"listening on (http://\S+)\n", self.log.read())
        return match and match.group(1)

    def offer_in_time(self, phases, classes, **options):
        """The same once more, some times, while the generator is late: a shared machine keeps it
        waiting now and then. The result has how often it was as "discarded"."""
        for discarded in range(TRIES):
            result = self.offer(phases, classes, **options)
            result["discarded"] = discarded
            if result["valid"]:
                break
        return result

    def offer(self, phases, classes, **options):
        """Runs weir-load on the other core; returns its result, and as "others" the part of the
        server's core that was not the server's. Classes are (name, weight, path, body or None),
        phases and options as on its command line."""
        command = ["taskset", "-c", str(LOAD_CORE), os.path.join(BIN, "weir-load"),
                   self.url.removeprefix("http://"), "--phases", phases]
        for name, weight, path, body in classes:
            parts = [name, str(weight), path] + ([] if body is None else [body])
            command += ["--class", ",".join(parts)]
        for name, value in options.items():
            command += ["--" + name.replace("_", "-"), str(value)]
        before = time.monotonic(), core_seconds(SERVER_CORE) - cpu_seconds(self.process.pid)
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        after = time.monotonic(), core_seconds(SERVER_CORE) - cpu_seconds(self.process.pid)
        if done.returncode not in (0, 3):
            sys.exit(f"{self.name}: weir-load failed")
        result = json.loads(done.stdout)
        result["others"] = max(0, (after[1] - before[1]) / (after[0] - before[0]))
        if not result["valid"]:
            print(f"{self.name}, {phases}: the generator was late", file=sys.stderr)
        return result

    def load(self, path, script, connections, seconds, core=None):
        """Runs wrk, on one core if that is given; every request must succeed."""
        before = cpu_seconds(self.process.pid)
        pinned = [] if core is None else ["taskset", "-c", str(core)]
        output = call([*pinned, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s",
                       "--timeout", "30s",
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


def lateness(results):
    """A remark on how far weir-load's results (offer_in_time) can be trusted."""
    late = max(result["late_ms"]["p99"] for result in results)
    is_valid = all(result["valid"] for result in results)
    others = max(result["others"] for result in results)
    discarded = sum(result["discarded"] for result in results)
    remarks = [f"the generator was late by {late:.2f} ms at most (p99)",
               f"other work took up to {100 * others:.0f} % of the server's core"]
    if discarded:
        remarks.append(f"{discarded} runs were made again, since the generator was late")
    if not is_valid:
        remarks.append("**too much: these figures are not valid**")
    return ", ".join(remarks)


def milliseconds(output, percent):
    value, unit = re.search(rf"{percent}%\s+([\d.]+)(us|ms|s)", output).groups()
    return float(value) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit]

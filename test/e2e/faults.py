"""What tests of faults share: injected failures, the scoreboard, memory of processes, clients that
check every answer."""
import concurrent.futures
import itertools
import mmap
import struct
import time

from harness import *  # pylint: disable=wildcard-import,unused-wildcard-import
from harness import __all__ as harness_names

HERE = os.path.dirname(os.path.abspath(__file__))


def state_of(pid):
    """The letter of a process's state; "" if there is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def freeze(pid):
    """Returns when the process, which has one thread, has stopped."""
    os.kill(pid, signal.SIGSTOP)
    until(lambda: state_of(pid) == "T", 0.0005)


def private_kib(pid):
    """What a process has written. File pages come and go with the kernel's reclaim: left out."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("RssAnon"))


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def mappings(pid):
    with open(f"/proc/{pid}/maps", "rb") as file:
        return sum(1 for _ in file)


def percentile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


class Faults:
    """The library faults.c, and the file that steers it. `environment` is for the server."""

    ROLES = ("worker", "serve", "initialise", "helper", "control")
    FIELDS = ("role", "fail_at", "count", "failed", "shift_s", "abort_index", "stop_index",
              "stop_at")

    def __init__(self, folder):
        library, path = os.path.join(folder, "faults.so"), os.path.join(folder, "faults")
        subprocess.run(["cc", "-std=c17", "-O2", "-Wall", "-shared", "-fPIC", "-o", library,
                        os.path.join(HERE, "faults.c")], check=True)
        with open(path, "w+b") as file:
            file.truncate(4096)
            self.memory = mmap.mmap(file.fileno(), 4096)
        self.environment = {**os.environ, "LD_PRELOAD": library, "WEIR_FAULTS": path}

    def get(self, field):
        return struct.unpack_from("<q", self.memory, 8 * self.FIELDS.index(field))[0]

    def mean(self, role):
        """Allocations of processes of this kind that start from now on."""
        self.set("role", self.ROLES.index(role))

    def set(self, field, value):
        struct.pack_into("<q", self.memory, 8 * self.FIELDS.index(field), value)


class Board:
    """The scoreboard of a running server, as server/scoreboard.h has it."""

    WORKER = ("pid", "started_ns", "heartbeat_ns", "connections", "in_flight", "starts", "accepted",
              "requests", "responses_2xx", "responses_4xx", "responses_5xx", "traps", "deadlines",
              "refused", "guest_cpu_ns", "log_dropped", "memory_bytes", "memory_max_bytes",
              "memory_ended", "evicted")
    WORKER_BYTES = 192
    ROUTE = ("requests", "running", "waiting", "traps", "deadlines", "refused", "shed", "shorted")
    WORKERS_MAX = 256
    GENERATIONS = 8192

    def __init__(self, server):
        folder = f"/proc/{server.process.pid}/fd"
        for name in os.listdir(folder):
            if "weir-scoreboard" in os.readlink(os.path.join(folder, name)):
                with open(os.path.join(folder, name), "rb") as file:
                    self.memory = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
                break
        _, _, _, self.workers = struct.unpack_from("<4Q", self.memory)
        status = subprocess.run([os.path.join(BIN, "weir"), "status", "--json", "--control",
                                 server.control], capture_output=True, check=True)
        self.routes = len(json.loads(status.stdout)["routes"])

        def pages(size):
            return -(-size // 4096) * 4096
        self.routes_at = (pages(128 + self.WORKER_BYTES * self.WORKERS_MAX +
                                8 * self.GENERATIONS) + pages(128 * self.routes))
        self.route_size = (len(self.memory) - self.routes_at) // (self.workers * self.routes)

    def worker(self, index, field):
        at = 128 + self.WORKER_BYTES * index
        return struct.unpack_from("<Q", self.memory, at + 8 * self.WORKER.index(field))[0]

    def route(self, worker, index, field):
        at = self.routes_at + (worker * self.routes + index) * self.route_size
        return struct.unpack_from("<Q", self.memory, at + 8 * self.ROUTE.index(field))[0]

    def total(self, field):
        """Of a field of workers or of routes, over all of them."""
        if field in self.WORKER:
            return sum(self.worker(i, field) for i in range(self.workers))
        return sum(self.route(i, k, field) for i in range(self.workers)
                   for k in range(self.routes))

    def index_of(self, pid):
        return next((i for i in range(self.workers) if self.worker(i, "pid") == pid), None)


class Load:
    """Clients of a function add(a, b), each in a thread, whose every answer is checked. Used as a
    context. `failed` are requests that got no answer, `wrong` those that got another one."""

    def __init__(self, server, clients=4, path="/hello/add", keep=True, pause_s=0):
        self.server, self.path, self.keep, self.pause_s = server, path, keep, pause_s
        self.good, self.failed, self.wrong, self.times_s = 0, [], [], []
        self.numbers = itertools.count(1)
        self.has_ended = threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(clients)]

    def _run(self):
        client = None
        while not self.has_ended.is_set():
            client = client or self.server.client()
            number = next(self.numbers)
            begun = time.monotonic()
            try:
                status, _, body = self.server.request("POST", self.path, f"[{number},1]",
                                                      client=client)
                outcome = None if (status, body) == (200, b"%d\n" % (number + 1)) else (status,
                                                                                         body)
                lost = None
            except (OSError, http.client.HTTPException) as error:
                outcome, lost = None, error
            with self.lock:
                if lost is not None:
                    self.failed.append((begun, time.monotonic(), lost))
                elif outcome is not None:
                    self.wrong.append((number, *outcome))
                else:
                    self.good += 1
                    self.times_s.append(time.monotonic() - begun)
            if lost is not None or not self.keep:
                client.close()
                client = None
            if self.pause_s:
                time.sleep(self.pause_s)
        if client is not None:
            client.close()

    def take_times(self):
        """Of the requests since the last time it was asked."""
        with self.lock:
            times, self.times_s = self.times_s, []
        return times

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        self.has_ended.set()
        for thread in self.threads:
            thread.join(PATIENCE_S)


def together(count, work):
    """Runs work(i) in that many threads; what they returned, in order, or what one raised."""
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, range(count)))


__all__ = harness_names + ["Board", "Faults", "HERE", "Load", "descriptors", "freeze", "mappings",
                           "percentile", "private_kib", "state_of", "struct", "time", "together"]

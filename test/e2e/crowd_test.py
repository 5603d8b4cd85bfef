#!/usr/bin/env python3
"""More of everything than there is room for: requests, instances, descriptors that guests take,
slow clients. What is too much is refused, nobody hangs, everybody else is served.

WEIR_CROWD is how many requests come at once, WEIR_SLOW_S for how many seconds a quarter of so many
clients are slow: 2,000 and 3 where it is not said, 50,000 and 60 in `script/chaos --crowds`."""
import re
import resource
import selectors

from faults import *  # pylint: disable=wildcard-import,unused-wildcard-import

CLIENTS = int(os.environ.get("WEIR_CROWD", "2000"))
SLOW_S = int(os.environ.get("WEIR_SLOW_S", "3"))
PORTS = 20000  # of one address of a client
SPACE_BYTES = 2 << 40  # of addresses, in one test: room for some hundred instances
SLOW_EACH = (200, 200, 100) if SLOW_S < 60 else (800, 800, 400)  # drip heads, bodies; read slowly
WAITS = b"POST /served?late HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1\r\n\r\n"


def map_limit():
    with open("/proc/sys/vm/max_map_count", encoding="ascii") as file:
        return int(file.read())


def statuses_of(socks):
    counts = {}
    for sock in socks:
        reply = read_all(sock)
        status = int(reply.split()[1]) if reply.startswith(b"HTTP/1.1 ") else reply
        counts[status] = counts.get(status, 0) + 1
        sock.close()
    return counts


def more_descriptors():
    """Of ours and of the server's."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CLIENTS + 200
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, hard)))


class Requests(unittest.TestCase):
    def crowd(self, server):
        """Many requests that each wait for a last byte; (what became of them, largest number of
        the worker's mappings, how many were inside at once)."""
        worker, = server.workers()
        board = Board(server)
        socks = [socket.create_connection(("127.0.0.1", server.port), PATIENCE_S,
                                          (f"127.0.0.{1 + i // PORTS}", 0))
                 for i in range(CLIENTS)]
        for sock in socks:
            sock.sendall(WAITS)
        until(lambda: board.worker(0, "requests") >= CLIENTS)
        until(lambda: board.worker(0, "in_flight") + board.worker(0, "responses_4xx") +
              board.worker(0, "responses_5xx") >= CLIENTS)
        self.assertEqual(server.call("/hello/add", 1, 2), 3)
        inside, most = board.worker(0, "in_flight"), mappings(worker)
        for sock in socks:
            try:
                sock.sendall(b"x")
            except OSError:
                pass  # it has been refused
        counts = statuses_of(socks)
        until(lambda: board.worker(0, "in_flight") == 0)
        self.assertEqual(sum(counts.values()), CLIENTS)
        self.assertEqual(server.call("/hello/add", 1, 2), 3)
        self.assertEqual(server.workers(), [worker])
        return counts, most, inside

    def test_beyond_the_limits(self):
        more_descriptors()
        options = ("--workers", "1", "--concurrency", "100", "--queue", "50", "--wall-ms",
                   "600000", "--body-idle-ms", "600000", "--connections", str(CLIENTS + 10))
        with Server("served", "hello", options=options) as server:
            counts, most, inside = self.crowd(server)
        print(f"R4: {CLIENTS} requests, 100 + 50 allowed: {counts}, {inside} inside, "
              f"{most} mappings")
        self.assertEqual(set(counts), {200, 429})
        self.assertEqual(counts[200], 150)
        self.assertLess(most, map_limit() / 2)

    def test_no_limit_but_the_engines(self):
        """As many requests at a time as one may ask for: address space for instances ends first."""
        if is_sanitized():
            self.skipTest("the sanitizer needs more addresses")
        more_descriptors()
        options = ("--workers", "1", "--concurrency", "100000", "--queue", "200", "--waiting",
                   "200", "--wall-ms", "600000", "--body-idle-ms", "600000", "--connections",
                   str(CLIENTS + 10))
        before = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (SPACE_BYTES, before[1]))
        try:
            server = Server("served", "hello", options=options)
        finally:
            resource.setrlimit(resource.RLIMIT_AS, before)
        with server:
            line = re.compile(r"  (\d+) instances per worker: more requests at a time wait")
            said = until(lambda: next(filter(None, map(line.match, server.lines)), None))
            counts, most, inside = self.crowd(server)
        print(f"R4: {CLIENTS} requests, all allowed, room for some: {counts}, {inside} inside, "
              f"{most} mappings")
        self.assertEqual(set(counts), {200, 503})
        self.assertGreater(counts[200], 200)
        self.assertLessEqual(inside, int(said[1]) + 200)
        self.assertLess(most, map_limit())

    def test_connections_for_which_there_are_no_descriptors(self):
        """64 of them are the worker's own. What it says at the start, it says at once."""
        with tempfile.TemporaryDirectory(prefix="weir-crowd-") as folder:
            weir, hello = os.path.join(BIN, "weir"), os.path.join(GUESTS, "hello.wasm")
            command = ["bash", "-c", 'ulimit -n 164 && exec "$@"', "-", weir, "serve", hello,
                       "--addr", "127.0.0.1:0", "--workers", "1", "--log", "none", "--control",
                       os.path.join(folder, "control.sock")]
            with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                  text=True) as server:
                said = server.stderr.readline()
                server.send_signal(signal.SIGTERM)
                said += server.stderr.read()
        self.assertEqual(server.returncode, 0, said)
        self.assertIn("\n  100 connections per worker: the limit of open files is low\n", said)


class Files(unittest.TestCase):
    def test_programs_that_open_all_there_is(self):
        with tempfile.TemporaryDirectory(prefix="weir-crowd-") as folder:
            log = os.path.join(folder, "log")
            with open(os.path.join(folder, "some.txt"), "wb") as file:
                file.write(b"some text\n")
            options = ("--workers", "1", "--dir", f"{folder}::/data", "--log-file", log,
                       "--wall-ms", "60000", "--cpu-ms", "10000")
            with Server("hoard", "hello", options=options) as server:
                worker, = server.workers()
                kept = server.client()
                self.assertEqual(server.call("/hello/add", 1, 2, client=kept), 3)
                # The helper that they need has been started.
                self.assertEqual(server.request("POST", "/hoard?none")[0], 200)
                base = descriptors(worker)
                subprocess.run(["prlimit", f"--pid={worker}", "--nofile=200:200"], check=True)
                times = [self.hoard(server, kept, log, worker) for _ in range(3)]
                kept.close()
                self.assertEqual(server.workers(), [worker])
                until(lambda: descriptors(worker) <= base)
        print("R5: descriptors taken by programs: recovered after " +
              ", ".join(f"{1000 * value:.0f} ms" for value in times))
        self.assertLessEqual(min(times), 1)

    def hoard(self, server, kept, log, worker):
        """Seconds from the end of a shortage to the next new client's answer."""
        hoarders = [server.open() for _ in range(3)]
        for sock in hoarders:
            sock.sendall(b"POST /hoard?files HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                         b"Content-Length: 1\r\n\r\n")
        until(lambda: descriptors(worker) >= 199)  # all but a spare one
        before = os.path.getsize(log)
        self.assertEqual(server.call("/hello/add", 1, 2, client=kept), 3)
        until(lambda: os.path.getsize(log) > before)
        others = [server.open() for _ in range(10)]  # they find no descriptor
        begun = time.monotonic()
        for sock in hoarders:
            sock.sendall(b"x")

        def is_served():
            try:
                return server.call("/hello/add", 1, 2) == 3
            except (OSError, http.client.HTTPException):
                return False
        until(is_served)
        taken = time.monotonic() - begun
        replies = [read_all(sock) for sock in hoarders]
        for sock in hoarders + others:
            sock.close()
        for reply in replies:
            self.assertTrue(reply.startswith(b"HTTP/1.1 200 "), reply)
        self.assertGreater(sum(int(reply.split()[-1]) for reply in replies), 100)
        return taken


class Drips(threading.Thread):
    """Slow clients, until they are told to end: a byte each a few times a second."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.has_ended = threading.Event()
        self.socks, self.replies = [], selectors.DefaultSelector()
        for kind, count in enumerate(SLOW_EACH):
            for _ in range(count):
                sock = socket.socket()
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                sock.connect(("127.0.0.1", server.port))
                sock.setblocking(False)
                sock.send((b"POST /hello/add HTTP/1.1\r\nHost: a\r\nX: ",
                           b"POST /hello/add HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n",
                           b"GET /served?much HTTP/1.1\r\nHost: a\r\n\r\n")[kind])
                self.socks.append((kind, sock))

    def run(self):
        while not self.has_ended.wait(0.2):
            for kind, sock in self.socks:
                try:
                    if kind < 2:
                        sock.send(b" ")
                    else:
                        sock.recv(10)
                except OSError:
                    pass  # the server has given it up, which it may

    def end(self):
        self.has_ended.set()
        self.join(PATIENCE_S)
        for _, sock in self.socks:
            sock.close()


class Slow(unittest.TestCase):
    def judge(self, load):
        load.end()
        self.assertEqual((load.failed, load.wrong), ([], []))
        self.assertGreater(load.good, 30)

    @staticmethod
    def is_calm(server):
        """Has the worker done next to nothing for a moment?"""
        def ticks():
            with open(f"/proc/{server.workers()[0]}/stat", encoding="ascii") as file:
                fields = file.read().rpartition(")")[2].split()
            return int(fields[11]) + int(fields[12])
        before = ticks()
        time.sleep(0.2)
        return ticks() - before <= 2

    def test_slow_clients_delay_nobody(self):
        options = ("--workers", "1", "--head-ms", "600000", "--body-idle-ms", "600000", "--wall-ms",
                   "600000")
        with Server("hello", "served", options=options) as server:
            board = Board(server)
            with Load(server, clients=2) as load:
                time.sleep(1)
                self.judge(load)
                quiet = percentile(load.take_times(), 0.99)
            drips = Drips(server)
            until(lambda: board.worker(0, "connections") >= sum(SLOW_EACH))
            until(lambda: board.worker(0, "in_flight") >= SLOW_EACH[2])
            until(lambda: self.is_calm(server))  # all programs wait for their clients
            drips.start()
            with Load(server, clients=2) as load:
                slow = []
                for _ in range(SLOW_S):
                    time.sleep(1)
                    slow.append(percentile(load.take_times(), 0.99))
                self.assertGreaterEqual(board.worker(0, "connections"), sum(SLOW_EACH))
                self.judge(load)
            drips.end()
        print(f"R14: {sum(SLOW_EACH)} slow clients: p99 of the others {1000 * quiet:.1f} ms "
              "quiet, " + ", ".join(f"{1000 * value:.1f}" for value in slow) + " ms beside them")
        self.assertLess(sorted(slow)[SLOW_S // 2], 2 * quiet + 0.02)


if __name__ == "__main__":
    unittest.main()

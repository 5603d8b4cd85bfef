#!/usr/bin/env python3
"""Every allocation of a worker fails once: at its start, and while it answers; and those of the
other processes at their start.

A start then ends with a line that says why, or goes well, or is tried again; of the requests at
most one gets no answer or an error, none a wrong answer, and the next ones are served.
WEIR_ALLOCATIONS is how many points are tried of each ("all": as many as there are, at most 2,000).
"""
from faults import *  # pylint: disable=wildcard-import,unused-wildcard-import

MOST = 2000
ASKED = os.environ.get("WEIR_ALLOCATIONS", "25")
TRIED = MOST if ASKED == "all" else int(ASKED)
DEATHS_MAX = 4  # of one server: it waits longer and longer before it starts a worker again
CONFIG = """
workers = 1
hung = "300 ms"
wall = "20 s"
breaker-failures = 100000
dirs = ["{folder}::/data"]
[modules.hello]
path = "{guests}/hello.wasm"
[modules.trap]
path = "{guests}/trap.wasm"
[modules.typed]
path = "{guests}/typed.wasm"
[modules.served]
path = "{guests}/served.wasm"
[modules.fickle]
path = "{guests}/fickle.wasm"
[routes.hello]
[routes.trap]
[routes.typed]
[routes.served]
[routes.fickle]
fallback = ["stale"]
"""
LINES = b"0123456789abcde\n" * 65536
LONG = json.dumps(list(range(30000)))  # longer than what is kept for the next request

# What a client asks, and what it must be told: method, path, body, status, body.
BATTERY = (
    ("POST", "/hello/add", "[1,2]", 200, b"3\n"),
    ("POST", "/trap/trap_divide", "[1,0]", 502, None),
    ("POST", "/trap/trap_stack", "[100000000]", 502, None),
    ("POST", "/trap/grow", "[20]", 200, None),
    ("POST", "/typed/sum_longs", json.dumps([json.loads(LONG)]), 200, b"449985000\n"),
    ("POST", "/served?upper", "abc" * 60000, 200, b"ABC" * 60000),
    ("GET", "/served?much", None, 200, LINES),
    ("GET", "/served/some.txt?file", None, 200, b"some text\n"),
    ("GET", "/fickle/page", None, 200, b"fickle: "),
    ("GET", "/nowhere", None, 404, None),
    ("GET", "/", None, 200, None),
    ("GET", "/openapi.json", None, 200, None),
)


class Allocations(unittest.TestCase):
    def setUp(self):
        if is_sanitized():
            self.skipTest("the sanitizer has allocations of its own")
        folder = tempfile.TemporaryDirectory(prefix="weir-allocation-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.faults = Faults(self.folder)
        data = os.path.join(self.folder, "data")
        os.mkdir(data)
        with open(os.path.join(data, "some.txt"), "wb") as file:
            file.write(b"some text\n")
        self.config = os.path.join(self.folder, "weir.toml")
        with open(self.config, "w", encoding="ascii") as file:
            file.write(CONFIG.replace("{guests}", os.path.abspath(GUESTS))
                       .replace("{folder}", data))

    def serve(self):
        return Server(self.config, env=self.faults.environment, may_lose_workers=True)

    def ask(self, server, what):
        """One request on a connection of its own: "good", "error" (503, 500 of a stack that cannot
        be mapped, a hang-up, or a program that was told of it and gave up), or what was wrong."""
        method, path, body, status, want = what
        try:
            got, headers, text = server.request(method, path, body)
        except (OSError, http.client.HTTPException):
            return "error"
        if got in (500, 502, 503) and "weir-request-id" in headers and json.loads(text)["error"][
                "code"] in ("busy", "limit-exceeded", "exit-code", "system"):
            return "error"
        is_right = got == status and (want is None or text == want)
        return "good" if is_right else f"{method} {path}: {got} {text[:200]!r}"

    def battery(self, server):
        return [self.ask(server, what) for what in BATTERY]

    def points(self, count, tried=TRIED):
        """Which allocations to try."""
        count = min(count, MOST)
        return range(1, count + 1) if tried >= count else sorted(
            {1 + i * count // tried for i in range(tried)})

    def check_starts(self, role, tried=TRIED):
        self.faults.mean(role)
        with self.serve():
            count = self.faults.get("count")
        points = self.points(count, tried)
        ended, failed = 0, self.faults.get("failed")
        for point in points:
            self.faults.set("fail_at", point)
            ended += not self.starts(point)
        self.assertGreater(self.faults.get("failed"), failed)
        print(f"R6: {len(points)} of {count} allocations of a {role} at its start failed: {ended} "
              "starts said why and ended, the others served")

    def test_while_it_starts(self):
        self.check_starts("worker")

    def test_while_the_others_start(self):
        with open(self.config, "a", encoding="ascii") as file:
            file.write(f'[modules.prepared]\npath = "{os.path.abspath(GUESTS)}/prepared.wasm"\n'
                       "[routes.prepared]\n")
        for role in ("serve", "initialise"):
            self.check_starts(role, -(-TRIED // 2))

    def test_while_those_that_can_be_replaced_start(self):
        """The server stands before they are there; what failed is tried again."""
        for role in ("helper", "control"):
            self.faults.mean(role)
            with self.serve() as server:
                self.check_all(server)
                count = self.faults.get("count")
            points = self.points(count, -(-TRIED // 5))
            for point in points:
                self.faults.set("fail_at", point)
                with self.serve() as server:
                    self.check_all(server)
                self.assertEqual(self.faults.get("fail_at"), 0, (role, point))
            print(f"R6: {len(points)} of {count} allocations of a {role} at its start failed")

    def check_all(self, server):
        """Whatever died before is replaced, and all is well."""
        until(lambda: self.battery(server) == ["good"] * len(BATTERY))
        until(lambda: subprocess.run([os.path.join(BIN, "weir"), "status", "--control",
                                      server.control], capture_output=True,
                                     check=False).returncode == 0, 0.05)

    def starts(self, point):
        """Does a server start? If not, it has to say why."""
        with subprocess.Popen([os.path.join(BIN, "weir"), "serve", self.config, "--addr",
                               "127.0.0.1:0"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              stdout=subprocess.DEVNULL, env=self.faults.environment) as process:
            timer = threading.Timer(PATIENCE_S, process.kill)
            timer.start()
            text = b""
            while b"listening on" not in text and (line := process.stderr.readline()):
                text += line
            process.terminate()
            text += process.stderr.read()
            status = process.wait(PATIENCE_S)
            timer.cancel()
        has_started = b"listening on" in text
        self.assertNotEqual(status, -signal.SIGKILL, f"allocation {point}: it hangs")
        if not has_started:
            self.assertGreater(status, 0, (point, text))
            self.assertRegex(text, rb"(?m)^weir: ", point)
            self.assertNotRegex(text, rb"signal (4|7|8|11) ", point)  # no crash
        return has_started

    def test_while_a_worker_is_replaced(self):
        with self.serve() as server:
            for point in (1, 20, 60, 100)[:DEATHS_MAX]:
                worker, = server.workers()
                until(lambda: self.battery(server) == ["good"] * len(BATTERY))
                self.faults.set("fail_at", point)
                os.kill(worker, signal.SIGKILL)
                until(lambda: self.faults.get("fail_at") == 0)
                until(lambda: self.battery(server) == ["good"] * len(BATTERY))

    def test_the_first_request_of_a_worker(self):
        """No memory of another one is there to be used again. Some failures may end a worker, but
        then it has said so itself."""
        request, = (what for what in BATTERY if what[1].startswith("/fickle"))
        for point in range(1, 17):
            with self.serve() as server:
                self.faults.set("fail_at", self.faults.get("count") + point)
                self.assertIn(self.ask(server, request), ("good", "error"), point)
                self.faults.set("fail_at", 0)
            self.assertNotIn("Segmentation fault", "".join(server.lines), point)

    def test_while_it_answers(self):
        """The first allocations of a fresh worker, one after another: the last point is the one
        that no request has come to any more."""
        tried, deaths, refused, is_over = 0, 0, 0, False
        while not is_over and tried < TRIED:
            with self.serve() as server:
                died = 0
                while not is_over and died < DEATHS_MAX and tried < TRIED:
                    worker, = server.workers()
                    tried += 1
                    failed = self.faults.get("failed")
                    self.faults.set("fail_at", self.faults.get("count") + tried)
                    results = self.battery(server)
                    is_over = self.faults.get("failed") == failed
                    self.faults.set("fail_at", 0)
                    errors = [what for what in results if what != "good"]
                    refused += len(errors)
                    self.assertIn(errors, ([], ["error"]), f"allocation {tried}: {results}")
                    until(lambda: server.workers())
                    died += server.workers() != [worker]
                    until(lambda: self.ask(server, BATTERY[0]) == "good")
                deaths += died
        print(f"R6: {tried} allocations of requests failed{' (all there are)' if is_over else ''}: "
              f"{refused} requests got an error, {deaths} workers ended")


if __name__ == "__main__":
    unittest.main()

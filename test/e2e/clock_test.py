#!/usr/bin/env python3
"""The clock on the wall jumps an hour forth and back while a server runs: what it promises in time
goes by another clock, and only what it says of the date follows."""
import email.utils

from fallback_test import Configured
from faults import *  # pylint: disable=wildcard-import,unused-wildcard-import

HOUR_S = 3600
CONFIG = """
workers = 1
wall = "10 s"
cpu = "200 ms"
head-time = "1 s"
idle = "20 s"
dirs = ["state::/state"]
breaker-failures = 1000
breaker-window = "20 s"
breaker-open = "60 s"

[modules.first]
path = "{guests}/fickle.wasm"
[modules.hello]
path = "{guests}/hello.wasm"
[modules.spin]
path = "{guests}/spin.wasm"

[routes.stale]
module = "first"
fallback = ["stale"]
[routes.closed]
module = "first"
breaker-failures = 4
[routes.hello]
[routes.spin]
[routes.late]
module = "spin"
function = "spin"
cpu = "60 s"
wall = "300 ms"
"""


class Clock(Configured):
    @classmethod
    def setUpClass(cls):
        if is_sanitized():
            raise unittest.SkipTest("the sanitizer must be loaded first")
        folder = tempfile.TemporaryDirectory(prefix="weir-clock-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.faults = Faults(cls.folder)
        os.mkdir(cls.path("state"))
        cls.write("weir.toml", CONFIG.replace("{guests}", os.path.abspath(GUESTS)))
        cls.server = Server(cls.path("weir.toml"), env=cls.faults.environment)
        cls.addClassCleanup(cls.server.__exit__, None, None, None)

    def setUp(self):
        self.mood("good")
        self.addCleanup(self.faults.set, "shift_s", 0)

    def mood(self, text):
        self.write(os.path.join("state", "first.mood"), text)

    def jumps(self):
        """Has the clock jump, and yields what it is wrong by then."""
        for shift_s in (HOUR_S, -HOUR_S, 0):
            self.faults.set("shift_s", shift_s)
            yield shift_s

    def test_the_date_follows(self):
        for shift_s in self.jumps():
            _, headers, _ = self.server.request("POST", "/hello/add", "[1,2]")
            date = email.utils.parsedate_to_datetime(headers["date"]).timestamp()
            self.assertLess(abs(date - time.time() - shift_s), PATIENCE_S)

    def test_limits_of_a_call(self):
        for path, kind in (("/spin/spin", "cpu-limit"), ("/late", "wall-limit")):
            for _ in self.jumps():
                begun = time.monotonic()
                status, error = self.server.error(path)
                self.assertEqual((status, error["kind"]), (503, kind))
                self.assertGreater(time.monotonic() - begun, 0.15)

    def test_a_call_that_runs_while_it_jumps(self):
        for shift_s in (HOUR_S, -HOUR_S):
            with self.server.open() as sock:
                sock.sendall(post("/late", "[]", "Connection: close\r\n"))
                begun = time.monotonic()
                time.sleep(0.05)
                self.faults.set("shift_s", shift_s)
                self.assertIn(b'"kind":"wall-limit"', read_all(sock))
                self.assertGreater(time.monotonic() - begun, 0.2)

    def test_clients_that_are_kept_and_slow_ones(self):
        client, slow = self.server.client(), self.server.open()
        self.server.call("/hello/add", 1, 2, client=client)
        sock = client.sock
        slow.sendall(b"POST /hello/add HTTP/1.1\r\nHost: ")
        begun = time.monotonic()
        for i, _ in enumerate(self.jumps()):
            self.assertEqual(self.server.call("/hello/add", i, 2, client=client), i + 2)
            self.assertIs(client.sock, sock)  # not another connection
        self.assertTrue(read_all(slow).startswith(b"HTTP/1.1 408 "))
        self.assertGreater(time.monotonic() - begun, 0.5)
        slow.close()
        client.close()

    def test_kept_answers_have_an_age(self):
        self.mood("good\nCache-Control: max-age=60, must-revalidate\n")
        path = "/stale/page"
        self.assertEqual(self.server.request("GET", path)[0], 200)
        self.mood("trap")
        for shift_s in self.jumps():  # by the wrong clock it would be too old, or of tomorrow
            status, headers, body = self.server.request("GET", path)
            self.assertEqual((status, body), (200, b"first: "), shift_s)
            self.assertIn(int(headers["age"]), range(PATIENCE_S))

    def test_an_open_breaker(self):
        self.mood("trap")
        for i in range(4):
            client = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE_S,
                                                source_address=(f"127.0.0.{1 + i}", 0))
            self.assertEqual(self.server.request("GET", "/closed", client=client)[0], 502)
            client.close()
        self.mood("good")
        for shift_s in self.jumps():
            status, _, body = self.server.request("GET", "/closed")
            self.assertEqual((status, json.loads(body)["error"]["code"]), (503, "breaker-open"),
                             shift_s)


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""Circuit breakers: when they open, what answers meanwhile, when they close."""
import select
import time

from fallback_test import Configured
from harness import *  # pylint: disable=wildcard-import,unused-wildcard-import

CONFIG = """
workers = {workers}
wall = "20 s"
dirs = ["state::/state"]
breaker-failures = 6
breaker-window = "20 s"
breaker-open = "700 ms"

[modules.first]
path = "{guests}/fickle.wasm"
previous = "{guests}/fickle.wasm"
[modules.second]
path = "{guests}/fickle.wasm"

[routes.alone]
module = "first"
[routes.one-client]
module = "first"
[routes.short]
module = "first"
[routes.slow]
module = "first"
wall = "300 ms"
[routes.slow-too]
module = "first"
wall = "300 ms"
[routes.slow-clients]
module = "first"
wall = "300 ms"
[routes.helped]
module = "first"
fallback = ["route:second"]
[routes.second]
[routes.probe]
module = "first"
"""


class Fickle(Configured):
    def mood(self, text, name="first"):
        self.write(os.path.join("state", name + ".mood"), text)

    def ask(self, path, client=1):
        """(status, weir-fallback, code of the error or None), as one of many clients."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE_S,
                                                source_address=(f"127.0.0.{client}", 0))
        status, headers, body = self.server.request("POST", path, "x", client=connection)
        connection.close()
        code = json.loads(body)["error"]["code"] if status >= 400 else None
        return status, headers["weir-fallback"], code

    def fail_until_open(self, path, clients=(1, 2, 3)):
        """How many failures it took."""
        for i in range(100):
            status, _, code = self.ask(path, clients[i % len(clients)])
            if code == "breaker-open":
                return i
            self.assertGreaterEqual(status, 500)
        return None

    def await_closed(self, path):
        """Waits until the route answers again."""
        end = time.monotonic() + PATIENCE_S
        while self.ask(path)[0] != 200:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)


class Breaker(Fickle):
    CONFIG = CONFIG.replace("{workers}", "1")

    def test_it_opens_and_closes(self):
        self.mood("trap")
        self.assertEqual(self.fail_until_open("/alone"), 6)
        status, headers, _ = self.server.request("POST", "/alone", "x")
        self.assertEqual((status, headers["weir-fallback"]),
                         (503, "built-in; reason=breaker-open"))
        self.assertGreaterEqual(int(headers["retry-after"]), 1)
        self.mood("good")
        self.assertEqual(self.ask("/alone")[2], "breaker-open")  # it does not know yet
        self.await_closed("/alone")
        for _ in range(20):
            self.assertEqual(self.ask("/alone"), (200, None, None))

    def test_one_client_closes_a_route_for_nobody_else(self):
        self.mood("trap")
        self.assertIsNone(self.fail_until_open("/one-client", clients=(1, 2)))
        self.mood("good")
        self.assertEqual(self.ask("/one-client", 3), (200, None, None))

    def test_a_wait_without_end_counts_for_every_client(self):
        self.mood("sleep")
        self.assertEqual(self.fail_until_open("/slow", clients=(1,)), 6)

    def test_a_calculation_without_end_counts_as_a_trap_does(self):
        self.mood("spin")  # within the processor time: the wall clock ends it
        for _ in range(10):
            self.assertEqual(self.ask("/slow-too", 1)[2], "deadline")
        self.mood("good")
        self.assertEqual(self.ask("/slow-too", 2)[0], 200)
        self.mood("spin")
        self.assertLessEqual(self.fail_until_open("/slow-too"), 6)

    def test_slow_clients_do_not_count(self):
        late = b"POST /slow-clients HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf"
        socks = [self.server.open() for _ in range(12)]
        for sock in socks:
            sock.sendall(late)
        for sock in socks:
            self.assertIn(b'"deadline"', read_all(sock))
            sock.close()
        self.assertEqual(self.ask("/slow-clients")[0], 200)
        self.mood("flood")
        socks = [self.server.open() for _ in range(12)]
        for sock in socks:  # what they do not take fills all buffers between
            sock.sendall(b"POST /slow-clients HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
        time.sleep(1)
        for sock in socks:
            sock.close()
        self.mood("good")
        self.assertEqual(self.ask("/slow-clients")[0], 200)

    def test_an_answer_that_breaks_off_counts(self):
        self.mood("short")
        for i in range(6):
            with self.assertRaises((http.client.IncompleteRead, ConnectionError)):
                self.ask("/short", 1 + i % 3)
        self.assertEqual(self.ask("/short")[2], "breaker-open")

    def test_a_fallback_answers_while_it_is_open(self):
        self.mood("trap")
        reasons = [self.ask("/helped", 1 + i % 3)[1] for i in range(20)]
        self.assertEqual(reasons[:6], ["route; reason=unreachable"] * 6)
        self.assertEqual(reasons[6:], ["route; reason=breaker-open"] * 14)

    def test_a_probe_that_fails_keeps_it_open(self):
        self.mood("trap")
        self.fail_until_open("/probe")
        end = time.monotonic() + PATIENCE_S
        codes = []
        while codes.count("trap") < 2:  # each is a probe, later each time
            codes.append(self.ask("/probe", 9)[2])
            time.sleep(0.02)
            self.assertLess(time.monotonic(), end)
        first, second = [i for i, code in enumerate(codes) if code == "trap"][:2]
        self.assertGreater(second - first, 10)
        self.mood("good")
        self.await_closed("/probe")


class Workers(Breaker):
    """All workers see a breaker that one of them has opened."""
    CONFIG = CONFIG.replace("{workers}", "3")


VERSIONS = """
workers = 3
wall = "60 s"
dirs = ["state::/state"]
breaker-failures = 6
breaker-window = "1 h"
breaker-open = "1 h"

[modules.both]
path = "{guests}/trap.wasm"
previous = "{guests}/trap.wasm"
[modules.new]
path = "{guests}/trap.wasm"
previous = "{guests}/calm.wasm"
[modules.first]
path = "{guests}/fickle.wasm"

[routes.both]
fallback = ["previous"]
[routes.new]
fallback = ["previous"]
[routes.probe]
module = "first"
breaker-open = "500 ms"
"""
WORKS, TRAPS = "[8]", "[4294967280]"  # addresses


class Versions(Fickle):
    CONFIG = VERSIONS

    def call(self, route, body, client=1):
        """(status, weir-fallback)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE_S,
                                                source_address=(f"127.0.0.{client}", 0))
        status, headers, _ = self.server.request("POST", f"/{route}/trap_memory", body,
                                                 client=connection)
        connection.close()
        return status, headers["weir-fallback"]

    def versions(self, name):
        """Of a route: (breaker, failures) of both versions."""
        done = subprocess.run([os.path.join(BIN, "weir"), "status", "--json", "--control",
                               self.server.control], capture_output=True, check=True)
        route, = [route for route in json.loads(done.stdout)["routes"] if route["route"] == name]
        return [(version["breaker"], version["window_failures"]) for version in route["versions"]]

    def test_the_version_before_has_its_own(self):
        """Of what the current one does, two thirds go well: of what comes to the other, nothing."""
        for i in range(8):
            for _ in range(2):
                self.assertEqual(self.call("both", WORKS), (200, None))
            status, fallback = self.call("both", TRAPS, client=1 + i % 3)
            self.assertEqual((status, fallback), (502, "built-in; reason=memory-out-of-bounds"))
        self.assertEqual(self.versions("both"), [("closed", 8), ("open", 6)])
        self.assertEqual(self.call("both", WORKS), (200, None))

    def test_the_current_version_has_its_own(self):
        for i in range(6):
            self.assertEqual(self.call("new", TRAPS, client=1 + i % 3),
                             (200, "previous; reason=memory-out-of-bounds"))
        for body in (WORKS, TRAPS):
            self.assertEqual(self.call("new", body), (200, "previous; reason=breaker-open"))
        self.assertEqual(self.versions("new"), [("open", 6), ("closed", 0)])

    def test_one_of_many_is_the_probe(self):
        """They come at once, to all workers; the one that is let through waits for its body."""
        self.mood("trap")
        self.fail_until_open("/probe")
        self.mood("good")
        until(lambda: self.versions("probe")[0][0] == "half-open")
        socks = [self.server.open() for _ in range(12)]
        for sock in socks:
            sock.sendall(b"POST /probe HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                         b"Content-Length: 1\r\n\r\n")
        until(lambda: len(select.select(socks, [], [], 0)[0]) == len(socks) - 1)
        self.assertEqual(self.versions("probe")[0][0], "half-open")
        probe, = set(socks) - set(select.select(socks, [], [], 0)[0])
        probe.sendall(b"x")
        self.assertTrue(read_all(probe).endswith(b"\r\n\r\nfirst: x"))
        for sock in set(socks) - {probe}:
            self.assertIn(b'"breaker-open"', read_all(sock))
        for sock in socks:
            sock.close()
        self.assertEqual(self.versions("probe")[0][0], "closed")


if __name__ == "__main__":
    unittest.main()

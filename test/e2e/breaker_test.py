#!/usr/bin/env python3
"""Circuit breakers: when they open, what answers meanwhile, when they close."""
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
[routes.helped]
module = "first"
fallback = ["route:second"]
[routes.second]
[routes.probe]
module = "first"
"""


class Breaker(Configured):
    CONFIG = CONFIG.replace("{workers}", "1")

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

    def test_time_that_runs_out_counts_for_every_client(self):
        self.mood("spin")  # within the processor time: the wall clock ends it
        self.assertEqual(self.fail_until_open("/slow", clients=(1,)), 6)

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


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""Places to wait are shared by routes: one that is flooded is refused more, the others none. In an
overload nobody is served late."""
from faults import *  # pylint: disable=wildcard-import,unused-wildcard-import

WAITING = 20  # in the worker
CONFIG = """
workers = 1
wall = "100 s"
waiting = 20

[modules.served]
path = "{guests}/served.wasm"
[modules.hello]
path = "{guests}/hello.wasm"
[modules.spin]
path = "{guests}/spin.wasm"

[routes.flooded]
module = "served"
concurrency = 1
[routes.second]
module = "served"
concurrency = 1
[routes.short]
module = "served"
concurrency = 1
queue = 5
[routes.full]
module = "served"
concurrency = 1
queue = 1
fallback = ["static:busy.json"]
[routes.busy]
module = "spin"
function = "work"
concurrency = 2
queue = 2
[routes.quiet]
module = "hello"
[routes.hot]
module = "spin"
function = "work"
[routes.steady]
module = "served"
"""
ROUTES = ("flooded", "second", "short", "full", "busy", "quiet", "hot", "steady")


class Share(unittest.TestCase):
    def setUp(self):
        self.server = configured(self, CONFIG, {"busy.json": "{}\n"})
        self.addCleanup(self.server.__exit__, None, None, None)
        self.board = Board(self.server)

    def count(self, name, field):
        return self.board.route(0, ROUTES.index(name), field)

    def flood(self, name, count):
        """Requests that each wait for a last byte, once the server has decided on all of them."""
        socks = [self.server.open() for _ in range(count)]
        for sock in socks:
            self.addCleanup(sock.close)
            sock.sendall(f"POST /{name}?late HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                         "Content-Length: 1\r\n\r\n".encode())
            if sock is socks[0]:  # it runs before the others come
                until(lambda: self.count(name, "running") == 1)
        until(lambda: sum(self.kept(name)) == count)
        return socks

    def kept(self, name):
        return tuple(self.count(name, field) for field in ("running", "waiting", "refused", "shed"))

    def ask(self, times=20):
        """A route with a single client is served, however many others wait."""
        client = self.server.client()
        for i in range(times):
            status, _, body = self.server.request("POST", "/quiet/add", f"[{i},1]", client=client)
            self.assertEqual((status, body), (200, b"%d\n" % (i + 1)))
        client.close()
        self.assertEqual((self.count("quiet", "refused"), self.count("quiet", "shed")), (0, 0))

    def statuses(self, socks):
        """What they are answered, when their last bytes have come."""
        for sock in socks:
            try:
                sock.sendall(b"x")
            except OSError:
                pass  # it has been refused
        return sorted(int(read_all(sock).split()[1]) for sock in socks)

    def test_who_has_less_than_its_share_finds_a_place(self):
        flooded = self.flood("flooded", WAITING + 11)
        self.assertEqual(self.kept("flooded"), (1, WAITING, 0, 10))
        self.ask()
        second = self.flood("second", WAITING + 11)  # half of the places are its share
        self.assertEqual(self.kept("second"), (1, WAITING // 2, 0, WAITING // 2 + 10))
        self.ask()
        short = self.flood("short", 10)  # a third would be, but its queue is shorter
        self.assertEqual(self.kept("short"), (1, 5, 4, 0))
        self.ask()
        self.assertEqual(self.kept("flooded"), (1, WAITING, 0, 10))
        self.assertEqual(self.statuses(flooded), [200] * (WAITING + 1) + [503] * 10)
        self.assertEqual(self.statuses(second),
                         [200] * (WAITING // 2 + 1) + [503] * (WAITING // 2 + 10))
        self.assertEqual(self.statuses(short), [200] * 6 + [429] * 4)
        self.ask()

    def test_a_full_route_has_its_fallback(self):
        socks = self.flood("full", 4)
        self.assertEqual(self.kept("full"), (1, 1, 2, 0))
        for sock in socks[2:]:
            self.assertIn(b"\r\nweir-fallback: static; reason=route-busy\r\n",
                          read_all(sock).lower())
        self.assertEqual(self.statuses(socks[:2]), [200, 200])

    def beside_insisting(self, clients, path, body, does):
        """(status, body) of all answers to clients that ask again and again while `does` runs."""
        has_ended = threading.Event()
        answers = []

        def insist():
            while not has_ended.is_set():
                status, _, answer = self.server.request("POST", path, body)
                answers.append((status, answer))

        def watch():
            does(answers)
        together(1 + clients, lambda i: self.ending(has_ended, watch) if i == 0 else insist())
        return answers

    def test_a_route_that_is_always_full_takes_nothing_from_another(self):
        def watch(answers):
            def count(wanted):
                return sum(status == wanted for status, _ in answers)
            until(lambda: count(429) > 0)
            self.ask(200)
            until(lambda: count(200) > 10)
        answers = self.beside_insisting(8, "/busy", "[300000]", watch)
        self.assertEqual({status for status, _ in answers} - {200, 429, 503}, set())

    def test_a_call_that_waits_does_not_keep_its_route_from_its_turn(self):
        has_ended = threading.Event()

        def hurry():
            """So many at once that one of their calls is always about to begin."""
            request = post("/hot", "[600000]")
            with self.server.open() as sock:
                while not has_ended.is_set():
                    sock.sendall(request)
                    sock.recv(4096)

        def watch():
            until(lambda: self.count("hot", "waiting") > 3)
            before = self.count("hot", "requests")
            for _ in range(10):
                self.assertEqual(self.server.request("POST", "/steady?work", "x")[0], 200)
            others = self.count("hot", "requests") - before  # some 70; 16,000 when it had no turn
            self.assertGreater(others, 20)
            self.assertLess(others, 2000)
        for _ in range(5):  # it is known to be of middling length
            self.server.request("POST", "/steady?work", "x")
        waits = self.server.open()
        waits.sendall(post("/steady?work", "half")[:-1])
        until(lambda: self.count("steady", "running") == 1)
        try:
            together(9, lambda i: hurry() if i > 0 else self.ending(has_ended, watch))
        finally:
            waits.close()

    @staticmethod
    def ending(event, does):
        try:
            does()
        finally:
            event.set()

    def test_a_burst_that_meets_an_idle_server_is_served(self):
        request = post("/hot", "[30000000]", "Connection: close\r\n")
        for _ in range(5):  # what a call takes is known
            self.server.call("/hot", 30000000)
        socks = [self.server.open() for _ in range(WAITING)]
        until(lambda: self.board.worker(0, "connections") >= len(socks))
        time.sleep(0.5)
        for sock in socks:
            sock.sendall(request)
        self.assertEqual([read_all(sock).split()[1] for sock in socks], [b"200"] * len(socks))
        for sock in socks:
            sock.close()
        self.assertEqual((self.count("hot", "refused"), self.count("hot", "shed")), (0, 0))

    def test_who_has_become_late_in_an_overload_is_refused(self):
        def stop(_):
            """The worker stands still for longer than an overload's queue takes."""
            worker, = self.server.workers()
            until(lambda: self.count("hot", "shed") > 10)
            for _ in range(5):
                os.kill(worker, signal.SIGSTOP)
                time.sleep(0.5)
                os.kill(worker, signal.SIGCONT)
                time.sleep(0.5)
        answers = self.beside_insisting(16, "/hot", "[10000000]", stop)
        late = [body for _, body in answers if b"its turn did not come in time" in body]
        self.assertGreater(len(late), 0)
        self.ask()


if __name__ == "__main__":
    unittest.main()

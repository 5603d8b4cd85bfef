#!/usr/bin/env python3
"""A worker takes no more memory than it may: large calls wait or are ended, small ones never."""
from faults import *  # pylint: disable=wildcard-import,unused-wildcard-import

MAY_MIB, CALL_MIB, HOARDERS = 512, 96, 12
SLACK_MIB = 64  # what may be written between two looks
CONFIG = """
workers = 1
worker-memory = "%d MiB"
wall = "100 s"
cpu = "100 s"

[modules.hoard]
path = "{guests}/hoard.wasm"
[modules.hello]
path = "{guests}/hello.wasm"

[routes.hoard]
module = "hoard"
memory = "%d MiB"
[routes.hello]
module = "hello"
body = "%d MiB"
""" % (MAY_MIB, CALL_MIB, CALL_MIB)


class Memory(unittest.TestCase):
    def setUp(self):
        self.server = configured(self, CONFIG)
        self.addCleanup(self.server.__exit__, None, None, None)
        self.worker, = self.server.workers()
        self.board = Board(self.server)
        self.most_kib = 0

    def hoard(self, body):
        """Requests that take all the memory they can get, and keep it until their bodies end."""
        socks = [self.server.open() for _ in range(HOARDERS)]
        for sock in socks:
            self.addCleanup(sock.close)
            sock.sendall(b"POST /hoard?memory HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                         b"Content-Length: 1\r\n\r\n" + body)
        return socks

    def look(self):
        self.most_kib = max(self.most_kib, private_kib(self.worker))

    def running(self):
        return self.board.route(0, 0, "running")

    def ended(self):
        return self.board.worker(0, "memory_ended")

    def shed(self):
        """Refused because they came late, and the queue stood: on a slow machine."""
        return self.board.route(0, 0, "shed")

    def is_settled(self):
        """Whoever is inside has what it wants: nothing changes any more."""
        self.look()
        running, kib = self.running(), private_kib(self.worker)
        inside = self.running() + self.board.route(0, 0, "waiting")
        time.sleep(0.3)
        return inside == HOARDERS - self.ended() - self.shed() and \
            running == self.running() > 0 and abs(private_kib(self.worker) - kib) < 4096

    def judge(self, load, what):
        """Small calls are answered, however much others take."""
        load.end()
        self.assertEqual((load.failed, load.wrong), ([], []))
        self.assertEqual(self.server.workers(), [self.worker])
        print(f"a worker that may take {MAY_MIB} MiB took at most {self.most_kib >> 10} beside "
              f"{HOARDERS} {what} of {CALL_MIB} MiB each; {self.ended()} were ended, and "
              f"{load.good} small calls answered")
        self.assertLessEqual(self.most_kib >> 10, MAY_MIB + SLACK_MIB)
        until(lambda: self.board.worker(0, "memory_bytes") < MAY_MIB // 2 << 20)

    def test_calls(self):
        with Load(self.server, clients=4, pause_s=0.005) as load:
            with self.subTest("the first ones are ended, the largest at a time"):
                socks = self.hoard(b"")
                until(self.is_settled)
                for sock in socks:
                    sock.sendall(b"x")
                replies = [read_all(sock) for sock in socks]
                good = [reply for reply in replies if reply.startswith(b"HTTP/1.1 200 ")]
                bad = [reply for reply in replies if b'"code":"limit-exceeded"' in reply]
                self.assertEqual(len(bad), self.ended(), replies)
                self.assertEqual(len(good), HOARDERS - self.ended() - self.shed(), replies)
                self.assertGreaterEqual(len(good), MAY_MIB // 2 // CALL_MIB)
                for reply in bad:
                    self.assertTrue(reply.startswith(b"HTTP/1.1 503 "), reply)
                    self.assertIn(b'"kind":"memory-share"', reply)
                for reply in good:
                    self.assertEqual(int(reply.split()[-1]), CALL_MIB * 16)
            with self.subTest("then it is known what they take: they wait for each other"):
                before = self.ended()
                socks = self.hoard(b"x")
                until(lambda: self.look() or self.board.total("in_flight") <= 4)
                replies = [read_all(sock) for sock in socks]
                good = [reply for reply in replies if reply.startswith(b"HTTP/1.1 200 ")]
                self.assertGreater(len(good), 0)
                for reply in set(replies) - set(good):
                    self.assertIn(b'"code":"busy"', reply)
                self.assertEqual(self.ended(), before)
            self.judge(load, "calls")

    def test_bodies(self):
        """Requests that never become calls."""
        head = f"POST /hello/add HTTP/1.1\r\nHost: a\r\nContent-Length: {CALL_MIB << 20}\r\n\r\n"
        part = b" " * (1 << 20)
        with Load(self.server, clients=4, pause_s=0.005) as load:
            socks, cut = [], 0
            for _ in range(HOARDERS):
                sock = self.server.open()
                self.addCleanup(sock.close)
                socks.append(sock)
                try:
                    sock.sendall(head.encode())
                    for _ in range(CALL_MIB - 1):
                        sock.sendall(part)
                        self.look()
                except OSError:
                    cut += 1
            until(lambda: self.ended() >= HOARDERS - MAY_MIB // CALL_MIB)
            for sock in socks:
                sock.close()
            self.judge(load, "bodies")


class TooLittle(unittest.TestCase):
    def test_less_than_it_takes_itself(self):
        done = subprocess.run([os.path.join(BIN, "weir"), "serve",
                               os.path.join(GUESTS, "hello.wasm"), "--addr", "127.0.0.1:0",
                               "--worker-memory-mib", "1", "--control", "none"],
                              capture_output=True, text=True, check=False, timeout=PATIENCE_S)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr, "a worker may take 1 MiB of memory and needs [0-9]+ to serve "
                                      "this: say more with --worker-memory-mib")


if __name__ == "__main__":
    unittest.main()

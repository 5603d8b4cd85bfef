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
breaker-failures = 1000
[routes.hello]
module = "hello"
""" % (MAY_MIB, CALL_MIB)


class Memory(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="weir-memory-")
        self.addCleanup(folder.cleanup)
        path = os.path.join(folder.name, "weir.toml")
        with open(path, "w", encoding="ascii") as file:
            file.write(CONFIG.replace("{guests}", os.path.abspath(GUESTS)))
        self.server = Server(path)
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

    def look(self, client):
        """A small call is answered, however much the others take."""
        self.assertEqual(self.server.call("/hello/add", 1, 2, client=client), 3)
        self.most_kib = max(self.most_kib, private_kib(self.worker))

    def test_hoarders(self):
        client = self.server.client()
        self.look(client)
        with self.subTest("the first ones are ended, the largest at a time"):
            socks = self.hoard(b"")
            running = lambda: self.board.route(0, 0, "running")
            ended = lambda: self.board.worker(0, "memory_ended")

            def is_settled():
                self.look(client)
                return (0 < running() == HOARDERS - ended() and self.pages_taken())
            until(is_settled)
            for sock in socks:
                sock.sendall(b"x")
            replies = [read_all(sock) for sock in socks]
            good = [reply for reply in replies if reply.startswith(b"HTTP/1.1 200 ")]
            self.assertEqual(len(good), HOARDERS - ended(), replies)
            self.assertGreaterEqual(len(good), MAY_MIB // 2 // CALL_MIB)
            for reply in set(replies) - set(good):
                self.assertTrue(reply.startswith(b"HTTP/1.1 503 "), reply)
                self.assertIn(b'"code":"limit-exceeded"', reply)
                self.assertIn(b'"kind":"memory-share"', reply)
            for reply in good:
                self.assertEqual(int(reply.split()[-1]), CALL_MIB * 16)
        with self.subTest("then it is known what they take: they wait for each other"):
            before = ended()
            socks = self.hoard(b"x")
            until(lambda: self.look(client) or self.board.total("in_flight") == 0)
            for sock in socks:
                reply = read_all(sock)
                self.assertTrue(reply.startswith(b"HTTP/1.1 200 "), reply)
            self.assertEqual(ended(), before)
        with self.subTest("what they took is given back"):
            until(lambda: self.board.worker(0, "memory_bytes") < MAY_MIB // 2 << 20)
            self.assertEqual(self.server.workers(), [self.worker])
        client.close()
        print(f"a worker that may take {MAY_MIB} MiB took at most {self.most_kib >> 10} MiB beside "
              f"{HOARDERS} calls that want {CALL_MIB} MiB each; {ended()} of the first were ended")
        self.assertLessEqual(self.most_kib >> 10, MAY_MIB + SLACK_MIB)

    def pages_taken(self):
        """All that run have what they want: nothing changes any more."""
        before = self.board.worker(0, "guest_cpu_ns"), private_kib(self.worker)
        time.sleep(0.3)
        return before == (self.board.worker(0, "guest_cpu_ns"), private_kib(self.worker))


class TooLittle(unittest.TestCase):
    def test_less_than_it_takes_itself(self):
        done = subprocess.run([os.path.join(BIN, "weir"), "serve",
                               os.path.join(GUESTS, "hello.wasm"), "--addr", "127.0.0.1:0",
                               "--worker-memory-mib", "1", "--control", "none"],
                              capture_output=True, text=True, check=False, timeout=PATIENCE_S)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr, "a worker may take 1 MiB of memory and needs [0-9]+ to serve "
                                      "this: say --worker-memory-mib, or start fewer --workers")


if __name__ == "__main__":
    unittest.main()

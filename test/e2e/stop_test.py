#!/usr/bin/env python3
"""The end of a server that has much to do: requests in flight, in queues, held refusals, slow
clients; and a second SIGTERM, which waits for nobody. life_test.py has the simple cases."""
from faults import *  # pylint: disable=wildcard-import,unused-wildcard-import

ENDLESS = ("--cpu-ms", "3600000", "--wall-ms", "3600000", "--drain-ms", "3600000")
AT_ONCE_S = 0.5


class Stop(unittest.TestCase):
    def second_signal(self):
        """Seconds from the second SIGTERM to the end, with requests that never end."""
        with Server("spin", options=("--workers", "2", *ENDLESS), may_lose_workers=True) as server:
            busy = [server.open() for _ in range(8)]
            for sock in busy:
                sock.sendall(post("/spin", "[]"))
            board = Board(server)
            until(lambda: board.total("in_flight") == 8)
            workers = server.workers()
            server.process.send_signal(signal.SIGTERM)
            until(lambda: not self.accepts(server))
            time.sleep(0.1)
            self.assertIsNone(server.process.poll())
            begun = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(server.process.wait(PATIENCE_S), 0)
            taken = time.monotonic() - begun
            for sock in busy:
                self.assertNotIn(b" 200 ", read_all(sock))
                sock.close()
            self.assertEqual([state_of(pid) for pid in workers], [""] * len(workers))
        self.assertEqual([line for line in server.lines if line.startswith("weir: ")],
                         ["weir: a second signal: what still runs is ended\n"])
        return taken

    @staticmethod
    def accepts(server):
        try:
            server.open().close()
            return True
        except OSError:
            return False

    def test_a_second_signal_ends_it_at_once(self):
        best = min(self.second_signal() for _ in range(3))
        print(f"R20: ended {1000 * best:.0f} ms after the second SIGTERM")
        self.assertLess(best, AT_ONCE_S)

    def test_nobody_is_cut_in_a_drain(self):
        """Ten run, some wait, the others are refused; two clients send slowly, one reads slowly."""
        options = ("--workers", "1", "--cpu-ms", "200", "--concurrency", "10", "--queue", "8",
                   "--wall-ms", "60000", "--drain-ms", "60000")
        with Server("hello", "spin", "served", options=options) as server:
            board = Board(server)
            head, body, late = server.open(), server.open(), server.open()
            head.sendall(b"POST /hello/add HTTP/1.1\r\nHo")
            body.sendall(post("/hello/add", "[1,2]")[:-2])
            late.sendall(b"GET /served?much HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            until(lambda: board.total("responses_2xx") + board.total("in_flight") >= 1)
            many = [server.open() for _ in range(40)]
            for sock in many:
                sock.sendall(post("/spin/spin", "[]"))
            until(lambda: board.total("in_flight") + board.total("refused") >= 40)
            server.process.send_signal(signal.SIGTERM)
            until(lambda: not self.accepts(server))
            head.sendall(b"st: a\r\nContent-Length: 5\r\n\r\n[1,2]")
            body.sendall(b"2]")
            statuses = {}
            for sock in many:
                status = int(read_all(sock).split()[1])
                statuses[status] = statuses.get(status, 0) + 1
            self.assertEqual(statuses, {503: 18, 429: 22})
            for sock in (head, body):
                self.assertTrue(read_all(sock).startswith(b"HTTP/1.1 200 "))
            reply = http.client.HTTPResponse(late)
            reply.begin()
            self.assertEqual(reply.read(), b"0123456789abcde\n" * 65536)
            reply.close()
            for sock in (head, body, late, *many):
                sock.close()
            self.assertEqual(server.process.wait(PATIENCE_S), 0)

    def test_the_end_of_the_terminal_is_a_drain(self):
        """Every process of the group gets SIGHUP; who was started by nohup does not care."""
        with Server("spin", options=("--workers", "1", "--wall-ms", "1000", "--cpu-ms",
                                     "5000")) as server:
            sock = server.open()
            sock.sendall(post("/spin", "[]"))
            until(lambda: Board(server).total("running") == 1)
            for pid in (*server.workers(), *server.children("control"), server.process.pid):
                os.kill(pid, signal.SIGHUP)
            self.assertTrue(read_all(sock).startswith(b"HTTP/1.1 503 "))
            sock.close()
            self.assertEqual(server.process.wait(PATIENCE_S), 0)

    def test_refusals_that_are_held_are_sent(self):
        """A server that is too busy answers some only after a moment: also when it stops then."""
        options = ("--workers", "1", "--cpu-ms", "50", "--wall-ms", "1500", "--drain-ms", "60000")
        with Server("spin", options=options) as server:
            board = Board(server)
            server.error("/spin")  # now it knows how long a call takes
            socks = []
            while board.total("shed") < 20:
                self.assertLess(len(socks), 2000)
                socks.append(server.open())
                socks[-1].sendall(post("/spin", "[]"))
            server.process.send_signal(signal.SIGTERM)
            replies = [read_all(sock) for sock in socks]
            for sock, reply in zip(socks, replies):
                sock.close()
                self.assertTrue(reply.startswith(b"HTTP/1.1 503 "), reply)
            self.assertGreaterEqual(sum(b'"code":"busy"' in reply for reply in replies), 20)
            self.assertEqual(server.process.wait(PATIENCE_S), 0)

    def test_slow_clients_end_with_the_drain(self):
        options = ("--workers", "1", "--drain-ms", "300", "--head-ms", "3600000", "--body-idle-ms",
                   "3600000")
        with Server("hello", options=options) as server:
            socks = [server.open() for _ in range(50)]
            for i, sock in enumerate(socks):
                sock.sendall(post("/add", "[1,2]")[:20 + i % 30])
            board = Board(server)
            until(lambda: board.total("connections") == 50)
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(server.process.wait(PATIENCE_S), 0)
            for sock in socks:
                self.assertNotIn(b" 200 ", read_all(sock))
                sock.close()


if __name__ == "__main__":
    unittest.main()

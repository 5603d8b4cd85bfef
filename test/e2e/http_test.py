#!/usr/bin/env python3
"""The HTTP side on raw sockets: framing, order, keep-alive, refusals, and no confusion of them."""
from harness import *  # pylint: disable=wildcard-import,unused-wildcard-import

ADD = post("/add", "[1,2]")


class Http(SharedServer):
    OPTIONS = ("--workers", "1", "--body-kib", "64")

    def statuses(self, data, has_body=True):
        """Statuses of all replies to these bytes, after which the client shuts its side down."""
        with self.server.open() as sock:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            replies, got = Replies(sock), []
            while (reply := replies.next(has_body)) is not None:
                got.append(reply[0])
            replies.close()
            return got

    def test_keep_alive(self):
        client = self.server.client()
        client.connect()
        local = client.sock.getsockname()
        for i in range(200):
            self.assertEqual(self.server.call("/add", i, 1, client=client), i + 1)
            self.assertEqual(client.sock.getsockname(), local)
        client.close()

    def test_pipelined_requests_are_answered_in_order(self):
        count = 300
        with self.server.open() as sock:
            data = b"".join(post("/add", f"[{i},0]") if i % 3 else
                            b"GET /missing HTTP/1.1\r\nHost: a\r\n\r\n" for i in range(count))
            sender = threading.Thread(target=sock.sendall, args=(data,))
            sender.start()
            replies = Replies(sock)
            for i in range(count):
                status, _, body = replies.next()
                self.assertEqual(status, 200 if i % 3 else 404)
                if i % 3:
                    self.assertEqual(int(body), i)
            sender.join(PATIENCE_S)
            replies.close()

    def test_one_byte_at_a_time(self):
        with self.server.open() as sock:
            replies = Replies(sock)
            chunked = (b"POST /add HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                       b"3;x=y\r\n[1,\r\n2\r\n2]\r\n0\r\nA: b\r\n\r\n")
            for data in (ADD, chunked, ADD):
                for byte in data:
                    sock.sendall(bytes([byte]))
                self.assertEqual(replies.next()[::2], (200, b"3\n"))
            replies.close()

    def test_versions(self):
        old = b"POST /add HTTP/1.0\r\nContent-Length: 5\r\n\r\n[1,2]"
        reply = self.server.exchange(old + old)
        self.assertEqual(reply.count(b"HTTP/1.1 200"), 1)
        self.assertIn(b"Connection: close\r\n", reply)
        kept = old.replace(b"\r\n\r\n", b"\r\nConnection: keep-alive\r\n\r\n")
        reply = self.server.exchange(kept + old)
        self.assertEqual(reply.count(b"HTTP/1.1 200"), 2)
        self.assertIn(b"Connection: keep-alive\r\n", reply)

    def test_close_is_kept(self):
        reply = self.server.exchange(post("/add", "[1,2]", "Connection: close\r\n") + ADD)
        self.assertEqual(reply.count(b"HTTP/1.1 "), 1)
        self.assertIn(b"Connection: close\r\n", reply)
        self.assertNotIn(b"<reset>", reply)

    def test_a_refused_path_keeps_the_connection(self):
        for data in (post("/missing", "[1,2]"), b"GET /add HTTP/1.1\r\nHost: a\r\n\r\n",
                     b"POST /missing HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                     b"5\r\nGET /\r\n0\r\n\r\n"):
            self.assertEqual(self.statuses(data + ADD)[1:], [200], data)

    def test_expect(self):
        with self.server.open() as sock:
            replies = Replies(sock)
            sock.sendall(post("/add", "[1,2]", "Expect: 100-continue\r\n")[:-5])
            self.assertEqual(replies.next()[0], 100)
            sock.sendall(b"[1,2]")
            self.assertEqual(replies.next()[0], 200)
            sock.sendall(post("/add", "[3,4]", "Expect: 100-continue\r\n"))
            self.assertEqual(replies.next()[::2], (200, b"7\n"))  # the body came unasked
            sock.sendall(post("/missing", "[1,2]", "Expect: 100-continue\r\n")[:-5])
            self.assertEqual(replies.next()[0], 404)
            self.assertIsNone(replies.next())
            replies.close()

    def test_refusals(self):
        host = b"Host: a\r\n"
        chunked = b"POST /add HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\n"
        cases = [
            (b"GET / HTTP/1.1\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
            (b"GET / HTTP/1.1\nHost: a\n\n", 400),
            (b"GET / HTTP/1.1\r\n" + host + b"A : b\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\n" + host + b"A: b\r\n c\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\n" + host + b"A: \x00\r\n\r\n", 400),
            (b"GET /\x80 HTTP/1.1\r\n" + host + b"\r\n", 400),
            (b"BREW / HTTP/1.1\r\n" + host + b"\r\n", 501),
            (b"CONNECT a:1 HTTP/1.1\r\n" + host + b"\r\n", 501),
            (b"GET / HTTP/2.0\r\n" + host + b"\r\n", 505),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 501),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
            (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + host + b"\r\n", 414),
            (b"GET / HTTP/1.1\r\n" + host + b"A: " + b"b" * 40000 + b"\r\n\r\n", 431),
            (b"GET / HTTP/1.1\r\n" + host + b"A: b\r\n" * 101 + b"\r\n", 431),
            (post("/add", "[1,2]", "Expect: something\r\n"), 417),
            (post("/add", "[1,2]", "Transfer-Encoding: chunked\r\n"), 400),
            (post("/add", "[1,2]", "Content-Length: 5\r\n"), 400),
            (post("/add", "[1,2]").replace(b"Length: 5", b"Length: +5"), 400),
            (post("/add", "[1,2]").replace(b"Length: 5", b"Length: 99999999999999999999"), 400),
            (post("/add", "[1,2]").replace(b"Length: 5", b"Length: 65537"), 413),
            (chunked.replace(b"chunked", b"gzip, chunked"), 501),
            (chunked + b"10001\r\n", 413),
            (chunked + b"x\r\n", 400),
        ]
        for data, want in cases:
            # What follows a refused request is never read as a request.
            with self.subTest(data=data[:60]):
                reply = self.server.exchange(data + ADD)
                self.assertEqual(reply.count(b"HTTP/1.1 "), 1, reply)
                head, _, body = reply.partition(b"\r\n\r\n")
                self.assertEqual(int(head.split()[1]), want)
                self.assertIn(b"Connection: close", head)
                error = json.loads(body)["error"]
                self.assertEqual(len(error["request"]), 16)
                self.assertTrue(error["message"])

    def test_a_large_body_is_read_before_the_refusal_is_lost(self):
        with self.server.open() as sock:
            sock.sendall(b"POST /add HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
            sock.sendall(b" " * 60000)
            self.assertTrue(read_all(sock).startswith(b"HTTP/1.1 413 "))

    def test_the_largest_body(self):
        body = "[1,2" + " " * (65536 - 5) + "]"
        self.assertEqual(self.statuses(post("/add", body) + ADD), [200, 200])
        self.assertEqual(self.statuses(post("/add", body + " ")), [413])

    def test_a_half_closed_client_gets_its_answer(self):
        self.assertEqual(self.statuses(ADD), [200])

    def test_an_unfinished_request_gets_nothing(self):
        for cut in (10, len(ADD) - 1):
            self.assertEqual(self.statuses(ADD[:cut]), [])

    def test_curl(self):
        url = f"http://127.0.0.1:{self.server.port}/add"
        for options in ([], ["-H", "Transfer-Encoding: chunked"], ["--http1.0"],
                        ["-H", "Expect: 100-continue"], ["-H", "Content-Type: application/json"]):
            done = subprocess.run(["curl", "-sS", *options, "-d", "[20,22]", url],
                                  capture_output=True, text=True, check=True)
            self.assertEqual(done.stdout, "42\n", options)

    def test_mutated_requests_never_confuse_the_server(self):
        # Every byte of a request replaced in turn; behind it a request whose answer is known.
        base = post("/add", "[5,6]", "A: b\r\n")
        for at in range(len(base)):
            for byte in (0, 10, 13, 32, 58, 255):
                data = base[:at] + bytes([byte]) + base[at + 1:]
                with self.subTest(data=data):
                    got = self.statuses(data)
                    self.assertLessEqual(len(got), 1)
                    for status in got:
                        self.assertIn(status, (200, 400, 404, 405, 413, 415, 417, 501, 505))


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""Clients that are slow, silent or gone. Limits are short here; nothing depends on how short."""
import struct

from harness import *  # pylint: disable=wildcard-import,unused-wildcard-import


class Slow(SharedServer):
    OPTIONS = ("--workers", "1", "--head-ms", "400", "--body-idle-ms", "400", "--idle-ms", "400")

    def test_a_head_that_does_not_end(self):
        reply = self.server.exchange(b"GET / HTTP/1.1\r\nHost: a\r\nA: ")
        self.assertTrue(reply.startswith(b"HTTP/1.1 408 "), reply)
        self.assertIn(b'"code":"request-timeout"', reply)

    def drip(self, data):
        """Sends data, then a byte at a time for as long as the server listens."""
        with self.server.open() as sock:
            sock.settimeout(0.05)
            sock.sendall(data)
            reply = b""
            while b"\r\n\r\n" not in reply:
                try:
                    sock.sendall(b" ")
                    piece = sock.recv(65536)
                    if not piece:
                        break
                    reply += piece
                except TimeoutError:
                    continue
            return reply

    def test_bytes_that_drip_win_no_time(self):
        for data in (b"GET / HTTP/1.1\r\nHost: a\r\nA: ",
                     b"POST /add HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n"):
            reply = self.drip(data)
            self.assertTrue(reply.startswith(b"HTTP/1.1 408 "), reply)

    def test_a_body_that_stops(self):
        reply = self.server.exchange(post("/add", "[1,2]")[:-2])
        self.assertTrue(reply.startswith(b"HTTP/1.1 408 "), reply)

    def test_silence(self):
        self.assertEqual(self.server.exchange(b""), b"")

    def test_silence_between_requests(self):
        reply = self.server.exchange(post("/add", "[1,2]"))
        self.assertEqual(reply.count(b"HTTP/1.1 200"), 1)
        self.assertNotIn(b"HTTP/1.1 408", reply)

    def test_others_are_served_meanwhile(self):
        slow = [self.server.open() for _ in range(300)]
        for sock in slow:
            sock.sendall(b"GET / HTTP/1.1\r\n")
        for i in range(20):
            self.assertEqual(self.server.call("/add", i, i), 2 * i)
        for sock in slow:
            self.assertTrue(read_all(sock).startswith(b"HTTP/1.1 408 "))
            sock.close()

    def test_clients_that_vanish(self):
        for cut in (0, 5, 60, len(post("/add", "[1,2]"))):
            for _ in range(20):
                sock = self.server.open()
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.sendall(post("/add", "[1,2]")[:cut])
                sock.close()  # with a reset
        self.assertEqual(self.server.call("/add", 1, 2), 3)


class SlowReader(SharedServer):
    OPTIONS = ("--workers", "1", "--body-idle-ms", "400")

    def test_a_client_that_does_not_read(self):
        with self.server.open() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            request = b"GET / HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\n\r\n"
            sock.settimeout(0.1)
            try:  # answers pile up until nothing moves, and then the server hangs up
                while True:
                    try:
                        sock.sendall(request * 1000)
                    except TimeoutError:
                        pass
            except (BrokenPipeError, ConnectionResetError):
                pass
        self.assertEqual(self.server.call("/add", 1, 2), 3)


if __name__ == "__main__":
    unittest.main()

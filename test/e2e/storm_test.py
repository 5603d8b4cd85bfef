#!/usr/bin/env python3
"""Clients that send nonsense, cut requests anywhere and leave: the server has to outlive them."""
import random
import struct

from harness import *  # pylint: disable=wildcard-import,unused-wildcard-import

CLIENTS = 600
REQUESTS = [
    post("/hello/add", "[1,2]"),
    post("/hello/add", '{"a":1,"b":2}', "Expect: 100-continue\r\n"),
    post("/hello/count_calls", ""),
    post("/trap/trap_stack", "[100000000]"),
    post("/trap/trap_divide", "[1,0]"),
    post("/spin/spin", "[]"),
    post("/missing", "[]"),
    b"GET / HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\n\r\n",
    b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /hello/add HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3;a=b\r\n[1,\r\n2\r\n2]\r\n0\r\nA: b\r\n\r\n",
]


def mutated(dice, data):
    data = bytearray(data)
    for _ in range(dice.choice([0, 0, 1, 2, 5])):
        at, kind = dice.randrange(len(data)), dice.randrange(3)
        if kind == 0:
            data[at] = dice.randrange(256)
        elif kind == 1:
            data[at:at] = dice.randbytes(dice.randint(1, 5))
        elif len(data) > 30:
            del data[at:at + dice.randint(1, 20)]
    return bytes(data)


def visit(dice, sock, data):
    """One client: sends in pieces, perhaps reads, perhaps leaves rudely."""
    sock.settimeout(0.02)
    try:
        while data:
            count = dice.choice([1, 7, 100, 10000])
            sock.sendall(data[:count])
            data = data[count:]
        manner = dice.randrange(4)
        if manner == 0:
            sock.recv(100)
        elif manner == 1:
            sock.shutdown(socket.SHUT_WR)
            sock.recv(65536)
        elif manner == 2:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass


class Storm(SharedServer):
    GUESTS = ("hello", "trap", "spin")
    OPTIONS = ("--workers", "1", "--cpu-ms", "20", "--concurrency", "3", "--queue", "4",
               "--connections", "40", "--head-ms", "300", "--body-idle-ms", "300",
               "--idle-ms", "300")

    def test_the_server_outlives_its_clients(self):
        dice = random.Random(20)
        workers = self.server.workers()
        for _ in range(CLIENTS):
            data = b"".join(dice.choice(REQUESTS) for _ in range(dice.randint(1, 6)))
            with self.server.open() as sock:
                visit(dice, sock, mutated(dice, data))
        self.assertEqual(self.server.call("/hello/count_calls"), 1)
        self.assertEqual(self.server.workers(), workers)


if __name__ == "__main__":
    unittest.main()

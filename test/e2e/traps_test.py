#!/usr/bin/env python3
"""Guests that fail or do not end: their request ends, the server and all others go on."""
import struct
import time

from harness import *  # pylint: disable=wildcard-import,unused-wildcard-import


class Traps(SharedServer):
    GUESTS = ("trap", "hello")

    def test_every_kind(self):
        cases = [
            ("trap_unreachable", [], "unreachable", "inner_unreachable"),
            ("trap_memory", [0xfffffff0], "memory-out-of-bounds", "inner_load"),
            ("trap_divide", [1, 0], "integer-divide-by-zero", "inner_divide"),
            ("trap_divide", [-2147483648, -1], "integer-overflow", "inner_divide"),
            ("trap_convert", [1e10], "integer-overflow", "trap_convert"),
            ("trap_convert", ["NaN"], "invalid-conversion", "trap_convert"),
            ("trap_indirect", [0], "uninitialized-element", "trap_indirect"),
            ("trap_indirect", [1000000], "table-out-of-bounds", "trap_indirect"),
            ("trap_stack", [100000000], "stack-exhausted", "recurse"),
        ]
        client = self.server.client()
        for name, args, kind, function in cases * 3:
            with self.subTest(name=name, args=args):
                status, error = self.server.error("/trap/" + name, *args, client=client)
                self.assertEqual((status, error["code"], error["kind"]), (502, "trap", kind))
                self.assertIn(function, error["backtrace"])
                self.assertTrue(error["message"])
                self.assertRegex(error["request"], "^[0-9a-f]{16}$")
                self.assertEqual(self.server.call("/hello/add", 1, 2, client=client), 3)
        client.close()

    def test_a_trapped_instance_is_fresh_again(self):
        for _ in range(300):
            self.assertEqual(self.server.error("/trap/trap_stack", 10000000)[1]["kind"],
                             "stack-exhausted")
        pages = self.server.call("/trap/grow", 1)
        self.assertEqual([self.server.call("/trap/grow", 3) for _ in range(20)], [pages] * 20)


class Spin(SharedServer):
    GUESTS = ("spin", "hello")
    OPTIONS = ("--workers", "1", "--cpu-ms", "300")

    def test_the_limit_of_processor_time(self):
        for name in ("spin", "spin_in_memory"):
            status, error = self.server.error("/spin/" + name)
            self.assertEqual((status, error["code"], error["kind"]), (503, "deadline", "cpu-limit"))
            self.assertIn(name, error["backtrace"])

    def test_others_are_served_meanwhile(self):
        results = []
        spinning = [threading.Thread(target=lambda: results.append(self.server.error("/spin/spin")))
                    for _ in range(4)]
        for thread in spinning:
            thread.start()
        served = 0
        while any(thread.is_alive() for thread in spinning):
            self.assertEqual(self.server.call("/hello/add", served, 1), served + 1)
            served += 1
        self.assertEqual([status for status, _ in results], [503] * 4)
        self.assertGreater(served, 20)

    def test_results_survive_preemption(self):
        alone = self.server.call("/spin/work", 1000000)
        got = []
        threads = [threading.Thread(target=lambda: got.append(self.server.call("/spin/work",
                                                                               1000000)))
                   for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
        self.assertEqual(got, [alone] * 16)


class Limits(unittest.TestCase):
    def test_wall_clock(self):
        with Server("spin", options=("--workers", "1", "--wall-ms", "200")) as server:
            status, error = server.error("/spin")
            self.assertEqual((status, error["kind"]), (503, "wall-limit"))

    def test_one_instance_and_a_queue(self):
        options = ("--workers", "1", "--concurrency", "1", "--queue", "2", "--cpu-ms", "1000",
                   "--wall-ms", "60000")  # of a busy machine: nobody's waiting ends
        with Server("spin", options=options) as server:
            got = []

            def spin():
                status, headers, body = server.request("POST", "/spin", "[]")
                got.append((status, json.loads(body)["error"]["code"]))
                self.assertIn(int(headers["Retry-After"]), range(1, 60))

            threads = [threading.Thread(target=spin) for _ in range(6)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(PATIENCE_S)
            self.assertEqual(sorted(got, key=str), [(429, "route-busy")] * 3
                             + [(503, "deadline")] * 3)
            self.assertIsInstance(server.call("/work", 10), int)

    def test_waiting_in_the_queue_ends(self):
        options = ("--workers", "1", "--concurrency", "1", "--cpu-ms", "60000", "--wall-ms", "700")
        with Server("spin", options=options) as server:
            got = []
            threads = [threading.Thread(target=lambda: got.append(server.error("/spin")))
                       for _ in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(PATIENCE_S)
            self.assertEqual(len(got), 3)
            for status, error in got:  # busy if it never ran, unless there was a moment left
                self.assertEqual(status, 503)
                self.assertIn(error["code"], ("busy", "deadline"))
            self.assertIsInstance(server.call("/work", 10), int)

    def test_a_client_that_goes_frees_its_instance(self):
        options = ("--workers", "1", "--concurrency", "1", "--cpu-ms", "3600000", "--wall-ms",
                   "3600000")
        with Server("spin", options=options) as server:
            for _ in range(5):  # the second of each pair waits in the queue when it goes
                for sock in [server.open() for _ in range(2)]:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    sock.sendall(post("/spin", "[]"))
                    sock.close()
            self.assertIsInstance(server.call("/work", 10), int)

    def test_a_client_that_hangs_up_frees_its_instance(self):
        options = ("--workers", "1", "--concurrency", "1", "--cpu-ms", "3600000", "--wall-ms",
                   "3600000")
        with Server("spin", options=options) as server:
            for _ in range(3):  # a plain close: the second of each pair waits for its turn
                for sock in [server.open() for _ in range(2)]:
                    sock.sendall(post("/spin", "[]"))
                    sock.close()
            self.assertIsInstance(server.call("/work", 10), int)

    def test_a_client_that_hangs_up_leaves_nothing_to_the_next(self):
        options = ("--workers", "1", "--cpu-ms", "3600000", "--wall-ms", "3600000")
        with Server("spin", "hello", options=options) as server:
            for _ in range(2):
                with server.open() as gone:
                    gone.sendall(post("/spin/spin", "[]"))
                client = server.client()
                with server.open() as other:  # of its own connection's state
                    other.sendall(post("/hello/add", "[1,2]"))
                    replies = Replies(other)
                    self.assertEqual(replies.next()[0], 200)
                    time.sleep(1.5)  # the call of the one that has gone ends meanwhile
                    replies.close()
                client.connect()
                time.sleep(0.2)
                self.assertEqual(server.call("/hello/add", 1, 2, client=client), 3)
                client.close()

    def test_a_client_that_has_nothing_more_to_say_is_answered(self):
        with Server("spin", options=("--workers", "1")) as server:
            for _ in range(3):
                with server.open() as sock:
                    sock.sendall(post("/work", "[1000]"))
                    sock.shutdown(socket.SHUT_WR)
                    self.assertTrue(read_all(sock).startswith(b"HTTP/1.1 200 "))


if __name__ == "__main__":
    unittest.main()

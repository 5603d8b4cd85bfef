#!/usr/bin/env python3
"""Many connections, few descriptors, workers that die, and the end of a server."""
import shutil
import time

from faults import *  # pylint: disable=wildcard-import,unused-wildcard-import


class Life(unittest.TestCase):
    def test_many_connections_at_once(self):
        with Server("hello", options=("--workers", "2")) as server:
            # As many as even a build that is ten times slower answers before it is too busy.
            clients = [server.client() for _ in range(40 if is_sanitized() else 400)]
            for turn in range(3):
                for client in clients:
                    client.request("POST", "/add", f"[{turn},1]")
                for client in clients:
                    reply = client.getresponse()
                    self.assertEqual((reply.status, reply.read()), (200, b"%d\n" % (turn + 1)))
            for client in clients:
                client.close()

    def test_more_connections_than_allowed_wait(self):
        with Server("hello", options=("--workers", "1", "--connections", "5")) as server:
            socks = [server.open() for _ in range(20)]
            for sock in socks:
                sock.sendall(post("/add", "[1,2]", "Connection: close\r\n"))
            for sock in socks:
                self.assertTrue(read_all(sock).startswith(b"HTTP/1.1 200 "))
                sock.close()

    def test_idle_connections_make_room(self):
        with Server("hello", options=("--workers", "1", "--connections", "5", "--idle-ms",
                                      "3600000", "--head-ms", "3600000")) as server:
            silent = server.open()
            clients = [server.client() for _ in range(4)]
            for client in clients:
                self.assertEqual(server.call("/add", 1, 2, client=client), 3)
            # The one that never said anything has to go first, then the first of the others.
            self.assertEqual(server.call("/add", 1, 2), 3)
            self.assertEqual(read_all(silent), b"")
            for client in clients[1:]:
                self.assertEqual(server.call("/add", 1, 2, client=client), 3)
            for client in clients:
                client.close()
            silent.close()

    def test_halves_of_requests_make_room(self):
        halves = {"heads": b"POST /add HTTP/1.1\r\nHost: a\r\n",
                  "bodies": post("/add", "[1,2]")[:-1]}
        with Server("hello", options=("--workers", "1", "--connections", "5", "--head-ms",
                                      "3600000", "--body-idle-ms", "3600000")) as server:
            board, gone = Board(server), 0
            for what, half in halves.items():
                with self.subTest(what):
                    socks = [server.open() for _ in range(5)]
                    for sock in socks:
                        sock.sendall(half)
                    for i in range(8):
                        self.assertEqual(server.call("/add", i, 2), i + 2)
                    # One of them had to go; there is no need of more.
                    ended = [sock for sock in socks if self.peek(sock) == b""]
                    self.assertEqual(len(ended), 1)
                    gone += 1
                    self.assertEqual(board.worker(0, "evicted"), gone)
                    for sock in socks:
                        sock.close()

    def test_answers_that_nobody_takes_make_room(self):
        raw = "Content-Type: application/octet-stream\r\n"
        request = post("/typed/echo_bytes", "x" * 1000000, raw)  # 4 MB of JSON come back
        with Server("hello", "typed", options=("--workers", "1", "--connections", "3",
                                               "--body-idle-ms", "3600000")) as server:
            socks = [server.open() for _ in range(3)]
            for sock in socks:
                sock.sendall(request)
            for sock in socks:
                self.assertTrue(sock.recv(100).startswith(b"HTTP/1.1 200 "))
            self.assertEqual(server.call("/hello/add", 1, 2), 3)
            self.assertEqual(Board(server).worker(0, "evicted"), 1)
            for sock in socks:
                sock.close()

    def test_programs_that_wait_for_their_clients_make_room(self):
        head = b"POST /served/?upper HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n"
        with Server("hello", "served", options=("--workers", "1", "--connections", "3", "--wall-ms",
                                                "600000", "--body-idle-ms", "600000")) as server:
            for gone, body in enumerate((b"half of it", b"x" * 100000), 1):
                with self.subTest(len(body)):
                    socks = [server.open() for _ in range(3)]
                    for sock in socks:
                        sock.sendall(head + body)
                        if len(body) > 10000:
                            self.send_until_full(sock, body)
                    self.assertEqual(server.call("/hello/add", 1, 2), 3)
                    self.assertEqual(Board(server).worker(0, "evicted"), gone)
                    for sock in socks:
                        sock.close()

    def test_half_an_answer_that_makes_room_is_reset(self):
        """Else a client of HTTP/1.0 would take it for the whole."""
        with Server("hello", "served", options=("--workers", "1", "--connections", "1", "--wall-ms",
                                                "600000", "--body-idle-ms", "600000")) as server:
            with server.open() as sock:
                sock.sendall(b"GET /served/?20000000-exit HTTP/1.0\r\n\r\n")
                self.assertEqual(server.call("/hello/add", 1, 2), 3)
                self.assertEqual(Board(server).worker(0, "evicted"), 1)
                self.assertTrue(read_all(sock).endswith(b"<reset>"))

    def test_only_clients_that_keep_a_program_waiting_make_room(self):
        """One moves bytes, the other's program computes, with its body complete or not."""
        request = b"POST /served/?%s HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"
        with Server("hello", "served", options=("--workers", "1", "--connections", "3", "--cpu-ms",
                                                "600000", "--wall-ms", "600000",
                                                "--drain-ms", "100")) as server:
            moves, half, whole = [server.open() for _ in range(3)]
            moves.sendall(request % b"upper")
            half.sendall(request % b"spin")
            whole.sendall(request % b"spin" + b"x" * 100000)
            board = Board(server)
            until(lambda: board.worker(0, "connections") == 3)
            more = server.open()
            more.sendall(post("/hello/add", "[1,2]"))
            for _ in range(30):
                time.sleep(0.1)
                moves.sendall(b"x" * 1000)
            self.assertEqual(board.worker(0, "evicted"), 0)
            self.assertEqual(board.worker(0, "connections"), 3)
            moves.close()
            self.assertTrue(more.recv(100).startswith(b"HTTP/1.1 200 "))
            for sock in (half, whole, more):
                sock.close()

    @staticmethod
    def send_until_full(sock, body):
        """Nobody takes the answer, so the program takes no more either."""
        sock.settimeout(0.3)
        try:
            while True:
                sock.sendall(body)
        except TimeoutError:
            pass

    @staticmethod
    def peek(sock):
        """b"": it was closed; None: it was not."""
        sock.setblocking(False)
        try:
            return sock.recv(1)
        except BlockingIOError:
            return None
        except ConnectionResetError:
            return b""

    def test_more_connections_than_descriptors(self):
        with Server("hello", options=("--workers", "1")) as server:
            for pid in server.workers():
                subprocess.run(["prlimit", f"--pid={pid}", "--nofile=48:48"], check=True)
            socks = [server.open() for _ in range(100)]
            for sock in socks:
                sock.close()

            def is_served():
                try:
                    return server.call("/add", 1, 2) == 3
                except (OSError, http.client.HTTPException):
                    return False  # it may be one of those that were hung up on
            until(is_served)
            self.assertEqual(len(server.workers()), 1)

    def test_a_drain_finishes_what_is_in_flight(self):
        options = ("--workers", "1", "--cpu-ms", "400")
        with Server("spin", options=options) as server:
            idle = server.open()
            idle.sendall(post("/work", "[1]"))
            replies = Replies(idle)
            self.assertEqual(replies.next()[0], 200)
            busy = server.open()
            busy.sendall(post("/spin", "[]"))
            head = server.open()
            head.sendall(b"POST /work HTTP/1.1\r\n")
            server.call("/work", 1)  # by now the worker has read all three
            server.process.send_signal(signal.SIGTERM)
            self.assertIsNone(replies.next())  # the idle one ends at once
            head.sendall(b"Host: a\r\nContent-Length: 3\r\n\r\n[1]")
            for sock, want in ((busy, b"HTTP/1.1 503 "), (head, b"HTTP/1.1 200 ")):
                reply = read_all(sock)
                self.assertTrue(reply.startswith(want), reply)
                self.assertIn(b"Connection: close", reply)
            for sock in (idle, busy, head):
                sock.close()
            replies.close()
            self.assertEqual(server.process.wait(PATIENCE_S), 0)

    def test_a_drain_does_not_wait_for_ever(self):
        options = ("--workers", "1", "--cpu-ms", "3600000", "--wall-ms", "3600000", "--drain-ms",
                   "200")
        with Server("spin", options=options) as server:
            with server.open() as sock:
                sock.sendall(post("/spin", "[]"))
                server.call("/work", 1)
                server.process.send_signal(signal.SIGTERM)
                self.assertEqual(server.process.wait(PATIENCE_S), 0)
                self.assertNotIn(b"HTTP/1.1 200", read_all(sock))

    def test_a_drain_serves_who_came_before_it(self):
        with Server("hello", options=("--workers", "1")) as server:
            kept = server.open()
            replies = Replies(kept)
            kept.sendall(post("/add", "[1,2]"))
            self.assertEqual(replies.next()[0], 200)
            worker, = server.workers()
            os.kill(worker, signal.SIGSTOP)
            fresh = [server.open() for _ in range(100)]
            for sock in [kept, *fresh]:
                sock.sendall(post("/add", "[3,4]"))
            server.process.send_signal(signal.SIGTERM)
            os.kill(worker, signal.SIGTERM)
            os.kill(worker, signal.SIGCONT)
            for sock in [kept, *fresh]:
                reply = read_all(sock)
                self.assertTrue(reply.startswith(b"HTTP/1.1 200 "), reply)
                sock.close()
            replies.close()
            self.assertEqual(server.process.wait(PATIENCE_S), 0)

    def test_a_drain_refuses_who_comes_after_it(self):
        options = ("--workers", "1", "--cpu-ms", "3600000", "--wall-ms", "3600000", "--drain-ms",
                   "3600000")
        with Server("spin", options=options, may_lose_workers=True) as server, \
                server.open() as busy:
            def is_refused():
                try:
                    server.open().close()
                    return False
                except OSError:
                    return True
            busy.sendall(post("/spin", "[]"))
            server.call("/work", 1)
            server.process.send_signal(signal.SIGTERM)
            until(is_refused)
            self.assertIsNone(server.process.poll())  # leaving says it again: that ends all

    def test_a_dead_worker_is_replaced(self):
        with Server("hello", options=("--workers", "2"), may_lose_workers=True) as server:
            until(lambda: len(server.workers()) == 2)
            before = server.workers()
            for pid in before:
                os.kill(pid, signal.SIGKILL)
            until(lambda: len(set(server.workers()) - set(before)) == 2)
            self.assertEqual(server.call("/add", 1, 2), 3)

    def test_an_emptied_cache_takes_no_server_down(self):
        with tempfile.TemporaryDirectory() as folder:
            cache = os.path.join(folder, "cache")
            with Server("hello", "spin", options=("--workers", "1", "--cache", cache),
                        may_lose_workers=True) as server:
                shutil.rmtree(cache)
                for _ in range(2):
                    before = server.workers()
                    os.kill(before[0], signal.SIGKILL)
                    until(lambda: server.workers() not in ([], before))
                    self.assertEqual(server.call("/hello/add", 1, 2), 3)

    def test_a_hung_worker_is_replaced(self):
        with Server("hello", options=("--workers", "1", "--hung-ms", "2000"),
                    may_lose_workers=True) as server:
            self.assertEqual(server.call("/add", 1, 2), 3)
            hung, = server.workers()
            os.kill(hung, signal.SIGSTOP)
            until(lambda: server.workers() and server.workers() != [hung])
            self.assertEqual(server.call("/add", 1, 2), 3)
            self.assertTrue(any(" hangs" in line for line in server.lines))

    def test_a_stop_right_after_the_start(self):
        for _ in range(20):
            with Server("hello", options=("--workers", "2")):
                pass  # leaving checks that it ends, and with status 0

    def test_a_stop_during_the_start(self):
        command = [os.path.join(BIN, "weir"), "serve", os.path.join(GUESTS, "hello.wasm"),
                   "--addr", "127.0.0.1:0", "--workers", "1"]
        for step in range(20):
            with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
                time.sleep(step / 1000)
                process.send_signal(signal.SIGTERM)
                self.assertIn(process.wait(PATIENCE_S), (0, -signal.SIGTERM))

    def test_what_cannot_be_served_is_said(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "broken.wasm")
            with open(path, "wb") as file:
                file.write(b"\0asm\1\0\0\0\1\2\3")
            done = subprocess.run([os.path.join(BIN, "weir"), "serve", path, "--addr",
                                   "127.0.0.1:0"], capture_output=True, text=True, check=False,
                                  timeout=PATIENCE_S)
            self.assertEqual(done.returncode, 3)
            self.assertIn("broken.wasm", done.stderr)
            # An address in use is told before anything is compiled.
            with Server("hello") as server:
                done = subprocess.run([os.path.join(BIN, "weir"), "serve", path, "--addr",
                                       f"127.0.0.1:{server.port}"], capture_output=True, text=True,
                                      check=False, timeout=PATIENCE_S)
        self.assertEqual(done.stderr, f"weir: cannot listen on 127.0.0.1:{server.port}: Address "
                         "already in use; choose another port with --addr\n")
        self.assertEqual(done.returncode, 1)


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""Calls that wait, or have not begun yet, when their time is over: they end, and what they had is
free for the next one."""
from faults import *  # pylint: disable=wildcard-import,unused-wildcard-import

WALL_MS = 700
TIMES = 3
SLEEPS = """(module
  (import "env" "emscripten_sleep" (func $sleep (param i32)))
  (func (export "sleep") (param i32) (call $sleep (local.get 0))))"""
SLEEPS_AT_FIRST = """(module
  (import "env" "emscripten_sleep" (func $sleep (param i32)))
  (func (export "_initialize") (call $sleep (i32.const 3600000)))
  (func (export "f")))"""
SPINS_AT_FIRST = """(module
  (func $begin (loop (br 0)))
  (start $begin)
  (func (export "f")))"""
# poll_oneoff of one clock, for an hour; and a program that waits for its body.
POLLS = """(module
  (import "wasi_snapshot_preview1" "poll_oneoff"
    (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (i32.store (i32.const 16) (i32.const 1))
    (i64.store (i32.const 24) (i64.const 3600000000000))
    (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))))"""
MODULES = {"sleeps": SLEEPS, "sleeps_at_first": SLEEPS_AT_FIRST, "spins_at_first": SPINS_AT_FIRST,
           "polls": POLLS}


class Wall(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="weir-wall-")
        cls.addClassCleanup(folder.cleanup)
        for name, text in MODULES.items():
            subprocess.run(["wat2wasm", "-", "-o", os.path.join(folder.name, name + ".wasm")],
                           input=text, text=True, check=True)
        cls.server = Server(
            *(os.path.join(folder.name, name) for name in MODULES), "served", "hello",
            options=("--workers", "1", "--snapshot", "never", "--concurrency", "1", "--wall-ms",
                     str(WALL_MS), "--cpu-ms", "3600000", "--breaker-failures", "1000000"))
        cls.addClassCleanup(cls.server.__exit__, None, None, None)
        cls.board = Board(cls.server)

    def check(self, path, body="[]", length=None):
        """The next one finds a place: of each route there is one."""
        worker, = self.server.workers()
        before = mappings(worker)
        for _ in range(TIMES):
            with self.server.open() as sock:
                sock.sendall(post(path, body) if length is None else
                             f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"
                             .encode())
                begun = time.monotonic()
                reply = Replies(sock)
                status, headers, text = reply.next()
                reply.close()
            error = json.loads(text)["error"]
            self.assertEqual((status, error["code"], error.get("kind")),
                             (503, "deadline", "wall-limit"), error)
            self.assertEqual(headers["weir-fallback"], "built-in; reason=deadline")
            self.assertGreater(time.monotonic() - begun, WALL_MS / 1000 * 0.9)
            until(lambda: self.board.total("running") == 0)
        self.assertEqual((self.board.total("waiting"), self.board.total("in_flight")), (0, 0))
        self.assertLess(mappings(worker), before + 100)
        self.assertEqual(self.server.workers(), [worker])
        until(lambda: self.server.request("POST", "/hello/add", "[1,2]")[2] == b"3\n")

    def test_a_call_that_sleeps(self):
        self.check("/sleeps/sleep", "[3600000]")
        until(lambda: self.server.request("POST", "/sleeps/sleep", "[0]")[0] == 200)

    def test_a_program_that_polls(self):
        self.check("/polls")

    def test_a_program_that_waits_for_its_body(self):
        self.check("/served?late", length=1)
        until(lambda: self.server.request("POST", "/served?late", "x")[2] == b"done")

    def test_an_initialisation_that_sleeps(self):
        self.check("/sleeps_at_first/f")

    def test_a_start_function_that_does_not_end(self):
        self.check("/spins_at_first/f")


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""What runs before a first call: once at the start, or for every request, and who is told what."""

from harness import *  # pylint: disable=wildcard-import,unused-wildcard-import

WEIR = os.path.join(BIN, "weir")

# A program with a start function, which leaves what its `_start` prints.
PROGRAM = """(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $sizes (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "unready!")
  (func $begin
    %s
    (i32.store8 (i32.const 64) (i32.const 32)) (i32.store8 (i32.const 65) (i32.const 32))
    (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 8)))
  (start $begin)
  (func (export "_start")
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))
    (i32.store8 (i32.const 71) (i32.const 63))))"""
# Functions whose initialisation calls one function of the host, and then prints a line.
ASKS = """(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get"
    (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "asked\\n")
  (func (export "_initialize")
    (drop %s)
    (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 6))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16))))
  (func (export "f")))"""
ASKED = {
    "clock_time_get": "(call $clock_time_get (i32.const 0) (i64.const 1) (i32.const 128))",
    "path_open": "(call $path_open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 5)"
                 " (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 128))",
}
ENDLESS = '(module (func (export "_initialize") (loop (br 0))) (func (export "f")))'
LONG = ("--cpu-ms", "3600000", "--wall-ms", "3600000")


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(child) for child in file.read().split()]


def is_running_guest(pid):
    """Does this process initialise, for some time by now?"""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().split(b"\0")
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            ticks = int(file.read().rpartition(")")[2].split()[11])
    except OSError:
        return False  # a compiler that has ended
    return words[1:2] == [b"initialise"] and ticks > 5


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="weir-initialise-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def module(self, name, text):
        """A module for Server(...)."""
        path = os.path.join(self.folder, name)
        subprocess.run(["wat2wasm", "-", "-o", path + ".wasm"], input=text, text=True, check=True)
        return os.path.abspath(path)

    def log(self):
        return os.path.join(self.folder, "log")

    def printed(self):
        with open(self.log(), encoding="utf-8") as file:
            return [line.split(" ", 1)[1] for line in file if " stderr " in line]


class Once(Folder):
    def check_prepared(self, server):
        expected = 7
        for _ in range(16):
            expected = ((expected ^ expected >> 15) * 1664525 + 1013904223) % 2**32
        for _ in range(20):
            self.assertEqual(server.call("/state"), 102)
            self.assertEqual(server.call("/lookup", 7) % 2**32, expected)
            self.assertNotEqual(server.call("/lookup", 2), 0)  # what `state` wrote has gone

    def test_every_request_finds_what_was_prepared_once(self):
        with Server("prepared", options=("--workers", "2", "--log-file", self.log())) as server:
            self.check_prepared(server)
        self.assertEqual(self.printed(), ["initialise:prepared stderr prepared\n"])

    def test_never_prepares_for_every_request(self):
        options = ("--workers", "1", "--log-file", self.log(), "--snapshot", "never")
        with Server("prepared", options=options) as server:
            self.check_prepared(server)
        ids = {line.split()[0] for line in self.printed()}
        self.assertEqual((len(ids), len(self.printed())), (60, 60))

    def test_its_lines_can_be_json(self):
        options = ("--workers", "1", "--log-file", self.log(), "--log", "json")
        with Server("prepared", options=options):
            pass
        with open(self.log(), encoding="utf-8") as file:
            line, = map(json.loads, file)
        self.assertEqual((line["request"], line["stderr"]), ("initialise:prepared", "prepared"))

    def test_many_modules_of_all_kinds(self):
        guests = ("hello", "prepared", "trap", "vec_emscripten", "drawn", "chatty")
        with Server(*guests, options=("--workers", "2")) as server:
            for _ in range(5):
                self.assertEqual(server.call("/hello/add", 1, 2), 3)
                self.assertEqual(server.call("/prepared/state"), 102)
                self.assertEqual(server.call("/vec_emscripten/dot", 4, 1, 2), 28)
            self.assertEqual([line for line in server.lines if line.startswith("weir: ")], [
                "weir: drawn is initialised for every request: its initialisation calls"
                " random_get\n"])

    def test_a_worker_that_takes_another_s_place_begins_there_too(self):
        options = ("--workers", "1", "--snapshot", "always")
        with Server("drawn", options=options, may_lose_workers=True) as server:
            secret = server.call("/secret")
            before, = server.workers()
            os.kill(before, signal.SIGKILL)
            until(lambda: server.workers() not in ([before], []))
            self.assertEqual(server.call("/secret"), secret)


class Asks(Folder):
    def test_what_differs_from_time_to_time_is_asked_for_every_request(self):
        for name, text in ASKED.items():
            options = ("--workers", "1", "--log-file", self.log())
            with Server(self.module(name, ASKS % text), options=options) as server:
                for _ in range(5):
                    self.assertIsNone(server.call("/f"))
                self.assertIn(f"weir: {name} is initialised for every request: its initialisation"
                              f" calls {name}\n", server.lines)
            lines = self.printed()
            self.assertEqual([line.split(" ", 1)[1] for line in lines], ["stderr asked\n"] * 5)
            self.assertEqual(len({line.split()[0] for line in lines}), 5)
            os.unlink(self.log())


class Secrets(unittest.TestCase):
    def test_each_request_draws_its_own(self):
        with Server("drawn", options=("--workers", "2")) as server:
            self.assertEqual(len({server.call("/secret") for _ in range(20)}), 20)

    def test_always_means_the_same_for_all(self):
        with Server("drawn", options=("--workers", "2", "--snapshot", "always")) as server:
            secret, = {server.call("/secret") for _ in range(20)}
            self.assertNotEqual(secret, 0)
            self.assertTrue(any("secrets too" in line for line in server.lines), server.lines)


class Configured(Folder):
    """By a weir.toml."""

    def write(self, text):
        path = os.path.join(self.folder, "weir.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.format(guests=os.path.abspath(GUESTS)))
        return path

    def test_always(self):
        path = self.write('workers = 2\nsnapshot = "always"\n'
                          '[modules.drawn]\npath = "{guests}/drawn.wasm"\n')
        with Server(path) as server:
            self.assertEqual(len({server.call("/secret") for _ in range(20)}), 1)
        done = subprocess.run([WEIR, "check", path], check=True, capture_output=True, text=True,
                              timeout=PATIENCE_S)
        self.assertIn("secrets too", done.stdout)
        with Server(path, options=("--snapshot", "auto")) as server:
            self.assertEqual(len({server.call("/secret") for _ in range(20)}), 20)

    def test_the_least_memory_of_the_routes_holds(self):
        path = self.write('[modules.prepared]\npath = "{guests}/prepared.wasm"\n'
                          '[routes.much]\nmodule = "prepared"\nmemory = "64 MiB"\n'
                          '[routes.little]\nmodule = "prepared"\nmemory = "2 MiB"\n')
        done = subprocess.run([WEIR, "serve", path, "--addr", "127.0.0.1:0"], check=False,
                              capture_output=True, text=True, timeout=PATIENCE_S)
        self.assertEqual(done.returncode, 4)
        self.assertIn("weir: prepared: its initialisation ends with a trap: out of bounds memory"
                      " access (at ", done.stderr)  # it does not look at what memory.grow says

    def test_two_versions_begin_with_their_own(self):
        path = self.write('workers = 1\n[modules.prepared]\npath = "{guests}/prepared.wasm"\n'
                          'previous = "{guests}/vec_emscripten.wasm"\n'
                          '[modules.drawn]\npath = "{guests}/drawn.wasm"\n'
                          '[routes.prepared]\nfallback = ["previous"]\n[routes.drawn]\n')
        with Server(path) as server:
            self.assertEqual({server.call("/prepared/state") for _ in range(5)}, {102})
            self.assertEqual(len({server.call("/drawn/secret") for _ in range(5)}), 5)


class Programs(Folder):
    def serve(self, call):
        with Server(self.module("program", PROGRAM % call), options=("--workers", "1")) as server:
            for _ in range(3):
                status, _, body = server.request("POST", "/", "")
                self.assertEqual((status, body), (200, b"  ready!"))
            return server.lines

    def test_a_start_function_that_knows_no_request_runs_once(self):
        self.assertFalse([line for line in self.serve("") if "is initialised" in line])

    def test_one_that_asks_for_the_environment_runs_for_each(self):
        lines = self.serve("(drop (call $sizes (i32.const 32) (i32.const 36)))")
        self.assertIn("weir: program is initialised for every request: its initialisation calls"
                      " environ_sizes_get\n", lines)


class Inspect(unittest.TestCase):
    def test_it_says_when(self):
        cases = (("hello", (), {"when": "never"}),
                 ("drawn", (), {"when": "request",
                                "reason": "its initialisation calls random_get"}),
                 ("drawn", ("--snapshot", "always"), {
                     "when": "start", "reason": "its initialisation calls random_get",
                     "snapshot_bytes": 8192}),
                 ("drawn", ("--snapshot", "never"), {"when": "request",
                                                     "reason": "so --snapshot never wants it"}))
        for name, options, want in cases:
            with self.subTest((name, options)):
                path = os.path.join(GUESTS, name + ".wasm")
                done = subprocess.run([WEIR, "inspect", "--json", path, *options], check=True,
                                      capture_output=True, timeout=PATIENCE_S)
                self.assertEqual(json.loads(done.stdout)["initialised"], want)


class Failures(Folder):
    def start(self, *options):
        server = subprocess.Popen([WEIR, "serve", self.module("endless", ENDLESS) + ".wasm",
                                   "--addr", "127.0.0.1:0", *options], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(server.stderr.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        return server

    def initialiser(self, server):
        return until(lambda: [pid for pid in children(server.pid) if is_running_guest(pid)])[0]

    def test_one_without_an_end_is_ended(self):
        server = self.start("--cpu-ms", "3600000", "--wall-ms", "300")
        _, said = server.communicate(timeout=PATIENCE_S)
        self.assertEqual(said, "weir: endless: its initialisation ends with a trap: time limit"
                         " reached (at func[0])\n")
        self.assertEqual(server.returncode, 4)

    def test_one_that_hangs_is_killed(self):
        server = self.start("--cpu-ms", "3600000", "--wall-ms", "5000")
        os.kill(self.initialiser(server), signal.SIGSTOP)
        _, said = server.communicate(timeout=PATIENCE_S)
        self.assertEqual(said, "weir: endless: the process that initialises it ended: signal 9"
                         " (Killed)\n")

    def test_a_killed_process_is_said(self):
        server = self.start(*LONG)
        os.kill(self.initialiser(server), signal.SIGKILL)
        _, said = server.communicate(timeout=PATIENCE_S)
        self.assertEqual(said, "weir: endless: the process that initialises it ended: signal 9"
                         " (Killed)\n")
        self.assertEqual(server.returncode, 1)

    def test_it_is_jailed_while_guest_code_runs(self):
        server = self.start(*LONG)
        with open(f"/proc/{self.initialiser(server)}/status", encoding="ascii") as file:
            facts = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        self.assertEqual((facts["Seccomp"], facts["NoNewPrivs"]), ("2", "1"))

    def test_a_stop_takes_it_along(self):
        server = self.start(*LONG)
        pid = self.initialiser(server)
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=PATIENCE_S)
        until(lambda: not os.path.exists(f"/proc/{pid}"))


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""weir inspect and weir check: what is said of a module is what serve does with it."""
import hashlib

from harness import *  # pylint: disable=wildcard-import,unused-wildcard-import

WEIR = os.path.join(BIN, "weir")


def guest(name):
    return os.path.join(GUESTS, name + ".wasm")


def weir(*args, status=0):
    done = subprocess.run([WEIR, *args], capture_output=True, check=False, timeout=PATIENCE_S)
    assert done.returncode == status, done
    return done.stdout.decode()


def inspect(name, *options):
    return json.loads(weir("inspect", "--json", guest(name), *options))


class Inspect(unittest.TestCase):
    def test_a_library_of_functions(self):
        facts = inspect("hello")
        with open(guest("hello"), "rb") as file:
            content = file.read()
        self.assertEqual(facts["file"], guest("hello"))
        self.assertEqual(facts["bytes"], len(content))
        self.assertEqual(facts["digest"], hashlib.blake2b(content, digest_size=32).hexdigest())
        self.assertEqual((facts["kind"], facts["serves"]), ("function library", "functions"))
        self.assertEqual((facts["tier"], facts["strict_traps"]), ("best", False))
        self.assertEqual(facts["imports"], [])
        self.assertEqual(facts["memory"]["limit_bytes"], 128 << 20)
        self.assertEqual(facts["limits"], {"cpu_ms": 1000, "wall_ms": 10000})
        self.assertIn({"path": "/add", "signature": "add(a: i32, b: i32) -> i32"},
                      facts["endpoints"])

    def test_endpoints_are_those_that_are_served(self):
        for name in ("hello", "vec", "lists", "typed", "names"):
            said = [endpoint["path"] for endpoint in inspect(name)["endpoints"]]
            with Server(name, options=("--workers", "1")) as server:
                index = json.loads(server.request("GET", "/")[2])
            self.assertEqual(said, [endpoint["path"] for endpoint in index["endpoints"]])

    def test_options_make_another_code(self):
        facts = [inspect("hello"), inspect("hello", "--opt", "quick"),
                 inspect("hello", "--strict-traps")]
        self.assertEqual([one["tier"] for one in facts], ["best", "quick", "best"])
        self.assertEqual([one["strict_traps"] for one in facts], [False, False, True])
        self.assertEqual(len({one["code_key"] for one in facts}), 3)
        self.assertEqual(len({one["digest"] for one in facts}), 1)

    def test_a_program(self):
        facts = inspect("program")
        self.assertEqual((facts["kind"], facts["serves"]), ("program", "program"))
        self.assertEqual(facts["endpoints"], [])
        write = next(one for one in facts["imports"] if one["name"] == "fd_write")
        self.assertEqual((write["module"], write["kind"], write["offered"]),
                         ("wasi_snapshot_preview1", "function", True))
        self.assertEqual(write["type"], "(i32, i32, i32, i32) -> (i32)")
        self.assertGreater(write["caller"]["index"], 0)

    def test_the_text_says_the_same(self):
        facts, text = inspect("vec"), weir("inspect", guest("vec"))
        for word in (facts["digest"], facts["code_key"], facts["kind"],
                     *[endpoint["signature"] for endpoint in facts["endpoints"]]):
            self.assertIn(word, text)

    def test_what_is_checked_can_be_served(self):
        names = [name.removesuffix(".wasm") for name in sorted(os.listdir(GUESTS))
                 if name.endswith(".wasm") and name != "stuck.wasm"]  # which never starts
        lines = weir("check", *map(guest, names)).splitlines()
        self.assertEqual(
            [line.split(";")[0] for line in lines if ": warning: " not in line],
            [f"{guest(name)}: ok: it can be served" for name in names])
        with Server(*names, options=("--workers", "1")):
            pass

    def test_imports_that_nothing_offers_are_counted(self):
        module = ('(module (import "env" "log" (func)) (import "env" "never" (func))'
                  ' (import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))'
                  ' (func (export "f")))')
        with tempfile.TemporaryDirectory(prefix="weir-inspect-") as folder:
            path = os.path.join(folder, "needs.wasm")
            subprocess.run(["wat2wasm", "-", "-o", path], input=module, text=True, check=True)
            self.assertIn("\nimports     3, 2 not offered: it cannot be served\n",
                          weir("inspect", path))
            weir("check", path, status=3)

    def test_a_line_is_a_line_whatever_the_file_is_called(self):
        with tempfile.TemporaryDirectory(prefix="weir-inspect-") as folder:
            bad, good = (os.path.join(folder, name) for name in ("a\nb\x1b[2J.wasm", "\x1b[m.wasm"))
            with open(bad, "wb") as file:
                file.write(b"no module")
            os.symlink(os.path.abspath(guest("hello")), good)
            plain = [path.replace("\n", "?").replace("\x1b", "?") for path in (bad, good)]
            self.assertEqual(weir("check", bad, good, status=3), (
                f"{plain[0]}: error: no WebAssembly module: magic header not found"
                " (at offset 0x0)\n"
                f"{plain[1]}: error: the file's name becomes part of the URL; use letters, digits"
                " and ._-\n"))

    def test_what_cannot_be_printed_is_no_success(self):
        hello = guest("hello")
        with open("/dev/full", "wb") as full:
            for words in (("check", hello), ("inspect", hello), ("version",), ("help", "run"),
                          ("run", "--help"), ("run", hello, "--invoke", "add", "1", "2")):
                done = subprocess.run([WEIR, *words], stdout=full, stderr=subprocess.PIPE,
                                      check=False, timeout=PATIENCE_S)
                self.assertEqual((done.returncode, done.stderr), (
                    1, b"weir: cannot write to standard output: No space left on device\n"), words)


if __name__ == "__main__":
    unittest.main()

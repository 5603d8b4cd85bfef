#!/usr/bin/env python3
"""What people see when something is wrong: command lines, what they print, how they end.

    messages_test.py            compares with messages.txt
    messages_test.py --bless    rewrites messages.txt; review the difference

A block of messages.txt is a command line behind "$ ", run in a folder with the files made below,
the lines of its standard output behind "1> " and error behind "2> ", and its exit status behind
"= ".
"""
import re
import shlex
import sys

from harness import *  # pylint: disable=wildcard-import,unused-wildcard-import

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "messages.txt")

IDLE = b"""
[modules.add]
path = "add.wasm"
previous = "add.wasm"
[modules.other]
path = "signed.wasm"
[modules.less]
path = "less.wasm"
previous = "divide.wasm"

[routes.a]
module = "add"
fallback = ["stale", "route:less", "static:busy.json", "route:less"]
[routes.b]
module = "add"
function = "add"
fallback = ["route:f"]
[routes.f]
module = "less"
function = "add"
[routes.less]
module = "less"
fallback = ["previous", "route:b"]
"""
FILES = {
    "empty.wasm": b"",
    "text.wasm": b"this is no module",
    "short.wasm": b"\0asm\1\0",
    "version.wasm": b"\0asm\x0d\0\1\0",
    "cut.wasm": b"\0asm\1\0\0\0\1\x20\1",
    "bare.wasm": b"\0asm\1\0\0\0",
    "bad name.wasm": b"\0asm\1\0\0\0",
    "busy.json": b"{}",
    "good.toml": b'[modules.add]\npath = "add.wasm"\n'
                 b'[routes.all]\nfallback = ["static:busy.json"]\n'
                 b'[routes.add]\nfunction = "add"\nfallback = ["route:all"]\n',
    "top.toml": b'listen = "8080"\nlog = "xml"\ncontrol = "none/x.sock"\n'
                b'dirs = ["folder::/", "none::/x", "::/y"]\n[modules.add]\npath = "add.wasm"\n',
    "opened.toml": b'listen = "127.0.0.1:99999"\nlog-file = "none/log"\n'
                   b'control = "busy.json"\n'
                   b'dirs = ["folder::/",\n"none::/x", "busy.json"]\n'
                   b'[modules.add]\npath = "add.wasm"\n',
    "log.toml": b'log-file = "folder"\n[modules.add]\npath = "add.wasm"\n',
    "control.toml": b'listen = "127.0.0.1:0"\ncontrol = "none/x.sock"\n'
                    b'[modules.add]\npath = "add.wasm"\n',
    "dirs.toml": b'listen = "127.0.0.1:0"\ndirs = ["folder::/", "none::/x"]\n'
                 b'[modules.add]\npath = "add.wasm"\n',
    "snapshot.toml": b'snapshot = "once"\n[modules.add]\npath = "add.wasm"\n',
    "makes.toml": b'listen = "127.0.0.1:1"\nlog-file = "folder/log"\n'
                  b'control = "folder/x.sock"\ndirs = ["folder"]\n'
                  b'[modules.add]\npath = "add.wasm"\n',
    "key.toml": b'wal = "1 s"\n[modules.add]\npath = "add.wasm"\n',
    "function.toml": b'[modules.add]\npath = "add.wasm"\n[routes.r]\nfunction = "sub"\n',
    "both.toml": b'log-file = "none/log"\n[modules.add]\npath = "add.wasm"\n'
                 b'[routes.r]\nfunction = "ad"\n',
    "kind.toml": b'[modules.add]\npath = "add.wasm"\n[routes.r]\nfallback = ["static:"]\n',
    "hostless.toml": b'dirs = ["::/y"]\n[modules.add]\npath = "add.wasm"\n',
    "meant.toml": b'[modules.add]\npath = "add.wasm"\n[routes.r]\nfunction = "ad"\n',
    "status.toml": b'[modules.add]\npath = "add.wasm"\n'
                   b'[routes.r]\nfallback = ["static:900:busy.json"]\n',
    "idle.toml": IDLE,
    "bare.toml": b'[modules.add]\npath = "add.wasm"\n',
    "large.toml": b'memory = "512 MiB"\n[modules.large]\npath = "large.wasm"\n'
                  b'[routes.large]\nfallback = ["static:busy.json"]\n',
    "endless.toml": b'[modules.endless]\npath = "endless.wasm"\n'
                    b'[routes.endless]\ncpu = "50 ms"\nfallback = ["static:busy.json"]\n',
    "file.toml": b'[modules.add]\npath = "add.wasm"\n'
                 b'[routes.r]\nfallback = ["static:none.json"]\n',
}
# Made by wat2wasm --debug-names, those of STRIPPED without.
MODULES = {
    "add": '(module (func (export "add") (param $a i32) (param $b i32) (result i32)'
           ' (i32.add (local.get $a) (local.get $b))))',
    "less": '(module (func (export "add") (param $a i32) (result i32) (local.get $a))'
            ' (func (export "divide") (param i32 i32)) (func (export "none")))',
    "badtype": '(module (func $wrong (result i32) (i64.const 1)))',
    "needs": '(module (import "env" "log" (func $log (param i32)))'
              ' (import "other" "memory" (memory 1))'
              ' (func $main (export "main") (call $log (i32.const 1))))',
    "bare_needs": '(module (import "env" "log" (func (param i32))) (import "env" "never" (func))'
                  ' (import "env" "more" (func)) (func (export "main") (call 0 (i32.const 1)))'
                  ' (func (call 2)))',
    "trapstart": '(module (func $begin unreachable) (start $begin) (func (export "f")))',
    "ready": '(module (memory 2) (func (export "_initialize")'
             ' (i32.store (i32.const 70000) (i32.const 7)))'
             ' (func (export "f") (result i32) (i32.load (i32.const 70000))))',
    "random": '(module (import "wasi_snapshot_preview1" "random_get"'
              ' (func $random (param i32 i32) (result i32))) (memory 1)'
              ' (func (export "_initialize") (drop (call $random (i32.const 0) (i32.const 8))))'
              ' (func (export "f") (result i64) (i64.load (i32.const 0))))',
    "endless": '(module (func $begin (loop (br 0))) (start $begin) (func (export "f")))',
    "divide": '(module (func $inner (param i32 i32) (result i32)'
              ' (i32.div_s (local.get 0) (local.get 1)))'
              ' (func (export "divide") (param i32 i32) (result i32)'
              ' (call $inner (local.get 0) (local.get 1))))',
    "large": '(module (memory 4096) (func (export "f")))',
    "reference": '(module (func (export "f") (param externref)))',
    "signed": '(module (func (export "add") (param i32 i32) (result i32) (i32.const 0)))',
    "unsigned": '(module (func (export "add") (param i32 i32) (result i32) (i32.const 0)))',
}
SIGNATURES = {
    "signed": "add: func(a: u32, b: s32) -> u32;\n",
    "unsigned": "add: func(a: u32) -> u32;\n",
}
INVALID = {"badtype"}
STRIPPED = {"bare_needs"}


def make_files(folder):
    for name, content in FILES.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)
    for name, text in MODULES.items():
        path = os.path.join(folder, name)
        with open(path + ".wat", "w", encoding="utf-8") as file:
            file.write(text)
        command = ["wat2wasm", path + ".wat", "-o", path + ".wasm"]
        if name not in STRIPPED:
            command.append("--debug-names")
        if name in INVALID:
            command.append("--no-check")
        subprocess.run(command, check=True, timeout=PATIENCE_S)
    for name, text in SIGNATURES.items():
        with open(os.path.join(folder, name + ".sig"), "w", encoding="utf-8") as file:
            file.write(text)
    os.mkdir(os.path.join(folder, "folder"))


# What a compilation says that takes longer than a second, as all do on a busy machine.
PROGRESS = re.compile(r"(compiling|compiled) \S+( in [0-9.]+ s)?\Z")


def run(line, folder):
    """The block of one command line."""
    words = shlex.split(line)
    program = os.path.abspath(os.path.join(BIN, words[0]))
    environment = dict(os.environ, WEIR_CACHE=os.path.join(folder, "cache"))
    done = subprocess.run([program, *words[1:]], cwd=folder, stdin=subprocess.DEVNULL,
                          capture_output=True, check=False, timeout=PATIENCE_S, env=environment)
    block = ["$ " + line]
    block += ["1> " + text for text in done.stdout.decode().splitlines()]
    block += ["2> " + text for text in done.stderr.decode().splitlines()
              if not PROGRESS.match(text)]
    return "\n".join(block + [f"= {done.returncode}"]).replace(folder, "FOLDER")


def read_golden():
    with open(GOLDEN, encoding="utf-8") as file:
        return file.read().strip().split("\n\n")


class Messages(unittest.TestCase):
    def test_all(self):
        with tempfile.TemporaryDirectory() as folder:
            make_files(folder)
            for block in read_golden():
                line = block.split("\n")[0]
                with self.subTest(line):
                    self.assertEqual(run(line.removeprefix("$ "), folder), block)

    def test_check_makes_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            make_files(folder)
            self.assertTrue(run("weir check makes.toml", folder).endswith("\n= 0"))
            self.assertEqual(os.listdir(os.path.join(folder, "folder")), [])


def bless():
    with tempfile.TemporaryDirectory() as folder:
        make_files(folder)
        blocks = [run(block.split("\n")[0].removeprefix("$ "), folder) for block in read_golden()]
    with open(GOLDEN, "w", encoding="utf-8") as file:
        file.write("\n\n".join(blocks) + "\n")


if __name__ == "__main__":
    if sys.argv[1:] == ["--bless"]:
        bless()
    else:
        unittest.main()

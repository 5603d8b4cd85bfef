#!/usr/bin/env python3
"""The edges of the sandbox, through the real compiler: memory byte by byte, the end of the stack.

Every load and store at the last byte, one beyond, with the largest address and the largest offset,
in memories of no, one and some pages, grown or not. Recursion to the end of the stack by frames of
all sizes, by start functions, below host code, and every host function called from the last frame.
"""
import re

from harness import *  # pylint: disable=wildcard-import,unused-wildcard-import

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
MODES = [("quick", "lax"), ("quick", "strict"), ("best", "lax"), ("best", "strict")]
PAGE = 65536
BOUNDS, EXHAUSTED = "trap memory-out-of-bounds", "trap stack-exhausted"

# width in bytes of every access
LOADS = {"i32.load": 4, "i64.load": 8, "f32.load": 4, "f64.load": 8, "i32.load8_s": 1,
         "i32.load8_u": 1, "i32.load16_s": 2, "i32.load16_u": 2, "i64.load8_s": 1,
         "i64.load8_u": 1, "i64.load16_s": 2, "i64.load16_u": 2, "i64.load32_s": 4,
         "i64.load32_u": 4}
STORES = {"i32.store": 4, "i64.store": 8, "f32.store": 4, "f64.store": 8, "i32.store8": 1,
          "i32.store16": 2, "i64.store8": 1, "i64.store16": 2, "i64.store32": 4}
OFFSETS = [0, 16, 32 << 20, (32 << 20) + 1, (1 << 31) - 1, (1 << 32) - 1]

TYPES = {"i": "i32", "I": "i64", "f": "f32", "F": "f64"}
ENDERS = {"proc_exit": "trap exit"}  # it ends the guest instead of returning to it
# What was freed counts as used otherwise, where the address sanitizer is built in.
QUARANTINE = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"}


def memory_module(pages):
    """Functions OP/OFFSET(address) and grow(pages)."""
    text = [f"(module (memory {pages} 8)",
            '(func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))']
    for offset in OFFSETS:
        for op in LOADS:
            text.append(f'(func (export "{op}/{offset}") (param i32) (result {op[:3]}) '
                        f'({op} offset={offset} (local.get 0)))')
        for op in STORES:
            text.append(f'(func (export "{op}/{offset}") (param i32) '
                        f'({op} offset={offset} (local.get 0) ({op[:3]}.const -1)))')
    return "\n".join(text + [")"])


def host_functions():
    """(module, field, parameters, results) of every row of the tables of host functions."""
    rows = []
    for path, module in (("src/sched/host.def", None), ("src/wasi/p1.def",
                                                        "wasi_snapshot_preview1")):
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            for columns in re.findall(r"^HOST\((.*)", file.read(), re.M):
                words = [word.strip() for word in columns.split(",")]
                name = words.pop(0) if module is None else module
                params, results = words[1].split("_")
                rows.append((name, words[0], params, results))
    return rows


def stack_module():
    """dive_K(n): frames with K values alive; host functions by number: host(small, deep, number)
    goes down `small` small frames, then `deep` frames of the caller's, then calls from each one."""
    text = ["(module"]
    rows = host_functions()
    for i, (module, field, params, results) in enumerate(rows):
        types = "".join(f"(param {TYPES[p]})" for p in params)
        ends = "".join(f"(result {TYPES[r]})" for r in results)
        text.append(f'(import "{module}" "{field}" (func $host{i} {types} {ends}))')
    text += ['(memory (export "memory") 1)', '(global $n (export "n") (mut i32) (i32.const 0))',
             f"(table {len(rows)} funcref)", "(type $deep (func (param i32)))",
             "(elem (i32.const 0) " + " ".join(f"$from{i}" for i in range(len(rows))) + ")"]
    for i, (_, _, params, results) in enumerate(rows):
        args = "".join(f"({TYPES[p]}.const 0)" for p in params)
        text.append(f"""(func $from{i} (param $deep i32)
  (global.set $n (i32.add (global.get $n) (i32.const 1)))
  (if (local.get $deep)
    (then (call $from{i} (i32.sub (local.get $deep) (i32.const 1))))
    (else (call $host{i} {args}) {"drop" if results else ""} (call $from{i} (i32.const 0))))
  (global.set $n (i32.sub (global.get $n) (i32.const 1))))""")
    text.append("""(func $host (export "host") (param $small i32) (param $deep i32)
                            (param $which i32)
  (if (local.get $small)
    (then (call $host (i32.sub (local.get $small) (i32.const 1)) (local.get $deep)
                      (local.get $which)))
    (else (call_indirect (type $deep) (local.get $deep) (local.get $which))))
  (global.set $n (i32.const 0)))""")
    for live in FRAMES:
        loads = "".join(f"(local.set {1 + i} (i64.load offset={8 * i} (local.get 0)))"
                        for i in range(live))
        stores = "".join(f"(i64.store offset={8 * i} (local.get 0) (local.get {1 + i}))"
                         for i in range(live))
        text.append(f"""(func $dive{live} (export "dive{live}") (param i32) (local {"i64 " * live})
  {loads} (call $dive{live} (local.get 0)) {stores})
(func $start{live} (export "start{live}") (param $small i32)
  (if (local.get $small) (then (call $start{live} (i32.sub (local.get $small) (i32.const 1))))
                         (else (call $dive{live} (i32.const 0))))
  (i32.store (i32.const 0) (i32.const 1)))""")
    return "\n".join(text + [")"])


FRAMES = [1, 3, 8, 30, 200, 2000]
# Guest and host call each other, as long as there is stack; or `depth` times.
BOUNCE = """(module (import "edge" "call_back" (func $back (param i32) (result i32)))
  (func (export "bounce") (param i32) (result i32)
    (if (result i32) (i32.eq (local.get 0) (i32.const 1))
      (then (i32.const 7))
      (else (i32.add (call $back (i32.sub (local.get 0) (i32.const 1))) (i32.const 1))))))"""
START = "(module (func $f (call $f) (call $f)) (start $f) (func (export \"x\")))"


class Edges:
    """weir-edges on one module."""

    def __init__(self, folder, text, tier, traps):
        path = os.path.join(folder, "m.wasm")
        subprocess.run(["wat2wasm", "-", "-o", path], input=text, text=True, check=True)
        self.process = subprocess.Popen(
            [os.path.join(BIN, "weir-edges"), os.path.join(folder, "cache"), tier, traps, path],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **QUARANTINE})

    def ask(self, commands):
        """All answers to these commands, which are the last ones."""
        out, words = self.process.communicate("".join(line + "\n" for line in commands))
        answers = out.splitlines()
        if self.process.returncode != 0 or len(answers) != len(commands):
            raise AssertionError(f"after {len(answers)} of {len(commands)} commands: "
                                 f"{self.process.returncode} {words}")
        return answers


class Memory(unittest.TestCase):
    def cases(self, pages, grown):
        """(command, what it must answer)."""
        size = (pages + grown) * PAGE
        if grown:
            yield f"call grow {grown}", f"return {pages:x}"
        for op, width in (LOADS | STORES).items():
            for offset in OFFSETS:
                addresses = {0, (1 << 32) - 1}
                for address in (size - width, size - width + 1, size - 1, size):
                    addresses |= {address - offset, address}
                for address in sorted(a for a in addresses if 0 <= a < 1 << 32):
                    first = address + offset
                    fault = None if first + width <= size else max(first, size)
                    yield f"call {op}/{offset} {address}", fault
                    if fault is not None:
                        yield "new", "new"
                        if grown:
                            yield f"call grow {grown}", f"return {pages:x}"

    def check(self, tier, traps, pages, grown):
        cases = list(self.cases(pages, grown))
        with tempfile.TemporaryDirectory(prefix="weir-edges-") as folder:
            edges = Edges(folder, memory_module(pages), tier, traps)
            answers = edges.ask(["new"] + [command for command, _ in cases] + ["canaries"])
        count, damaged = re.fullmatch(r"canaries (\d), (\d+)", answers[-1]).groups()
        self.assertEqual(damaged, "0")
        if not is_sanitized():  # it may have taken the pages on both sides
            self.assertGreaterEqual(int(count), 1, "no page beside the memory was free")
        for (command, want), got in zip(cases, answers[1:]):
            if isinstance(want, str):
                self.assertEqual(got, want, command)
            elif want is None:
                self.assertTrue(got.startswith("return "), f"{command}: {got}")
            else:
                # An offset that passes the guard is compared, and there is no address.
                self.assertIn(got, (f"{BOUNDS} {want:x}", f"{BOUNDS} -"), command)
                if int(command.split("/")[1].split()[0]) < 32 << 20:
                    self.assertNotEqual(got, f"{BOUNDS} -", command)

    def test_every_access_at_every_edge(self):
        for tier, traps in MODES:
            for pages, grown in ((0, 0), (1, 0), (1, 2), (0, 3)):
                with self.subTest(tier=tier, traps=traps, pages=pages, grown=grown):
                    self.check(tier, traps, pages, grown)


class Stack(unittest.TestCase):
    ROUNDS = 85  # of each of 6 frames from 20 places: 10,200 calls

    def check_held(self, before, after):
        kib0, mappings0, fds0 = map(int, before.split()[1:])
        kib1, mappings1, fds1 = map(int, after.split()[1:])
        self.assertLess(kib1, kib0 + 4096, "memory leaks")
        self.assertLessEqual(mappings1, mappings0 + 8, "mappings leak")
        self.assertEqual(fds1, fds0, "descriptors leak")

    def test_endless_recursion_by_frames_of_all_sizes(self):
        commands = [f"times {self.ROUNDS} start{live} {small}"
                    for live in FRAMES for small in range(20)]
        for tier in ("quick", "best"):
            with self.subTest(tier), tempfile.TemporaryDirectory() as folder:
                edges = Edges(folder, stack_module(), tier, "lax")
                answers = edges.ask([*commands[::20], "process", *commands, "process", "canaries"])
                for answer in answers[:6] + answers[7:-2]:
                    self.assertEqual(answer, f"{EXHAUSTED} -, 0")
                self.check_held(answers[6], answers[-2])
                self.assertRegex(answers[-1], r"canaries [012], 0")

    def test_every_host_function_from_the_last_frame(self):
        rows = host_functions()
        self.assertGreater(len(rows), 45)
        for tier in ("quick", "best"):
            with self.subTest(tier), tempfile.TemporaryDirectory() as folder:
                measured = Edges(folder, stack_module(), tier, "lax").ask(
                    ["call host 0 1000000 0", "global n"])
                self.assertEqual(measured[0], f"{EXHAUSTED} -")
                # Where 64 KiB are left of 256, host calls end; they begin a little above.
                deep = int(measured[1].split()[1], 16) * 72 // 100
                calls = [(row, small) for row in range(len(rows)) for small in range(8)]
                commands = [f"times 2 host {small} {deep} {row}" for row, small in calls]
                answers = Edges(folder, stack_module(), tier, "lax").ask(
                    [*commands[::8], "process", *commands, "process"])
                for (row, _), answer in zip(calls, answers[len(rows) + 1:]):
                    want = ENDERS.get(rows[row][1], EXHAUSTED)
                    self.assertEqual(answer, f"{want} -, 0", rows[row][1])
                self.check_held(answers[len(rows)], answers[-1])

    def test_recursion_of_guest_and_host(self):
        for tier in ("quick", "best"):
            with self.subTest(tier), tempfile.TemporaryDirectory() as folder:
                edges = Edges(folder, BOUNCE, tier, "lax")
                answers = edges.ask(["drive bounce 20"] + ["drive bounce 0", "new"] * 100 +
                                    ["process"] + ["drive bounce 0", "new"] * 10000 + ["process"])
                self.assertEqual(answers[0], "return 1a")
                for answer in answers[1:201:2] + answers[202:-1:2]:
                    self.assertEqual(answer, f"{EXHAUSTED} -")
                self.check_held(answers[201], answers[-1])

    def test_recursion_in_a_start_function(self):
        with tempfile.TemporaryDirectory() as folder:
            answers = Edges(folder, START, "best", "lax").ask(
                ["times 10 x", "process", "times 10000 x", "process"])
        self.assertEqual(answers[0], f"{EXHAUSTED} -, 0")
        self.assertEqual(answers[2], f"{EXHAUSTED} -, 0")
        self.check_held(answers[1], answers[3])

    def test_recursion_below_host_code(self):
        with tempfile.TemporaryDirectory() as folder:
            answers = Edges(folder, stack_module(), "best", "lax").ask(
                [command for live in FRAMES for command in (f"drive start{live} 3", "new")])
        self.assertEqual(set(answers[::2]), {f"{EXHAUSTED} -"})


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""test/fuzz/differ.py -- random modules, run by Weir in four ways and by Node: all must agree.

    differ.py BIN [--modules N] [--seed N] [--seconds N] [--jobs N] [--save DIR] [--cases DIR]
    differ.py BIN --check FILE.wasm

BIN holds weir-differ and weirc. wasm-opt (binaryen) makes the modules; started by script/fuzz.
Results and logged values are compared bit for bit (NaNs as NaN: JavaScript does not keep their
bits), traps by class, memory by its size and sums after every call that returned. Strict traps
must do exactly as Node. Default traps may differ in one way, see is_permitted. The exit code is 1
if anything else differed; the module lies in DIR, minimised by wasm-reduce. The cases are modules
as text, judged first: each says in its first line what the verdict must be.
"""
import argparse
import os
import queue
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import loops

HERE = os.path.dirname(os.path.abspath(__file__))
SHAPES = ["quick strict", "best strict", "quick lax", "best lax"]
PATIENCE_S = 60         # one module, one way
REDUCE_S = 300
FILLS = ["5a", "27"]    # bytes of what a load out of bounds gives in a probe; never negative
LOOPS_SHARE = 0.2       # of the modules, from loops.py
LOOPS_MAX = 63          # rounds of loops and calls in a function; one LEB byte
REFUSED = ("unsupported", "limit-exceeded")

def enabled(names):
    return ["--mvp-features"] + ["--enable-" + name for name in names.split()]


# binaryen 108 makes invalid modules of multi-value and reference types together.
COMMON = "sign-ext nontrapping-float-to-int mutable-globals bulk-memory "
GENERATED = ["multivalue"] * 3 + ["reference-types extended-const"]
FEATURES = enabled(COMMON + "multivalue reference-types extended-const")

# Numbers that arguments are made of.
VALUES = [0x0, 0x1, 0xffffffffffffffff, 0x7f, 0x100, 0xffff, 0x80000000, 0x7fffffff,
          0x8000000000000000, 0x7fffffffffffffff, 0x10, 0xfffffffffffffff0, 0x123456789abcdef,
          0xfff8, 0xffffff85, 0x500000000]

# Words of the two sides for what the other cannot tell apart.
CLASSES = {"uninitialized-element": "table", "indirect-call-type": "table", "table-call": "table",
           "table-out-of-bounds": "table", "invalid-conversion": "number", "conversion": "number",
           "integer-overflow": "number"}


class Side:
    """A process that answers lines; started again after it died or hung."""

    def __init__(self, command):
        self.command = command
        self.process = None

    def ask(self, line):
        """The lines of the answer; the last is "died STATUS" or "hung" if there was none."""
        if self.process is None:
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, text=True, errors="replace")
        timer = threading.Timer(PATIENCE_S, self.process.kill)
        timer.start()
        started = time.monotonic()
        out = []
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            while (got := self.process.stdout.readline()) and got != ".\n":
                out.append(got.rstrip("\n"))
        except BrokenPipeError:
            got = ""
        timer.cancel()
        if not got:
            self.close()
            hung = time.monotonic() - started >= PATIENCE_S
            out.append("hung" if hung else "died")
        return [plain(text) for text in out]

    def close(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process.stdin.close()
            self.process.stdout.close()
            self.process = None


def plain(line):
    """A line of an answer in the words that all sides share."""
    verb, _, rest = line.partition(" ")
    if verb == "trap":
        return f"trap {CLASSES.get(rest, rest)}"
    if verb == "error" and not rest.startswith(REFUSED):
        return "error trap" if rest.startswith("trap") else line
    return line


class Call:
    """What one call did, taken from an answer."""

    def __init__(self, name):
        self.name, self.logs, self.end, self.outside = name, [], [], (0, 0, 0)

    @property
    def trap(self):
        return self.end[0] if self.end and self.end[0].startswith("trap ") else None


def calls_of(lines):
    calls = []
    for line in lines:
        verb, _, rest = line.partition(" ")
        if verb == "call":
            calls.append(Call(rest))
        elif not calls:
            return None
        elif verb == "log":
            calls[-1].logs.append(rest)
        elif verb == "outside":
            calls[-1].outside = tuple(map(int, rest.split()))
        else:
            calls[-1].end.append(line)
    return calls


BOUNDS = "trap memory-out-of-bounds"


def agrees(got, probe):
    """Is a call in default mode what the probe's call allows?"""
    loads, stores, first_log = probe.outside
    if got.trap == BOUNDS:
        # It kept a trap: then there was such an access, and nothing was logged but what precedes.
        if probe.trap == BOUNDS and loads + stores == 0:
            return got.logs == probe.logs
        return (loads + stores > 0 and len(got.logs) >= first_log and
                got.logs == probe.logs[:len(got.logs)])
    if got.trap is None and stores > 0:
        return False
    return got.logs == probe.logs and got.end == probe.end


class Judge:
    """Both sides, and the verdict on a module."""

    def __init__(self, bin_folder, folder):
        values = ",".join(f"{value:x}" for value in VALUES)
        self.folder = folder
        self.weir = Side([os.path.join(bin_folder, "weir-differ"),
                          os.path.join(folder, "cache"), values])
        self.node = Side(["node", os.path.join(HERE, "node.js"), values])

    def close(self):
        self.weir.close()
        self.node.close()

    def is_permitted(self, path, got):
        """Default mode may lose the trap of a load whose value has no effect, and memory is
        unspecified after a trap. So the module runs with every load out of bounds giving a made-up
        value, and every store out of bounds doing nothing: what default mode did must be the same
        for two such values, up to where it trapped itself. A call that returned may have lost
        loads only; in one that trapped the stores before it may be gone too."""
        calls = calls_of(got)
        probe_path = os.path.join(self.folder, "probe.wasm")
        done = subprocess.run(["wasm-opt", *FEATURES, "--instrument-memory", path, "-o",
                               probe_path], capture_output=True, check=False)
        if calls is None or done.returncode != 0:
            return False
        letters = "".join("b" if call.trap == BOUNDS else "-" for call in calls) or "-"
        for fill in FILLS:
            probes = calls_of(self.node.ask(f"probe {fill} {letters} {probe_path}"))
            if probes is None or [p.name for p in probes] != [c.name for c in calls]:
                return False
            if not all(agrees(call, probe) for call, probe in zip(calls, probes)):
                return False
        return True

    def verdict(self, path):
        """("same" | "permitted" | "refused" | "different", a line about it)."""
        want = self.node.ask(f"run {path}")
        if want[-1:] == ["hung"] or (want and want[0].startswith("error SyntaxError")):
            return "refused", "Node gives up"
        if want and want[0].startswith("error CompileError"):
            return "refused", "Node finds it invalid"
        permitted = False
        for shape in SHAPES:
            got = self.weir.ask(f"{shape} {path}")
            if got and got[0].startswith(tuple("error " + code for code in REFUSED)):
                return "refused", got[0]
            if got == want:
                continue
            if shape.endswith("lax") and self.is_permitted(path, got):
                permitted = True
                continue
            return "different", f"{shape}: {first_difference(want, got)}"
        return ("permitted" if permitted else "same"), ""


def first_difference(want, got):
    call = "the start"
    for left, right in zip(want + ["nothing"], got + ["nothing"]):
        if left != right:
            return f"in {call}: Node says \"{left}\", Weir \"{right}\""
        if left.startswith("call "):
            call = left[5:]
    return "one goes on longer"


# ---- modules ----

def raise_hang_limit(data, limit):
    """The generated loops end after 10 rounds, too few for vectors: `i32.const 10` becomes more,
    where it is all that a function does before global.set."""
    at = data.find(bytes([0x06, 0x00, 0x41, 0x0a, 0x24]))
    if at < 0 or data[at + 6] != 0x0b:
        return data
    return data[:at + 3] + bytes([limit]) + data[at + 4:]


def text_to_module(text, path):
    done = subprocess.run(["wat2wasm", "-", "-o", path], input=text, text=True,
                          capture_output=True, check=False)
    return done.returncode == 0


def generate(seed, path):
    """A module from a seed; False if none could be made."""
    rng = random.Random(seed)
    if rng.random() < LOOPS_SHARE:
        return text_to_module(loops.make(rng), path)
    size = rng.choice([500, 2000, 5000, 10000, 20000])
    options = rng.sample(["--no-fuzz-oob", "--fuzz-passes", "-O2"], rng.randint(0, 2))
    with open(path + ".seed", "wb") as file:
        file.write(rng.randbytes(rng.randint(size // 2, size)))
    features = enabled(COMMON + rng.choice(GENERATED))
    done = subprocess.run(["wasm-opt", *features, "-ttf", *options, "--denan", path + ".seed", "-o",
                           path], capture_output=True, check=False, timeout=PATIENCE_S)
    os.unlink(path + ".seed")
    if done.returncode != 0:
        return False
    with open(path, "rb") as file:
        data = file.read()
    with open(path, "wb") as file:
        file.write(raise_hang_limit(data, rng.choice([10, 30, LOOPS_MAX])))
    return True


# ---- the program ----

def reduce(bin_folder, path):
    """Minimises a module that differs, in place."""
    test, work = path + ".test.wasm", path + ".work.wasm"
    command = f"{sys.executable} -B {os.path.abspath(__file__)} {bin_folder} --check {test}"
    if shutil.which("wasm-reduce") is not None:
        try:
            subprocess.run(["wasm-reduce", path, f"--command={command}", "-t", test, "-w", work,
                            "-b", os.path.dirname(shutil.which("wasm-opt")),
                            f"--timeout={PATIENCE_S}"], capture_output=True, timeout=REDUCE_S,
                           check=False)
        except subprocess.TimeoutExpired:
            pass
        if os.path.exists(work) and check(bin_folder, work)[0] == "different":
            os.replace(work, path)
    for left in (test, work):
        if os.path.exists(left):
            os.unlink(left)


def check(bin_folder, path):
    with tempfile.TemporaryDirectory(prefix="weir-fuzz-") as folder:
        judge = Judge(bin_folder, folder)
        try:
            return judge.verdict(path)
        finally:
            judge.close()


def judge_cases(bin_folder, cases):
    """True if every case has the verdict of its first line, ";; VERDICT: why it is here"."""
    ok = True
    for name in sorted(os.listdir(cases)):
        with open(os.path.join(cases, name), encoding="utf-8") as file:
            text = file.read()
        with tempfile.TemporaryDirectory(prefix="weir-fuzz-") as folder:
            path = os.path.join(folder, "m.wasm")
            verdict, words = "none", ""
            if text_to_module(text, path):
                verdict, words = check(bin_folder, path)
        if not text.startswith(f";; {verdict}: "):
            print(f"{name}: {verdict} {words}")
            ok = False
    return ok


class Run:
    """All modules of one run, taken by some threads from a queue."""

    def __init__(self, options):
        self.options = options
        self.deadline = time.monotonic() + options.seconds
        self.counts = dict.fromkeys(["same", "permitted", "refused", "different", "none"], 0)
        self.reasons = {}
        self.different = []
        self.lock = threading.Lock()
        self.seeds = queue.SimpleQueue()
        for i in range(options.modules):
            self.seeds.put(options.seed * 1000003 + i)

    def work(self):
        with tempfile.TemporaryDirectory(prefix="weir-fuzz-") as folder:
            judge = Judge(self.options.bin, folder)
            path = os.path.join(folder, "m.wasm")
            try:
                while time.monotonic() < self.deadline:
                    seed = self.seeds.get_nowait()
                    self.one(judge, seed, path)
            except queue.Empty:
                pass
            finally:
                judge.close()

    def one(self, judge, seed, path):
        verdict, text = judge.verdict(path) if generate(seed, path) else ("none", "")
        with self.lock:
            self.counts[verdict] += 1
            if verdict == "refused":
                self.reasons[text[:100]] = self.reasons.get(text[:100], 0) + 1
            if verdict == "different":
                os.makedirs(self.options.save, exist_ok=True)
                kept = os.path.join(self.options.save, f"seed-{seed}.wasm")
                shutil.copy(path, kept)
                self.different.append(kept)
                print(f"seed {seed}: {text}; kept as {kept}", flush=True)
            done = sum(self.counts.values())
            if done % 100 == 0:
                print(self.summary(), flush=True)

    def summary(self):
        c = self.counts
        return (f"{sum(c.values())} modules: {c['same']} same, {c['permitted']} with a trap "
                f"less in default mode, {c['different']} different, {c['refused']} refused, "
                f"{c['none']} not made")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("bin", help="the folder of the built programs")
    parser.add_argument("--modules", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--save", default="build/fuzz/differences")
    parser.add_argument("--cases", metavar="DIR")
    parser.add_argument("--check", metavar="FILE")
    options = parser.parse_args()
    if options.check:
        verdict, text = check(options.bin, options.check)
        # for wasm-reduce: the same words for the same kind of difference
        print(verdict, text.partition(":")[0])
        if sys.stdout.isatty():
            print(text)
        return 1 if verdict == "different" else 0
    if options.cases and not judge_cases(options.bin, options.cases):
        return 1
    run = Run(options)
    threads = [threading.Thread(target=run.work) for _ in range(options.jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for path in run.different[:3]:
        print(f"minimising {path} ({REDUCE_S} s at most)", flush=True)
        reduce(options.bin, path)
    for reason, count in sorted(run.reasons.items(), key=lambda item: -item[1]):
        print(f"refused, {count} times: {reason}")
    print(run.summary())
    judged = run.counts["same"] + run.counts["permitted"]
    if judged < sum(run.counts.values()) // 2:
        print("less than half of the modules could be compared")
        return 1
    return 1 if run.different else 0


if __name__ == "__main__":
    sys.exit(main())

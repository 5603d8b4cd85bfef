#!/usr/bin/env python3
"""Modules made to hurt the compiler, and what it takes to compile them.

    WEIR_BIN=build/release/bin test/e2e/hostile.py [NAME...]

Prints CPU seconds and peak memory of one weirc per module and pipeline. A module is either compiled
within 60 s of CPU time and 1 GiB, or refused by the name of a limit; the exit code is 1 if not.
hostile_test.py runs the small ones.
"""
import os
import re
import socket
import subprocess
import sys
import tempfile

BIN = os.environ.get("WEIR_BIN", "build/dev/bin")
CPU_S = 60
MEMORY_MIB = 1024
ADDRESS_SPACE = 4 << 30
EXIT_MEMORY = 99        # proc/message.h
I32, I64, F64 = 0x7f, 0x7e, 0x7c
BODY_BYTES_MAX = 7654321


# ---- bytes ----

def leb(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytes([value]))


def signed(value):
    out = bytearray()
    while not -64 <= value < 64:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytes([value & 127]))


def const(value):
    return b"\x41" + signed(value)


def get(index):
    return b"\x20" + leb(index)


def put(index):
    return b"\x21" + leb(index)


def br_table(labels, default=0):
    return b"\x0e" + leb(len(labels)) + b"".join(map(leb, labels)) + leb(default)


def vector(items):
    return leb(len(items)) + b"".join(items)


def section(number, content):
    return bytes([number]) + leb(len(content)) + content


def func_type(params, results):
    return b"\x60" + leb(len(params)) + bytes(params) + leb(len(results)) + bytes(results)


def body(code, local_count=0, local_type=I32):
    runs = leb(1) + leb(local_count) + bytes([local_type]) if local_count else leb(0)
    content = runs + code + b"\x0b"
    return leb(len(content)) + content


def module(types, funcs, bodies, exports=None, memory=1, more=()):
    """funcs: a type each. more: (section number, content)."""
    parts = {1: vector([func_type(*t) for t in types]), 3: vector([leb(t) for t in funcs]),
             5: b"\x01\x00" + leb(memory),
             7: vector(exports if exports is not None else [b"\x01f\x00\x00"]),
             10: vector(bodies)}
    parts.update(more)
    order = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 10, 11]
    return b"\0asm\x01\0\0\0" + b"".join(section(n, parts[n]) for n in order if n in parts)


def one(code, params=(I32,), results=(I32,), **options):
    """A module of one function."""
    return module([(params, results)], [0], [body(code, **options)])


NOP, DROP, ADD, BLOCK, LOOP, IF, ELSE, END = (b"\x01", b"\x1a", b"\x6a", b"\x02", b"\x03", b"\x04",
                                              b"\x05", b"\x0b")
VOID, INT = b"\x40", b"\x7f"
BR_IF = b"\x0d"


# ---- shapes ----

def locals_million():
    return one(get(0), local_count=1000000)


def locals_in_blocks():
    """50,000 locals, each set in a branch."""
    code = b"".join(get(0) + IF + VOID + const(i) + put(i) + END for i in range(1, 49900))
    return one(code + get(7), local_count=49999)


def loops_with_locals():
    """400 locals changed in the innermost of 9,000 loops: a value of each in every loop."""
    inner = b"".join(get(i) + const(1) + ADD + put(i) for i in range(400))
    return one((LOOP + VOID) * 9000 + inner + (get(0) + BR_IF + b"\0" + END) * 9000 + get(1),
               local_count=399)


def nested_blocks():
    return one((BLOCK + VOID) * 99999 + get(0) + BR_IF + leb(99998) + END * 99999 + get(0))


def nested_loops():
    return one((LOOP + VOID) * 30000 + (get(0) + BR_IF + b"\0" + END) * 30000 + get(0))


def nested_ifs():
    return one((get(0) + IF + INT) * 20000 + const(1) + (ELSE + const(2) + END) * 20000)


def nested_too_deep():
    return one((BLOCK + VOID) * 1000000 + END * 1000000 + get(0))


def table_of_million():
    return one(BLOCK + VOID + get(0) + br_table([0] * 1000000) + END + get(0))


def table_of_blocks():
    """One br_table to 65,000 different blocks."""
    count = 65000
    return one((BLOCK + VOID) * count + get(0) + br_table(list(range(count))) +
               (END + get(0) + const(3) + ADD + put(0)) * count + get(0))


def table_to_two():
    return one((BLOCK + VOID) * 2 + get(0) + br_table([i % 2 for i in range(65520)]) +
               END + const(1) + put(0) + END + get(0))


def many_tables():
    """2,000 br_tables of 1,000 labels each to 1,000 blocks."""
    table = BLOCK + VOID + get(0) + br_table([1 + i % 1000 for i in range(1000)]) + END
    return one((BLOCK + VOID) * 1000 + table * 2000 + END * 1000 + get(0))


def tables_in_loop():
    """An interpreter: 400 cases, each ends in a br_table to all of them."""
    count = 400
    heads = (BLOCK + VOID) * count
    out = LOOP + VOID + heads + get(0) + br_table(list(range(count)))
    for i in range(count):
        left = count - 1 - i
        out += END + get(1) + const(i) + ADD + put(1)
        out += get(1) + br_table([min(k, left) for k in range(left + 1)])
    return one(out + END + get(1), local_count=3)


def table_with_values():
    """A br_table to 1,000 blocks of 1,000 values each: a million phi entries."""
    types = [((I32,), (I32,)), ((), (I32,) * 1000)]
    code = (BLOCK + leb(1)) * 1000 + const(5) * 1000 + get(0) + br_table(list(range(1000)))
    return module(types, [0], [body(code + (END + DROP * 1000 + const(1) * 1000) * 999 + END +
                                    DROP * 999)])


def branches_with_values():
    """A million br_if with 1,000 values each."""
    types = [((I32,), (I32,)), ((), (I32,) * 1000)]
    code = BLOCK + leb(1) + const(5) * 1000 + (get(0) + BR_IF + b"\0") * 1000000 + END
    return module(types, [0], [body(code + DROP * 999)])


def branches_with_some_values():
    """20,000 br_if with 100 values each."""
    types = [((I32,), (I32,)), ((), (I32,) * 100)]
    code = BLOCK + leb(1) + const(5) * 100 + (get(0) + BR_IF + b"\0") * 20000 + END
    return module(types, [0], [body(code + DROP * 99)])


def br_if_chain():
    return one(BLOCK + VOID + (get(0) + BR_IF + b"\0") * 1900000 + END + get(0))


def br_if_steps():
    """A br_if of 60,000 to an end of its own."""
    count = 60000
    return one((BLOCK + VOID) * count +
               b"".join(get(0) + const(i) + b"\x46" + BR_IF + leb(i) for i in range(count)) +
               (END + get(0) + const(1) + ADD + put(0)) * count + get(0))


def wide_function():
    """1,000 parameters to 1,000 results."""
    wide = (I32,) * 1000
    return module([(wide, wide)], [0], [body(b"".join(get(999 - i) for i in range(1000)))],
                  exports=[b"\x01f\x00\x00"])


def wide_floats():
    wide = (F64,) * 1000
    code = b"".join(get(i) + get(999 - i) + b"\xa0" for i in range(1000))
    return module([(wide, wide)], [0], [body(code)], exports=[b"\x01f\x00\x00"])


def wide_calls():
    """1,000 calls of a function with 1,000 parameters and results."""
    wide = (I32,) * 1000
    code = b"".join(map(get, range(1000)))
    return module([(wide, wide)], [0, 0], [body(code + b"\x10\x01" * 1000), body(code)],
                  exports=[b"\x01f\x00\x00"])


def wide_types():
    """500 functions of 500 types with 1,000 parameters and results each."""
    types = [((I32,) * (1000 - i), (I64,) * i + (I32,)) for i in range(500)]
    bodies = [body(b"\x00") for _ in types]
    exports = [vector([bytes([c]) for c in f"{i}".encode()]) + b"\x00" + leb(i)
               for i in range(500)]
    return module(types, range(500), bodies, exports=exports)


def many_functions():
    return module([((I32,), (I32,))], [0] * 100000, [body(get(0) + const(1) + ADD)] * 100000)


def many_callers():
    count = 50000
    bodies = [body(get(0) + b"\x10" + leb((i + 1) % count) + b"\x10" + leb((i * 7) % count))
              for i in range(count)]
    return module([((I32,), (I32,))], [0] * count, bodies)


def many_calls():
    """One function of 300,000 calls."""
    return module([((I32,), (I32,))], [0, 0], [body(get(0) + b"\x10\x01" * 300000), body(get(0))])


def many_calls_fit():
    """10 functions of 40,000 calls, each below what counts as giant by its bytes."""
    return module([((I32,), (I32,))], [0] * 11,
                  [body(get(0) + b"\x10\x0a" * 40000) for _ in range(10)] + [body(get(0))])


def straight_line():
    code = b"".join(get(i % 8) + const(i) + ADD + get((i * 5) % 8) + b"\x6c" + put(i % 8)
                    for i in range(500000))
    return one(code + get(3), local_count=7)


def straight_fits():
    """20 functions of 120 KiB of arithmetic in one block."""
    code = b"".join(get(i % 8) + const(i % 60) + ADD + get((i * 5) % 8) + b"\x73" + put(i % 8)
                    for i in range(10900))
    return module([((I32,), (I32,))], [0] * 20, [body(code + get(3), local_count=7)] * 20)


def loads_and_stores():
    """20 functions of 10,000 loads and stores in one block."""
    code = b"".join(get(0) + get(0) + b"\x28\x00" + leb(4 * (i % 4000)) + const(i % 60) + ADD +
                    b"\x36\x00" + leb(4 * ((i * 7) % 4000)) for i in range(9000))
    return module([((I32,), (I32,))], [0] * 20, [body(code + get(0))] * 20)


def stores_only():
    """10 functions of 17,000 stores in one block."""
    code = b"".join(get(0) + const(i % 60) + b"\x36\x00" + leb(4 * (i * 5 % 17000))
                    for i in range(17000))
    return module([((I32,), (I32,))], [0] * 10, [body(code + get(0))] * 10)


def blocks_fit():
    """6 functions of 9,300 conditional stores below 128 KiB."""
    step = get(0) + const(1) + b"\x71" + IF + VOID + get(1) + const(3) + ADD + put(1) + END
    return module([((I32,), (I32,))], [0] * 6, [body(step * 9300 + get(1), local_count=1)] * 6)


def diamonds():
    """5 functions of 6,000 if-else over 16 locals."""
    code = b"".join(get(i % 16) + IF + VOID + get(i % 16) + const(3) + ADD + put((i * 3) % 16) +
                    ELSE + get((i * 7) % 16) + put((i * 5) % 16) + END for i in range(6000))
    return module([((I32,), (I32,))], [0] * 5, [body(code + get(1), local_count=15)] * 5)


def divisions():
    """6 functions of 30,000 divisions."""
    code = get(0) + (get(0) + b"\x6d") * 30000
    return module([((I32,), (I32,))], [0] * 6, [body(code)] * 6)


def deep_tree():
    """An expression of 900,000 operands on the stack."""
    return one(get(0) * 900000 + ADD * 899999)


def deep_tree_fits():
    """6 expressions of 40,000 operands, each in a function."""
    return module([((I32,), (I32,))], [0] * 6, [body(get(0) * 40000 + ADD * 39999)] * 6)


def stack_too_high():
    return one(get(0) * 1500000 + ADD * 1499999)


def selects():
    code = get(0) + (get(0) + get(0) + b"\x1b") * 20000
    return module([((I32,), (I32,))], [0] * 6, [body(code)] * 6)


def shifts_of_shifts():
    """A chain of 40,000 cheap operations, 6 times."""
    code = get(0) + (const(1) + b"\x74" + get(0) + b"\x72") * 20000
    return module([((I32,), (I32,))], [0] * 6, [body(code)] * 6)


def global_traffic():
    """5 functions that read and write 1,000 globals 13,000 times."""
    code = b"".join(b"\x23" + leb(i % 1000) + const(1) + ADD + b"\x24" + leb((i * 7) % 1000)
                    for i in range(13000))
    globals_ = vector([b"\x7f\x01" + const(i) + END for i in range(1000)])
    return module([((I32,), (I32,))], [0] * 5, [body(code + get(0))] * 5,
                  more=[(6, globals_)])


def many_globals():
    return module([((), ())], [0], [body(b"")], more=[
        (6, vector([b"\x7f\x01" + const(i) + END for i in range(100000)]))])


def many_exports():
    exports = [vector([bytes([c]) for c in f"{i}".encode()]) + b"\x00\x00"
               for i in range(100000)]
    return module([((), ())], [0], [body(b"")], exports=exports)


def many_types():
    types = [((I32,) * (i % 90), (I64,) * (i // 90 % 90)) for i in range(100000)]
    return module(types, [0], [body(b"")])


def many_indirect_calls():
    """One function of 30,000 calls through a table, to 1,000 types."""
    types = [((I32,) * (i % 10), (I32,) * (i // 10)) for i in range(100)]
    code = b"".join(const(1) * (i % 10) + get(0) + b"\x11" + leb(i % 100) + b"\x00" +
                    DROP * (i % 100 // 10) for i in range(30000))
    return module(types + [((I32,), ())], [100], [body(code)], more=[(4, b"\x01\x70\x00\x0a")])


def many_segments():
    segments = vector([b"\x00" + const(i % 65000) + END + b"\x04abcd" for i in range(99000)])
    return module([((), ())], [0], [body(b"")], more=[(11, segments)])


def long_constant():
    """A global's value from 200,000 additions."""
    value = const(0) + (const(1) + ADD) * 200000 + END
    return module([((), ())], [0], [body(b"")], more=[(6, vector([b"\x7f\x00" + value]))])


def giant_mixed():
    """7 MB of everything in one function."""
    step = (get(0) + const(7) + b"\x71" + IF + VOID + get(0) + get(1) + b"\x36\x00\x10" + ELSE +
            get(1) + b"\x28\x00\x20" + put(1) + END + LOOP + VOID + get(1) + const(1) + b"\x6b" +
            b"\x22\x01" + BR_IF + b"\0" + END + get(0) + b"\x10\x00" + put(0))
    return one(step * (BODY_BYTES_MAX // len(step) - 1) + get(0), local_count=3)


def giant_too_long():
    return one(NOP * (BODY_BYTES_MAX + 1) + get(0))


SHAPES = {name: make for name, make in list(globals().items())
          if callable(make) and getattr(make, "__module__", "") == __name__ and
          getattr(make, "__code__", None) is not None and make.__code__.co_argcount == 0}


# ---- one compile ----

class Outcome:
    """done: compiled; text: the error's code and words else; cpu_s, peak_mib of the compiler."""

    def __init__(self, status, done, text, usage):
        self.status, self.done, self.text = status, done and status == 0, text
        self.cpu_s = usage.ru_utime + usage.ru_stime
        self.peak_mib = usage.ru_maxrss / 1024

    @property
    def is_refused(self):
        return self.text.startswith("limit-exceeded ")

    @property
    def is_good(self):
        return ((self.done or self.is_refused) and self.cpu_s <= CPU_S and
                self.peak_mib <= MEMORY_MIB)


def converse(ours):
    """The compiler's side of proc/message.h until it ends; returns (done, text)."""
    while True:
        message = ours.recv(9000).decode(errors="replace")
        if message.startswith("key "):
            ours.send(b"need")
        elif message.startswith("progress "):
            pass
        elif message == "done":
            return True, ""
        else:
            return False, message.removeprefix("error ")


def compile_module(data, tier, cpu_s=CPU_S, address_space=ADDRESS_SPACE):
    """One job, as the server gives it."""
    with tempfile.TemporaryDirectory(prefix="weir-hostile-") as folder:
        fd = os.memfd_create("module")
        os.write(fd, data[:1 << 30])
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        process = subprocess.Popen(  # pylint: disable=consider-using-with
            [os.path.join(BIN, "weirc"), "--job"], stderr=subprocess.PIPE, close_fds=False,
            preexec_fn=lambda: os.dup2(theirs.fileno(), 3))
        theirs.close()
        socket.send_fds(ours, [f"job 0 {tier} lax {cpu_s} {address_space}\n{folder}".encode()],
                        [fd])
        os.close(fd)
        done, text = converse(ours)
        words = process.stderr.read().decode(errors="replace").strip()
        process.stderr.close()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
        ours.close()
    code = os.waitstatus_to_exitcode(status)
    return Outcome(code, done, " ".join([text, *words.split("\n")[:2]]).strip(), usage)


def main():
    bad = 0
    print(f"{'module':26} {'KiB':>6}   {'quick':>17}   {'best':>17}", flush=True)
    for name in sys.argv[1:] or SHAPES:
        data = SHAPES[name]()
        print(f"{name:26} {len(data) // 1024:6}", end="", flush=True)
        texts = []
        for tier in ("quick", "best"):
            outcome = compile_module(data, tier)
            bad += not outcome.is_good
            mark = " " if outcome.done else "-" if outcome.is_refused else "!"
            print(f"   {outcome.cpu_s:5.1f} s {outcome.peak_mib:5.0f} MiB{mark}", end="",
                  flush=True)
            if not outcome.done and outcome.text not in texts:
                texts.append(outcome.text or f"status {outcome.status}")
        print("  ".join([""] + [re.sub(r"^limit-exceeded \S+ ", "", t)[:100] for t in texts]),
              flush=True)
    print("- refused, ! neither refused nor compiled")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

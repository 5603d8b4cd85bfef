#!/usr/bin/env python3
"""bench/kernels.py [ROUNDS] [KERNEL...] -- speed of compiled guest code against native code.
bench/kernels.py --check -- only compares the checksums; script/test runs it.

Every kernel is built natively and for Weir from one source. A build's time for one round of work is
the difference of the processor times of two runs, divided by the difference of their n; so starting
up costs nothing. Builds take turns within a round (default 5 rounds); the table has the medians,
relative to clang -O3 for baseline x86-64. All builds must print the same checksum.
"""
import os
import sys

from common import (ROOT, WASM_FLAGS, WEIR, WORK, call, cpu_seconds, geometric_mean, machine,
                    median, publish, table)

KERNELS = os.path.join(ROOT, "bench/kernels")
ARRAY = ["saxpy", "dot", "matmul", "stencil", "gemv_i8"]
SCALAR = ["nbody", "sieve", "hash", "sort", "collatz", "fib", "interpreter", "structs", "machine",
          "json", "search"]
FLAGS = ["-std=c17", "-O3", "-fno-math-errno", "-ffp-contract=off"]
ROLLED = ["-fno-unroll-loops", "-fno-vectorize", "-fno-slp-vectorize"]
LIMITS = ["--cpu-ms", "600000", "--wall-ms", "600000"]
TARGET_SECONDS = 0.4        # of the longer native run


def build(kernel):
    """Compiles every build of a kernel; returns {column: command to which n is added}."""
    source, main = f"{KERNELS}/{kernel}.c", f"{KERNELS}/main.c"
    out = os.path.join(WORK, kernel)
    native = ["clang-22"] + FLAGS + [source, main, "-o"]
    wasm = ["clang-22"] + WASM_FLAGS + FLAGS + ["-Wl,--export=run", source, "-o"]
    call(native + [out + ".native"])
    call(native + [out + ".cpu", "-march=native"])
    call(wasm + [out + ".wasm"])
    call(wasm + [out + "_rolled.wasm"] + ROLLED)
    run = [WEIR, "run", "--cache", os.path.join(WORK, "cache"), "--invoke", "run"] + LIMITS
    return {
        "native": [out + ".native"],
        "native, this CPU": [out + ".cpu"],
        "weir": run + [out + ".wasm"],
        "weir, rolled": run + [out + "_rolled.wasm"],
        "weir, quick": run + ["--opt", "quick", out + ".wasm"],
    }


def run_once(command, n):
    """Returns (processor seconds, checksum)."""
    seconds, output = cpu_seconds(command + [str(n)])
    return seconds, int(output) % 2**32


def rounds_of_work(command):
    """The n at which a build runs for about TARGET_SECONDS."""
    n = 16
    while True:
        seconds, _ = run_once(command, n)
        if seconds > TARGET_SECONDS / 8:
            return max(2, int(n * TARGET_SECONDS / seconds))
        n *= 4


def check(kernel, commands, n):
    """All builds must compute the same. Also compiles what is not compiled yet."""
    _, wanted = run_once(commands["native"], n)
    for column, command in commands.items():
        if run_once(command, n)[1] != wanted:
            sys.exit(f"{kernel}: {column} computes something else than native code")


def measure(kernel, rounds):
    """Returns {column: median seconds a round of work}."""
    commands = build(kernel)
    many = rounds_of_work(commands["native"])
    few = max(1, many // 16)
    times = {column: [] for column in commands}
    check(kernel, commands, few)
    for _ in range(rounds):
        for column, command in commands.items():
            long, _ = run_once(command, many)
            short, _ = run_once(command, few)
            times[column].append((long - short) / (many - few))
    return {column: median(values) for column, values in times.items()}


def main():
    arguments = sys.argv[1:]
    os.makedirs(WORK, exist_ok=True)
    if arguments == ["--check"]:
        for kernel in ARRAY + SCALAR:
            commands = build(kernel)
            for n in (1, 7, 100):
                check(kernel, commands, n)
            print(f"{kernel}: every build computes the same")
        return
    rounds = int(arguments.pop(0)) if arguments and arguments[0].isdigit() else 5
    kernels = arguments or ARRAY + SCALAR
    rows, ratios = [], {}
    for kernel in kernels:
        times = measure(kernel, rounds)
        columns = list(times)[1:]
        ratios[kernel] = [times[column] / times["native"] for column in columns]
        rows.append([kernel, f"{times['native'] * 1e6:.3g}"] +
                    [f"{ratio:.2f}" for ratio in ratios[kernel]])
        print(" ".join(rows[-1]), file=sys.stderr)
    for title, group in (("array kernels", ARRAY), ("scalar kernels", SCALAR),
                         ("all", ARRAY + SCALAR)):
        group = [ratios[kernel] for kernel in group if kernel in ratios]
        if group:
            means = [geometric_mean(column) for column in zip(*group)]
            rows.append([f"**geometric mean, {title}**", ""] +
                        [f"**{mean:.2f}**" for mean in means])
    text = table(["kernel", "native µs a round"] + columns, rows)
    if arguments:
        print(text)
    else:
        publish("kernels", f"{machine()}; {rounds} rounds.\n\n{text}")


if __name__ == "__main__":
    main()

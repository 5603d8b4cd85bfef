#!/usr/bin/env python3
"""bench/compile.py [ROUNDS] -- how fast weirc compiles, with both pipelines.

The module is all kernels, each compiled in many variants, linked into one. The figure is KB of its
code section per processor second, from the file to the artifact: the time of `weir run` with an
empty cache less that with a full one, median of the rounds (default 3).
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

from common import ROOT, WASM_FLAGS, WEIR, WORK, call, cpu_seconds, machine, median, publish, table

KERNELS = os.path.join(ROOT, "bench/kernels")
VARIANTS = [["-O1"], ["-Os"], ["-O2"], ["-O3"], ["-O2", "-fno-inline"], ["-O3", "-fno-inline"],
            ["-O2", "-fno-unroll-loops"], ["-O3", "-mllvm", "-unroll-count=4"]]


def build(module):
    """Links every kernel in every variant into one module."""
    objects = []
    compile_flags = [flag for flag in WASM_FLAGS if not flag.startswith(("-Wl", "-nostd", "--no"))]
    for name in sorted(os.listdir(KERNELS)):
        kernel, suffix = os.path.splitext(name)
        if suffix != ".c" or kernel == "main":
            continue
        for index, variant in enumerate(VARIANTS):
            objects.append(os.path.join(WORK, f"{kernel}_{index}.o"))
            call(["clang-22"] + compile_flags + variant +
                 [f"-Drun=run_{kernel}_{index}", "-c", os.path.join(KERNELS, name), "-o",
                  objects[-1]])
    probe = os.path.join(WORK, "probe.c")
    with open(probe, "w", encoding="utf-8") as file:
        file.write('__attribute__((export_name("probe"))) int probe(void) { return 1; }\n')
    call(["clang-22"] + WASM_FLAGS + ["-Wl,--export-all", probe] + objects + ["-o", module])


def code_bytes(module):
    """Size of the code section."""
    headers = subprocess.run(["wasm-objdump", "-h", module], stdout=subprocess.PIPE, text=True,
                             check=True).stdout
    return int(re.search(r"Code .*size=0x([0-9a-f]+)", headers).group(1), 16)


def compile_seconds(module, pipeline):
    """Processor seconds of one compilation."""
    cache = tempfile.mkdtemp(dir=WORK)
    command = [WEIR, "run", "--cache", cache, "--opt", pipeline, "--invoke", "probe", module]
    try:
        cold, _ = cpu_seconds(command)
        warm, _ = cpu_seconds(command)
    finally:
        shutil.rmtree(cache)
    return cold - warm


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    os.makedirs(WORK, exist_ok=True)
    module = os.path.join(WORK, "all_kernels.wasm")
    build(module)
    size = code_bytes(module)
    times = {pipeline: [] for pipeline in ("quick", "best")}
    for _ in range(rounds):
        for pipeline, values in times.items():
            values.append(compile_seconds(module, pipeline))
    rows = [[f"--opt {pipeline}", f"{median(values):.2f}", f"{size / 1000 / median(values):.0f}",
             f"{median(values) / size * 1e6:.1f}"] for pipeline, values in times.items()]
    text = table(["pipeline", "CPU s", "KB/s per core", "CPU s per MB"], rows)
    publish("compile", f"{machine()}; a module of {size / 1000:.0f} KB of code, "
                       f"{rounds} rounds.\n\n{text}")


if __name__ == "__main__":
    main()

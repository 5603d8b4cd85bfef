#!/usr/bin/env python3
"""test/spec/suite.py SPECTEST SPEC [GROUP...] [-- OPTIONS] -- runs the suite's scripts.

SPECTEST is the program made from spectest.c, SPEC the folder with manifest.json. OPTIONS go to
SPECTEST. Every assertion must pass or be skipped for a proposal that this version does not run; how
many pass is written down here, so that it can only grow.
"""
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile

PASSED = {"core": 18468}  # at least, in every mode


def run(spectest, options, path, environment):
    """(passed, failed, skipped, words) of one script."""
    try:
        done = subprocess.run([spectest, *options, path], capture_output=True, text=True,
                              errors="replace", timeout=300, env=environment, check=False)
    except subprocess.TimeoutExpired:
        return 0, 1, 0, f"{path}: no end after 300 s\n"
    last = done.stdout.strip().splitlines()[-1:] or [""]
    match = re.fullmatch(r"(\d+) passed, (\d+) failed, (\d+) skipped", last[0])
    if not match:
        return 0, 1, 0, f"{path}: status {done.returncode}\n{done.stderr}"
    return (*map(int, match.groups()), done.stderr)


def main():
    arguments = sys.argv[1:]
    options = []
    if "--" in arguments:
        at = arguments.index("--")
        arguments, options = arguments[:at], arguments[at + 1:]
    spectest, spec, *groups = arguments
    with open(os.path.join(spec, "manifest.json"), encoding="utf-8") as file:
        manifest = json.load(file)["groups"]
    bad = 0
    with tempfile.TemporaryDirectory(prefix="weir-spec-") as folder:
        wasm = os.path.join(folder, "spectest.wasm")
        wat = os.path.join(os.path.dirname(os.path.abspath(__file__)), "spectest.wat")
        subprocess.run(["wat2wasm", wat, "-o", wasm], check=True)
        environment = dict(os.environ, WEIR_CACHE=os.path.join(folder, "cache"),
                           WEIR_SPECTEST_WASM=wasm)
        for group in groups or ["core"]:
            scripts = sorted(manifest[group]["per_file"])
            paths = [os.path.join(spec, group, name, name + ".json") for name in scripts]
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                results = list(pool.map(lambda p: run(spectest, options, p, environment), paths))
            passed, failed, skipped = (sum(result[i] for result in results) for i in range(3))
            sys.stderr.write("".join(result[3] for result in results))
            print(f"{group}: {passed} passed, {failed} failed, {skipped} skipped")
            bad += failed
            if passed < PASSED.get(group, 0):
                print(f"{group}: {PASSED[group]} passed before")
                bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""test/spec/suite.py SPECTEST SPEC [GROUP...] [-- OPTIONS] -- runs the suite's scripts.

SPECTEST is the program made from spectest.c, SPEC the folder with manifest.json. OPTIONS go to
SPECTEST. Every assertion must pass, or be skipped because a module needs more than 2.0 at a line
that the manifest names for it; passed, failed and skipped must add up to the manifest's count.
Without --strict-traps the lines of permitted.txt may fail. How many pass is written down here, so
that it can only grow.
"""
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import time

PASSED = {"core": 18797, "bulk-memory": 7187}  # at least, in every mode


def read_permitted():
    """{(script, line)} of permitted.txt."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "permitted.txt")
    permitted = set()
    with open(path, encoding="utf-8") as file:
        for line in file:
            words = line.split()
            if words and not line.startswith("#"):
                script, number = words[0].split(":")
                permitted.add((script, int(number)))
    return permitted


def run(spectest, options, path):
    """(passed, failed, skipped), {line: reason} of modules skipped, words."""
    command = [spectest, *options, "--list-skipped", path]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace",
                              timeout=300, check=False)
    except subprocess.TimeoutExpired:
        return (0, 1, 0), {}, f"{path}: no end after 300 s\n"
    *skips, last = done.stdout.splitlines() or [""]
    match = re.fullmatch(r"(\d+) passed, (\d+) failed, (\d+) skipped", last)
    counts = tuple(map(int, match.groups())) if match else (0, 1, 0)
    if done.returncode != (1 if counts[1] else 0) or not match:
        return (0, 1, 0), {}, f"{path}: exit code {done.returncode}\n{done.stderr}"
    skipped = {int(line): reason for line, reason in (skip.split(": ", 1) for skip in skips)}
    return counts, skipped, done.stderr


def judge(name, facts, result, permitted):
    """The script's counts, with permitted failures as skipped; and what is wrong."""
    (passed, failed, skipped), modules, words = result
    bad = []
    for line in words.splitlines():
        match = re.match(r".*\.json:(\d+): ", line)
        if match and (name, int(match[1])) in permitted:
            failed -= 1
            skipped += 1
        else:
            bad.append(line)
    allowed = facts.get("needs_3_0_modules_at_lines", ())
    bad += [f"{name}:{line}: skipped, but needs no more than 2.0: {reason}"
            for line, reason in modules.items() if line not in allowed]
    if passed + failed + skipped != facts["assertions"] and failed == 0:
        bad.append(f"{name}: {passed} passed + {skipped} skipped, {facts['assertions']} assertions")
    if not modules and skipped > len([place for place in permitted if place[0] == name]):
        bad.append(f"{name}: {skipped} skipped without a module that was")
    return (passed, failed, skipped), bad


def run_group(spectest, options, spec, group, per_file):
    """Runs a group's scripts on two cores; returns how much is wrong."""
    permitted = set() if "--strict-traps" in options else read_permitted()
    paths = [os.path.join(spec, group, name, name + ".json") for name in sorted(per_file)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda path: run(spectest, options, path), paths))
    total, bad = [0, 0, 0], []
    for name, result in zip(sorted(per_file), results):
        counts, wrong = judge(name, per_file[name], result, permitted)
        total = [a + b for a, b in zip(total, counts)]
        bad += wrong
    if total[0] < PASSED.get(group, 0):
        bad.append(f"{group}: {PASSED[group]} passed before")
    print("\n".join(bad + [f"{group}: {total[0]} passed, {total[1]} failed, {total[2]} skipped"]))
    return len(bad)


def main():
    arguments = sys.argv[1:]
    options = []
    if "--" in arguments:
        at = arguments.index("--")
        arguments, options = arguments[:at], arguments[at + 1:]
    spectest, spec, *groups = arguments
    with open(os.path.join(spec, "manifest.json"), encoding="utf-8") as file:
        manifest = json.load(file)["groups"]
    start = time.monotonic()
    bad = sum(run_group(spectest, options, spec, group, manifest[group]["per_file"])
              for group in groups or list(PASSED))
    spent = os.times()
    print(f"{time.monotonic() - start:.0f} s, processors "
          f"{spent.children_user + spent.children_system:.0f} s")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

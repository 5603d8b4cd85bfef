#!/usr/bin/env python3
"""test/spec/verdicts.py VERDICT SPEC -- decoder and validator against the specification's suite.

VERDICT is the program made from verdict.c, SPEC the folder with manifest.json. What must be
refused is refused; what must be valid is valid, or needs a proposal that the message names. How
many modules of a group are valid for this version is written down here, so that it can only grow.
"""
import collections
import json
import os
import subprocess
import sys

# Modules that decode and validate, at least.
VALID = {"bulk-memory": 179, "core": 1153, "custom-descriptors": 22, "custom-page-sizes": 20,
         "function-references": 1, "gc": 1, "memory64": 89, "multi-memory": 38, "simd": 61,
         "threads": 163}
# That proposal's suite grew from 1.0, where a module had one table at most.
VALID_SINCE = {"threads/imports/imports.47.wasm", "threads/imports/imports.48.wasm",
               "threads/imports/imports.49.wasm"}


def modules(spec):
    """{path below spec: must it be refused} for every binary module of every script."""
    found = {}

    def walk(folder, commands):
        for command in commands:
            walk(folder, command.get("commands", []))
            name = command.get("filename", "")
            if name.endswith(".wasm"):
                found[f"{folder}/{name}"] = (
                    command["type"] in ("assert_invalid", "assert_malformed")
                    and f"{folder}/{name}" not in VALID_SINCE)

    for group in sorted(os.listdir(spec)):
        if not os.path.isdir(os.path.join(spec, group)):
            continue
        for script in sorted(os.listdir(os.path.join(spec, group))):
            folder = f"{group}/{script}"
            with open(os.path.join(spec, folder, script + ".json"), encoding="utf-8") as file:
                walk(folder, json.load(file)["commands"])
    return found


def wrong(refuse, code, text):
    """What is wrong with this verdict, or None."""
    if refuse:
        return "accepted, but must be refused" if code == "ok" else None
    if code == "ok":
        return None
    if code == "unsupported" and "needs " in text and "which this version does not run" in text:
        return None
    return f"valid, but refused: {code}: {text}"


def main():
    program, spec = (os.path.abspath(path) for path in sys.argv[1:])
    expected = modules(spec)
    done = subprocess.run([program], input="\n".join(expected) + "\n", capture_output=True,
                          text=True, errors="replace", cwd=spec, timeout=100)
    verdicts = [line.split(" ", 3) for line in done.stdout.splitlines()]
    bad = []
    valid = collections.Counter()
    if done.returncode != 0 or [verdict[2] for verdict in verdicts] != list(expected):
        bad.append(f"{program}: exit code {done.returncode}, {len(verdicts)} verdicts "
                   f"on {len(expected)} modules: {done.stderr[-500:]}")
    for code, _, path, text in verdicts:
        valid[path.split("/")[0]] += code == "ok"
        complaint = wrong(expected.get(path), code, text)
        if complaint:
            bad.append(f"{path}: {complaint}")
    for group, least in VALID.items():
        if valid[group] < least:
            bad.append(f"{group}: {valid[group]} modules are valid, {least} were before")
    print("\n".join(bad[:50]))
    print(f"spec verdicts: {len(verdicts)} modules, {sum(valid.values())} valid, {len(bad)} wrong")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

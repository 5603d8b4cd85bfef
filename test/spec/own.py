#!/usr/bin/env python3
"""test/spec/own.py SPECTEST [-- OPTIONS] -- runs our own scripts, own/*.wast, through the runner.

They stand alone: wast2json makes the suite's format from them. Every assertion must pass.
"""
import glob
import json
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from suite import run  # pylint: disable=wrong-import-position


def assertions(path):
    """How many of the script's commands count."""
    with open(path, encoding="utf-8") as file:
        commands = json.load(file)["commands"]
    return sum(command["type"].startswith("assert_")
               and ("action" in command or command.get("module_type") == "binary")
               for command in commands)


def main():
    spectest, *options = (argument for argument in sys.argv[1:] if argument != "--")
    scripts = sorted(glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                            "own", "*.wast")))
    bad = not scripts
    with tempfile.TemporaryDirectory(prefix="weir-spec-") as folder:
        for script in scripts:
            path = os.path.join(folder, os.path.basename(script) + ".json")
            subprocess.run(["wast2json", script, "-o", path], check=True)
            (passed, failed, skipped), _, words = run(spectest, options, path)
            sys.stdout.write(words)
            name = os.path.basename(script)
            print(f"{name}: {passed} passed, {failed} failed, {skipped} skipped")
            bad |= passed != assertions(path) or failed > 0 or skipped > 0
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

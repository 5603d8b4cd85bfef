#!/usr/bin/env python3
"""Feeds the llhttp cases to the parser: every `error` case must be refused, whole and cut anywhere.

usage: run.py VERDICT_PROGRAM CASES.json

A case is refused if the parser fails, or if it does not read all of the bytes as complete messages
(the rest of a closed connection is never read, an incomplete message is never served). So that a
missing Host does not refuse every case by itself, each one runs a second time with a Host, and so
that an unfinished head cannot hide an error, both run again with an empty line behind them.
"""
import json
import subprocess
import sys


def with_host(data):
    """The same bytes with a Host field behind every request line that lacks one."""
    if b"host:" in data.lower():
        return data
    return data.replace(b"HTTP/1.1\r\n", b"HTTP/1.1\r\nHost: a\r\n")


def verdicts(program, inputs):
    text = "".join(data.hex() + "\n" for data in inputs)
    done = subprocess.run([program], input=text, capture_output=True, text=True, check=True)
    return [line.split() for line in done.stdout.splitlines()]


def is_refused(verdict):
    code, _, end = verdict
    return code != "ok" or end == "cut"


def main():
    program, path = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        cases = json.load(file)
    failures, refused, accepted = [], 0, 0
    variants = [
        ("as it is", lambda data: data),
        ("with a Host", with_host),
        ("with an end", lambda data: data + b"\r\n\r\n"),
        ("with a Host and an end", lambda data: with_host(data) + b"\r\n\r\n"),
    ]
    for what, change in variants:
        inputs = [change(bytes.fromhex(case["input_hex"])) for case in cases]
        got = verdicts(program, inputs)
        if len(got) != len(cases):
            sys.exit(f"{len(got)} verdicts for {len(cases)} cases")
        for case, verdict in zip(cases, got):
            if verdict == ["SPLIT"]:
                failures.append(f"{case['name']} ({what}): cutting the bytes changes the outcome")
            elif case["expect"] == "error" and not is_refused(verdict):
                failures.append(f"{case['name']} ({what}): accepted")
            elif case["expect"] == "error":
                refused += 1
            elif what == "with a Host and an end" and verdict[0] == "ok":
                accepted += 1
    errors = sum(case["expect"] == "error" for case in cases)
    for line in failures:
        print(line)
    print(f"{refused} of {errors * len(variants)} refusals; "
          f"{accepted} of {len(cases) - errors} other cases read without an error")
    if errors == 0 or accepted == 0 or failures:
        sys.exit(1)


if __name__ == "__main__":
    main()

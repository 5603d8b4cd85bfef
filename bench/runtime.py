#!/usr/bin/env python3
"""bench/runtime.py [ROUNDS] -- what the runtime's own operations cost (bench_runtime.c): lines of
"name value unit", medians of the rounds (default 5)."""
import os
import sys

from common import BIN, call, machine, median, publish, table
from rivals import build_guest

PROGRAM = os.path.join(BIN, "bench_runtime")


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    calls = build_guest("calls")
    values, units = {}, {}
    for _ in range(rounds):
        for line in (call([PROGRAM]) + call([PROGRAM, "calls", calls])).splitlines():
            name, value, unit = line.split()
            values.setdefault(name, []).append(float(value))
            units[name] = unit
    rows = [[name.replace("_", " "), f"{median(numbers):.3g}", units[name]]
            for name, numbers in values.items()]
    publish("runtime", f"{machine()}; {rounds} rounds.\n\n" +
            table(["operation", "cost", "unit"], rows))


if __name__ == "__main__":
    main()

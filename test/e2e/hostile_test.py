#!/usr/bin/env python3
"""Modules made to hurt the compiler are compiled or refused by name, by both pipelines.

Those of hostile.py that take a moment only; the figures of all stand in bench/README.md.
"""
import hostile
from harness import *  # pylint: disable=wildcard-import,unused-wildcard-import

COMPILED = ["loops_with_locals", "nested_blocks", "nested_loops", "table_of_blocks", "table_to_two",
            "tables_in_loop", "br_if_steps", "wide_function", "wide_floats", "many_globals",
            "many_exports"]
REFUSED = {
    "locals_million": "more than 50000 locals of a function",
    "nested_too_deep": "more than 100000 nested blocks",
    "table_of_million": "more than 65520 labels in a br_table",
    "table_with_values": "more than 1000000 values carried by branches and calls of a function",
    "branches_with_values": "more than 1000000 values carried by branches and calls",
    "wide_calls": "more than 1000000 values carried by branches and calls of a function",
    "br_if_chain": "more than 400000 basic blocks of a function",
    "stack_too_high": "more than 1000000 values on the operand stack",
    "long_constant": "terms of a constant expression",
    "giant_too_long": "more than 7654321 bytes in a function body",
}


class Hostile(unittest.TestCase):
    def compile(self, name, **limits):
        for tier in ("quick", "best"):
            with self.subTest(name, tier=tier):
                yield hostile.compile_module(hostile.SHAPES[name](), tier, **limits)

    def test_some_are_compiled(self):
        if is_sanitized():
            self.skipTest("sanitizers need more memory and system calls than the jail allows")
        for name in COMPILED:
            for outcome in self.compile(name):
                self.assertTrue(outcome.done, outcome.text or f"status {outcome.status}")

    def test_some_are_refused_by_name(self):
        for name, words in REFUSED.items():
            for outcome in self.compile(name):
                self.assertTrue(outcome.is_refused, outcome.text)
                self.assertIn(words, outcome.text)

    def test_the_limit_on_memory_holds(self):
        if is_sanitized():
            self.skipTest("the address sanitizer needs all address space")
        for outcome in self.compile("many_functions", address_space=300 << 20):
            self.assertEqual((outcome.status, outcome.text), (hostile.EXIT_MEMORY, ""))

    def test_the_limit_on_time_holds(self):
        for outcome in self.compile("many_functions", cpu_s=1):
            self.assertEqual(outcome.status, -signal.SIGXCPU)


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""Help, manual pages and completion follow the same tables, and roff finds nothing to object to."""
import re

from harness import *  # pylint: disable=wildcard-import,unused-wildcard-import

WEIR = os.path.join(BIN, "weir")


def weir(*args):
    """What a command that must succeed prints."""
    done = subprocess.run([WEIR, *args], capture_output=True, check=True, timeout=PATIENCE_S)
    assert done.stderr == b"", done.stderr
    return done.stdout.decode()


def commands():
    return re.findall(r"^  ([a-z]+) +\S", weir("help"), re.M)


def options(command):
    return re.findall(r"^  --([a-z-]+)", weir("help", command), re.M)


def complete(*words):
    """What bash would offer for the last word."""
    script = weir("help", "--completion") + """
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _weir; printf '%s\\n' "${COMPREPLY[@]}"
"""
    done = subprocess.run(["bash", "-c", script, "bash", *words], capture_output=True, check=True,
                          timeout=PATIENCE_S)
    assert done.stderr == b"", done.stderr
    return done.stdout.decode().split()


class Manual(unittest.TestCase):
    def test_help_is_narrow_and_asked_for_in_two_ways(self):
        for command in commands():
            page = weir("help", command)
            self.assertEqual(weir(command, "--help"), page)
            self.assertIn(f"usage: weir {command}", page)
            for line in page.splitlines()[1:]:
                self.assertLess(len(line), 80, line)

    def test_pages_have_every_command_option_and_exit_status(self):
        page = weir("help", "--man")
        for command in commands():
            self.assertIn(f"\n.TP\n\\fB{command}\\fP", page)
            self.assertIn(f".BR weir\\-{command} (1)", page)
            own = weir("help", "--man", command)
            self.assertEqual(re.findall(r"^\\fB\\-\\-([a-z\\-]+)\\fP", own, re.M),
                             [name.replace("-", "\\-") for name in options(command)])
            for status in range(5):
                self.assertIn(f"\n.TP\n\\fB{status}\\fP\n", own)
        self.assertIn("malformed\\-module, invalid\\-module", page)

    def test_roff_takes_the_pages(self):
        for args in [(), *[(command,) for command in commands()]]:
            page = weir("help", "--man", *args)
            done = subprocess.run(["groff", "-ww", "-man", "-Tutf8", "-P-cbou"], check=True,
                                  input=page.encode(), capture_output=True, timeout=PATIENCE_S)
            self.assertEqual(done.stderr, b"")
            text = done.stdout.decode()
            for section in ("NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "ENVIRONMENT",
                            "SEE ALSO"):
                self.assertRegex(text, rf"(?m)^{section}$")

    def test_completion(self):
        self.assertEqual(complete("weir", ""), commands())
        self.assertEqual(complete("weir", "insp"), ["inspect"])
        self.assertEqual(complete("weir", "serve", "--opt", ""), ["quick", "best"])
        self.assertEqual(complete("weir", "serve", "x.wasm", "--log-f"), ["--log-file"])
        self.assertEqual(complete("weir", "help", "ch"), ["check"])
        for command in commands():
            offered = complete("weir", command, "--")
            self.assertEqual(offered,
                             [f"--{name}" for name in options(command)] + ["--help"])


if __name__ == "__main__":
    unittest.main()

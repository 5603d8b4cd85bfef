#!/usr/bin/env python3
"""What a long compile shows: a line that is drawn over on an able terminal, plain lines elsewhere.

The compiler is one of ours that works until it is told to stop, so that nothing here depends on how
long anything takes.
"""
import pty
import select
import shutil

from harness import *  # pylint: disable=wildcard-import,unused-wildcard-import

COMPILER = """#!/usr/bin/env python3
import os, socket, sys, time
s = socket.socket(fileno=3)
socket.recv_fds(s, 9000, 1)
s.send(b"key " + b"ab" * 32)
s.recv(100)
s.send(b"progress 3 10")
while not os.path.exists(os.path.dirname(sys.argv[0]) + "/stop"):
    time.sleep(0.02)
s.send(b"error limit-exceeded - stopped")
"""
ERROR = "weir: {path}: stopped"


class Progress(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.program = os.path.join(self.folder, "weir")
        shutil.copy(os.path.join(BIN, "weir"), self.program)
        compiler = os.path.join(self.folder, "weirc")
        with open(compiler, "w", encoding="utf-8") as file:
            file.write(COMPILER)
        os.chmod(compiler, 0o755)

    def module(self, name="hello.wasm"):
        path = os.path.join(self.folder, name)
        shutil.copy(os.path.join(GUESTS, "hello.wasm"), path)
        return path

    def show(self, path, until, on_terminal, **environment):
        """All that `weir inspect` shows; once `until` has appeared the compiler stops."""
        env = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
        env.update(environment)
        reader, writer = pty.openpty() if on_terminal else os.pipe()
        command = [self.program, "inspect", path, "--cache", os.path.join(self.folder, "cache")]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=writer, env=env) as process:
            os.close(writer)
            shown = b""
            while until.encode() not in shown:
                self.assertTrue(select.select([reader], [], [], PATIENCE_S)[0], shown)
                piece = os.read(reader, 4096)
                self.assertTrue(piece, shown)
                shown += piece
            with open(os.path.join(self.folder, "stop"), "wb"):
                pass
            try:
                while piece := os.read(reader, 4096):
                    shown += piece
            except OSError:  # the terminal's other end has closed
                pass
            os.close(reader)
            self.assertEqual(process.wait(PATIENCE_S), 1)
        return shown.decode().replace("\r\n", "\n")

    def test_an_able_terminal_has_one_line_that_is_drawn_over(self):
        path = self.module()
        shown = self.show(path, "3 of 10 functions", True, TERM="xterm")
        drawn, _, rest = shown.rpartition("\r\x1b[K")
        self.assertEqual(rest, ERROR.format(path=path) + "\n")
        for line in drawn.split("\r\x1b[K")[1:]:
            self.assertRegex(line, r"^compiling [^\n]*hello\.wasm, \d+ s(, 3 of 10 functions)?$")

    def test_elsewhere_there_are_plain_lines(self):
        cases = [(True, {"TERM": "dumb"}), (True, {"TERM": ""}), (False, {"TERM": "xterm"}),
                 (True, {"TERM": "xterm", "NO_COLOR": "1"})]
        path = self.module()
        for on_terminal, environment in cases:
            with self.subTest(on_terminal=on_terminal, environment=environment):
                shown = self.show(path, "compiling", on_terminal, **environment)
                lines = shown.splitlines()
                self.assertRegex(lines[0], r"^compiling [^\x1b\r]*hello\.wasm$")
                self.assertEqual(lines[1:], [ERROR.format(path=path)])
                os.unlink(os.path.join(self.folder, "stop"))

    def test_a_hostile_name_stays_one_short_plain_line(self):
        path = self.module("x" * 100 + "\x1b[31mred\n.wasm")
        shown = self.show(path, "3 of 10 functions", True, TERM="xterm")
        line = shown.split("\r\x1b[K")[1]
        self.assertRegex(line, r"^compiling \.\.\.x*\?\[31mred\?\.wasm, \d+ s")
        self.assertLess(len(line), 80)


if __name__ == "__main__":
    unittest.main()

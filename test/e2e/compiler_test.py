#!/usr/bin/env python3
"""Compilers that hang, crash, babble and lie: each ends in one line, and leaves nothing behind."""
import shutil
import time

from harness import *  # pylint: disable=wildcard-import,unused-wildcard-import

# A compiler up to its first message: s is the conversation, folder the job's.
PROLOGUE = """#!/usr/bin/env python3
import os, signal, socket, sys, time
sys.excepthook = lambda *_: None  # that the folder has gone: it would mix with weir's line
s = socket.socket(fileno=3)
folder = socket.recv_fds(s, 9000, 1)[0].split(b"\\n", 1)[1].decode()
def say(text): s.send(text.encode())
def key():
    say("key " + "ab" * 32)
    s.recv(100)
def write(name, data=b"x" * 100):
    with open(folder + "/" + name, "wb") as file:
        file.write(data)
"""

# What the compiler does, what weir says of it.
CASES = {
    "os._exit(0)": "ended early: exit status 0",
    "os._exit(7)": "ended early: exit status 7",
    "os._exit(99)": "needed more than its 8192 MiB of memory",
    "os.abort()": "ended early: signal 6",
    "os.kill(os.getpid(), signal.SIGXCPU)": "used its 1 s of CPU time",
    "s.close(); time.sleep(1000)": "ended early: signal 9",
    "time.sleep(1000)": "did not finish within 4 s",
    "say('hello'); time.sleep(1000)": "no message: hello",
    "say('x' * 20000); time.sleep(1000)": "no message",
    "say('error malformed 5 a\\0b'); time.sleep(1000)": "no message",
    "say('key ../../../x'); time.sleep(1000)": "no message: ../../../x",
    "key(); key(); time.sleep(1000)": "no message: abab",
    "say('done'); time.sleep(1000)": "no message: done",
    "say('error'); time.sleep(1000)": "no message: error",
    "say('error malformed 5 \\x1b[31mred\\n\\x07bell')": "?[31mred??bell (at offset 0x5)",
    "say('error none 1 fine')": "fine",
    "key(); say('progress 2 3'); say('progress 3 3'); say('error none 1 fine')": "fine",
    "say('progress 0 1'); time.sleep(1000)": "no message: 0 1",
    "key(); say('progress 3 2'); time.sleep(1000)": "no message: 3 2",
    "key(); say('progress -1 2'); time.sleep(1000)": "no message: -1 2",
    "key(); say('progress 1 2 3'); time.sleep(1000)": "no message: 1 2 3",
    "key(); say('progress 1'); time.sleep(1000)": "no message: 1",
    "socket.send_fds(s, [b'done'], [0] * 50); time.sleep(1000)": "no message",
    "key(); say('done'); time.sleep(1000)": "left no file",
    "key(); write('0.code', b''); write('0.module', b''); say('done')": "empty file",
    "key(); write('0.code'); write('0.module'); say('done')": "not a module file",
    "key(); os.symlink('/etc/passwd', folder + '/0.code'); say('done')": "left no file",
    "key(); os.mkfifo(folder + '/0.code'); say('done')": "not a regular file",
    "key(); write('0.code'); os.symlink('/dev/zero', folder + '/0.module'); say('done')":
        "left no file",
    # A file that shrinks while it is read would end weir by a signal.
    """write('0.code', bytes(1 << 26)); write('0.module'); key(); say('done')
while True:
    os.truncate(folder + '/0.code', 0)
    os.truncate(folder + '/0.code', 1 << 26)""": "",
}


class Compiler(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.cache = os.path.join(self.folder, "cache")

    def command(self, program):
        return [program, "run", os.path.join(GUESTS, "hello.wasm"), "--cache", self.cache,
                "--compile-s", "1", "--invoke", "add", "1", "2"]

    def jobs(self):
        """Folders of compilers in the cache."""
        return [name for name in os.listdir(self.cache) if name.startswith("job-")]

    def test_whatever_it_does_it_ends_in_one_line(self):
        program = os.path.join(self.folder, "weir")
        shutil.copy(os.path.join(BIN, "weir"), program)
        for action, want in CASES.items():
            with self.subTest(action):
                compiler = os.path.join(self.folder, "weirc")
                with open(compiler, "w", encoding="utf-8") as file:
                    file.write(PROLOGUE + action + "\n")
                os.chmod(compiler, 0o755)
                done = subprocess.run(self.command(program), capture_output=True, check=False,
                                      timeout=PATIENCE_S)
                lines = done.stderr.decode().splitlines()
                said = [line for line in lines if line.startswith("weir: ")]
                self.assertIn(done.returncode, (1, 3), lines)
                self.assertEqual(len(said), 1, lines)
                self.assertIn(want, said[0])
                self.assertRegex(said[0], r"hello\.wasm: |\.module: ")
                self.assertEqual(done.stdout, b"")
                self.assertEqual(self.jobs(), [])
                shutil.rmtree(self.cache)

    def test_it_does_not_outlive_its_parent(self):
        command = self.command(os.path.join(BIN, "weir"))
        while True:
            with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
                pid = self.stop_compiler(process)
                process.kill()
            if pid is not None:
                break
            shutil.rmtree(self.cache)  # it was too fast
        end = time.monotonic() + PATIENCE_S
        while os.path.exists(f"/proc/{pid}/exe"):
            self.assertLess(time.monotonic(), end, "the compiler lives on")
            time.sleep(0.01)

    @staticmethod
    def stop_compiler(process):
        """Stops the jailed compiler in its tracks; None if it ended before."""
        while process.poll() is None:
            try:
                with open(f"/proc/{process.pid}/task/{process.pid}/children",
                          encoding="ascii") as file:
                    for pid in file.read().split():
                        with open(f"/proc/{pid}/status", encoding="ascii") as status:
                            if "Seccomp:\t2" in status.read():
                                os.kill(int(pid), signal.SIGSTOP)
                                return int(pid)
            except (FileNotFoundError, ProcessLookupError):
                pass
        return None


if __name__ == "__main__":
    unittest.main()

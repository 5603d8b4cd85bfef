#!/usr/bin/env python3
"""`weir run` of programs: streams, arguments, files, exit codes and signals as of native ones."""
import pty

from harness import *  # pylint: disable=wildcard-import,unused-wildcard-import

WEIR = os.path.join(BIN, "weir")
PROGRAM = os.path.join(GUESTS, "program.wasm")


storm = []  # options of all that is run to its end


def run(*words, options=(), stdin=b"", env=None):
    """Runs the program to its end; returns (status, stdout, stderr)."""
    done = subprocess.run([WEIR, "run", *storm, *options, PROGRAM, *words], input=stdin,
                          capture_output=True, timeout=PATIENCE_S, check=False,
                          env=None if env is None else {**os.environ, **env})
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def start(*words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE):
    """Starts the program; its standard output is read by the caller."""
    return subprocess.Popen([WEIR, "run", PROGRAM, *words], stdin=stdin, stdout=stdout,
                            stderr=subprocess.DEVNULL)


def times_run(process):
    """How often a process has been given a processor."""
    with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
        return sum(int(line.split()[1]) for line in file if "_ctxt_switches" in line)


class Run(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """Compiles what is run below: that a module is compiled is said on standard error."""
        for name in ("program", "hello"):
            subprocess.run([WEIR, "run", os.path.join(GUESTS, name + ".wasm"), "exit", "0"],
                           capture_output=True, timeout=2 * PATIENCE_S, check=False)

    def test_arguments_and_environment(self):
        cases = [
            ((), (), [], ""),
            (("a", "b c", ""), (), [], "a\nb c\n\n"),
            (("-x", "--verbose", "--help"), (), [], "-x\n--verbose\n--help\n"),
            (("--", "--dir", "--", "x"), (), [], "--dir\n--\nx\n"),
            ((), ("--env", "A=1", "--env=B=2=3"), [], "A=1\nB=2=3\n"),
            ((), ("--env", "WEIR_TEST_A", "--env", "WEIR_TEST_NONE"), [], "WEIR_TEST_A=here\n"),
            (("a", "--env", "C=4"), (), [], "a\nC=4\n"),
        ]
        for words, options, _, want in cases:
            with self.subTest(words=words, options=options):
                got = run("echo", *words, options=options, env={"WEIR_TEST_A": "here"})
                self.assertEqual(got, (0, want, ""))

    def test_nothing_is_granted_unasked(self):
        self.assertEqual(run("echo", env={"SECRET": "1"}), (0, "", ""))
        self.assertEqual(run("read", "etc/passwd"), (100 + 8, "", ""))  # no descriptor 3

    def test_streams(self):
        data = os.urandom(300000).hex().encode()
        self.assertEqual(run("copy", stdin=data), (0, data.decode(), ""))
        self.assertEqual(run("copy"), (0, "", ""))
        for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
            with self.subTest(closed=closed):
                status = subprocess.run(["sh", "-c", f'exec "$0" run "$1" exit 7 {closed}',
                                         WEIR, PROGRAM], check=False, capture_output=True,
                                        timeout=PATIENCE_S).returncode
                self.assertEqual(status, 7)

    def test_files(self):
        with tempfile.TemporaryDirectory() as folder:
            grant = ("--dir", folder + "::/data")
            self.assertEqual(run("write", "a", options=grant, stdin=b"text"), (0, "", ""))
            with open(os.path.join(folder, "a"), "rb") as file:
                self.assertEqual(file.read(), b"text")
            self.assertEqual(run("read", "a", options=grant), (0, "text", ""))
            self.assertEqual(run("read", "../a", options=grant)[0], 100 + 63)
            self.assertEqual(run("read", "b", options=grant)[0], 100 + 44)
            # Standard input and output may be files too.
            with open(os.path.join(folder, "a"), "rb") as source, \
                    open(os.path.join(folder, "b"), "wb") as target:
                subprocess.run([WEIR, "run", PROGRAM, "copy"], stdin=source, stdout=target,
                               check=True, timeout=PATIENCE_S)
            self.assertEqual(run("read", "b", options=grant), (0, "text", ""))

    def test_exit_codes(self):
        for code, want in ((0, 0), (1, 1), (42, 42), (255, 255), (256, 0), (300, 44)):
            with self.subTest(code=code):
                self.assertEqual(run("exit", str(code)), (want, "", ""))

    def test_a_trap_ends_with_4_and_a_backtrace(self):
        status, stdout, stderr = run("trap")
        self.assertEqual((status, stdout), (4, "before\n"))
        self.assertRegex(stderr, r"\Aunreachable executed\n  at inner \(func \d+\)\n"
                                 r"  at _?start(\.\w+)* \(func \d+\)\n")

    def test_limits_are_none_unless_given(self):
        status, stdout, stderr = run("spin", options=("--cpu-ms", "50"))
        self.assertEqual((status, stdout), (4, "spins\n"))
        self.assertIn("CPU time limit reached", stderr)
        status, _, stderr = run("sleep", "3600000", options=("--wall-ms", "50"))
        self.assertEqual(status, 4)
        self.assertIn("time limit reached", stderr)

    def test_invoke_still_calls_one_function(self):
        self.assertEqual(run("2", options=("--invoke", "say")), (0, "said\nsaid\n2\n", ""))
        self.assertEqual(run("9", options=("--invoke", "leave")), (9, "", ""))

    def test_what_is_wrong_is_said(self):
        cases = [
            (["--dir", "none::/", PROGRAM], 1, "weir: directory none: No such file or directory"),
            (["--dir", "::/", PROGRAM], 2, 'weir: --dir takes HOST::GUEST, not "::/"'),
            (["--dir", "/tmp::", PROGRAM], 2, 'weir: --dir takes HOST::GUEST, not "/tmp::"'),
            (["--nonsense", PROGRAM], 2, "weir: weir run has no option --nonsense; see "
                                         "`weir help run`"),
            ([], 2, "weir: run what? give a file: weir run FILE.wasm ARGS"),
            ([os.path.join(GUESTS, "hello.wasm")], 2,
             "weir: " + os.path.join(GUESTS, "hello.wasm") + " is no program, it exports no "
             "_start; name a function: --invoke EXPORT"),
        ]
        for words, status, line in cases:
            with self.subTest(words=words):
                done = subprocess.run([WEIR, "run", *words], capture_output=True, check=False,
                                      timeout=PATIENCE_S)
                self.assertEqual((done.returncode, done.stderr.decode()), (status, line + "\n"))

    def test_helpers_are_not_for_people(self):
        done = subprocess.run([WEIR, "helper"], stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=PATIENCE_S, check=False)
        self.assertEqual((done.returncode, done.stderr),
                         (2, b"weir: helper processes are started by weir itself\n"))

    def test_signals_end_it_like_a_native_program(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            for words in (("sleep", "3600000"), ("spin",)):
                with self.subTest(number=number, words=words):
                    process = start(*words)
                    process.stdout.readline()
                    process.send_signal(number)
                    self.assertEqual(process.wait(PATIENCE_S), -number)
                    process.stdout.close()

    def test_a_reader_that_goes_away_ends_the_writer(self):
        process = start("flood")
        process.stdout.read(100000)
        process.stdout.close()
        self.assertEqual(process.wait(PATIENCE_S), -signal.SIGPIPE)

    def test_waiting_takes_no_processor(self):
        """Of a pipe, of a terminal, and of a clock."""
        master, terminal = pty.openpty()
        before = subprocess.Popen([WEIR, "run", PROGRAM, "copy"], stdin=terminal,
                                  stdout=subprocess.PIPE)
        pipe = start("copy", stdin=subprocess.PIPE)
        clock = start("sleep", "3600000")
        clock.stdout.readline()
        os.write(master, b"line\n")
        self.assertEqual(before.stdout.read(5), b"line\n")  # it runs, and waits for more
        pipe.stdin.write(b"x")
        pipe.stdin.flush()
        self.assertEqual(pipe.stdout.read(1), b"x")
        for _ in range(100):  # soon they sleep for good: none runs while another program does
            first = [times_run(process) for process in (before, pipe, clock)]
            run("exit", "0")
            if first == [times_run(process) for process in (before, pipe, clock)]:
                break
        else:
            self.fail("a waiting program does not sleep")
        os.write(master, b"\x04")  # the end of a terminal's input
        pipe.stdin.close()
        self.assertEqual(before.wait(PATIENCE_S), 0)
        self.assertEqual(pipe.wait(PATIENCE_S), 0)
        clock.kill()
        clock.wait(PATIENCE_S)
        for process in (before, pipe, clock):
            process.stdout.close()
        os.close(master)
        os.close(terminal)

    def test_a_shared_pipe_keeps_its_flags(self):
        """What the program inherits stays blocking for those who share it."""
        read_end, write_end = os.pipe()
        process = start("copy", stdin=read_end, stdout=write_end)
        os.close(write_end)
        self.assertTrue(os.get_blocking(read_end))
        process.kill()
        process.wait(PATIENCE_S)
        os.close(read_end)


class InAStorm(Run):
    """The same, interrupted all the time."""
    @classmethod
    def setUpClass(cls):
        storm[:] = ["--tick-us", "100"]

    @classmethod
    def tearDownClass(cls):
        storm.clear()


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""What a running server's processes have given up, and that it serves all the same."""
import errno
import glob
import time

from harness import *  # pylint: disable=wildcard-import,unused-wildcard-import
from faults import Faults
from harness import command_of
from inject import system_call

AT_FDCWD = -100
PAGE = 4096
RWX = 7
PRIVATE_ANONYMOUS = 0x22
MANY = 60


def state_of(path):
    """The letter of a process or thread below /proc; "" if there is none."""
    try:
        with open(f"{path}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def is_gone(pid):
    """Has the process ended, also if nobody has asked how?"""
    return state_of(f"/proc/{pid}") in ("", "Z")


def freeze(pid):
    """Returns when all threads of the process have stopped."""
    os.kill(pid, signal.SIGSTOP)
    until(lambda: all(state_of(path) == "T" for path in glob.glob(f"/proc/{pid}/task/*")))


def descendants(pid):
    """The process and all below it."""
    found = [pid]
    for at in found:
        try:
            with open(f"/proc/{at}/task/{at}/children", encoding="ascii") as file:
                found += [int(child) for child in file.read().split()]
        except OSError:
            pass
    return found


def writable_code(maps):
    """The lines of a process's map whose pages may be written and executed."""
    return [line for line in maps.splitlines() if {"w", "x"} <= set(line.split()[1])]


class Sampler(threading.Thread):
    """Looks at the pages of all processes below one, again and again."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid = pid
        self.found = []
        self.seen = {}  # what a process is -> how often it was looked at
        self.has_ended = threading.Event()

    def run(self):
        while not self.has_ended.is_set():
            for pid in descendants(self.pid)[1:]:
                command = command_of(pid)
                try:
                    with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
                        maps = file.read()
                except OSError:
                    continue  # it has gone
                if len(command) > 1 and maps:
                    kind = command[1] if command[1] != "--job" else "weirc"
                    self.seen[kind] = self.seen.get(kind, 0) + 1
                    self.found += [(kind, line) for line in writable_code(maps)]

    def end(self):
        self.has_ended.set()
        self.join(PATIENCE_S)


class Folder(unittest.TestCase):
    """Servers whose programs have a folder, and so a helper."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="weir-jail-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        with open(os.path.join(self.folder, "some.txt"), "wb") as file:
            file.write(b"some text\n")

    def serve(self, *guests, options=(), **more):
        return Server("served", *guests, options=(
            "--dir", f"{self.folder}::/data", "--cpu-ms", "2000", *options), **more)

    def read_file(self, server, prefix=""):
        """Has the program read the file; its answer, as soon as it has a helper for it."""
        status, _, body = server.request("GET", prefix + "/some.txt?file")
        return status == 200 and body == b"some text\n"


class Inside(Folder):
    def refused(self, server, name, *args):
        worker, = server.workers()
        self.assertEqual(system_call(worker, name, *args), -errno.EACCES, name)
        self.assertEqual(server.workers(), [worker])

    def killed(self, server, name, *args):
        worker, = server.workers()
        self.assertIsNone(system_call(worker, name, *args), name)
        until(lambda: server.workers() and server.workers() != [worker])
        self.assertEqual(server.call("/add", 1, 2), 3)

    def test_a_worker_can_open_start_and_map_nothing(self):
        with Server("hello", options=("--workers", "1"), may_lose_workers=True) as server:
            self.assertEqual(server.call("/add", 1, 2), 3)
            worker, = server.workers()
            self.assertEqual(system_call(worker, "getpid"), worker)  # so it is the worker's call
            self.refused(server, "open", b"/etc/passwd", os.O_RDONLY)
            self.refused(server, "openat", AT_FDCWD, b"/proc/self/mem", os.O_RDWR)
            self.refused(server, "openat", AT_FDCWD, b"/tmp/weir-escape", os.O_CREAT | os.O_WRONLY)
            self.assertEqual(server.call("/add", 1, 2), 3)
            self.killed(server, "execve", b"/bin/true", 0, 0)
            self.killed(server, "fork")
            self.killed(server, "mmap", 0, PAGE, RWX, PRIVATE_ANONYMOUS, -1, 0)
            self.killed(server, "socket", socket.AF_INET, socket.SOCK_STREAM, 0)
            self.killed(server, "memfd_create", b"x", 0)
            self.killed(server, "kill", server.process.pid, signal.SIGTERM)
            self.killed(server, "prlimit", server.process.pid, 7, b"\0" * 16, 0)
        said = [line for line in server.lines if "signal 31 (Bad system call)" in line]
        self.assertEqual(len(said), 7)
        self.assertFalse(os.path.exists("/tmp/weir-escape"))

    def test_a_worker_makes_no_page_of_its_own_executable(self):
        with Server("hello", options=("--workers", "1"), may_lose_workers=True) as server:
            self.assertEqual(server.call("/add", 1, 2), 3)  # it has told the supervisor by now
            for wanted in ("rw-p", "r-xp"):  # data that would become code, code that would be data
                worker, = server.workers()
                with open(f"/proc/{worker}/maps", encoding="utf-8") as file:
                    line = next(line for line in file if f" {wanted} " in line)
                self.killed(server, "mprotect", int(line.split("-")[0], 16), PAGE, RWX)

    def test_a_server_makes_no_code_even_before_its_workers_are_jailed(self):
        if tuple(int(part) for part in os.uname().release.split(".")[:2]) < (6, 3):
            self.skipTest("PR_SET_MDWE is of Linux 6.3")
        with Server("hello", options=("--workers", "1")) as server:
            made = system_call(server.process.pid, "mmap", 0, PAGE, RWX, PRIVATE_ANONYMOUS, -1, 0)
            self.assertEqual(made, -errno.EACCES)

    def test_a_helper_can_open_and_start_nothing_by_itself(self):
        with self.serve(options=("--workers", "1"), may_lose_workers=True) as server:
            until(lambda: self.read_file(server))
            helper, = server.children("helper")
            self.assertEqual(system_call(helper, "getpid"), helper)
            self.assertEqual(system_call(helper, "open", b"/etc/passwd", os.O_RDONLY),
                             -errno.EACCES)
            self.assertIsNone(system_call(helper, "execve", b"/bin/true", 0, 0))
            until(lambda: self.read_file(server))


class Pages(Folder):
    def test_no_page_is_ever_writable_and_executable(self):
        self.assertEqual(len(writable_code("1-2 rwxp 0 0:0 0\n1-2 r-xp 0 0:0 0\n")), 1)
        sampler = Sampler(os.getpid())
        with tempfile.TemporaryDirectory(prefix="weir-jail-") as cache:
            sampler.start()
            with self.serve("hello", "trap", "typed", "spin", options=(
                    "--workers", "2", "--cache", cache)) as server:
                self.run_into_a_limit_while_initialising()
                for _ in range(MANY):
                    self.assertTrue(self.read_file(server, "/served"))
                    self.assertEqual(server.call("/hello/add", 1, 2), 3)
                    self.assertEqual(server.request("GET", "/served/?trap")[0], 502)
                    server.call("/spin/work", 1000)
                statuses = self.statuses(server)
            sampler.end()
        self.assertEqual(sampler.found, [])
        for kind in ("serve", "initialise", "worker", "helper", "control", "weirc"):
            self.assertGreater(sampler.seen.get(kind, 0), 0, sampler.seen)
        self.assertGreaterEqual(len(statuses), 2 + 5 + 1)  # threads: workers, a helper, control
        for status in statuses:
            self.assertIn("\nNoNewPrivs:\t1\n", status)
            self.assertIn("\nSeccomp:\t2\n", status)

    def run_into_a_limit_while_initialising(self):
        """A process that runs guest code before there are workers, long enough to be seen."""
        command = [os.path.join(BIN, "weir"), "serve", os.path.join(GUESTS, "stuck.wasm"),
                   "--addr", "127.0.0.1:0", "--cpu-ms", "300"]
        ended = subprocess.run(command, check=False, capture_output=True, timeout=PATIENCE_S)
        self.assertIn(b"its initialisation ends with a trap", ended.stderr)

    def statuses(self, server):
        """Of all threads of workers, helpers and the control process."""
        kinds = ("worker", "helper", "control")
        pids = [pid for kind in kinds for pid in server.children(kind)]
        texts = []
        for path in [path for pid in pids for path in glob.glob(f"/proc/{pid}/task/*/status")]:
            with open(path, encoding="utf-8") as file:
                texts.append(file.read())
        return texts


class Helpers(Folder):
    def test_a_killed_helper_comes_back(self):
        with self.serve(options=("--workers", "1"), may_lose_workers=True) as server:
            worker = server.workers()
            for _ in range(5):
                until(lambda: self.read_file(server))
                helper, = server.children("helper")
                os.kill(helper, signal.SIGKILL)
                until(lambda: is_gone(helper))  # pylint: disable=cell-var-from-loop
            until(lambda: self.read_file(server))
            self.assertEqual(server.workers(), worker)
            self.assertEqual(len(server.children("helper")), 1)

    def test_a_worker_serves_while_its_helper_hangs(self):
        with self.serve("hello", options=("--workers", "1", "--wall-ms", "300")) as server:
            until(lambda: self.read_file(server, "/served"))
            helper, = server.children("helper")
            freeze(helper)
            self.assertEqual(server.request("GET", "/served/some.txt?file")[0], 503)
            self.assertEqual(server.call("/hello/add", 1, 2), 3)
        self.assertTrue(is_gone(helper))  # it had no way to see that it should end

    def test_helpers_go_with_their_worker(self):
        with self.serve(options=("--workers", "1"), may_lose_workers=True) as server:
            until(lambda: self.read_file(server))
            helper, = server.children("helper")
            freeze(helper)
            os.kill(server.workers()[0], signal.SIGKILL)
            until(lambda: is_gone(helper))
            until(lambda: server.workers() and self.read_file(server))

    def test_nobody_outlives_a_killed_supervisor(self):
        server = self.serve(options=("--workers", "2"))
        until(lambda: self.read_file(server))
        until(lambda: len(server.children("helper")) == 2)
        until(lambda: server.children("control"))
        self.kill(server)


    def test_nor_does_a_worker_that_hangs_at_its_start(self):
        if is_sanitized():
            self.skipTest("the sanitizer must be loaded first")
        with tempfile.TemporaryDirectory(prefix="weir-jail-") as folder:
            faults = Faults(folder)
            server = self.serve(options=("--workers", "1", "--hung-ms", "60000"),
                                env=faults.environment)
            faults.set("stop_at", 20)
            os.kill(server.workers()[0], signal.SIGKILL)
            until(lambda: [state_of(f"/proc/{pid}") for pid in server.workers()] == ["T"])
            self.kill(server)

    @staticmethod
    def kill(server):
        """Kills the supervisor; returns when all its children have gone."""
        pids = server.workers() + server.children("helper") + server.children("control")
        server.process.kill()
        server.process.wait(PATIENCE_S)
        until(lambda: all(is_gone(pid) for pid in pids))
        server.reader.join(PATIENCE_S)
        server.process.stderr.close()
        server.folder.cleanup()


class Descriptors(unittest.TestCase):
    def test_the_log_goes_on_without_descriptors_and_clients_come_back(self):
        with tempfile.TemporaryDirectory(prefix="weir-jail-") as folder:
            log = os.path.join(folder, "log")
            with Server("hello", options=("--workers", "1", "--log-file", log)) as server:
                kept = server.client()
                self.assertEqual(server.call("/add", 1, 2, client=kept), 3)
                worker, = server.workers()
                subprocess.run(["prlimit", f"--pid={worker}", "--nofile=40:40"], check=True)
                best = min(self.fill_and_recover(server, kept, log) for _ in range(3))
                kept.close()
                self.assertLessEqual(best, 1)

    def fill_and_recover(self, server, kept, log):
        """Seconds from the end of a shortage of descriptors to the next new client's answer."""
        socks = [server.open() for _ in range(MANY)]
        before = os.path.getsize(log)
        self.assertEqual(server.call("/add", 1, 2, client=kept), 3)
        until(lambda: os.path.getsize(log) > before)
        end = time.monotonic()
        for sock in socks:
            sock.close()

        def is_served():
            try:
                return server.call("/add", 1, 2) == 3
            except (OSError, http.client.HTTPException):
                return False
        until(is_served)
        return time.monotonic() - end


if __name__ == "__main__":
    unittest.main()

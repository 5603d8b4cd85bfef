#!/usr/bin/env python3
"""Workers that are killed under load, that run out of memory, that die at every start: what was in
flight on them fails, and nothing else."""
from faults import *  # pylint: disable=wildcard-import,unused-wildcard-import

BACK_S = 0.1
YOUNG_S = 1.1  # a worker that has lived so long is started again at once
GROUPS = "/sys/fs/cgroup/memory"


class Killed(unittest.TestCase):
    def test_only_what_was_in_flight_fails(self):
        with Server("hello", options=("--workers", "2"), may_lose_workers=True) as server:
            until(lambda: len(server.workers()) == 2)
            board = Board(server)
            with Load(server, clients=6, path="/add", keep=False) as load:
                back_s = [self.kill_one(server, board, load, turn % 2) for turn in range(3)]
            self.assertEqual(load.wrong, [])
            self.assertGreater(load.good, 50)
        print("SIGKILL under load: back after " +
              ", ".join(f"{1000 * value:.0f} ms" for value in back_s))
        self.assertLessEqual(min(back_s), BACK_S)

    def kill_one(self, server, board, load, index):
        """Seconds until another worker serves in its place. It is stopped first: what it has open
        then is all that may fail."""
        time.sleep(YOUNG_S)
        pid = board.worker(index, "pid")
        freeze(pid)
        failed, accepted = len(load.failed), board.worker(1 - index, "accepted")
        in_flight = board.worker(index, "connections")
        begun = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        until(lambda: board.worker(index, "pid") not in (0, pid) and
              board.worker(index, "started_ns") != 0, 0.001)
        back_s = time.monotonic() - begun
        until(lambda: board.worker(1 - index, "accepted") > accepted + 10)
        self.assertLessEqual(len(load.failed) - failed, in_flight)
        self.assertEqual(len(server.workers()), 2)
        return back_s

    def test_one_of_two_out_of_memory(self):
        """The kernel kills a worker whose group has no more memory."""
        group = os.path.join(GROUPS, f"weir-test-{os.getpid()}")
        if is_sanitized():
            self.skipTest("the sanitizer needs more memory than the group has")
        try:
            os.mkdir(group)
        except OSError as error:
            self.skipTest(f"no memory group of our own: {error}")
        self.addCleanup(lambda: until(lambda: self.remove(group)))
        with open(os.path.join(group, "memory.limit_in_bytes"), "w", encoding="ascii") as file:
            file.write(str(32 << 20))
        with Server("hello", "bomb", options=("--workers", "2", "--memory-mib", "1024"),
                    may_lose_workers=True) as server:
            until(lambda: len(server.workers()) == 2)
            pid = server.workers()[0]
            with open(os.path.join(group, "cgroup.procs"), "w", encoding="ascii") as file:
                file.write(str(pid))
            with Load(server, clients=3, keep=False) as load:
                end = time.monotonic() + PATIENCE_S
                while pid in server.workers():  # one of the two takes it
                    self.assertLess(time.monotonic(), end)
                    try:
                        server.request("POST", "/bomb/swell", "[]")
                    except (OSError, http.client.HTTPException):
                        pass
                until(lambda: len(server.workers()) == 2)
            self.assertEqual(load.wrong, [])
            self.assertLessEqual(len(load.failed), 3)  # a client has one request in flight
            self.assertTrue(any("signal 9" in line for line in server.lines), server.lines)

    @staticmethod
    def remove(group):
        try:
            os.rmdir(group)
            return True
        except OSError:
            return False  # somebody in it is still ending


class CrashLoop(unittest.TestCase):
    def test_it_pauses_longer_each_time_and_the_others_serve(self):
        if is_sanitized():
            self.skipTest("the sanitizer must be loaded first")
        with tempfile.TemporaryDirectory(prefix="weir-death-") as folder:
            faults = Faults(folder)
            faults.set("abort_index", 1 + 1)
            with Server("hello", options=("--workers", "2"), may_lose_workers=True,
                        env=faults.environment) as server:
                with Load(server, clients=2, path="/add") as load:
                    times = self.times_of_deaths(server, 7)
                    faults.set("abort_index", 0)
                    until(lambda: len(server.workers()) == 2)
                    board = Board(server)
                    until(lambda: board.worker(1, "started_ns") != 0)
                self.assertEqual((load.failed, load.wrong), ([], []))
                self.assertEqual(server.call("/add", 1, 2), 3)
        pauses = [after - before for before, after in zip(times, times[1:])]
        print("crash loop: pauses of " + ", ".join(f"{1000 * value:.0f}" for value in pauses) +
              " ms")
        # 0, 10 ms, 20 ms, 40 ms, ..., as they are seen by someone who may look late.
        self.assertGreater(pauses[-1], 0.1)
        self.assertGreater(sum(pauses), 0.25)
        self.assertLess(min(pauses[:3]), 1)

    def test_a_pause_of_all_is_no_hang(self):
        """As by a container that is paused: who wakes up first finds the others late."""
        with Server("hello", options=("--workers", "2", "--hung-ms", "400")) as server:
            until(lambda: len(server.workers()) == 2 and server.children("control"))
            children = server.workers() + server.children("control")
            board = Board(server)
            until(lambda: all(board.worker(i, "started_ns") != 0 for i in range(2)))
            for pid in [server.process.pid] + children:
                freeze(pid)
            time.sleep(1)
            for pid in [server.process.pid] + children:
                os.kill(pid, signal.SIGCONT)
            time.sleep(1)
            self.assertEqual(server.workers() + server.children("control"), children)
            self.assertEqual(server.call("/add", 1, 2), 3)

    def test_a_start_that_hangs_is_ended(self):
        if is_sanitized():
            self.skipTest("the sanitizer must be loaded first")
        options = ("--workers", "2", "--hung-ms", "300")
        with tempfile.TemporaryDirectory(prefix="weir-death-") as folder:
            faults = Faults(folder)
            faults.set("stop_index", 1 + 1)
            with Server("hello", options=options, may_lose_workers=True,
                        env=faults.environment) as server:
                until(lambda: any("worker 1 " in line and " hangs" in line
                                  for line in server.lines))
                self.assertEqual(server.call("/add", 1, 2), 3)
                faults.set("stop_index", 0)
                board = Board(server)
                until(lambda: board.worker(1, "started_ns") != 0)
            faults.set("stop_index", 1 + 0)  # of the first one nothing else is known
            with self.assertRaisesRegex(AssertionError, r"worker 0 \(process \d+\) hangs\n"
                                        "weir: the first worker ended at its start: signal 9"):
                Server("hello", options=options, env=faults.environment)

    @staticmethod
    def times_of_deaths(server, count):
        """When the supervisor has said so, for the first ones."""
        times = []
        while len(times) < count:
            until(lambda: sum(" ended: " in line for line in server.lines) > len(times), 0.001)
            times.append(time.monotonic())
        return times


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""Guests that trap, never end, or take all memory there is: nobody else notices.

Beside each of them runs a load on another module whose every answer is checked: no error there.
"""
from faults import *  # pylint: disable=wildcard-import,unused-wildcard-import

TRAPS = (("trap_unreachable", [], "unreachable"),
         ("trap_memory", [0xfffffff0], "memory-out-of-bounds"),
         ("trap_divide", [1, 0], "integer-divide-by-zero"),
         ("trap_divide", [-2147483648, -1], "integer-overflow"),
         ("trap_convert", ["NaN"], "invalid-conversion"),
         ("trap_indirect", [0], "uninitialized-element"),
         ("trap_indirect", [1000000], "table-out-of-bounds"),
         ("trap_stack", [100000000], "stack-exhausted"))
TRAPS_EACH = int(os.environ.get("WEIR_TRAPS_EACH", "300"))
SPINNING = 100
CPU_MS = 50
BOMBS = int(os.environ.get("WEIR_BOMBS", "50"))
BOMB_MIB = 16
MIB_PAGES = 16
KEPT_KIB = 4096  # written pages that an idle instance keeps: rt_options.memory_keep_bytes
# Every byte there may be, in one instruction; a copy forwards and one backwards.
LARGEST = """(module (memory 65535 65535)
  (func (export "fill")
    (memory.fill (i32.const 0) (i32.const 1) (i32.const 0xffff0000)))
  (func (export "copy")
    (memory.copy (i32.const 0) (i32.const 8) (i32.const 0xfffefff0)))
  (func (export "copy_back")
    (memory.copy (i32.const 8) (i32.const 0) (i32.const 0xfffefff0))))"""
SLOW = 4 if is_sanitized() else 1  # memory is poisoned and filled there


class Isolated(unittest.TestCase):
    def judge(self, load, least=1):
        load.end()
        self.assertEqual((load.failed, load.wrong), ([], []))
        self.assertGreaterEqual(load.good, least)


class Traps(Isolated):
    def test_every_kind_beside_others(self):
        options = ("--workers", "2", "--breaker-failures", "1000000")
        with Server("hello", "trap", options=options) as server:
            until(lambda: len(server.workers()) == 2)
            workers = server.workers()
            wrong = []
            one_argument = server.call("/trap/function_index", 1)  # it is called without
            traps = TRAPS + (("trap_indirect", [one_argument], "indirect-call-type"),)

            def trap(i):
                client = server.client()
                for k in range(TRAPS_EACH * len(traps) // 4):
                    name, args, kind = traps[(i + k) % len(traps)]
                    status, error = server.error("/trap/" + name, *args, client=client)
                    if (status, error.get("kind")) != (502, kind):
                        wrong.append((name, args, status, error))
                client.close()
            with Load(server, clients=2) as load:
                together(4, trap)
            self.assertEqual(wrong, [])
            self.judge(load)
            self.assertEqual(server.workers(), workers)


class Endless(Isolated):
    def serve(self, folder):
        """stuck.wasm spins in its start: it is initialised for each request."""
        return Server("hello", "spin", "bomb", "stuck", options=(
            "--workers", "1", "--snapshot", "never", "--cpu-ms", str(CPU_MS * SLOW), "--wall-ms",
            "60000", "--log", "json", "--log-file", os.path.join(folder, "log"),
            "--breaker-failures", "1000000"))

    def test_all_end_at_their_limit_and_give_everything_back(self):
        kinds = (("/spin/spin", []), ("/spin/spin_in_memory", []), ("/bomb/spin_table", [1]),
                 ("/bomb/spin_calls", [1]), ("/stuck/add", [1, 2]), ("/bomb/spin_fill", []),
                 ("/bomb/spin_copy", []))
        # A few of the hundred fill and copy 128 MiB each, the others only count.
        calls = [kinds[i % 5] if i % 16 else kinds[5 + i // 16 % 2] for i in range(SPINNING)]
        with tempfile.TemporaryDirectory(prefix="weir-endless-") as folder:
            with self.serve(folder) as server:
                self.assertEqual(server.call("/hello/add", 1, 2), 3)
                worker, = server.workers()
                board, before = Board(server), private_kib(worker)
                with Load(server, clients=1) as load:
                    # All are there before the first has ended: later ones would be refused, for
                    # they would have to wait for too long.
                    socks = [server.open() for _ in calls]
                    for sock, (path, args) in zip(socks, calls):
                        sock.sendall(post(path, json.dumps(args), "Connection: close\r\n"))
                    replies = [read_all(sock) for sock in socks]
                    ended = time.monotonic()
                    # The answer leaves before the instance is reset.
                    until(lambda: board.total("running") == 0)
                    after_ms = (time.monotonic() - ended) * 1000
                for sock, (path, _), reply in zip(socks, calls, replies):
                    sock.close()
                    self.assertTrue(reply.startswith(b"HTTP/1.1 503 "), (path, reply))
                    self.assertIn(b'"kind":"cpu-limit"', reply, path)
                self.judge(load)
                kept = private_kib(worker) - before
                self.assertEqual(server.workers(), [worker])
            over = self.over_the_limit(os.path.join(folder, "log"))
        print(f"R2: {SPINNING} endless calls: over the limit p50 {percentile(over, 0.5):.1f} ms, "
              f"p99 {percentile(over, 0.99):.1f} ms; all idle after {after_ms:.0f} ms; "
              f"{kept} KiB kept")
        # A slice ends at its second tick, of 4 ms at most. All but one of the hundred: once the
        # machine itself may have paused.
        self.assertLess(percentile(over, 0.98), 10 * SLOW)
        self.assertLess(after_ms, 200 * SLOW)
        # What the idle instances keep, and their contexts and page tables.
        if not is_sanitized():
            self.assertLess(kept, SPINNING * (KEPT_KIB + 128))

    def test_one_instruction_for_a_memory_of_four_gib(self):
        with tempfile.TemporaryDirectory(prefix="weir-largest-") as folder:
            largest, log = os.path.join(folder, "largest"), os.path.join(folder, "log")
            subprocess.run(["wat2wasm", "-", "-o", largest + ".wasm"], input=LARGEST, text=True,
                           check=True)
            with Server("hello", largest, options=(
                    "--workers", "1", "--memory-mib", "4096", "--cpu-ms", str(CPU_MS * SLOW),
                    "--log", "json", "--log-file", log)) as server:
                worker, = server.workers()
                before = private_kib(worker)
                with Load(server, clients=1) as load:
                    for name in ("fill", "copy", "copy_back") * 3:
                        status, error = server.error("/largest/" + name)
                        self.assertEqual((status, error.get("kind")), (503, "cpu-limit"), error)
                self.judge(load)
                until(lambda: private_kib(worker) < before + KEPT_KIB + 1024 or is_sanitized())
                self.assertEqual(server.workers(), [worker])
            over = self.over_the_limit(log)
        print(f"R2: {len(over)} times 4 GiB: over the limit {max(over):.1f} ms at most")
        self.assertEqual(len(over), 9)
        self.assertLess(sorted(over)[-2], 10 * SLOW)  # once the machine itself may have paused

    @staticmethod
    def over_the_limit(path):
        """By how many ms the calls that were ended have used more than their limit."""
        with open(path, encoding="ascii") as file:
            lines = [json.loads(line) for line in file]
        return [line["cpu_ms"] - CPU_MS * SLOW for line in lines if line["outcome"] == "cpu-limit"]


class Memory(Isolated):
    def test_bombs(self):
        """Each gets what the limit allows and no more, all of it at once, and gives it back."""
        options = ("--workers", "1", "--memory-mib", str(BOMB_MIB), "--cpu-ms", "20000",
                   "--wall-ms", "60000", "--body-idle-ms", "60000")
        with Server("hello", "hoard", options=options) as server:
            worker, = server.workers()
            server.call("/hello/add", 1, 2)
            base = private_kib(worker)
            limit = BOMBS * BOMB_MIB * 1024
            with Load(server, clients=1) as load:
                socks = [server.open() for _ in range(BOMBS)]
                for sock in socks:
                    sock.sendall(b"POST /hoard?memory HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                                 b"Content-Length: 1\r\n\r\n")
                peak = self.watch(worker, base + 0.9 * limit)
                for sock in socks:
                    sock.sendall(b"x")
                replies = [read_all(sock) for sock in socks]
                for sock in socks:
                    sock.close()
            for reply in replies:
                self.assertTrue(reply.startswith(b"HTTP/1.1 200 "), reply)
                self.assertEqual(int(reply.split()[-1]), BOMB_MIB * MIB_PAGES, reply)
            self.judge(load)
            if not is_sanitized():  # its shadow of the memory stays
                until(lambda: private_kib(worker) < base + BOMBS * (KEPT_KIB + 128))
            after = private_kib(worker)
            self.assertEqual(server.workers(), [worker])
        print(f"R3: {BOMBS} bombs of {BOMB_MIB} MiB: worker {base // 1024} MiB before, "
              f"{peak // 1024} MiB at most, {after // 1024} MiB after")
        self.assertLessEqual(peak, base + limit * (2 if is_sanitized() else 1.05))

    @staticmethod
    def watch(pid, until_kib):
        """Private memory at its highest, when it has been above that and grows no more."""
        seen = [private_kib(pid)]
        end = time.monotonic() + PATIENCE_S
        while len(seen) < 20 or seen[-1] < until_kib or seen[-1] > seen[-20]:
            if time.monotonic() > end:
                raise AssertionError(f"{seen[-1]} KiB of {until_kib:.0f}")
            time.sleep(0.01)
            seen.append(private_kib(pid))
        return max(seen)


if __name__ == "__main__":
    unittest.main()

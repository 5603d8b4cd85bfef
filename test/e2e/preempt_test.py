#!/usr/bin/env python3
"""Preemption storm: programs interrupted every 50 to 100 us compute what they compute in peace.

WEIR_STORM_REDIRECTS says how many times guests are taken off the processor: a million where gcc
built Weir (test/e2e/CMakeLists.txt), 100,000 elsewhere, ten million in script/test --full.
"""
import glob

from harness import *  # pylint: disable=wildcard-import,unused-wildcard-import

TICK_US = 100
REDIRECTS = os.environ.get("WEIR_STORM_REDIRECTS", "100000")
KERNELS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../bench/kernels")
FLAGS = ["--target=wasm32", "-nostdlib", "-std=c17", "-O3", "-fno-math-errno", "-ffp-contract=off",
         "-Wl,--no-entry", "-Wl,--export=run"]


class Preempt(unittest.TestCase):
    def test_kernels_compute_the_same_in_a_storm(self):
        sources = [path for path in sorted(glob.glob(KERNELS + "/*.c"))
                   if not path.endswith("/main.c")]
        self.assertGreater(len(sources), 10)
        with tempfile.TemporaryDirectory(prefix="weir-storm-") as folder:
            modules = []
            for source in sources:
                modules.append(os.path.join(folder, os.path.basename(source)[:-2] + ".wasm"))
                subprocess.run(["clang-22", *FLAGS, source, "-o", modules[-1]], check=True)
            done = subprocess.run([os.path.join(BIN, "weir-storm"), os.path.join(folder, "cache"),
                                   str(TICK_US), REDIRECTS, *modules],
                                  capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"redirects in \d+ calls, \d+ ms, 0 wrong")
        self.assertGreaterEqual(int(done.stdout.split()[0]), int(REDIRECTS))


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""The folder of compiled modules: shared by processes, foreign, full, read-only, damaged."""
import shutil

from harness import *  # pylint: disable=wildcard-import,unused-wildcard-import

# A compiler that leaves a file for every time it is started, and is then the real one.
COUNTING = """#!/usr/bin/env bash
mktemp "$(dirname "$0")/started.XXXXXX" >/dev/null
exec "$(dirname "$0")/real/weirc" "$@"
"""


class Cache(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="weir-cache-")
        self.addCleanup(self.folder.cleanup)
        self.bin = os.path.join(self.folder.name, "bin")
        os.makedirs(os.path.join(self.bin, "real"))
        shutil.copy(os.path.join(BIN, "weir"), self.bin)
        os.symlink(os.path.abspath(os.path.join(BIN, "weirc")),
                   os.path.join(self.bin, "real", "weirc"))
        with open(os.path.join(self.bin, "weirc"), "w", encoding="ascii") as file:
            file.write(COUNTING)
        os.chmod(os.path.join(self.bin, "weirc"), 0o755)

    def start(self, *options, cache="cache"):
        folder = os.path.join(self.folder.name, cache)
        return subprocess.Popen(
            [os.path.join(self.bin, "weir"), "run", "--cache", folder, *options,
             os.path.join(GUESTS, "vec.wasm"), "--invoke", "dot", "4", "1", "2"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def finish(self, process):
        out, err = process.communicate(timeout=PATIENCE_S)
        lines = err.splitlines(keepends=True) # progress shows on a busy machine
        err = "".join(line for line in lines if not line.startswith(("compiling ", "compiled ")))
        return process.returncode, out, err

    def compiles(self):
        return sum(name.startswith("started.") for name in os.listdir(self.bin))

    def test_concurrent_compiles_of_a_module_do_the_work_once(self):
        for process in [self.start() for _ in range(8)]:
            self.assertEqual(self.finish(process), (0, "28\n", ""))
        self.assertEqual(self.compiles(), 1)
        self.assertEqual(self.finish(self.start()), (0, "28\n", ""))
        self.assertEqual(self.compiles(), 1)
        self.assertEqual(self.finish(self.start("--opt", "quick")), (0, "28\n", ""))
        self.assertEqual(self.compiles(), 2)

    def test_a_damaged_file_is_made_again(self):
        self.assertEqual(self.finish(self.start())[0], 0)
        cache = os.path.join(self.folder.name, "cache")
        for count, suffix in enumerate((".code", ".module"), 2):
            path, = [os.path.join(cache, name) for name in os.listdir(cache)
                     if name.endswith(suffix)]
            os.chmod(path, 0o600)
            with open(path, "r+b") as file:
                file.seek(100)
                byte = file.read(1)
                file.seek(100)
                file.write(bytes([byte[0] ^ 4]))
            status, out, err = self.finish(self.start())
            self.assertEqual((status, out), (0, "28\n"))
            self.assertRegex(err, r"^weir: warning: [^\n]*\n$")
            self.assertEqual(self.compiles(), count)

    def test_a_full_disk_means_no_cache_and_one_warning(self):
        """A file system of 64 KiB in a namespace of its own, where the system lets us make one."""
        mounted = os.path.join(self.folder.name, "small")
        os.mkdir(mounted)
        weir = " ".join([os.path.join(self.bin, "weir"), "run", "--cache",
                         os.path.join(mounted, "cache"), os.path.join(GUESTS, "vec.wasm"),
                         "--invoke", "dot", "4", "1", "2"])
        script = f"mount -t tmpfs -o size=64k small {mounted} || exit 77; {weir}"
        done = subprocess.run(["unshare", "--map-root-user", "--mount", "sh", "-c", script],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=PATIENCE_S, check=False)
        if done.returncode == 77 or "unshare" in done.stderr:
            self.skipTest("no mounts here: " + done.stderr.strip())
        self.assertEqual((done.returncode, done.stdout), (0, "28\n"))
        self.assertRegex(done.stderr,
                         r"(?m)^weir: warning: compiled modules will not be kept: [^\n]*: "
                         r"the disk is full or read-only\n$")


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""The access log: one line a request, in text and JSON, whatever the request; never in the way."""
import fcntl
import re
import shutil
import struct

from harness import *  # pylint: disable=wildcard-import,unused-wildcard-import

TEXT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (?P<request>[0-9a-f]{16}) 127\.0\.0\.1 "
                  r"(?P<method>\S+) (?P<path>\S+) (?P<status>\S+) (?P<in>\d+) (?P<out>\d+) "
                  r"(?P<wall>\d+\.\d{3}) (?P<cpu>\d+\.\d{3}) (?P<outcome>\S+)$")
FIELDS = ["time", "request", "client", "method", "path", "status", "in", "out", "wall_ms", "cpu_ms",
          "outcome"]


class Log(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.path = os.path.join(self.folder, "log")

    def serve(self, *guests, options=(), **more):
        return Server(*guests, options=("--log-file", self.path, *options), **more)

    def lines(self):
        with open(self.path, encoding="ascii") as file:
            return file.read().splitlines()

    def text_lines(self):
        """The lines' fields, in order; every line must have all of them."""
        found = [TEXT.match(line) for line in self.lines()]
        self.assertNotIn(None, found, self.lines())
        return [match.groupdict() for match in found]

    def test_a_line_for_every_request_and_how_it_ended(self):
        with self.serve("hello", "trap", "spin",
                        options=("--workers", "1", "--cpu-ms", "50")) as server:
            _, headers, body = server.request("POST", "/hello/add", "[1, 2]")
            server.request("POST", "/hello/add?token=secret", "[1, 2]")
            server.request("POST", "/hello/add", "[1]")
            server.request("POST", "/hello/sub", "[]")
            server.request("PUT", "/hello/add", "[1, 2]")
            server.request("HEAD", "/")
            server.request("POST", "/trap/trap_divide", "[1, 0]")
            server.request("POST", "/spin/spin", "[]")
            server.exchange(b"nonsense\r\n\r\n")
        lines = self.text_lines()
        want = [("POST", "/hello/add", "200", "6", str(len(body)), "ok"),
                ("POST", "/hello/add", "200", "6", "2", "ok"),
                ("POST", "/hello/add", "400", "3", None, "bad-argument"),
                ("POST", "/hello/sub", "404", "2", None, "not-found"),
                ("PUT", "/hello/add", "405", "6", None, "method-not-allowed"),
                ("HEAD", "/", "200", "0", "0", "ok"),
                ("POST", "/trap/trap_divide", "502", "6", None, "integer-divide-by-zero"),
                ("POST", "/spin/spin", "503", "2", None, "cpu-limit"),
                ("-", "-", "400", "0", None, "bad-request")]
        self.assertEqual(len(lines), len(want))
        self.assertEqual(lines[0]["request"], headers["weir-request-id"])
        for line, (method, path, status, took, gave, outcome) in zip(lines, want):
            self.assertEqual((line["method"], line["path"], line["status"], line["in"],
                              line["outcome"]), (method, path, status, took, outcome))
            if gave is not None:
                self.assertEqual(line["out"], gave)
        self.assertGreaterEqual(float(lines[7]["cpu"]), 50)
        self.assertGreaterEqual(float(lines[7]["wall"]), 50)

    def test_json_is_one_object_a_line_whatever_the_path(self):
        paths = ["/a%22b", "/%0a%1b[31m", "/" + "x" * 3000, "/'\"\\{}"]
        with self.serve("hello", options=("--log", "json", "--workers", "1")) as server:
            statuses = []
            for path in paths:
                reply = server.exchange(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                                        "\r\n".encode())
                statuses.append(int(reply.split()[1]))
        lines = [json.loads(line) for line in self.lines()]
        self.assertEqual([line["status"] for line in lines], statuses)
        for line, path in zip(lines, paths):
            names = [name for name in line if name != "path_cut"]
            self.assertEqual(names, FIELDS)
            if line["status"] == 404:
                self.assertEqual(line["path"], path[:256])
                self.assertEqual("path_cut" in line, len(path) > 256)
            else:
                self.assertEqual((line["path"], line["outcome"]), (None, "bad-request"))

    def test_a_client_that_leaves_is_a_line(self):
        with self.serve("spin", options=("--workers", "1", "--cpu-ms", "60000", "--wall-ms",
                                         "60000")) as server:
            with server.open() as sock:
                sock.sendall(post("/spin", "[]"))
                while not self.is_spinning(server):
                    pass
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        lines = self.text_lines()
        self.assertEqual([(line["path"], line["status"], line["outcome"]) for line in lines],
                         [("/spin", "-", "cancelled")])

    @staticmethod
    def is_spinning(server):
        """Has the worker used more processor time than anything but the guest could take?"""
        with open(f"/proc/{server.workers()[0]}/stat", encoding="ascii") as file:
            return int(file.read().rpartition(")")[2].split()[11]) >= 20

    def test_workers_do_not_mix_their_lines(self):
        reader, writer = os.pipe()
        read = bytearray()

        def take():
            while piece := os.read(reader, 65536):
                read.extend(piece)

        taker = threading.Thread(target=take)
        taker.start()
        try:
            with Server("hello", options=("--workers", "2"), stdout=writer) as server:
                clients = [threading.Thread(target=self.ask, args=(server, 400)) for _ in range(4)]
                for client in clients:
                    client.start()
                for client in clients:
                    client.join()
        finally:
            os.close(writer)
            taker.join()
            os.close(reader)
        lines = read.decode().splitlines()
        self.assertEqual(len(lines), 1600)
        for line in lines:
            self.assertRegex(line, TEXT)

    @staticmethod
    def ask(server, count):
        with server.open() as sock:
            replies = Replies(sock)
            for _ in range(count):
                sock.sendall(post("/add", "[1, 2]"))
                replies.next()
            replies.close()

    def test_nobody_reads_and_everybody_is_served(self):
        reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        with Server("hello", options=("--workers", "1"), stdout=writer) as server:
            self.ask(server, 6000)
            self.assertEqual(server.call("/add", 20, 22), 42)
        os.close(writer)
        os.close(reader)

    def test_a_reader_that_leaves_ends_the_log_and_nothing_else(self):
        reader, writer = os.pipe()
        with Server("hello", options=("--workers", "1"), stdout=writer) as server:
            os.close(writer)
            os.close(reader)
            self.ask(server, 1000)
            self.assertEqual(server.call("/add", 20, 22), 42)
        self.assertIn("weir: worker: the access log ends here: Broken pipe\n", server.lines)

    def test_no_file_of_ours_stands_for_a_closed_output(self):
        weir = os.path.join(BIN, "weir")
        hello = os.path.join(GUESTS, "hello.wasm")
        done = subprocess.run(["sh", "-c", 'exec "$0" "$@" >&-', weir, "inspect", hello],
                              stderr=subprocess.PIPE, check=False, timeout=PATIENCE_S)
        self.assertEqual((done.returncode, done.stderr),
                         (1, b"weir: cannot write to standard output: Bad file descriptor\n"))
        command = ["sh", "-c", 'exec "$0" "$@" >&-', weir, "serve", hello, "--addr",
                   "127.0.0.1:0", "--workers", "1"]
        with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
            lines = [process.stderr.readline().decode(), process.stderr.readline().decode()]
            process.terminate()
            process.stderr.read()
            self.assertEqual(process.wait(PATIENCE_S), 0)
        self.assertEqual(lines[0], "weir: warning: no access log: standard output is closed; "
                                   "--log-file FILE takes one\n")
        self.assertRegex(lines[1], "^listening on ")

    def test_none_is_none(self):
        with self.serve("hello", options=("--log", "none")) as server:
            server.call("/add", 1, 2)
        self.assertFalse(os.path.exists(self.path))

    def test_it_is_appended_to(self):
        for _ in range(2):
            with self.serve("hello", options=("--workers", "1")) as server:
                server.call("/add", 1, 2)
        self.assertEqual(len(self.text_lines()), 2)


if __name__ == "__main__":
    unittest.main()

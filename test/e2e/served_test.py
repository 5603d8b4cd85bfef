#!/usr/bin/env python3
"""Programs behind HTTP: the body on standard input, the response from standard output."""
from harness import *  # pylint: disable=wildcard-import,unused-wildcard-import

LINES = b"0123456789abcde\n" * 65536


class Served(SharedServer):
    GUESTS = ("served",)
    OPTIONS = ("--workers", "1", "--cpu-ms", "2000", "--wall-ms", "60000")

    def get(self, query, path="/", method="GET", **options):
        return self.server.request(method, f"{path}?{query}", **options)

    def failure(self, query):
        """(status, code, message) of a clean error."""
        status, headers, body = self.get(query)
        self.assertEqual(headers["content-type"], "application/json")
        error = json.loads(body)["error"]
        self.assertEqual(error["request"], headers["weir-request-id"])
        return status, error["code"], error["message"]

    def cut(self, query):
        """What arrives of a response before its connection is cut."""
        with self.server.open() as sock:
            sock.sendall(f"GET /?{query} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            return read_all(sock)

    def test_bodies_stream_through(self):
        data = os.urandom(3 << 20).hex().encode()
        pieces = [data[i:i + 70000] for i in range(0, len(data), 70000)]
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
        for framing, body in ((f"Content-Length: {len(data)}", data),
                              ("Transfer-Encoding: chunked", chunks + b"0\r\n\r\n")):
            sock = self.server.open()
            head = f"POST /?upper HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{framing}\r\n\r\n"
            sender = threading.Thread(target=sock.sendall, args=(head.encode() + body,))
            sender.start() # nobody takes the body whose answer is not taken
            reply = http.client.HTTPResponse(sock)
            reply.begin()
            self.assertEqual(reply.status, 200)
            self.assertEqual(reply.read(), data.upper())
            sender.join(PATIENCE_S)
            reply.close()
            sock.close()

    def test_a_long_body_takes_little_room(self):
        data = os.urandom(4 << 20).hex().encode()
        with Server("served", options=("--workers", "1", "--body-kib", "1", "--keep-body-kib",
                                       "1")) as server:
            with server.open() as sock:
                head = (f"POST /?upper HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                        f"Content-Length: {len(data)}\r\n\r\n")
                sender = threading.Thread(target=sock.sendall, args=(head.encode() + data,))
                sender.start()
                reply = http.client.HTTPResponse(sock)
                reply.begin()
                got = b""
                while piece := reply.read(30000):  # not as fast as it is sent
                    got += piece
                sender.join(PATIENCE_S)
                self.assertEqual(got, data.upper())

    def test_an_old_client_reads_to_the_end(self):
        reply = self.server.exchange(b"GET /?much HTTP/1.0\r\n\r\n")
        head, _, body = reply.partition(b"\r\n\r\n")
        self.assertNotIn(b"chunked", head)
        self.assertEqual(body, LINES)

    def test_the_answer_comes_while_the_body_does(self):
        with self.server.open() as sock:
            sock.sendall(b"POST /?upper HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            sock.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            got = b""
            while got.count(b"X") < 30000: # while the end of the body has not been sent
                got += sock.recv(65536)
            sock.sendall(b"0\r\n\r\n")
            while not got.endswith(b"0\r\n\r\n"):
                got += sock.recv(65536)
            self.assertEqual(got.count(b"X"), 65536)

    def test_variables(self):
        with self.server.open() as sock:
            sock.sendall(b"POST /a%20b/c?env HTTP/1.1\r\nHost: name:81\r\nContent-Length: 3\r\n"
                         b"Content-Type: x/y\r\nProxy: evil\r\nX_Y: hidden\r\nX-Y: seen\r\n"
                         b"Cookie: a=1\r\nCookie: b=2\r\nAccept: c\r\nAccept: d\r\n\r\nabc")
            replies = Replies(sock)
            status, _, body = replies.next()
            replies.close()
        got = dict(line.split("=", 1) for line in body.decode().splitlines())
        identity = got.pop("WEIR_REQUEST_ID")
        self.assertRegex(identity, "^[0-9a-f]{16}$")
        self.assertEqual(status, 200)
        self.assertRegex(got.pop("SERVER_SOFTWARE"), "^weir/")
        self.assertEqual(got, {
            "GATEWAY_INTERFACE": "CGI/1.1", "SERVER_PROTOCOL": "HTTP/1.1", "SERVER_NAME": "name",
            "SERVER_PORT": "81", "REQUEST_METHOD": "POST", "SCRIPT_NAME": "", "PATH_INFO": "/a b/c",
            "QUERY_STRING": "env", "REMOTE_ADDR": "127.0.0.1", "CONTENT_LENGTH": "3",
            "CONTENT_TYPE": "x/y", "HTTP_HOST": "name:81", "HTTP_X_Y": "seen",
            "HTTP_COOKIE": "a=1; b=2", "HTTP_ACCEPT": "c, d"})

    def test_a_nul_in_the_path_is_refused(self):
        status, _, body = self.get("env", path="/a%00b")
        self.assertEqual((status, json.loads(body)["error"]["message"]),
                         (400, "the path holds a NUL character"))

    def test_heads(self):
        cases = [("nothing", 200, None, b""), ("plain", 200, None, b"hello\n"),
                 ("status", 404, ("x-name", "value"), b"not here"),
                 ("location", 302, ("location", "/there"), b""),
                 ("no-content", 204, None, b""),
                 ("length", 200, ("content-length", "1048576"), LINES),
                 ("much", 200, ("transfer-encoding", "chunked"), LINES)]
        client = self.server.client()
        for query, want, field, body in cases:
            status, headers, got = self.get(query, client=client)
            self.assertEqual((status, got), (want, body), query)
            if field:
                self.assertEqual(headers[field[0]], field[1])
        status, headers, got = self.get("length", method="HEAD", client=client)
        self.assertEqual((status, headers["content-length"], got), (200, "1048576", b""))
        client.close()

    def test_clean_failures(self):
        server = "which is the server's affair"
        for query, want in (
                ("trap", (502, "trap", "unreachable executed")),
                ("exit", (502, "exit-code", "the program ended with exit code 7")),
                ("spin", (503, "deadline", "CPU time limit reached")),
                ("mismatch", (502, "bad-response",
                              "the program's Content-Length is 4, its body has 3 bytes")),
                ("inject", (502, "bad-response", "the program wrote a malformed header field")),
                ("chunked", (502, "bad-response",
                             f"the program wrote a Transfer-Encoding field, {server}")),
                ("two-lengths", (502, "bad-response",
                                 "the program wrote a Content-Length that is no number, or two")),
                ("early", (502, "bad-response", "the program wrote a Status field that is no "
                                                "status from 200 to 599, or two"))):
            self.assertEqual(self.failure(query), want, query)

    def test_a_hundred_thousand_fields_are_no_head(self):
        status, headers, body = self.get("fields") # no empty line within 16 KiB: it is a body
        self.assertEqual((status, headers["content-type"], len(body)),
                         (200, "application/octet-stream", 500013))

    def test_a_response_that_began_is_cut_never_mixed(self):
        for query in ("much-and-trap", "much-and-exit", "short", "long"):
            got = self.cut(query)
            self.assertTrue(got.startswith(b"HTTP/1.1 200 OK\r\n"), query)
            self.assertTrue(got.endswith(b"<reset>"), query)
            self.assertNotIn(b'"error"', got)
            self.assertEqual(got.count(b"HTTP/1.1"), 1)

    def test_until_the_commit_point_a_failure_is_a_clean_one(self):
        """32 KiB of output, its head among them, are held back."""
        for size in (20 << 10, (32 << 10) - 1):
            for end, code in (("trap", "trap"), ("exit", "exit-code")):
                self.assertEqual(self.failure(f"{size}-{end}")[:2], (502, code), size)
        for size in (32 << 10, 40 << 10):
            for end in ("trap", "exit"):
                got = self.cut(f"{size}-{end}")
                if got != b"<reset>":  # it may come before all that was sent
                    self.check_cut(got)

    def check_cut(self, got):
        """A good head and some of the body, no end and no second response; how much of it."""
        head, _, body = got.partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 200 OK\r\n"), head)
        self.assertIn(b"Content-Type: text/plain", head)
        self.assertTrue(body.endswith(b"<reset>"), body[-100:])
        # Chunks, and not the last one.
        self.assertRegex(body[:-7], rb"^(?:[0-9a-f]+\r\n[xyz]*(?:\r\n)?)*$")
        self.assertNotRegex(body, rb"\r\n0\r\n")
        return sum(map(body.count, (b"x", b"y", b"z")))

    def test_time_that_runs_out_cuts_a_response_that_began(self):
        options = ("--workers", "1", "--cpu-ms", "3600000", "--wall-ms", "3000")
        with Server("served", options=options) as server:
            with server.open() as begun, server.open() as held:
                for sock, size in ((begun, 1 << 20), (held, 20 << 10)):
                    sock.sendall(f"GET /?{size}-spin HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                got = read_all(begun)
                replies = Replies(held)
                status, _, body = replies.next()
                replies.close()
        self.assertEqual(self.check_cut(got), (1 << 20) - len("Content-Type: text/plain\n\n"))
        self.assertEqual((status, json.loads(body)["error"]["kind"]), (503, "wall-limit"))

    def test_a_broken_body_ends_the_program(self):
        head = b"POST /?late HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        self.assertIn(b" 400 ", self.server.exchange(head + b"3\r\nabc\r\nzz\r\n"))
        with self.server.open() as sock: # and so does a client that goes away
            sock.sendall(head + b"3\r\nabc\r\n")
        self.assertEqual(self.get("plain")[2], b"hello\n")

    def test_unread_bodies_do_not_stay_in_the_way(self):
        client = self.server.client()
        for _ in range(3):
            self.assertEqual(self.get("plain", method="POST", body=b"x" * 1000, client=client)[2],
                             b"hello\n")
        client.close()
        with self.server.open() as sock:
            sock.sendall(b"POST /?plain HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\nxx")
            got = read_all(sock)
        self.assertIn(b"hello\n", got)
        self.assertIn(b"Connection: close", got)


class Log(unittest.TestCase):
    def test_standard_error_goes_to_the_log(self):
        with tempfile.TemporaryDirectory(prefix="weir-served-") as folder:
            path = os.path.join(folder, "log")
            with Server("served", options=("--log", "json", "--log-file", path)) as server:
                _, headers, _ = server.request("GET", "/?complain")
            with open(path, encoding="utf-8") as file:
                lines = [json.loads(line) for line in file]
        said = [line["stderr"] for line in lines if "stderr" in line]
        self.assertEqual(said, ["first line", "second \x1b[31mline", "unfinished"])
        self.assertEqual({line["request"] for line in lines}, {headers["weir-request-id"]})

    def test_what_functions_print_goes_to_the_log(self):
        with tempfile.TemporaryDirectory(prefix="weir-served-") as folder:
            path = os.path.join(folder, "log")
            with Server("chatty", options=("--log", "json", "--log-file", path)) as server:
                self.assertEqual(server.call("/say"), 0)
            with open(path, encoding="utf-8") as file:
                lines = [json.loads(line) for line in file]
        said = [line["stderr"] for line in lines if "stderr" in line]
        self.assertEqual(sorted(said), ["one", "oops", "three", "two"])
        self.assertEqual(len({line["request"] for line in lines}), 1)

    def test_folders_and_variables_are_granted(self):
        with tempfile.TemporaryDirectory(prefix="weir-served-") as folder:
            with open(os.path.join(folder, "some.txt"), "wb") as file:
                file.write(LINES)
            with Server("served", options=("--dir", f"{folder}::/data", "--env", "KEY=a secret",
                                           "--workers", "1", "--cpu-ms", "2000")) as server:
                self.assertEqual(server.request("GET", "/some.txt?file")[::2], (200, LINES))
                self.assertIn(b"\nKEY=a secret\n", server.request("GET", "/?env")[2])
                for path in ("/../some.txt", "/missing", "/%2e%2e/%2e%2e/etc/passwd"):
                    self.assertEqual(server.request("GET", path + "?file")[0], 502)
                for pid in server.workers(): # nobody else can read it in the list of processes
                    with open(f"/proc/{pid}/cmdline", "rb") as file:
                        self.assertNotIn(b"secret", file.read())
        with self.assertRaisesRegex(AssertionError, "--dir /missing: No such file or directory"):
            Server("served", options=("--dir", "/missing::/"))

    def test_programs_beside_functions(self):
        with Server("served", "hello") as server:
            _, _, body = server.request("GET", "/served/x/y?env")
            self.assertIn(b"\nSCRIPT_NAME=/served\nPATH_INFO=/x/y\n", body)
            self.assertEqual(server.call("/hello/add", 1, 2), 3)
            _, _, body = server.request("GET", "/")
            self.assertIn({"path": "/served", "program": True}, json.loads(body)["endpoints"])
            self.assertEqual(server.request("GET", "/serve/x")[0], 404)


if __name__ == "__main__":
    unittest.main()

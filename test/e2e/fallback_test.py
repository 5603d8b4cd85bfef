#!/usr/bin/env python3
"""Routes of a weir.toml: their limits, and what answers when a call fails."""
import re
import shutil
import time

from harness import *  # pylint: disable=wildcard-import,unused-wildcard-import

FUNCTIONS = """
workers = 1
cpu = "300 ms"
wall = "20 s"

[modules.spin]
path = "{guests}/spin.wasm"
previous = "{guests}/calm.wasm"

[modules.trap]
path = "{guests}/trap.wasm"
previous = "{guests}/calm.wasm"

[modules.calm]
path = "{guests}/calm.wasm"

[routes.spin]
function = "spin"
fallback = ["previous"]

[routes.spin-memory]
module = "spin"
function = "spin_in_memory"          # the version before has none
fallback = ["previous", "static:busy.json"]

[routes.trap]
path = "/traps"
fallback = ["route:calm"]

[routes.calm]
path = "/deep/calm"
module = "calm"

[routes.page]
module = "trap"
function = "trap_unreachable"
fallback = ["static:503:sorry.html"]

[routes.late]
module = "spin"
function = "spin"
cpu = "10 s"
wall = "200 ms"
fallback = ["previous", "stale", "static:busy.json"]

[routes.bare]
module = "spin"
function = "spin"

[modules.typed]
path = "{guests}/typed.wasm"

[routes.bad]
module = "typed"
function = "bad_text"
fallback = ["route:slow"]

[routes.slow]
module = "typed"
function = "spin_list"
cpu = "10 s"
wall = "100 ms"
breaker-failures = 1
"""

PROGRAMS = """
workers = 1
wall = "20 s"
cpu = "300 ms"
dirs = ["state::/state"]

[modules.first]
path = "{guests}/fickle.wasm"
previous = "{guests}/fickle.wasm"
[modules.second]
path = "{guests}/fickle.wasm"

[routes.first]
fallback = ["route:second"]
[routes.kept]
module = "first"
keep-body = "4 KiB"
fallback = ["route:second", "static:busy.json"]
[routes.second]
[routes.stale]
module = "first"
fallback = ["stale"]
"""


class Configured(unittest.TestCase):
    CONFIG = ""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        os.mkdir(cls.path("state"))
        cls.write("busy.json", '{"busy":true}\n')
        cls.write("sorry.html", "<p>sorry\n")
        cls.write("weir.toml", cls.CONFIG.replace("{guests}", os.path.abspath(GUESTS)))
        cls.server = Server(cls.path("weir.toml"))
        cls.addClassCleanup(cls.server.__exit__, None, None, None)

    @classmethod
    def path(cls, *names):
        return os.path.join(cls.folder, *names)

    @classmethod
    def write(cls, name, text):
        """The file is never seen half-written."""
        with open(cls.path("new"), "w", encoding="ascii") as file:
            file.write(text)
        os.rename(cls.path("new"), cls.path(name))


class Functions(Configured):
    CONFIG = FUNCTIONS

    def answer(self, path, body="[]"):
        """(status, weir-fallback, body)"""
        status, headers, body = self.server.request("POST", path, body)
        return status, headers["weir-fallback"], body

    def test_the_version_before_answers(self):
        self.assertEqual(self.answer("/spin"), (200, "previous; reason=deadline", b"null\n"))

    def test_a_version_without_the_function_is_passed_over(self):
        self.assertEqual(self.answer("/spin-memory"),
                         (200, "static; reason=deadline", b'{"busy":true}\n'))

    def test_another_route_answers(self):
        self.assertEqual(self.answer("/traps/trap_unreachable"),
                         (200, "route; reason=unreachable", b"null\n"))
        self.assertEqual(self.answer("/traps/trap_memory", "[4294967295]"),
                         (200, "route; reason=memory-out-of-bounds", b"-1\n"))
        self.assertEqual(self.answer("/deep/calm/trap_memory", "[5]"), (200, None, b"5\n"))

    def test_what_is_well_needs_no_fallback(self):
        self.assertEqual(self.answer("/traps/trap_memory", "[8]")[:2], (200, None))

    def test_a_wrong_request_is_no_failure(self):
        status, fallback, _ = self.answer("/traps/trap_memory", "[")
        self.assertEqual((status, fallback), (400, None))

    def test_a_page_with_a_status(self):
        status, headers, body = self.server.request("POST", "/page", "[]")
        self.assertEqual((status, headers["content-type"], body),
                         (503, "text/html; charset=utf-8", b"<p>sorry\n"))
        self.assertEqual(headers["weir-fallback"], "static; reason=unreachable")

    def test_no_second_call_after_the_wall_clock(self):
        self.assertEqual(self.answer("/late")[1], "static; reason=deadline")

    def test_the_built_in_error_comes_last(self):
        status, headers, body = self.server.request("POST", "/bare", "[]")
        error = json.loads(body)["error"]
        self.assertEqual((status, headers["weir-fallback"], error["code"], error["kind"]),
                         (503, "built-in; reason=deadline", "deadline", "cpu-limit"))
        self.assertEqual(headers["retry-after"], "1")

    def test_a_fallback_that_cannot_begin_leaves_the_failure(self):
        self.assertEqual(self.answer("/slow", "[[1]]")[0], 503)  # which opens its breaker
        status, fallback, body = self.answer("/bad")
        self.assertEqual((status, fallback), (502, "built-in; reason=bad-result"))
        self.assertEqual(json.loads(body)["error"]["code"], "bad-result")

    def test_what_can_never_answer_is_said_at_the_start_as_by_a_check(self):
        done = subprocess.run([os.path.join(BIN, "weir"), "check", self.path("weir.toml")],
                              check=True, capture_output=True, text=True, timeout=PATIENCE_S)
        found = re.findall(r"^(\S+:\d+:\d+): warning: (.*never answer.*)$", done.stdout, re.M)
        begins = ["the version before of module trap", "route spin-memory: the fallback previous",
                  "route trap: the fallback route:calm", "route late: the fallback stale",
                  "route bad: the fallback route:slow"]
        self.assertEqual(len(found), len(begins))
        for (_, text), begin in zip(found, begins):
            self.assertTrue(text.startswith(begin + " "), text)
        self.assertEqual([line for line in self.server.lines if "warning" in line],
                         [f"weir: warning: {place}: {text}\n" for place, text in found])

    def test_paths_are_the_routes(self):
        listed = json.loads(self.server.request("GET", "/")[2])["endpoints"]
        paths = [endpoint["path"] for endpoint in listed]
        for path in ("/spin", "/traps/trap_memory", "/deep/calm/work", "/page"):
            self.assertIn(path, paths)
        self.assertNotIn("/trap/trap_memory", paths)
        self.assertEqual(self.server.request("POST", "/spin/spin", "[]")[0], 404)


class Programs(Configured):
    CONFIG = PROGRAMS

    def setUp(self):
        self.mood("first", "good")

    def mood(self, name, text):
        self.write(os.path.join("state", name + ".mood"), text)

    def ask(self, path, method="POST", body=b"abc", **headers):
        """(status, weir-fallback, body)"""
        status, headers, body = self.server.request(method, path, body, headers)
        return status, headers["weir-fallback"], body

    def test_another_route_answers(self):
        self.assertEqual(self.ask("/first"), (200, None, b"first: abc"))
        for mood, reason in (("trap", "unreachable"), ("spin", "deadline"), ("exit", "exit-code"),
                             ("good\na: b\rc: d\n", "bad-response")):
            self.mood("first", mood)
            self.assertEqual(self.ask("/first"), (200, f"route; reason={reason}", b"second: abc"))

    def test_nothing_is_mixed_after_the_commit_point(self):
        self.mood("first", "much")
        got = self.server.exchange(b"GET /first HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        self.assertNotIn(b"second", got)
        self.assertNotIn(b"0\r\n\r\n", got[-20:])

    def test_what_has_changed_something_is_not_repeated(self):
        self.mood("first", "trace")
        status, fallback, _ = self.ask("/first")
        self.assertEqual((status, fallback), (502, "built-in; reason=unreachable"))
        self.assertTrue(os.path.exists(self.path("state", "trace")))
        # but a method that may be repeated is
        self.assertEqual(self.ask("/first", "PUT"),
                         (200, "route; reason=unreachable", b"second: abc"))

    def test_a_long_body_is_not_kept(self):
        self.mood("first", "trap")
        for size, fallback in ((4000, "route"), (70000, "static")):
            self.assertEqual(self.ask("/kept", body=b"x" * size)[1],
                             f"{fallback}; reason=unreachable")
        self.assertEqual(self.ask("/first", body=b"x" * 60000)[2], b"second: " + b"x" * 60000)

    def test_a_body_that_is_still_coming(self):
        self.mood("first", "spin")  # it fails before it has read anything
        with self.server.open() as sock:
            sock.sendall(b"POST /first HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                         b"Content-Length: 20000\r\n\r\n" + b"y" * 10000)
            time.sleep(1)
            sock.sendall(b"y" * 10000)
            got = read_all(sock)
        self.assertTrue(got.endswith(b"second: " + b"y" * 20000), got[:300])

    def stale(self, path="/stale", **headers):
        status, got, body = self.server.request("GET", path, headers=headers)
        return status, got["weir-fallback"], body

    def test_stale_answers(self):
        self.mood("first", "good\nCache-Control: max-age=60\nX-Own: 1\n")
        self.assertEqual(self.stale("/stale/a?b"), (200, None, b"first: "))
        self.mood("first", "trap")
        status, headers, body = self.server.request("GET", "/stale/a?b")
        self.assertEqual((status, headers["weir-fallback"], headers["x-own"], body),
                         (200, "stale; reason=unreachable", "1", b"first: "))
        self.assertRegex(headers["cache-status"], r"^weir; fwd=stale; ttl=\d+; detail=unreachable$")
        self.assertGreaterEqual(int(headers["age"]), 0)
        self.assertEqual(self.server.request("HEAD", "/stale/a?b")[0], 200)
        for path, headers in (("/stale/a?c", {}), ("/stale/A?b", {}),
                              ("/stale/a?b", {"Authorization": "x"}),
                              ("/stale/a?b", {"Cookie": "x=1"}),
                              ("/stale/a?b", {"Cache-Control": "no-cache"})):
            self.assertEqual(self.stale(path, **headers)[0], 502, (path, headers))
        self.assertEqual(self.ask("/stale/a?b")[0], 502)  # a POST

    def test_what_is_never_stored(self):
        cases = (("Cache-Control: no-store\n", {}), ("Cache-Control: private\n", {}),
                 ("Cache-Control: max-age=9, no-cache\n", {}), ("Set-Cookie: a=b\n", {}),
                 ("Vary: *\n", {}), ("Status: 500\n", {}), ("", {"Authorization": "x"}),
                 ("", {"Cookie": "a=b"}), ("", {"Cache-Control": "no-store"}))
        for i, (fields, headers) in enumerate(cases):
            path = f"/stale/never/{i}"
            self.mood("first", "good\n" + fields)
            self.assertIn(self.stale(path, **headers)[0], (200, 500))
            self.mood("first", "trap")
            self.assertEqual(self.stale(path)[0], 502, fields)

    def test_stale_where_it_is_forbidden(self):
        for i, directive in enumerate(("must-revalidate", "proxy-revalidate", "s-maxage=0")):
            path = f"/stale/forbidden/{i}"
            self.mood("first", f"good\nCache-Control: max-age=0, {directive}\n")
            self.assertEqual(self.stale(path)[0], 200)
            self.mood("first", "trap")
            self.assertEqual(self.stale(path)[0], 502, directive)
        self.mood("first", "good\nCache-Control: s-maxage=60\n")  # while it is fresh it may be used
        self.assertEqual(self.stale("/stale/fresh")[0], 200)
        self.mood("first", "trap")
        self.assertEqual(self.stale("/stale/fresh")[0], 200)

    def test_vary(self):
        self.mood("first", "good\nVary: Accept-Language, X-Two\n")
        self.assertEqual(self.stale("/stale/vary", **{"Accept-Language": "de"})[0], 200)
        self.mood("first", "trap")
        self.assertEqual(self.stale("/stale/vary", **{"Accept-Language": "de"})[0], 200)
        self.assertEqual(self.stale("/stale/vary", **{"Accept-Language": "fr"})[0], 502)
        self.assertEqual(self.stale("/stale/vary",
                                    **{"Accept-Language": "de", "X-Two": "1"})[0], 502)


class Example(unittest.TestCase):
    EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../examples")

    def test_the_example_does_what_it_says(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "examples", "weir.toml")
            shutil.copytree(self.EXAMPLES, os.path.dirname(path))
            os.makedirs(os.path.join(folder, "build/release"))
            os.symlink(os.path.abspath(GUESTS), os.path.join(folder, "build/release/guests"))
            done = subprocess.run([os.path.join(BIN, "weir"), "check", path], check=False,
                                  capture_output=True, text=True, timeout=PATIENCE_S)
            self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
            self.assertNotIn("warning", done.stdout)
            with open(path, encoding="ascii") as file:
                calls = re.findall(r"curl http://127.0.0.1:8080(\S+) -d '(.*)'\n# +(.*)\n",
                                   file.read())
            self.assertEqual(len(calls), 3)
            with Server(path, options=("--workers", "1")) as server:
                for url, body, answer in calls:
                    self.assertEqual(server.request("POST", url, body)[2].decode(), answer + "\n")


if __name__ == "__main__":
    unittest.main()

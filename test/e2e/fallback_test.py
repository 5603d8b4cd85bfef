#!/usr/bin/env python3
"""Routes of a weir.toml: their limits, and what answers when a call fails."""
import email.utils
import re
import shutil
import time

from faults import *  # pylint: disable=wildcard-import,unused-wildcard-import

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
[modules.served]
path = "{guests}/served.wasm"

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
[routes.twice]
module = "first"
fallback = ["route:second", "stale"]
[routes.shut]
module = "first"
fallback = ["stale"]
breaker-failures = 4
breaker-open = "60 s"
[routes.served]
fallback = ["stale"]
breaker-failures = 4
breaker-open = "60 s"
[routes.served-again]
module = "served"
fallback = ["stale"]
breaker-failures = 4
breaker-open = "60 s"
"""

STORES = """
workers = 2
stale-store = "4 MiB"
dirs = ["state::/state"]

[modules.first]
path = "{guests}/fickle.wasm"
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
        for i in range(3):  # clients, which open its breaker
            client = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE_S,
                                                source_address=(f"127.0.0.{2 + i}", 0))
            self.assertEqual(self.server.request("POST", "/slow", "[[1]]", client=client)[0], 503)
            client.close()
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


class Moody(Configured):
    def setUp(self):
        self.mood("first", "good")

    def mood(self, name, text):
        self.write(os.path.join("state", name + ".mood"), text)

    def stale(self, path="/stale", client=None, **headers):
        status, got, body = self.server.request("GET", path, None, headers, client)
        return status, got["weir-fallback"], body

    def keep(self, *paths, fields="", text="", **how):
        """They are asked while all is well, which it is not afterwards."""
        self.mood("first", "good\n" + fields)
        self.write(os.path.join("state", "first.text"), text)
        for path in paths:
            self.assertEqual(self.stale(path, **how)[:2], (200, None))
        self.write(os.path.join("state", "first.text"), "")
        self.mood("first", "trap")

    def change(self, path, method="POST", fields="", client=None):
        """The status of a request that changes what is there, or says so."""
        self.mood("first", "good\n" + fields)
        status, _, _ = self.server.request(method, path, client=client)
        self.mood("first", "trap")
        return status


class Programs(Moody):
    CONFIG = PROGRAMS

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

    def test_stale_answers(self):
        self.mood("first", "good\nCache-Control: max-age=60\nX-Own: 1\n")
        self.assertEqual(self.stale("/stale/a?b"), (200, None, b"first: "))
        self.mood("first", "trap")
        status, headers, body = self.server.request("GET", "/stale/a?b")
        self.assertEqual((status, headers["weir-fallback"], headers["x-own"], body),
                         (200, "stale; reason=unreachable", "1", b"first: "))
        self.assertGreaterEqual(int(headers["age"]), 0)
        self.assertEqual(self.server.request("HEAD", "/stale/a?b")[0], 200)
        for path, headers in (("/stale/a?c", {}), ("/stale/A?b", {}),
                              ("/stale/a?b", {"Authorization": "x"}),
                              ("/stale/a?b", {"Cookie": "x=1"}),
                              ("/stale/a?b", {"Cache-Control": "no-cache"})):
            self.assertEqual(self.stale(path, **headers)[0], 502, (path, headers))
        self.assertEqual(self.ask("/stale/a?b")[0], 502)  # a POST

    def test_a_request_with_a_body_is_neither_kept_nor_answered(self):
        chunked = "Transfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n"
        for i, framing in enumerate(("Content-Length: 4\r\n\r\nevil", chunked)):
            path = f"/stale/body/{i}"
            request = (f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.server.port}\r\n"
                       f"Connection: close\r\n{framing}").encode()
            self.mood("first", "good")
            self.assertIn(b"first: evil", self.server.exchange(request))
            self.mood("first", "trap")
            self.assertEqual(self.stale(path)[0], 502)
            self.keep(path)
            self.assertEqual(self.stale(path)[0], 200)
            self.assertTrue(self.server.exchange(request).startswith(b"HTTP/1.1 502 "))

    def test_another_host_has_answers_of_its_own(self):
        self.keep("/stale/host", Host="evil.example")
        self.assertEqual(self.stale("/stale/host", Host="evil.example")[0], 200)
        self.assertEqual(self.stale("/stale/host", Host="good.example")[0], 502)

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

    def cache_status(self, path):
        """(what became of the request, ttl, detail) of a kept answer; None: there was none."""
        status, headers, _ = self.server.request("GET", path)
        if status != 200:
            return None
        return re.fullmatch(r"weir; (.*); ttl=(-?\d+); detail=(.*)",
                            headers["cache-status"]).groups()

    def open_breaker(self, path):
        """As four clients whose requests fail."""
        for i in range(4):
            client = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE_S,
                                                source_address=(f"127.0.0.{1 + i}", 0))
            self.assertGreaterEqual(self.server.request("GET", path, client=client)[0], 500)
            client.close()

    def test_what_became_of_the_request(self):
        self.keep("/stale/status/old")
        self.keep("/stale/status/fresh", fields="Cache-Control: max-age=600\n")
        self.assertEqual(self.cache_status("/stale/status/old")[::2],
                         ("fwd=stale; fwd-status=502", "unreachable"))
        self.assertEqual(self.cache_status("/stale/status/fresh")[::2],
                         ("fwd=bypass; fwd-status=502", "unreachable"))
        self.mood("first", "spin")
        self.assertEqual(self.cache_status("/stale/status/old")[::2],
                         ("fwd=stale; fwd-status=503", "deadline"))

    def test_an_open_breaker(self):
        self.keep("/shut/old")
        self.keep("/shut/fresh", fields="Cache-Control: max-age=600\n")
        self.open_breaker("/shut/fails")
        self.mood("first", "good")
        for name in ("old", "fresh"):
            hit, ttl, detail = self.cache_status(f"/shut/{name}")
            self.assertEqual((hit, int(ttl) > 0, detail), ("hit", name == "fresh", "breaker-open"))

    def test_expires(self):
        ahead, past = time.time() + 600, time.time() - 600
        later, earlier = (email.utils.formatdate(at, usegmt=True) for at in (ahead, past))
        strict = "Cache-Control: must-revalidate\n"
        cases = (  # fields, and the greatest ttl: None if there is no answer
            (f"Expires: {later}\n", 600),
            (time.strftime("Expires: %A, %d-%b-%y %H:%M:%S GMT\n", time.gmtime(ahead)), 600),
            (f"Expires: {time.asctime(time.gmtime(ahead))}\n", 600),
            (f"Expires: {later}\nCache-Control: max-age=60\n", 60),
            (f"Expires: {earlier}\nCache-Control: max-age=60\n", 60),
            (f"Expires: {earlier}\n", -600),
            (f"Expires: {later}\n" + strict, 600),
            (f"Expires: {earlier}\n" + strict, None),
            (f"Expires: {later}\nCache-Control: s-maxage=0\n", None),
            ("Expires: 0\n", 0),
            ("Expires: 0\n" + strict, None),
            (f"Expires: {later} or so\n" + strict, None),
            (f"Expires: 0\nExpires: {later}\n" + strict, None),  # the first one counts
            ("Cache-Control: max-age=60, max-age=0\n" + strict, 60),
            ('Cache-Control: max-age="60"\n' + strict, 60),
            ("Cache-Control: max-age=60x\n" + strict, None),
            ('Cache-Control: max-age="60\n' + strict, None),
            ("Cache-Control: max-age=-1\n" + strict, None))
        for i, (fields, most) in enumerate(cases):
            path = f"/stale/expires/{i}"
            self.keep(path, fields=fields)
            got = self.cache_status(path)
            if most is None:
                self.assertIsNone(got, fields)
            else:
                self.assertIn(int(got[1]), range(most - 1 - PATIENCE_S, most + 1), fields)
                self.assertEqual(got[0].startswith("fwd=bypass;"), most > 0, fields)

    def test_a_change_makes_kept_answers_invalid(self):
        cases = [(method, "", 200, 502) for method in ("POST", "PUT", "DELETE", "PATCH")]
        cases += [(method, "", 200, 200) for method in ("HEAD", "OPTIONS", "TRACE")]
        cases += [("POST", f"Status: {status}\n", status, 502) for status in (201, 204, 303, 399)]
        cases += [("POST", f"Status: {status}\n", status, 200) for status in (400, 404, 500, 599)]
        for i, (method, fields, status, then) in enumerate(cases):
            path, others = f"/stale/change/{i}?a", (f"/stale/change/{i}?b", f"/stale/change/{i}/?a")
            self.keep(path, *others, fields="Vary: X-One\n")
            self.keep(path, fields="Vary: X-One\n", **{"X-One": "1"})
            self.assertEqual(self.change(path, method, fields), status, (method, fields))
            self.assertEqual(self.stale(path)[0], then, (method, fields))
            self.assertEqual(self.stale(path, **{"X-One": "1"})[0], then, (method, fields))
            for other in others:
                self.assertEqual(self.stale(other)[0], 200, (method, fields))

    def test_a_change_that_fails_leaves_kept_answers(self):
        self.keep("/stale/fails")
        self.assertEqual(self.ask("/stale/fails")[0], 502)
        self.assertEqual(self.stale("/stale/fails")[0], 200)

    def test_a_change_by_a_fallback(self):
        self.mood("second", "good")
        self.addCleanup(self.mood, "second", "good")
        self.keep("/twice/a", "/twice/b")
        self.assertEqual(self.ask("/twice/a")[1], "route; reason=unreachable")
        self.mood("second", "trap")
        self.assertEqual([self.stale(path)[0] for path in ("/twice/a", "/twice/b")], [502, 200])

    def test_a_change_while_an_answer_is_made(self):
        path = "/stale/meanwhile"
        host = f"127.0.0.1:{self.server.port}"
        self.mood("first", "wait")
        with self.server.open() as sock:
            sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n"
                         "Connection: close\r\n\r\n".encode())
            until(lambda: os.path.exists(self.path("state", "trace")))
            self.assertEqual(self.change(path), 200)
            self.keep(path)
            self.write(os.path.join("state", "first.text"), "old")
            self.write(os.path.join("state", "first.go"), "x")
            self.assertTrue(b"first: old" in read_all(sock))
        for name in ("text", "go"):
            os.remove(self.path("state", "first." + name))
        os.remove(self.path("state", "trace"))
        # The old one is not kept, and has put no other one away.
        self.assertEqual(self.stale(path), (200, "stale; reason=unreachable", b"first: "))

    def begin_change(self, path):
        """A change whose answer has begun; it ends when another byte has come."""
        sock = self.server.open()
        self.addCleanup(sock.close)
        sock.sendall(f"POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                     "Content-Length: 50000\r\n\r\n".encode() + b"a" * 49999)
        self.assertTrue(sock.recv(4096).startswith(b"HTTP/1.1 200 "))
        return sock

    def end_change(self, sock):
        sock.sendall(b"b")
        self.assertTrue(read_all(sock).endswith(b"B\r\n0\r\n\r\n"))

    def check_changed(self, changed, other):
        self.open_breaker(changed.partition("?")[0] + "?trap")
        self.assertEqual([self.stale(path)[:2] for path in (changed, other)],
                         [(503, "built-in; reason=breaker-open"),
                          (200, "stale; reason=breaker-open")])

    def test_a_change_counts_when_its_answer_begins(self):
        paths = ("/served?upper", "/served?plain")
        self.assertEqual([self.stale(path)[0] for path in paths], [200, 200])
        sock = self.begin_change(paths[0])
        self.check_changed(*paths)
        self.end_change(sock)

    def test_a_change_counts_again_when_its_answer_ends(self):
        paths = ("/served-again?upper", "/served-again?plain")
        sock = self.begin_change(paths[0])
        self.assertEqual([self.stale(path)[0] for path in paths], [200, 200])
        self.end_change(sock)
        self.check_changed(*paths)

    def test_a_long_answer(self):
        for spare, status in ((0, 200), (1, 502)):
            path, text = f"/stale/long/{spare}", "x" * (1048576 - len("first: ") + spare)
            self.keep(path, text=text)
            got = self.stale(path)
            self.assertEqual(got[0], status)
            self.assertEqual(got[2] == b"first: " + text.encode(), status == 200)


class Stores(Moody):
    """What several workers keep, and how much of it."""
    CONFIG = STORES

    def setUp(self):
        """A connection to each worker."""
        super().setUp()
        until(lambda: len(self.server.workers()) == 2)
        self.clients = [self.server.client(), self.server.client()]
        names = set()
        for client, other in zip(self.clients, self.server.workers()):
            self.addCleanup(client.close)
            freeze(other)
            _, headers, _ = self.server.request("GET", "/", client=client)
            os.kill(other, signal.SIGCONT)
            names.add(headers["weir-request-id"][:8])
        self.assertEqual(len(names), 2)

    def test_each_keeps_its_own(self):
        self.keep("/stale/own", client=self.clients[0])
        self.assertEqual([self.stale("/stale/own", client=client)[0] for client in self.clients],
                         [200, 502])

    def test_a_change_in_one_is_a_change_in_all(self):
        for i, changing in enumerate(self.clients):
            paths = [f"/stale/{i}/{name}" for name in ("changed", "failed", "other")]
            for client in self.clients:
                self.keep(*paths, client=client)
            self.assertEqual(self.change(paths[0], client=changing), 200)
            self.assertEqual(self.change(paths[1], fields="Status: 500\n", client=changing), 500)
            for client in self.clients:
                self.assertEqual([self.stale(path, client=client)[0] for path in paths],
                                 [502, 200, 200])
            for client in self.clients:  # what is kept afterwards counts
                self.keep(paths[0], client=client)
                self.assertEqual(self.stale(paths[0], client=client)[0], 200)

    def test_who_was_not_used_for_longest_leaves(self):
        client, text = self.clients[0], "x" * 900000  # three of them fit
        a, b, c, d = (f"/stale/many/{name}" for name in "abcd")
        self.keep(a, b, c, text=text, client=client)
        self.assertEqual(self.stale(a, client=client)[0], 200)
        self.keep(d, text=text, client=client)
        self.assertEqual([self.stale(path, client=client)[0] for path in (a, b, c, d)],
                         [200, 502, 200, 200])


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

#!/usr/bin/env python3
"""Endpoints as a client sees them: arguments, results, pages, and every refusal."""
import html.parser

from harness import *  # pylint: disable=wildcard-import,unused-wildcard-import


class Calls(SharedServer):
    def test_arguments_by_place_and_by_name(self):
        self.assertEqual(self.server.call("/add", 2, 40), 42)
        status, headers, body = self.server.request("POST", "/add", '{"b": 1, "a": -3}')
        self.assertEqual((status, body), (200, b"-2\n"))
        self.assertEqual(headers["Content-Type"], "application/json")
        self.assertRegex(headers["weir-request-id"], "^[0-9a-f]{16}$")

    def test_values(self):
        cases = [
            ("/add", [4294967295, 1], "0"),
            ("/add", [2147483647, 1], "-2147483648"),
            ("/add64", [9007199254740991, 1], "9007199254740992"),
            ("/add64", ["9223372036854775807", 0], '"9223372036854775807"'),
            ("/add64", ["18446744073709551615", 0], "-1"),
            ("/half", [0.2], "0.1"),
            ("/half", [1e300], "5e+299"),
            ("/half", ["NaN"], '"NaN"'),
            ("/half", ["-Infinity"], '"-Infinity"'),
            ("/half32", [0.2], "0.1"),
            ("/nothing", [1], "null"),
            ("/answer", [], "42"),
        ]
        for path, args, want in cases:
            with self.subTest(path=path, args=args):
                status, _, body = self.server.request("POST", path, json.dumps(args))
                self.assertEqual((status, body.decode().strip()), (200, want))

    def test_no_parameters_need_no_body(self):
        self.assertEqual(self.server.request("POST", "/answer")[0], 200)
        self.assertEqual(self.server.request("POST", "/answer", " ")[0], 200)

    def test_every_call_meets_a_fresh_instance(self):
        client = self.server.client()
        self.assertEqual([self.server.call("/count_calls", client=client) for _ in range(50)],
                         [1] * 50)
        client.close()

    def test_wrong_arguments(self):
        cases = [
            ("[1", 400, "bad-json", ""),
            ("[1,]", 400, "bad-json", ""),
            ("[1,2] x", 400, "bad-json", ""),
            ("{'a':1}", 400, "bad-json", ""),
            ("[01,2]", 400, "bad-json", ""),
            ("5", 400, "bad-json", ""),
            ("[1]", 400, "bad-argument", "b: i32"),
            ("", 400, "bad-argument", "b: i32"),
            ("[1,2,3]", 400, "bad-argument", "a: i32"),
            ('["x",2]', 400, "bad-argument", "expected i32"),
            ("[1.5,2]", 400, "bad-argument", "expected i32"),
            ("[null,2]", 400, "bad-argument", "expected i32"),
            ("[4294967296,2]", 400, "bad-argument", "expected i32"),
            ('{"a":1,"a":2}', 400, "bad-argument", "twice"),
            ('{"a":1,"c":2}', 400, "bad-argument", "c"),
            ("[" * 100000, 400, "bad-argument", "expected i32"),
        ]
        for body, status, code, words in cases:
            with self.subTest(body=body[:20]):
                got, _, reply = self.server.request("POST", "/add", body)
                error = json.loads(reply)["error"]
                self.assertEqual((got, error["code"]), (status, code))
                self.assertIn(words, error["message"])

    def test_unknown_paths(self):
        cases = [("/ad", "did you mean /add?"), ("/anwser", "did you mean /answer?"),
                 ("/ADD", "did you mean /add or /add64?"), ("/hafl", "did you mean /half?"),
                 ("/hello/anwser", "did you mean /answer?"), ("/xyz12345", "GET / lists all")]
        for path, advice in cases:
            status, error = self.server.error(path)
            self.assertEqual((status, error["code"]), (404, "not-found"))
            self.assertEqual(error["message"], f"no endpoint {path}; {advice}")
        for path in ["/add/", "/add/x", "//add", "/add%00", "/" + "x" * 3000, "/memory", "/malloc",
                     "/other/add", "/%2e%2e/add", "/quite-another-thing"]:
            with self.subTest(path=path[:30]):
                self.assertEqual(self.server.error(path)[0], 404)

    def test_paths_that_name_the_same(self):
        for path in ["/add", "/hello/add", "/%61dd", "/add?x=1", "http://any.host/add"]:
            with self.subTest(path=path):
                self.assertEqual(self.server.call(path, 1, 2), 3)

    def test_methods(self):
        for method in ["GET", "PUT", "DELETE", "OPTIONS", "PATCH"]:
            status, headers, body = self.server.request(method, "/add")
            self.assertEqual((status, headers["Allow"]), (405, "POST"), method)
            self.assertEqual(json.loads(body)["error"]["code"], "method-not-allowed")
        status, headers, body = self.server.request("HEAD", "/add")
        self.assertEqual((status, headers["Allow"], body), (405, "POST", b""))
        status, headers, _ = self.server.request("POST", "/", "[]")
        self.assertEqual((status, headers["Allow"]), (405, "GET, HEAD"))
        self.assertEqual(self.server.request("OPTIONS", "*")[0], 200)

    def test_media_types(self):
        cases = [("application/json", 200), ("application/json; charset=utf-8", 200),
                 ("application/x-www-form-urlencoded", 200), ("text/plain", 200),
                 ("multipart/form-data; boundary=x", 415), ("application/octet-stream", 415),
                 ("text/html", 415)]
        for media, want in cases:
            status, _, _ = self.server.request("POST", "/add", "[1,2]", {"Content-Type": media})
            self.assertEqual(status, want, media)
        status, _, _ = self.server.request("POST", "/add", "[1,2]", {"Content-Encoding": "gzip"})
        self.assertEqual(status, 415)

    def test_curl_lines_of_the_start(self):
        lines = [line.strip() for line in self.server.lines if "curl" in line]
        self.assertEqual(len(lines), 7)
        for line in lines:
            command = line.split("   #")[0] + " -sS -f"
            done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""), line)
            json.loads(done.stdout)


class Index(SharedServer):
    GUESTS = ("hello", "vec")

    def test_json(self):
        status, headers, body = self.server.request("GET", "/")
        self.assertEqual((status, headers["Content-Type"]), (200, "application/json"))
        endpoints = {item["path"]: item for item in json.loads(body)["endpoints"]}
        self.assertEqual(endpoints["/hello/add"],
                         {"path": "/hello/add", "method": "POST",
                          "params": [{"name": "a", "type": "i32"}, {"name": "b", "type": "i32"}],
                          "results": ["i32"], "example": [1, 2]})
        self.assertIn("/vec/dot", endpoints)
        for path, endpoint in endpoints.items():
            self.assertEqual(self.server.request("POST", path, json.dumps(endpoint["example"]))[0],
                             200, path)

    def test_head_is_get_without_the_body(self):
        got = self.server.request("GET", "/")
        head = self.server.request("HEAD", "/")
        self.assertEqual((head[0], head[2]), (200, b""))
        self.assertEqual(head[1]["Content-Length"], str(len(got[2])))

    def test_page_for_people(self):
        _, headers, body = self.server.request("GET", "/", headers={"Accept": "text/html,*/*"})
        self.assertEqual(headers["Content-Type"], "text/html; charset=utf-8")
        page = PageReader()
        page.feed(body.decode())
        page.close()
        self.assertEqual(page.open_tags, [])
        self.assertEqual(page.outside, [])
        self.assertIn("/hello/add", page.forms)
        self.assertEqual(page.forms["/hello/add"], ["i32", "i32"])

    def test_modules_have_names(self):
        self.assertEqual(self.server.call("/hello/add", 1, 2), 3)
        self.assertEqual(self.server.error("/add", 1, 2)[0], 404)
        self.assertEqual(self.server.error("/vec/add", 1, 2)[0], 404)


class PageReader(html.parser.HTMLParser):
    """Are all tags closed, is nothing loaded from anywhere, which forms are there?"""

    VOID = {"meta", "input", "br", "!doctype"}

    def __init__(self):
        super().__init__()
        self.open_tags, self.outside, self.forms, self.form = [], [], {}, None

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.outside += [attrs[name] for name in ("src", "href", "action") if name in attrs]
        if tag == "form":
            self.form = self.forms.setdefault(attrs["data-path"], [])
        if tag == "input":
            self.form.append(attrs["data-type"])
        if tag not in self.VOID:
            self.open_tags.append(tag)

    def handle_endtag(self, tag):
        if self.open_tags.pop() != tag:
            self.open_tags.append("mismatched " + tag)


if __name__ == "__main__":
    unittest.main()

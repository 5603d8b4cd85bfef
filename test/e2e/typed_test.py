#!/usr/bin/env python3
"""Functions with a signature: lists, strings, records as JSON and raw bytes, and refusals."""
import shutil
import struct

from harness import *  # pylint: disable=wildcard-import,unused-wildcard-import

JSON = {"Content-Type": "application/json"}
RAW = {"Content-Type": "application/octet-stream"}


class Values(SharedServer):
    GUESTS = ("lists", "typed")
    OPTIONS = ("--workers", "1", "--body-kib", "8192")

    def post(self, path, body, headers=None):
        status, headers, reply = self.server.request("POST", path, body, headers or JSON)
        return status, headers, reply

    def test_the_examples(self):
        cases = [
            ("/lists/dot", "[[1,2,3],[4,5,6]]", "32"),
            ("/lists/dot", '{"b":[],"a":[1]}', "0"),
            ("/lists/scale", "[[1.5,2.25],2]", "[3,4.5]"),
            ("/lists/scale", "[[],2]", "[]"),
            ("/lists/upper", '["h\u00e9llo \\"w\\""]', '"H\u00e9LLO \\"W\\""'),
            ("/lists/center", '[[{"x":1,"y":2},{"y":4,"x":3}]]', '{"x":2,"y":3}'),
            ("/lists/center", "[[]]", '{"x":"NaN","y":"NaN"}'),
            ("/lists/distance", '[{"x":0,"y":0},{"x":3,"y":4}]', "5"),
        ]
        for path, body, want in cases:
            with self.subTest(path=path, body=body):
                status, _, reply = self.post(path, body.encode())
                self.assertEqual((status, reply.decode()), (200, want + "\n"))

    def test_values_there_and_back(self):
        mixed = ('{"color":"blue","on":true,"name":"n","at":{"x":1,"y":-2.5},"tags":["a",""],'
                 '"o":7}')
        cases = [
            ("echo_bytes", "[0,1,255]"), ("echo_bytes", "[]"),
            ("echo_longs", '[1,9007199254740992,"9007199254740993","18446744073709551615"]'),
            ("echo_floats", '[0.1,-3,"NaN","Infinity",1e-10]'),
            ("echo_text", '""'), ("echo_text", '"a\\n\u00e9\\u0000"'),
            ("echo_texts", '["a","","[,]"]'), ("echo_texts", "[]"),
            ("echo_mixed", mixed), ("echo_mixeds", f"[{mixed},{mixed}]"),
            ("echo_char", '"\U0001f600"'), ("echo_color", '"green"'),
        ]
        for name, value in cases:
            with self.subTest(name=name, value=value):
                status, _, reply = self.post("/typed/" + name, f"[{value}]".encode())
                self.assertEqual((status, reply.decode()), (200, value + "\n"))

    def test_conventions(self):
        nine = "[1,2,3,4,5,6,7,8,-9]"
        cases = [
            ("not", "[false]", "true"), ("add_u32", "[4294967295,2]", "1"),
            ("reverse", "[[1,2,65535]]", "[65535,2,1]"), ("mirror", '[{"x":1,"y":2}]',
                                                         '{"x":-1,"y":-2}'),
            ("sum_many", f"[{nine},{nine}]", "54"), ("plain", "[41]", "42"),
            ("sum_longs", '[["9223372036854775807",-1]]', '"9223372036854775806"'),
        ]
        for name, body, want in cases:
            with self.subTest(name=name):
                status, _, reply = self.post("/typed/" + name, body)
                self.assertEqual((status, reply.decode().strip()), (200, want))

    def test_wrong_arguments(self):
        cases = [
            ("/lists/dot", '[[1,2,3,"abc"],[]]', "bad-argument", 'a[3]: expected f32, got "abc"'),
            ("/lists/dot", "[[1,2]]", "bad-argument",
             "expected 2 arguments: dot(a: list<f32>, b: list<f32>) -> f64"),
            ("/lists/dot", "[[1,2],[3,[]]]", "bad-argument", "b[1]: expected f32, got ["),
            ("/lists/dot", "[[1,2],[3", "bad-json",
             'the body ends early: expected "," or "]"'),
            ("/lists/upper", "[7]", "bad-argument", "text: expected string, got 7"),
            ("/lists/center", '[[{"x":1,"y":2},{"x":1}]]', "bad-argument",
             "points[1].y is missing"),
            ("/lists/center", '[[{"x":1,"z":2}]]', "bad-argument",
             'points[0]: there is no field "z"'),
            ("/typed/echo_longs", "[[9007199254740993]]", "bad-argument",
             "list[0]: expected u64, got 9007199254740993; integers beyond 2^53 are written as "
             "strings"),
            ("/typed/echo_color", '["pink"]', "bad-argument",
             'c: expected color (red, green, blue), got "pink"'),
            ("/typed/echo_bytes", "[[256]]", "bad-argument", "list[0]: expected u8, got 256"),
        ]
        for path, body, code, message in cases:
            with self.subTest(path=path, body=body):
                status, _, reply = self.post(path, body)
                error = json.loads(reply)["error"]
                self.assertEqual((status, error["code"], error["message"]), (400, code, message))

    def test_what_the_guest_does_wrong(self):
        def longs(count):
            return "/typed/sum_longs", json.dumps([[0] * count])
        cases = [
            (longs(101), 503, "limit-exceeded",
             "list: the module's malloc has no memory for 808 bytes"),
            (longs(102), 502, "bad-result",
             "list: the module's malloc gave 0x101, not aligned to 8"),
            (longs(103), 502, "bad-result",
             "list: the module's malloc gave 824 bytes at 0xfffffff8, beyond its memory"),
            (longs(104), 502, "trap", "unreachable executed"),
            (("/typed/trap_list", "[[1]]"), 502, "trap", "unreachable executed"),
            (("/typed/bad_text", "[]"), 502, "bad-result",
             "result: a string of 2 bytes at 0x[0-9a-f]+ is not UTF-8"),
            (("/typed/bad_list", "[]"), 502, "bad-result",
             "result: a list of 1073741824 elements at 0x[0-9a-f]+ is beyond the memory"),
            (("/typed/bad_color", "[]"), 502, "bad-result",
             "result: 3 is no case; there are 3"),
            (("/typed/bad_pointer", "[]"), 502, "bad-result",
             "result: the function returned the address 0xfffffffc, which is beyond its memory"),
        ]
        for (path, body), status, code, message in cases:
            with self.subTest(path=path, code=code, message=message):
                got, _, reply = self.post(path, body)
                error = json.loads(reply)["error"]
                self.assertEqual((got, error["code"]), (status, code))
                self.assertRegex(error["message"], f"^{message}$")
        # a malloc that grows the memory is fine, and none of it lasts
        self.assertEqual(self.server.call("/typed/sum_longs", [1] * 106), 106)
        self.assertEqual(self.server.call("/typed/plain", 1), 2)

    def test_calls_at_the_same_time(self):
        """Long bodies and answers are made in turns; none gets a part of another."""
        wrong = []

        def call(number):
            texts = [f"{number}-{i}" for i in range(3000)]
            client = self.server.client()
            for _ in range(5):
                if self.server.call("/typed/echo_texts", texts, client=client) != texts:
                    wrong.append(number)
            client.close()

        threads = [threading.Thread(target=call, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_every_call_meets_a_fresh_instance(self):
        """Each takes more than half of the guest's heap."""
        client = self.server.client()
        for _ in range(5):
            self.assertEqual(self.server.call("/typed/sum_longs", [3] * 100000, client=client),
                             300000)
        client.close()


class Raw(SharedServer):
    GUESTS = ("lists", "typed")
    OPTIONS = ("--workers", "1", "--body-kib", "8192")

    def test_bytes_in_and_out(self):
        body = struct.pack("<4f", 1, -2.5, 3e10, 0.1)
        both = {**RAW, "Accept": "application/octet-stream"}
        status, headers, reply = self.server.request("POST", "/typed/echo_floats", body, both)
        self.assertEqual((status, headers["Content-Type"], headers["Vary"], reply),
                         (200, "application/octet-stream", "Accept", body))
        status, headers, reply = self.server.request("POST", "/typed/echo_floats", body, RAW)
        self.assertEqual((status, headers["Content-Type"], reply),
                         (200, "application/json", b"[1,-2.5,30000000000,0.1]\n"))
        status, _, reply = self.server.request(
            "POST", "/typed/echo_floats", "[[1,-2.5,3e10,0.1]]",
            {**JSON, "Accept": "text/plain, application/octet-stream;q=1"})
        self.assertEqual((status, reply), (200, body))
        status, _, reply = self.server.request("POST", "/typed/sum_longs",
                                               struct.pack("<3q", 1, -2, 2**62), RAW)
        self.assertEqual((status, reply), (200, b'"4611686018427387903"\n'))
        status, _, reply = self.server.request("POST", "/typed/echo_bytes", b"", both)
        self.assertEqual((status, reply), (200, b""))

    def test_a_large_list(self):
        body = bytes(range(256)) * 2000
        both = {**RAW, "Accept": "application/octet-stream"}
        status, _, reply = self.server.request("POST", "/typed/echo_bytes", body, both)
        self.assertEqual((status, reply == body), (200, True))
        status, _, reply = self.server.request("POST", "/typed/echo_bytes", body, RAW)
        self.assertEqual((status, json.loads(reply) == list(body)), (200, True))

    def test_bodies_of_all_sizes_in_turn(self):
        """Memory of a large body serves the next one, also on another connection."""
        both = {**RAW, "Accept": "application/octet-stream"}
        clients = [self.server.client() for _ in range(3)]
        for step, size in enumerate([500000, 10, 70000, 500000, 900000, 0, 65537, 800000]):
            body = bytes([step + 1]) * size
            status, _, reply = self.server.request("POST", "/typed/echo_bytes", body, both,
                                                   client=clients[step % 3])
            self.assertEqual((status, reply == body), (200, True), size)
        for client in clients:
            client.close()

    def test_refusals(self):
        cases = [
            ("/typed/echo_floats", b"12345", 400, "bad-argument",
             "list: the body has 5 bytes, no whole number of f32 (4 bytes each)"),
            ("/lists/dot", b"1234", 415, "unsupported-media-type",
             "the body has type application/octet-stream; this endpoint takes application/json"),
            ("/typed/echo_texts", b"1234", 415, "unsupported-media-type",
             "the body has type application/octet-stream; this endpoint takes application/json"),
        ]
        for path, body, status, code, message in cases:
            with self.subTest(path=path, code=code):
                got, _, reply = self.server.request("POST", path, body, RAW)
                error = json.loads(reply)["error"]
                self.assertEqual((got, error["code"], error["message"]), (status, code, message))
        got, _, reply = self.server.request("POST", "/typed/echo_bytes", b"1",
                                            {"Content-Type": "image/png"})
        self.assertEqual((got, json.loads(reply)["error"]["message"]),
                         (415, "the body has type image/png; this endpoint takes application/json "
                               "or application/octet-stream"))


class Limits(unittest.TestCase):
    def test_a_call_ends_at_its_limit_wherever_it_is(self):
        """In the function, in malloc, and while its result is written."""
        with Server("typed", options=("--workers", "1", "--cpu-ms", "100")) as server:
            for path, args in [("/spin_list", [1]), ("/sum_longs", [0] * 105)]:
                status, error = server.error(path, args)
                self.assertEqual((status, error["code"]), (503, "deadline"), path)
            status, error = server.error("/much")
            self.assertIn((status, error["code"]),
                          [(503, "deadline"), (503, "limit-exceeded")])
            self.assertEqual(server.call("/reverse", [1, 2]), [2, 1])

    def test_an_answer_has_a_largest_size(self):
        with Server("typed", options=("--workers", "1", "--reply-kib", "64")) as server:
            for path, args in [("/much", []), ("/echo_bytes", [[200] * 17000])]:
                status, error = server.error(path, *args)
                self.assertEqual((status, error["code"], error["message"]),
                                 (503, "limit-exceeded",
                                  "the result does not fit into 65536 bytes"))
            self.assertEqual(len(server.call("/echo_bytes", [200] * 16000)), 16000)

    def test_a_client_that_goes_ends_its_call(self):
        with Server("typed", options=("--workers", "1")) as server:
            for path in ["/spin_list", "/much"]:
                with server.open() as sock:
                    sock.sendall(post(path, "[[1]]" if path == "/spin_list" else "[]"))
            self.assertEqual(server.call("/reverse", [1, 2]), [2, 1])

    def test_a_new_worker_knows_the_signatures(self):
        with Server("typed", "hello", "lists", options=("--workers", "2"),
                    may_lose_workers=True) as server:
            while len(server.workers()) < 2:  # the second is started when the first is ready
                pass
            dying = server.workers()
            for pid in dying:
                os.kill(pid, signal.SIGKILL)
            while set(dying) & set(server.workers()):  # until they have been waited for
                pass
            self.assertEqual(server.call("/lists/dot", [1, 2], [3, 4]), 11)
            self.assertEqual(server.call("/typed/reverse", [1, 2]), [2, 1])


class Signatures(unittest.TestCase):
    def refuse(self, signature):
        """What `weir serve` says of lists.wasm with another signature."""
        with tempfile.TemporaryDirectory() as folder:
            module = os.path.join(folder, "lists.wasm")
            shutil.copy(os.path.join(GUESTS, "lists.wasm"), module)
            with open(os.path.join(folder, "lists.sig"), "wb") as file:
                file.write(signature)
            done = subprocess.run([os.path.join(BIN, "weir"), "serve", module, "--addr",
                                   "127.0.0.1:0"], capture_output=True, text=True, check=False,
                                  timeout=PATIENCE_S)
            return done.returncode, done.stderr.strip().split("\n")[-1]

    def test_what_does_not_fit_is_refused(self):
        cases = [
            (b"dot: func(a: list<f32>) -> f64;",
             "weir: lists: lists.sig:1: dot(a: list<f32>) -> f64 is compiled to (i32, i32) -> f64; "
             "the module has (i32, i32, i32, i32) -> f64"),
            (b"// dott\n\ndott: func();",
             "weir: lists: lists.sig:3: the module exports no function dott"),
            (b"dot: func(a: result<u8>);",
             "weir: lists: lists.sig:1: result is no type here; there are bool, s8 to s64, u8 to "
             "u64, f32, f64, char, string, list<T>, option<T>, tuple<T, ...>, record and enum"),
            (b"dot: func(a: list<f32>, b: list<f32>) -> f64",
             'weir: lists: lists.sig:1: expected ";", the file ends'),
            (b"dot func();", 'weir: lists: lists.sig:1: expected ":", got func'),
        ]
        for signature, message in cases:
            with self.subTest(signature=signature):
                self.assertEqual(self.refuse(signature), (3, message))

    def test_a_file_that_is_too_large(self):
        status, message = self.refuse(b" " * 65537)
        self.assertEqual(status, 1)
        self.assertRegex(message,
                         "^weir: .*/lists.sig: the signature has 65537 bytes, the limit is 65536$")


class Document(SharedServer):
    GUESTS = ("lists", "typed", "hello")

    def test_openapi(self):
        status, headers, body = self.server.request("GET", "/openapi.json")
        self.assertEqual((status, headers["Content-Type"]), (200, "application/json"))
        document = json.loads(body)
        self.assertEqual(document["openapi"], "3.1.0")
        self.assertEqual(set(document["info"]), {"title", "version"})
        _, _, index = self.server.request("GET", "/")
        paths = {item["path"]: item for item in json.loads(index)["endpoints"]}
        self.assertEqual(set(document["paths"]), set(paths))
        names = set()
        for path, item in document["paths"].items():
            operation = item["post"]
            names.add(operation["operationId"])
            content = operation["requestBody"]["content"]["application/json"]
            self.assertEqual(content["example"], paths[path]["example"])
            self.assertIn("schema",
                          operation["responses"]["200"]["content"]["application/json"])
        self.assertEqual(len(names), len(paths))
        self.check_references(document, document)
        schemas = document["components"]["schemas"]
        self.assertEqual(schemas["typed.color"],
                         {"type": "string", "enum": ["red", "green", "blue"]})
        self.assertEqual(schemas["lists.point"]["required"], ["x", "y"])
        dot = document["paths"]["/lists/dot"]["post"]
        self.assertEqual(dot["summary"], "dot(a: list<f32>, b: list<f32>) -> f64")
        echo = document["paths"]["/typed/echo_bytes"]["post"]
        self.assertIn("application/octet-stream", echo["requestBody"]["content"])
        self.assertIn("application/octet-stream", echo["responses"]["200"]["content"])
        self.assertNotIn("application/octet-stream", dot["requestBody"]["content"])

    def check_references(self, document, part):
        if isinstance(part, list):
            for item in part:
                self.check_references(document, item)
        elif isinstance(part, dict):
            for key, item in part.items():
                if key == "$ref":
                    found = document
                    for name in item.removeprefix("#/").split("/"):
                        found = found[name]
                self.check_references(document, item)

    def test_methods(self):
        status, headers, body = self.server.request("POST", "/openapi.json", "[]")
        self.assertEqual((status, headers["Allow"], json.loads(body)["error"]["message"]),
                         (405, "GET, HEAD",
                          "/openapi.json describes the endpoints; it takes GET, not POST"))
        status, _, body = self.server.request("HEAD", "/openapi.json")
        self.assertEqual((status, body), (200, b""))

    def test_every_example_is_taken(self):
        _, _, index = self.server.request("GET", "/")
        for item in json.loads(index)["endpoints"]:
            if any(word in item["path"] for word in ["bad_", "trap", "spin", "much"]):
                continue
            with self.subTest(path=item["path"]):
                status, _, _ = self.server.request("POST", item["path"],
                                                   json.dumps(item["example"]))
                self.assertEqual(status, 200)

    def test_the_list_shows_the_types(self):
        _, _, index = self.server.request("GET", "/")
        items = {item["path"]: item for item in json.loads(index)["endpoints"]}
        self.assertEqual(items["/lists/scale"],
                         {"path": "/lists/scale", "method": "POST",
                          "params": [{"name": "values", "type": "list<f64>"},
                                     {"name": "by", "type": "f64"}],
                          "results": ["list<f64>"], "example": [[1.5, 2.5], 2.5]})

    def test_the_page_has_a_form_for_each_type(self):
        _, _, page = self.server.request("GET", "/", None, {"Accept": "text/html"})
        page = page.decode()
        for words in ['<h2>dot(a: list&lt;f32&gt;, b: list&lt;f32&gt;) -&gt; f64</h2>',
                      '<input data-type="list&lt;f32&gt;" data-kind="json" '
                      'value="[1.5,2.5]" required>',
                      '<input data-type="string" data-kind="text" value="text" required>',
                      '<input data-type="color" data-kind="text" value="red" required>',
                      'data-kind="json" value="{&quot;x&quot;:1.5,&quot;y&quot;:2.5}"']:
            self.assertIn(words, page)


class Run(unittest.TestCase):
    def run_words(self, module, *words):
        done = subprocess.run([os.path.join(BIN, "weir"), "run",
                               os.path.join(GUESTS, module + ".wasm"), "--invoke", *words],
                              capture_output=True, text=True, check=False, timeout=PATIENCE_S)
        return done.returncode, done.stdout + done.stderr

    def test_words_are_json_or_plain(self):
        cases = [
            (("lists", "dot", "[1,2]", "[3,4]"), 0, "11\n"),
            (("lists", "upper", "hello world"), 0, '"HELLO WORLD"\n'),
            (("lists", "upper", '"a\\n"'), 0, '"A\\n"\n'),
            (("lists", "center", '[{"x":1,"y":2}]'), 0, '{"x":1,"y":2}\n'),
            (("typed", "echo_color", "green"), 0, '"green"\n'),
            (("typed", "echo_longs", '["0",1]'), 0, "[0,1]\n"),
            (("typed", "add_u32", "0xffffffff", "2"), 0, "1\n"),
            (("typed", "plain", "41"), 0, "42\n"),
            (("lists", "dot", "[1]"), 2,
             "weir: expected 2 arguments, got 1: dot(a: list<f32>, b: list<f32>) -> f64\n"),
            (("lists", "dot", "[1,true]", "[]"), 2, "weir: a[1]: expected f32, got true\n"),
            (("typed", "add_u32", "x", "1"), 2, 'weir: a: expected u32, got "x"\n'),
            (("typed", "trap_list", "[1]"), 4,
             "unreachable executed\n  at trap_list (func 17)\n"),
            (("typed", "bad_color"), 4, "weir: result: 3 is no case; there are 3\n"),
        ]
        for words, status, output in cases:
            with self.subTest(words=words):
                got_status, got = self.run_words(*words)
                self.assertEqual((got_status, got.rstrip()), (status, output.rstrip()))


if __name__ == "__main__":
    unittest.main()

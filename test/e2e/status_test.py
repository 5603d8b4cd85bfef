#!/usr/bin/env python3
"""The control socket: what it tells, what it survives, where it is; and weir status."""
import errno
import re
import stat
import struct
import time

from harness import *  # pylint: disable=wildcard-import,unused-wildcard-import
from inject import system_call

WEIR = os.path.join(BIN, "weir")
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")

ROUTES = """
name = "the \\"shop\\"\\u009b2J"
workers = 1
cpu = "100 ms"
wall = "20 s"
breaker-failures = 3
breaker-window = "1 h"
breaker-open = "1 h"

[modules.spin]
path = "{guests}/spin.wasm"
previous = "{guests}/calm.wasm"
[modules.trap]
path = "{guests}/trap.wasm"
[modules.calm]
path = "{guests}/calm.wasm"

[routes.spin]
function = "spin"
fallback = ["previous"]
[routes.trap]
path = "/traps"
fallback = ["static:busy.json"]
[routes.bare]
path = "/bare"
module = "trap"
[routes.calm]
path = "/deep/calm"
module = "calm"
[routes.helped]
path = "/helped"
module = "trap"
fallback = ["route:calm", "static:busy.json"]
"""


class UnixClient(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("weir", timeout=PATIENCE_S)
        self.path = path

    def connect(self):
        self.sock = open_unix(self.path)


def open_unix(path):
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(PATIENCE_S)
    sock.connect(path)
    return sock


def ask(server, path="/status", method="GET"):
    """(status, headers, body) from the control socket."""
    client = UnixClient(server.control)
    try:
        client.request(method, path)
        reply = client.getresponse()
        return reply.status, reply.headers, reply.read()
    finally:
        client.close()


def status_of(server):
    code, _, body = ask(server)
    assert code == 200, body
    return json.loads(body)


def metrics_of(server):
    code, headers, body = ask(server, "/metrics")
    assert code == 200, body
    assert headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return parse_metrics(body.decode())


def control_of(server):
    """The process id of the control process, which begins a moment after the first worker."""
    until(lambda: server.children("control"))
    control, = server.children("control")
    return control


def route_of(status, name):
    return next(route for route in status["routes"] if route["route"] == name)


NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? ([0-9]+(?:\.[0-9]+)?)\Z")


def parse_metrics(text):
    """The text format of Prometheus, strictly: {name: (type, {labels: value})}. Every metric has
    one HELP, then one TYPE, then its samples, and nothing else comes in between."""
    metrics, name, kind = {}, None, None
    assert text.endswith("\n")
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            assert name is None or metrics[name][1], f"{name} has no samples"
            name, help_text = re.fullmatch(rf"# HELP ({NAME}) (\S.*)", line).groups()
            assert name not in metrics, f"{name} twice"
            assert not re.search(r"\\[^\\n]|\\\Z", help_text), line
            metrics[name] = kind = None
        elif line.startswith("# TYPE "):
            typed, kind = re.fullmatch(rf"# TYPE ({NAME}) (counter|gauge)", line).groups()
            assert typed == name and metrics[name] is None, line
            assert (kind == "counter") == name.endswith("_total"), line
            metrics[name] = (kind, {})
        else:
            match = SAMPLE.match(line)
            assert match and match[1] == name and kind is not None, line
            labels = re.findall(LABEL, match[2] or "")
            key = frozenset(labels)
            assert len({label for label, _ in labels}) == len(labels), line
            assert key not in metrics[name][1], f"twice: {line}"
            metrics[name][1][key] = float(match[match.lastindex])
    return metrics


def sample(metrics, metric, **labels):
    return metrics["weir_" + metric][1][frozenset(labels.items())]


def rows_of_table():
    """The rows of metric.def: (scope, key, metric, label, type, text); facts have no metric."""
    with open(os.path.join(ROOT, "src", "server", "metric.def"), encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
    rows = []
    for line in text.splitlines():
        said = re.search(r'"((?:[^"\\]|\\.)*)"\)\Z', line)
        if fact := re.match(r"FACT\((\w+), +(\w+),", line):
            rows.append((*fact.groups(), "", "", "", said[1]))
        elif row := re.match(r'METRIC\((\w+), +(\w+), +"(\w*)", "((?:[^"\\]|\\.)*)", (\w+),', line):
            rows.append((*row.groups(), said[1]))
        else:
            assert not line.strip(), line
    return rows


class Counts(unittest.TestCase):
    """A server of its own for every case: what is counted is known."""

    def serve(self, **options):
        return configured(self, ROUTES, {"busy.json": "{}\n"}, **options)

    def test_what_is_known_is_counted(self):
        with self.serve() as server:
            for _ in range(5):
                server.call("/deep/calm/trap_memory", 5)
            for path, body, want in (
                    ("/deep/calm/trap_memory", "[", 400), ("/none", "[]", 404),
                    ("/traps/trap_unreachable", "[]", 200), ("/bare/trap_unreachable", "[]", 502),
                    ("/bare/trap_memory", "[8]", 200), ("/spin", "[]", 200),
                    ("/helped/trap_unreachable", "[]", 200)):
                self.assertEqual(server.request("POST", path, body)[0], want, path)
            # A call runs for a moment longer than its client waits.
            until(lambda: not any(route["running"] for route in status_of(server)["routes"]))
            status, metrics = status_of(server), metrics_of(server)
            worker, = status["workers"]
            self.assertEqual(
                (worker["state"], worker["pid"], worker["starts"], worker["requests"],
                 worker["responses_2xx"], worker["responses_4xx"], worker["responses_5xx"],
                 worker["traps"], worker["deadlines"], worker["refused"]),
                ("serving", server.workers()[0], 1, 12, 9, 2, 1, 3, 1, 0))
            self.assertGreater(worker["guest_cpu_s"], 0.1)
            self.assertLess(worker["guest_cpu_s"], PATIENCE_S)
            self.assertEqual(worker["accepted"], 12)

            def numbers(name, *keys):
                route = route_of(status, name)
                return tuple(route[key] for key in keys)
            answers = [f"answers_{by}" for by in ("own", "previous", "route", "stale", "static",
                                                  "built_in")]
            self.assertEqual(numbers("calm", "requests", "traps", "deadlines", *answers[:2]),
                             (6, 0, 0, 5, 0))
            self.assertEqual(numbers("trap", "requests", "traps", *answers),
                             (1, 1, 0, 0, 0, 0, 1, 0))
            self.assertEqual(numbers("bare", "requests", "traps", *answers),
                             (2, 1, 1, 0, 0, 0, 0, 1))
            self.assertEqual(numbers("spin", "requests", "deadlines", *answers),
                             (1, 1, 0, 1, 0, 0, 0, 0))
            self.assertEqual(numbers("helped", "requests", "traps", *answers),
                             (1, 1, 0, 0, 1, 0, 0, 0))
            self.assertEqual(numbers("calm", "path", "module", "running", "waiting"),
                             ("/deep/calm", "calm", 0, 0))
            self.assertGreaterEqual(route_of(status, "spin")["cpu_s"], 0.1)

            good = {"class": "2xx"}
            self.assertEqual(sample(metrics, "worker_responses_total", worker="0", **good), 9)
            self.assertEqual(sample(metrics, "route_answers_total", route="spin", by="previous"), 1)
            self.assertEqual(sample(metrics, "route_answers_total", route="helped", by="route"), 1)
            self.assertEqual(sample(metrics, "route_traps_total", route="trap"), 1)

    def test_breakers(self):
        with self.serve() as server:
            for i in range(4):  # traps count when three clients have met them
                client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S,
                                                    source_address=(f"127.0.0.{i + 1}", 0))
                server.request("POST", "/bare/trap_unreachable", "[]", client=client)
                client.close()
            status, metrics = status_of(server), metrics_of(server)
            bare, calm, spin = (route_of(status, name) for name in ("bare", "calm", "spin"))
            version, = bare["versions"]
            self.assertEqual((version["version"], version["breaker"], version["opened"],
                              version["window_failures"], version["window_clients"]),
                             ("current", "open", 1, 3, 3))
            self.assertTrue(0 < version["retry_s"] <= 3600, version)
            self.assertEqual((bare["shorted"], bare["traps"]), (1, 3))
            self.assertEqual(calm["versions"][0]["breaker"], "closed")
            self.assertEqual([version["version"] for version in spin["versions"]],
                             ["current", "previous"])
            for state, value in (("closed", 0), ("open", 1), ("half-open", 0)):
                self.assertEqual(sample(metrics, "breaker_state", route="bare", version="current",
                                        state=state), value)
            self.assertIn("breaker open, tries in ", weir("status", "--control", server.control))

    def test_what_is_in_the_table_is_told(self):
        with self.serve() as server:
            status, metrics = status_of(server), metrics_of(server)
        rows = rows_of_table()
        places = {"SERVER": status, "WORKER": status["workers"][0], "ROUTE": status["routes"][0],
                  "VERSION": status["routes"][0]["versions"][0]}
        more = {"SERVER": ["totals", "workers", "routes"], "WORKER": ["worker"],
                "ROUTE": ["versions"], "VERSION": []}
        for scope, place in places.items():
            keys = [row[1] for row in rows if row[0] == scope]
            self.assertEqual(sorted(place), sorted(keys + more[scope]))
        self.assertEqual(list(metrics), ["weir_info", *dict.fromkeys(
            "weir_" + row[2] for row in rows if row[2])])
        for _, _, metric, _, kind, _ in rows:
            if metric:
                self.assertEqual(metrics["weir_" + metric][0], kind)
        info, = metrics["weir_info"][1]
        self.assertEqual(dict(info)["service"], 'the \\"shop\\"\x9b2J')
        self.assertEqual(status["service"], 'the "shop"\x9b2J')
        self.assertEqual(status["address"], f"http://127.0.0.1:{server.port}")
        self.assertEqual(status["pid"], server.process.pid)
        self.assertLess(abs(time.time() - status["started_unix_s"]), 2 * PATIENCE_S)

    def test_docs_have_the_table(self):
        with open(os.path.join(ROOT, "docs", "status.md"), encoding="utf-8") as file:
            docs = file.read()
        row = re.compile(r"^\| `(\w+)` \|(?: `(weir_\w+)(?:\{([^}]*)\})?`)? \| (.*) \|$", re.M)
        told = row.findall(docs)
        wanted = []
        for _, key, metric, label, _, text in rows_of_table():
            label = label.replace('\\"', '"')
            shown = f'state="{label}"'.replace("|", "\\|") if "|" in label else label
            wanted.append((key, "weir_" + metric if metric else "", shown, text))
        self.assertEqual(told, wanted)

    def test_two_workers_add_up(self):
        with Server("hello", options=("--workers", "2")) as server:
            until(lambda: [worker["state"] for worker in status_of(server)["workers"]]
                  == ["serving"] * 2)

            def call_all():
                clients = [server.client() for _ in range(40)]
                for client in clients:
                    client.request("POST", "/add", "[1,2]")
                for client in clients:
                    self.assertEqual(client.getresponse().read(), b"3\n")
                    client.close()
            turns = 0
            while turns == 0 or not all(worker["requests"]
                                        for worker in status_of(server)["workers"]):
                call_all()
                turns += 1
                self.assertLess(turns, 500)
            status = status_of(server)
            for key in ("requests", "accepted", "responses_2xx"):
                self.assertEqual(sum(worker[key] for worker in status["workers"]), 40 * turns, key)
                self.assertEqual(status["totals"][key], 40 * turns, key)
            self.assertEqual(route_of(status, "hello")["requests"], 40 * turns)
            self.assertEqual(route_of(status, "hello")["answers_own"], 40 * turns)

    def test_counters_do_not_fall_with_a_worker(self):
        with Server("hello", options=("--workers", "2"), may_lose_workers=True) as server:
            for _ in range(50):
                server.call("/add", 1, 2)
            before = status_of(server)
            for pid in server.workers():
                os.kill(pid, signal.SIGKILL)

            def flat(metrics):
                return {(name, labels): value for name, (kind, samples) in metrics.items()
                        if kind == "counter" for labels, value in samples.items()}
            last = flat(metrics_of(server))
            while sum(worker["starts"] for worker in status_of(server)["workers"]) < 4:
                now = flat(metrics_of(server))
                for key, value in last.items():
                    self.assertGreaterEqual(now[key], value, key)
                last = now
            server.call("/add", 1, 2)
            after = status_of(server)
            self.assertEqual(after["totals"]["requests"], before["totals"]["requests"] + 1)
            self.assertEqual(after["totals"]["responses_2xx"], 51)
            self.assertEqual(after["totals"]["starts"], 4)

    def test_a_worker_that_has_gone_is_gone(self):
        with Server("hello", options=("--workers", "1"), may_lose_workers=True) as server:
            seen = set()

            def serves(but):
                worker, = status_of(server)["workers"]
                seen.add((worker["state"], worker["pid"] == 0))
                return worker["state"] == "serving" and worker["pid"] != but and worker["pid"]
            pid = 0
            for _ in range(7):  # it dies young: the pauses grow
                until(lambda: serves(pid))  # pylint: disable=cell-var-from-loop
                pid = serves(pid)
                os.kill(pid, signal.SIGKILL)
            until(lambda: serves(pid))
            self.assertIn(("gone", True), seen)


class Socket(unittest.TestCase):
    def test_what_there_is(self):
        with Server("hello") as server:
            code, headers, body = ask(server, "/")
            self.assertEqual((code, headers["content-type"]), (200, "application/json"))
            for path in json.loads(body):
                code, headers, body = ask(server, path)
                self.assertEqual((code, int(headers["content-length"])), (200, len(body)))
                code, headers, body = ask(server, path, "HEAD")
                self.assertEqual((code, body), (200, b""))
                self.assertGreater(int(headers["content-length"]), 0)
                for method in ("POST", "PUT", "DELETE", "OPTIONS"):
                    code, headers, body = ask(server, path, method)
                    self.assertEqual((code, headers["allow"]), (405, "GET, HEAD"))
                    self.assertEqual(json.loads(body)["error"]["code"], "method-not-allowed")
            code, _, body = ask(server, "/statu")
            self.assertEqual((code, json.loads(body)["error"]["code"]), (404, "not-found"))

    def test_requests_one_after_the_other(self):
        with Server("hello") as server, open_unix(server.control) as sock:
            head = b" HTTP/1.1\r\nHost: a\r\n\r\n"
            sock.sendall(b"GET /" + head + b"HEAD /" + head + b"GET /none" + head + b"GET /met")
            replies = Replies(sock)
            self.assertEqual([replies.next()[0], replies.next(has_body=False)[0],
                              replies.next()[0]], [200, 200, 404])
            sock.sendall(b"rics" + head + b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            self.assertIn(b"weir_info", replies.next()[2])
            self.assertEqual(replies.next()[1]["connection"], "close")
            self.assertIsNone(replies.next())
            replies.close()

    def test_garbage_is_refused(self):
        with Server("hello", options=("--workers", "1")) as server:
            control = control_of(server)
            for data, want in ((b"\0\1\2\3 garbage\r\n\r\n", b"HTTP/1.1 400 "),
                               (b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 400 "),
                               (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", b"HTTP/1.1 505 "),
                               (b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 501 "),
                               (b"GET /" + b"x" * 100000, b"HTTP/1.1 414 "),
                               (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"a: " + b"x" * 100000,
                                b"HTTP/1.1 431 "),
                               (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n123456789",
                                b"HTTP/1.1 413 "),
                               (b"POST /status HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked"
                                b"\r\n\r\n5\r\nGET /\r\n0\r\n\r\n", b"HTTP/1.1 405 ")):
                with open_unix(server.control) as sock:
                    try:
                        sock.sendall(data)
                    except OSError:
                        pass  # it has been refused before its end
                    got = read_all(sock)
                    self.assertTrue(got.startswith(want), (data[:40], got[:100]))
                    self.assertEqual(got.count(b"HTTP/1.1 "), 1)
            self.assertEqual(server.children("control"), [control])

    def test_many_connections_and_half_requests(self):
        with Server("hello", options=("--workers", "1")) as server:
            control = control_of(server)
            socks = []
            for i in range(200):
                sock = open_unix(server.control)
                if i % 2 == 0:
                    sock.sendall(b"GET /status HTTP/1.1\r\nHo")
                socks.append(sock)
                if i % 20 == 0:  # whoever asks is heard
                    self.assertEqual(status_of(server)["workers"][0]["state"], "serving")
            self.assertEqual(server.call("/add", 1, 2), 3)
            self.assertLess(len(os.listdir(f"/proc/{control}/fd")), 80)
            socks[-2].sendall(b"st: a\r\n\r\n")  # a half request may become a whole one
            replies = Replies(socks[-2])
            self.assertEqual(replies.next()[0], 200)
            replies.close()
            for sock in socks:
                sock.close()
            self.assertEqual(status_of(server)["totals"]["requests"], 1)
            self.assertEqual(server.children("control"), [control])

    def test_control_that_was_stopped_is_replaced(self):
        with Server("hello") as server:
            control = control_of(server)
            os.kill(control, signal.SIGSTOP)
            until(lambda: server.children("control") not in ([], [control]))
            self.assertEqual(status_of(server)["totals"]["requests"], 0)
            self.assertTrue(any("was stopped" in line for line in server.lines), server.lines)
            server.may_lose_workers = True  # so it says of the control process

    def test_control_is_killed_under_load(self):
        with Server("hello", options=("--workers", "2"), may_lose_workers=True) as server:
            stop, failures, served = threading.Event(), [], []

            def load():
                client, count = server.client(), 0
                try:
                    while not stop.is_set():
                        assert server.call("/add", count, 2, client=client) == count + 2
                        count += 1
                except Exception as problem:  # pylint: disable=broad-exception-caught
                    failures.append(problem)
                client.close()
                served.append(count)
            threads = [threading.Thread(target=load) for _ in range(4)]
            until(lambda: len(server.workers()) == 2)
            workers = server.workers()
            inode = os.stat(server.control).st_ino
            for thread in threads:
                thread.start()
            took_s = []
            for _ in range(5):
                control = control_of(server)
                os.kill(control, signal.SIGKILL)
                start, answer = time.monotonic(), None
                while answer is None:
                    try:
                        answer = status_of(server)
                    except OSError:  # a connection that the dead one had accepted
                        pass
                took_s.append(time.monotonic() - start)
                self.assertNotIn(control, server.children("control"))
                self.assertEqual(os.stat(server.control).st_ino, inode)
            stop.set()
            for thread in threads:
                thread.join(PATIENCE_S)
            self.assertLess(min(took_s), 1)
            self.assertEqual(failures, [])
            self.assertEqual(server.workers(), workers)
            self.assertEqual(status_of(server)["totals"]["responses_2xx"], sum(served))
            self.assertEqual(sum("control (process" in line for line in server.lines), 5)

    def test_control_has_no_secrets_and_cannot_write(self):
        options = ("--workers", "1", "--env", "SECRET=xyzzy-9Qw3", "--log", "none")
        with Server("fickle", options=options) as server:
            status_of(server)
            control = control_of(server)
            self.assertIn(b"xyzzy-9Qw3", memory_of(server.process.pid))
            self.assertNotIn(b"xyzzy-9Qw3", memory_of(control))
            with open(f"/proc/{control}/maps", encoding="ascii") as file:
                boards = [line for line in file if "weir-scoreboard" in line]
            self.assertEqual([line.split()[1] for line in boards], ["r--s"])
            for fd in os.listdir(f"/proc/{control}/fd"):
                self.assertNotIn("weir-", os.readlink(f"/proc/{control}/fd/{fd}"))

    def test_control_is_jailed(self):
        with Server("hello", options=("--workers", "1"), may_lose_workers=True) as server:
            status_of(server)  # so it has begun to serve
            control = control_of(server)
            self.assertEqual(system_call(control, "getpid"), control)
            self.assertEqual(system_call(control, "open", b"/etc/passwd", os.O_RDONLY),
                             -errno.EACCES)
            for call in (("execve", b"/bin/true", 0, 0), ("fork",),
                         ("socket", socket.AF_INET, socket.SOCK_STREAM, 0),
                         ("kill", server.process.pid, signal.SIGTERM)):
                control = control_of(server)
                self.assertIsNone(system_call(control, *call), call[0])
                until(lambda: server.children("control") not in ([], [control]))
                self.assertEqual(len(status_of(server)["workers"]), 1)
            said = [line for line in server.lines if "signal 31 (Bad system call)" in line]
            self.assertEqual(len(said), 4)

    def test_a_drain_ends_it_last(self):
        options = ("--workers", "1", "--cpu-ms", "3600000", "--wall-ms", "3600000", "--drain-ms",
                   "3600000")
        with Server("spin", options=options) as server:
            with server.open() as busy:
                busy.sendall(post("/spin", "[]"))
                until(lambda: status_of(server)["totals"]["in_flight"] == 1)
                server.process.send_signal(signal.SIGTERM)
                until(lambda: refuses(server))
                self.assertEqual(status_of(server)["totals"]["in_flight"], 1)
                busy.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.assertEqual(server.process.wait(PATIENCE_S), 0)  # the client has gone
            self.assertFalse(os.path.exists(server.control))

    def test_the_socket_is_the_users(self):
        with Server("hello") as server:
            info = os.stat(server.control)
            self.assertEqual((stat.S_ISSOCK(info.st_mode), stat.S_IMODE(info.st_mode)),
                             (True, 0o600))

    def test_a_second_server_at_the_same_path(self):
        with Server("hello", options=("--workers", "1")) as server:
            done = serve("--control", server.control)
            self.assertEqual((done.returncode, done.stderr), (1, "weir: cannot make the control "
                             f"socket {server.control}: another server is already running there\n"))
            self.assertEqual(len(status_of(server)["workers"]), 1)

    def test_what_a_dead_server_has_left_is_replaced(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "own.sock")
            with socket.socket(socket.AF_UNIX) as sock:
                sock.bind(path)  # closed, but its file stays
            with Server("hello", options=("--control", path)) as server:
                server.control = path
                self.assertEqual(status_of(server)["routes"][0]["route"], "hello")
            self.assertFalse(os.path.exists(path))

    def test_a_path_that_cannot_be(self):
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "file")
            with open(file, "w", encoding="ascii"):
                pass
            for path, why in ((file, "there is a file that is no socket"),
                              (folder + "/none/x", f"cannot open its folder {folder}/none: No such "
                               "file or directory"),
                              (folder + "/" + "x" * 107, "the path of a control socket has 1 to "
                               f"107 bytes, not {len(folder) + 108}")):
                done = serve("--control", path)
                self.assertEqual((done.returncode, done.stderr),
                                 (1, f"weir: cannot make the control socket {path}: {why}\n"))
            self.assertEqual(os.listdir(folder), ["file"])


def memory_of(pid):
    """The bytes that a process can write to."""
    pieces = []
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb") as mem:
        for line in maps:
            start, end = (int(at, 16) for at in line.split()[0].split("-"))
            if line.split()[1].startswith("rw") and end - start < 1 << 26:
                mem.seek(start)
                pieces.append(mem.read(end - start))
    return b"".join(pieces)


def refuses(server):
    try:
        server.open().close()
        return False
    except OSError:
        return True


def serve(*options, **environment):
    """A start that must fail."""
    return subprocess.run([WEIR, "serve", os.path.join(GUESTS, "hello.wasm"), "--addr",
                           "127.0.0.1:0", *options], capture_output=True, text=True, check=False,
                          timeout=PATIENCE_S, env=dict(os.environ, **environment))


def weir(*args, status=0, **environment):
    """What a command prints: standard output, or where it fails standard error."""
    done = subprocess.run([WEIR, *args], capture_output=True, text=True, check=False,
                          timeout=PATIENCE_S, env=dict(os.environ, **environment))
    assert done.returncode == status, (done.returncode, done.stderr)
    return done.stdout if status == 0 else done.stderr


class Usual(unittest.TestCase):
    """The folder of sockets, and what looks into it."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()  # made with mode 0700
        self.addCleanup(folder.cleanup)
        self.runtime = folder.name
        self.folder = os.path.join(folder.name, "weir")

    def start(self, file=os.path.join(GUESTS, "hello.wasm")):
        """A server that no option told where its socket should be."""
        process = subprocess.Popen(
            [WEIR, "serve", file, "--addr", "127.0.0.1:0", "--workers", "1", "--log", "none"],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env=dict(os.environ, XDG_RUNTIME_DIR=self.runtime))
        lines = []
        while not lines or not lines[-1].startswith("listening on "):
            lines.append(process.stderr.readline().decode())
            assert lines[-1], lines
        return process, lines, int(lines[-1].rsplit(":", 1)[1])

    def stop(self, process):
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(PATIENCE_S), 0)
        process.stderr.close()

    def status(self, *args, status=0):
        return weir("status", *args, status=status, XDG_RUNTIME_DIR=self.runtime)

    def test_servers_are_found(self):
        none = ("weir: no server is running that has its control socket in "
                f"{self.folder}; --control PATH names another\n")
        self.assertEqual(self.status(status=1), none)
        first, _, port = self.start()
        self.assertEqual(stat.S_IMODE(os.stat(self.folder).st_mode), 0o700)
        self.assertEqual(os.listdir(self.folder), [f"{port}.sock"])
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(os.path.join(self.folder, "1.sock"))  # nobody listens there
        text = self.status()
        self.assertTrue(text.startswith(f"weir at http://127.0.0.1:{port}, "), text)
        self.assertIn("hello /, breaker closed\n", text)
        self.assertEqual(json.loads(self.status("--json"))["pid"], first.pid)
        second, _, other = self.start()
        lines = sorted(f"  weir status --control {self.folder}/{at}.sock\n" for at in (port, other))
        self.assertEqual(self.status(status=2),
                         "".join(lines) + "weir: 2 servers are running: say which, as above\n")
        text = self.status("--control", f"{self.folder}/{other}.sock")
        self.assertTrue(text.startswith(f"weir at http://127.0.0.1:{other}, "), text)
        self.stop(first)
        self.stop(second)
        self.assertEqual(self.status(status=1), none)
        self.assertEqual(os.listdir(self.folder), ["1.sock"])

    def refused(self):
        """A server starts all the same, and says why it has no socket."""
        process, lines, _ = self.start()
        self.assertEqual(len(lines), 2)
        self.stop(process)
        return lines[0]

    def test_a_folder_that_is_not_the_users_alone(self):
        said = f"{self.folder} is not a folder of this user alone (owner, mode 0700)"
        warning = "weir: warning: no status: cannot make the control socket "
        os.mkdir(self.folder, 0o755)
        self.assertRegex(self.refused(), re.escape(warning) + rf"\S+\.sock: {re.escape(said)}; "
                         "--control PATH makes it elsewhere\n")
        self.assertEqual(self.status(status=1), f"weir: {said}\n")
        if os.geteuid() == 0:
            os.chmod(self.folder, 0o700)
            os.chown(self.folder, 54321, 54321)
            self.assertIn(said, self.refused())
            self.assertEqual(self.status(status=1), f"weir: {said}\n")
        os.rmdir(self.folder)
        with tempfile.TemporaryDirectory() as elsewhere:
            os.symlink(elsewhere, self.folder)
            self.assertIn(f"cannot open the folder {self.folder}: ", self.refused())
            self.assertEqual(os.listdir(elsewhere), [])

    def test_a_configuration_says_where(self):
        file = os.path.join(self.runtime, "weir.toml")
        module = os.path.abspath(os.path.join(GUESTS, "hello.wasm"))
        for said, path in (("own.sock", os.path.join(self.runtime, "own.sock")), ("none", None)):
            with open(file, "w", encoding="utf-8") as out:
                out.write(f'control = "{said}"\n[modules.hello]\npath = "{module}"\n')
            process, lines, _ = self.start(file)
            self.assertEqual(len(lines), 1)
            sockets = [path] if path else []
            self.assertEqual([name for name in os.listdir(self.runtime) if name != "weir.toml"],
                             [os.path.basename(name) for name in sockets])
            for name in sockets:
                self.assertEqual(json.loads(self.status("--control", name, "--json"))["pid"],
                                 process.pid)
            self.stop(process)
            self.assertEqual(os.listdir(self.runtime), ["weir.toml"])

    def test_none(self):
        with Server("hello", options=("--control", "none")) as server:
            self.assertEqual(server.children("control"), [])
            self.assertEqual(weir("status", "--control", server.control, status=1),
                             f"weir: no server is running at {server.control}\n")

    def test_nothing_commands_a_terminal(self):
        with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
            path = os.path.join(folder, "fake.sock")
            listener.bind(path)
            listener.listen()
            answers = [(b"HTTP/1.1 200 OK\r\n\r\na\x1b[2J\nb\r\xc2\x9bc\n", 0, "a?[2J\nb???c\n"),
                       (b"HTTP/1.1 200 OK\r\n\r\n", 0, ""),
                       (b"SSH-2.0\r\n", 1, f"weir: {path} is no control socket of weir\n"),
                       (b"", 1, f"weir: {path} is no control socket of weir\n")]

            def answer():
                for reply, _, _ in answers:
                    sock, _ = listener.accept()
                    sock.recv(4096)
                    sock.sendall(reply)
                    sock.close()
            thread = threading.Thread(target=answer)
            thread.start()
            for _, code, want in answers:
                self.assertEqual(weir("status", "--control", path, status=code), want)
            thread.join(PATIENCE_S)

    def test_who_does_not_answer_is_given_up(self):
        with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
            path = os.path.join(folder, "mute.sock")
            listener.bind(path)
            listener.listen()
            self.assertEqual(weir("status", "--control", path, status=1),
                             f"weir: the server at {path} does not answer\n")


if __name__ == "__main__":
    unittest.main()

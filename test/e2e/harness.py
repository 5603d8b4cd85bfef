"""Starts the real server on a free port and talks to it over real sockets."""
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

BIN = os.environ.get("WEIR_BIN", "build/dev/bin")
GUESTS = os.environ.get("WEIR_GUESTS", "build/dev/guests")
PATIENCE_S = 60  # for anything that should happen soon, on however busy a machine


class Server:
    """`weir serve` of some guests, or of a weir.toml. Used as a context: leaving it drains and
    checks the end. Its control socket is in a folder of its own."""

    def __init__(self, *guests, options=(), may_lose_workers=False, stdout=subprocess.DEVNULL,
                 env=None):
        self.may_lose_workers = may_lose_workers
        files = [name if name.endswith(".toml") else os.path.join(GUESTS, name + ".wasm")
                 for name in guests]
        self.folder = tempfile.TemporaryDirectory()
        self.control = os.path.join(self.folder.name, "control.sock")
        self.process = subprocess.Popen(
            [os.path.join(BIN, "weir"), "serve", *files, "--addr", "127.0.0.1:0", "--control",
             self.control, *options],
            stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE, env=env)
        self.lines = []
        self.is_listening = threading.Event()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        if not self.is_listening.wait(PATIENCE_S) or self.port is None:
            self.process.kill()
            self.process.wait(PATIENCE_S)
            self.reader.join(PATIENCE_S)
            self.process.stderr.close()
            self.folder.cleanup()
            raise AssertionError("the server does not start: " + "".join(self.lines))

    port = None

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line.decode())
            found = re.match(rb"listening on http://127\.0\.0\.1:(\d+)$", line.strip())
            if found:
                self.port = int(found[1])
                self.is_listening.set()
        self.is_listening.set()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self.reader.join(PATIENCE_S)
            self.process.stderr.close()
            left = os.listdir(self.folder.name)
            self.folder.cleanup()
        has_lost = any(" ended: " in line for line in self.lines) and not self.may_lose_workers
        if kind is None and (status != 0 or has_lost or left):
            raise AssertionError(f"the server ended with {status}: " + "".join(self.lines))

    def children(self, kind):
        """Process ids of the workers (kind "worker"), their helpers ("helper"), or the control
        process ("control")."""
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        with open(path, encoding="ascii") as file:
            pids = file.read().split()
        return [int(pid) for pid in pids if command_of(pid)[1:2] == [kind]]

    def workers(self):
        return self.children("worker")

    def open(self):
        """A plain socket to the server."""
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def client(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)

    def request(self, method, path, body=None, headers=None, client=None):
        """One request; returns (status, headers, body bytes)."""
        own = client or self.client()
        try:
            own.request(method, path, body, headers or {})
            reply = own.getresponse()
            return reply.status, reply.headers, reply.read()
        finally:
            if client is None:
                own.close()

    def call(self, path, *args, client=None):
        """A call that must succeed; returns its result."""
        status, _, body = self.request("POST", path, json.dumps(args), client=client)
        if status != 200:
            raise AssertionError(f"{path}: {status} {body!r}")
        return json.loads(body)

    def error(self, path, *args, client=None):
        """A call that must fail; returns (status, the error object)."""
        status, _, body = self.request("POST", path, json.dumps(args), client=client)
        return status, json.loads(body)["error"]

    def exchange(self, data):
        """Sends raw bytes, then reads to the end of the connection; returns all of it."""
        with self.open() as sock:
            sock.sendall(data)
            return read_all(sock)


def configured(test, text, files=(), **options):
    """A server of this weir.toml, with {guests} in it, and of other files, by name, beside it: in a
    folder that is removed after the test."""
    folder = tempfile.TemporaryDirectory(prefix="weir-configured-")
    test.addCleanup(folder.cleanup)
    texts = {**dict(files), "weir.toml": text.replace("{guests}", os.path.abspath(GUESTS))}
    for name, content in texts.items():
        with open(os.path.join(folder.name, name), "w", encoding="ascii") as file:
            file.write(content)
    return Server(os.path.join(folder.name, "weir.toml"), **options)


def command_of(pid):
    """A process's program and arguments; none once it has ended."""
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
            return file.read().split("\0")
    except OSError:
        return []


def until(find, pause_s=0.005):
    """Waits for something that will come about, or be found; returns it."""
    end = time.monotonic() + PATIENCE_S
    while not (found := find()):
        if time.monotonic() > end:
            raise AssertionError("it did not come about")
        time.sleep(pause_s)
    return found


def read_all(sock):
    pieces = []
    try:
        while piece := sock.recv(65536):
            pieces.append(piece)
    except ConnectionResetError:
        pieces.append(b"<reset>")
    return b"".join(pieces)


class Replies:
    """Reads the replies on a socket one by one."""

    def __init__(self, sock):
        self.file = sock.makefile("rb")

    def next(self, has_body=True):
        """Returns (status, headers with lower-case names, body); None at the end."""
        line = self.file.readline()
        if not line:
            return None
        status = int(line.split()[1])
        headers = {}
        while (line := self.file.readline().strip()):
            name, _, value = line.partition(b":")
            headers[name.decode().lower()] = value.strip().decode()
        length = int(headers.get("content-length", "0")) if has_body else 0
        return status, headers, self.file.read(length)

    def close(self):
        self.file.close()


def is_sanitized():
    """Are the programs built with the address sanitizer, which takes address space and memory?"""
    with open(os.path.join(BIN, "weir"), "rb") as file:
        return b"__asan_init" in file.read()


def post(path, body, extra=""):
    """The bytes of a POST."""
    body = body.encode()
    return (f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
            .encode() + body)


class SharedServer(unittest.TestCase):
    """Test cases over one server, started once."""

    GUESTS = ("hello",)
    OPTIONS = ("--workers", "1")

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.GUESTS, options=cls.OPTIONS)
        cls.addClassCleanup(cls.server.__exit__, None, None, None)


__all__ = ["BIN", "GUESTS", "PATIENCE_S", "Replies", "Server", "SharedServer", "configured", "http",
           "is_sanitized", "json", "os", "post", "read_all", "signal", "socket", "subprocess",
           "tempfile", "threading", "unittest", "until"]

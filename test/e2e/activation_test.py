#!/usr/bin/env python3
"""Started by a service manager: with its socket, telling it what happens."""
import time

from harness import *  # pylint: disable=wildcard-import,unused-wildcard-import

WEIR = os.path.abspath(os.path.join(BIN, "weir"))
HELLO = os.path.abspath(os.path.join(GUESTS, "hello.wasm"))


class Manager:
    """What a service manager does: holds sockets, starts a server with them, listens to it."""

    def __init__(self, *socks):
        self.socks = socks
        self.folder = tempfile.TemporaryDirectory()
        self.news = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.news.bind(os.path.join(self.folder.name, "notify"))
        self.news.settimeout(PATIENCE_S)

    def start(self):
        """The sockets become descriptors 3, 4, ... of the server."""
        moves = "".join(f" {3 + i}<&{sock.fileno()}" for i, sock in enumerate(self.socks))
        script = (f"LISTEN_PID=$$ LISTEN_FDS={len(self.socks)} exec {WEIR} serve {HELLO} "
                  f"--workers 2 --log none {moves}")
        environment = dict(os.environ, NOTIFY_SOCKET=self.news.getsockname(),
                           XDG_RUNTIME_DIR=self.folder.name)
        return subprocess.Popen(["bash", "-c", script], stderr=subprocess.PIPE, env=environment,
                                pass_fds=[sock.fileno() for sock in self.socks])

    def hear(self):
        return self.news.recv(100).decode()

    def close(self):
        self.news.close()
        self.folder.cleanup()
        for sock in self.socks:
            sock.close()


def listener():
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen(50)
    os.set_inheritable(sock.fileno(), True)
    return sock


def call(sock, client):
    client.connect(sock.getsockname())
    client.sendall(post("/add", "[1,2]", "Connection: close\r\n"))
    return read_all(client)


class Activation(unittest.TestCase):
    def test_a_socket_that_outlives_its_servers(self):
        sock = listener()
        manager = Manager(sock)
        early = socket.create_connection(sock.getsockname(), timeout=PATIENCE_S)
        early.sendall(post("/add", "[1,2]", "Connection: close\r\n"))
        for turn in range(2):
            server = manager.start()
            self.assertEqual(manager.hear(), "READY=1")
            with socket.socket() as client:
                self.assertIn(b"\r\n\r\n3\n", call(sock, client))
            if turn == 0:
                self.assertIn(b"\r\n\r\n3\n", read_all(early))
                early.close()
            server.send_signal(signal.SIGTERM)
            self.assertEqual(manager.hear(), "STOPPING=1")
            self.assertEqual(server.wait(PATIENCE_S), 0)
            server.stderr.close()
        manager.close()

    def test_a_unix_socket(self):
        with tempfile.TemporaryDirectory() as folder:
            sock = socket.socket(socket.AF_UNIX)
            sock.bind(os.path.join(folder, "http"))
            sock.listen(5)
            manager = Manager(sock)
            server = manager.start()
            self.assertEqual(manager.hear(), "READY=1")
            with socket.socket(socket.AF_UNIX) as client:
                self.assertIn(b"\r\n\r\n3\n", call(sock, client))
            # its control socket, of a server without a port
            self.assertEqual(os.listdir(os.path.join(manager.folder.name, "weir")),
                             [f"{server.pid}.sock"])
            server.send_signal(signal.SIGTERM)
            self.assertEqual(server.wait(PATIENCE_S), 0)
            self.assertIn(b"listening on a Unix socket", server.stderr.read())
            server.stderr.close()
            manager.close()

    def test_what_it_cannot_use_is_said(self):
        deaf = socket.socket()
        for socks, text in (((listener(), listener()), b"started with 2 sockets"),
                            ((deaf,), b"started with a socket that does not listen")):
            manager = Manager(*socks)
            server = manager.start()
            self.assertEqual(server.wait(PATIENCE_S), 2)
            self.assertIn(text, server.stderr.read())
            server.stderr.close()
            manager.close()

    def test_a_worker_that_dies_is_replaced(self):
        sock = listener()
        manager = Manager(sock)
        server = manager.start()
        self.assertEqual(manager.hear(), "READY=1")
        path = f"/proc/{server.pid}/task/{server.pid}/children"

        def children():
            with open(path, encoding="ascii") as file:
                return file.read().split()
        end = time.monotonic() + PATIENCE_S
        while len(before := children()) < 2:
            self.assertLess(time.monotonic(), end)
        for pid in before:
            os.kill(int(pid), signal.SIGKILL)
        with socket.socket() as client:
            client.settimeout(PATIENCE_S)
            self.assertIn(b"\r\n\r\n3\n", call(sock, client))
        server.send_signal(signal.SIGTERM)
        self.assertEqual(server.wait(PATIENCE_S), 0)
        server.stderr.close()
        manager.close()


if __name__ == "__main__":
    unittest.main()

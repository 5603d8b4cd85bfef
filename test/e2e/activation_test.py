#!/usr/bin/env python3
"""Started by a service manager: with its socket, telling it what happens."""
import select

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

    def start(self, workers=2):
        """The sockets become descriptors 3, 4, ... of the server."""
        moves = "".join(f" {3 + i}<&{sock.fileno()}" for i, sock in enumerate(self.socks))
        script = (f"LISTEN_PID=$$ LISTEN_FDS={len(self.socks)} exec {WEIR} serve {HELLO} "
                  f"--workers {workers} --log none {moves}")
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


def connect(sock):
    return socket.create_connection(sock.getsockname(), timeout=PATIENCE_S)


def call(sock, client):
    client.connect(sock.getsockname())
    client.sendall(post("/add", "[1,2]", "Connection: close\r\n"))
    return read_all(client)


def children_of(server):
    with open(f"/proc/{server.pid}/task/{server.pid}/children", encoding="ascii") as file:
        return [int(pid) for pid in file.read().split()]


def is_alive(pid):
    """Not ended; whoever inherits it may take it away late."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


class Activation(unittest.TestCase):
    def test_a_socket_that_outlives_its_servers(self):
        sock = listener()
        manager = Manager(sock)
        early = connect(sock)
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
        for pid in until(lambda: len(found := children_of(server)) >= 2 and found):
            os.kill(pid, signal.SIGKILL)
        with socket.socket() as client:
            client.settimeout(PATIENCE_S)
            self.assertIn(b"\r\n\r\n3\n", call(sock, client))
        server.send_signal(signal.SIGTERM)
        self.assertEqual(server.wait(PATIENCE_S), 0)
        server.stderr.close()
        manager.close()

    def talk(self, client):
        client.sendall(post("/add", "[1,2]"))
        replies = Replies(client)
        self.assertEqual(replies.next()[::2], (200, b"3\n"))
        replies.close()

    def test_nobody_accepts_for_a_server_that_was_killed(self):
        """Its workers end what they have begun, and leave those who come to the next server."""
        sock = listener()
        manager = Manager(sock)
        server = manager.start(workers=1)
        self.assertEqual(manager.hear(), "READY=1")
        old = until(lambda: len(found := children_of(server)) >= 2 and found)  # and the control
        with connect(sock) as idle, connect(sock) as begun:
            self.talk(idle)
            self.talk(begun)
            request = post("/add", "[3,4]")
            begun.sendall(request[:-2])
            self.talk(idle)  # so that the worker has read that
            server.kill()
            server.wait(PATIENCE_S)
            self.assertEqual(read_all(idle), b"")  # the worker knows
            with connect(sock) as queued:
                queued.sendall(post("/add", "[5,6]", "Connection: close\r\n"))
                self.assertEqual(select.select([queued], [], [], 0.3)[0], [])
                begun.sendall(request[-2:])
                self.assertIn(b"\r\n\r\n7\n", read_all(begun))
                until(lambda: not any(map(is_alive, old)))
                self.assertEqual(select.select([queued], [], [], 0)[0], [])
                server.stderr.close()
                server = manager.start()
                self.assertEqual(manager.hear(), "READY=1")
                self.assertIn(b"\r\n\r\n11\n", read_all(queued))
        server.send_signal(signal.SIGTERM)
        self.assertEqual(server.wait(PATIENCE_S), 0)
        server.stderr.close()
        manager.close()


if __name__ == "__main__":
    unittest.main()

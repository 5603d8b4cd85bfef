#!/usr/bin/env python3
"""Mutated requests: whatever a client sends, no answer is another request's, and no connection
loses its place.

Each connection carries a mutated request and a good one behind it, with numbers that no other
connection uses. A reader of its own, as strict as RFC 9112 asks, says which requests the bytes are.
The server may refuse any of them and hang up; what it answers well must be the answer to the
request at that place. WEIR_MUTATIONS is how many connections there are, WEIR_SEED where the dice
begin.
"""
import random
import re

from faults import *  # pylint: disable=wildcard-import,unused-wildcard-import

COUNT = int(os.environ.get("WEIR_MUTATIONS", "10000"))
SEED = int(os.environ.get("WEIR_SEED", "16"))
THREADS = 4
TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
LINE = re.compile(rb"(" + TOKEN + rb") (\S+) HTTP/1\.([01])$")
FIELD = re.compile(rb"(" + TOKEN + rb"):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*$")
FORBIDDEN = (b"Content-Length: 3\r\n", b"Content-Length: +5\r\n", b"Transfer-Encoding: chunked\r\n",
             b"Transfer-Encoding: identity\r\n", b"Content-Length : 5\r\n", b" folded\r\n",
             b"Host: b\r\n", b"X: a\0b\r\n", b"Connection: close\r\n", b"Expect: 100-continue\r\n",
             b"Content-Length: 5, 5\r\n", b"\r\n", b"\n", b"\r", b"X:\x80\xff\r\n", b"0\r\n\r\n")


class Malformed(Exception):
    """The bytes are no request."""


def request_of(number, is_chunked):
    """A call whose answer is number + 1, and nobody else's."""
    body = b"[%d,1]" % number
    if is_chunked:
        half = len(body) // 2
        return (b"POST /add HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"%x\r\n%s\r\n%x;a=b\r\n%s\r\n0\r\nT: x\r\n\r\n"
                % (half, body[:half], len(body) - half, body[half:]))
    return b"POST /add HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def mutate(dice, data):
    data = bytearray(data)
    for _ in range(dice.choice((0, 1, 1, 1, 2, 4))):
        at, kind = dice.randrange(len(data)), dice.randrange(6)
        if kind == 0:
            data[at] ^= 1 << dice.randrange(8)
        elif kind == 1:
            data[at:at] = dice.randbytes(dice.randint(1, 3))
        elif kind == 2 and len(data) > 40:
            del data[at:at + dice.randint(1, 8)]
        elif kind == 3:  # a line of the head, where one begins
            begins = [found.end() for found in re.finditer(rb"\r\n", data)] or [0]
            at = dice.choice(begins)
            data[at:at] = dice.choice(FORBIDDEN)
        elif kind == 4:
            digits = [i for i, byte in enumerate(data) if chr(byte).isdigit()]
            if digits:
                data[dice.choice(digits)] = ord(dice.choice("0123456789abf"))
        elif kind == 5:
            cut = data[at:at + dice.randint(1, 30)]
            data[at:at] = cut
    return bytes(data)


def take_line(data):
    line, found, rest = data.partition(b"\r\n")
    if not found or b"\r" in line or b"\n" in line:
        raise Malformed
    return line, rest


def take_fields(data):
    fields = []
    while True:
        line, data = take_line(data)
        if not line:
            return fields, data
        found = FIELD.match(line)
        if not found:
            raise Malformed
        fields.append((found[1].lower(), found[2]))


def take_chunks(data):
    body = b""
    while True:
        line, data = take_line(data)
        found = re.match(rb"([0-9A-Fa-f]+)[ \t]*(;[^\x00-\x08\x0a-\x1f\x7f]*)?$", line)
        if not found:
            raise Malformed
        size = int(found[1], 16)
        if size == 0:
            return body, take_fields(data)[1]
        if data[size:size + 2] != b"\r\n":
            raise Malformed
        body, data = body + data[:size], data[size + 2:]


def take_request(data):
    """(method and target, body, rest) of the first request of the bytes."""
    while data.startswith(b"\r\n"):
        data = data[2:]
    line, rest = take_line(data)
    found = LINE.match(line)
    if not found:
        raise Malformed
    fields, rest = take_fields(rest)
    lengths = [value for name, value in fields if name == b"content-length"]
    codings = [value for name, value in fields if name == b"transfer-encoding"]
    hosts = [value for name, value in fields if name == b"host"]
    if len(hosts) > 1 or (found[3] == b"1" and not hosts) or (lengths and codings):
        raise Malformed
    if codings:
        if [coding.lower() for coding in codings] != [b"chunked"] or found[3] == b"0":
            raise Malformed
        body, rest = take_chunks(rest)
    else:
        # The same length twice may be taken as one.
        lengths = {one.strip(b" \t") for value in lengths for one in value.split(b",")}
        if len(lengths) > 1 or not all(value.isdigit() for value in lengths):
            raise Malformed
        size = int(lengths.pop()) if lengths else 0
        if len(rest) < size:
            raise Malformed
        body, rest = rest[:size], rest[size:]
    return (found[1], found[2]), body, rest


def answers_of(data):
    """What the requests in the bytes may be answered with, if well: a body, or None where that is
    not known. It ends where the bytes are no request."""
    answers = []
    try:
        while data:
            (method, target), body, data = take_request(data)
            answer = None
            if method == b"POST" and target.partition(b"?")[0] == b"/add":
                try:
                    args = json.loads(body)
                    if isinstance(args, list) and len(args) == 2:
                        answer = b"%d\n" % (args[0] + args[1])
                except (ValueError, TypeError, OverflowError):
                    pass
            answers.append(answer)
    except Malformed:
        pass
    return answers


def take_replies(data):
    """[(status, headers, body)] of all that came; the bytes must be whole replies."""
    replies = []
    while data:
        head, found, rest = data.partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        if not found or not re.match(rb"HTTP/1\.1 \d{3} ", first):
            raise AssertionError(f"no reply: {data!r}")
        headers = dict(line.lower().split(b": ", 1) for line in lines)
        status = int(first.split()[1])
        size = int(headers.get(b"content-length", b"0"))
        if len(rest) < size:
            raise AssertionError(f"a reply is cut: {data!r}")
        if status != 100:
            replies.append((status, headers, rest[:size]))
        data = rest[size:]
    return replies


def judge(sent, received):
    """What is wrong with the replies; None: nothing."""
    wanted = answers_of(sent)
    if re.search(rb"^(HEAD|OPTIONS) ", sent):
        return None  # their replies have no body: nothing to compare
    try:
        replies = take_replies(received)
    except (AssertionError, ValueError) as error:
        return str(error)
    for i, (status, headers, body) in enumerate(replies):
        if status == 200 and re.fullmatch(rb"-?\d+\n", body):
            if i >= len(wanted):
                return f"reply {i} answers what is no request"
            if wanted[i] != body:
                return f"reply {i} is {body!r}, not {wanted[i]!r}"
        elif headers.get(b"content-type") == b"application/json" and status >= 400:
            identity = headers[b"weir-request-id"].decode()
            if json.loads(body)["error"]["request"] != identity:
                return f"reply {i} names another request"
    return None


class Mutations(unittest.TestCase):
    def test_the_reader_itself(self):
        good = request_of(7, False)
        self.assertEqual(answers_of(good + request_of(8, True) + good), [b"8\n", b"9\n", b"8\n"])
        self.assertEqual(answers_of(good + b"X" + good), [b"8\n", None])
        self.assertEqual(answers_of(good.replace(b"Host", b"Ho st") + good), [])
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
        self.assertIsNone(judge(good, head + b"8\n"))
        self.assertIsNotNone(judge(good, head + b"9\n"))
        self.assertIsNotNone(judge(good, head + b"8\n" + head + b"8\n"))
        self.assertIsNotNone(judge(good, head + b"8"))

    def test_mutated_requests(self):
        with Server("hello", options=("--workers", "2", "--log", "none")) as server:
            until(lambda: len(server.workers()) == 2)
            workers = server.workers()
            results = together(THREADS, lambda i: self.run_some(server, i))
            self.assertEqual([wrong for wrongs, _ in results for wrong in wrongs], [])
            self.assertEqual(server.workers(), workers)
            self.assertEqual(server.call("/add", 1, 2), 3)
        statuses = {}
        for _, counts in results:
            for status, count in counts.items():
                statuses[status] = statuses.get(status, 0) + count
        print(f"R16: {COUNT} connections with a mutated request (seed {SEED}): "
              + ", ".join(f"{statuses[key]} x {key}" for key in sorted(statuses)))
        self.assertGreater(statuses[200], COUNT // 4)
        self.assertGreater(statuses[400], COUNT // 4)

    def run_some(self, server, thread):
        """Every THREADS-th connection; (what was wrong, how many replies by status)."""
        wrong, counts = [], {}
        for i in range(thread, COUNT, THREADS):
            dice = random.Random(f"{SEED} {i}")
            number = 100000 + 10 * i
            data = mutate(dice, request_of(number, dice.random() < 0.3)) + request_of(number + 3,
                                                                                      False)
            with server.open() as sock:
                try:
                    sock.sendall(data)
                    sock.shutdown(socket.SHUT_WR)
                except OSError:
                    pass  # it has been refused by now
                received = read_all(sock).removesuffix(b"<reset>")
            problem = judge(data, received)
            if problem is not None:
                wrong.append((i, problem, data, received))
            for status in re.findall(rb"HTTP/1\.1 (\d+) ", received):
                counts[int(status)] = counts.get(int(status), 0) + 1
        return wrong, counts


if __name__ == "__main__":
    unittest.main()

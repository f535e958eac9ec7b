"""Bad input at the RESP and memcached doors, over raw sockets: a clear error or a closed connection, and afterwards the
server answers everyone else as before. (tests/http and tests/ws have what their doors read.)"""

import random
import socket

from faults import Fault, MEMCACHED, RESP, connect, exchange, resp, to_end


class Resp(Fault):
    PROTOCOL = [
        (b"*1048577\r\n", b"invalid multibulk length"),
        (b"*9223372036854775808\r\n", b"invalid multibulk length"),
        (b"*99999999999999999999999\r\n", b"invalid multibulk length"),
        (b"*abc\r\n", b"invalid multibulk length"),
        (b"*1\r\n:5\r\n", b"expected '$', got ':'"),
        (b"*1\r\n$-1\r\n", b"invalid bulk length"),
        (b"*1\r\n$-2147483649\r\n", b"invalid bulk length"),
        (b"*1\r\n$99999999999999999999\r\n", b"invalid bulk length"),
        (b"*1\r\n$536870913\r\n", b"invalid bulk length"),
        (b"*1\r\n$x\r\n", b"invalid bulk length"),
        (b"*1\r\n$ 4\r\n", b"invalid bulk length"),
        (b"*" + b"1" * 70000, b"too big mbulk count string"),
        (b"*1\r\n$" + b"1" * 70000, b"too big bulk count string"),
        (b"a" * 70000, b"too big inline request"),
        (b'SET k "not closed\r\n', b"unbalanced quotes in request"),
    ]

    def test_protocol_errors(self):
        for request, text in self.PROTOCOL:
            with self.subTest(request=request[:40]):
                self.assertEqual(exchange(RESP, request, half_close=False),
                                 b"-ERR Protocol error: %s\r\n" % text)

    def test_answers_before_the_error_come_first(self):
        self.assertEqual(exchange(RESP, resp(b"SET", b"k", b"v") + resp(b"GET", b"k") + b"*1\r\n!\r\n", False),
                         b"+OK\r\n$1\r\nv\r\n-ERR Protocol error: expected '$', got '!'\r\n")

    def test_empty_and_negative_counts_are_nothing(self):
        self.assertEqual(exchange(RESP, b"*0\r\n*-1\r\n*-1000\r\n\r\n\r\n" + resp(b"PING")), b"+PONG\r\n")

    def test_cut_at_every_byte(self):
        whole = resp(b"SET", b"cut", b"x" * 30) + resp(b"GET", b"cut")
        for end in range(len(whole)):
            with self.subTest(end=end):
                self.assertIn(exchange(RESP, whole[:end]), (b"", b"+OK\r\n"))
        self.assertEqual(exchange(RESP, whole), b"+OK\r\n$30\r\n" + b"x" * 30 + b"\r\n")

    def test_a_byte_at_a_time(self):
        with connect(RESP) as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for b in resp(b"SET", b"slow", b"1") + b"GET slow\r\n":
                s.sendall(bytes([b]))
            s.shutdown(socket.SHUT_WR)
            self.assertEqual(to_end(s), b"+OK\r\n$1\r\n1\r\n")

    def test_counts_that_are_larger_than_the_input(self):
        for request in (b"*1048576\r\n$3\r\nGET\r\n", b"*2\r\n$536870912\r\nab", b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000\r\nx"):
            with self.subTest(request=request):
                self.assertEqual(exchange(RESP, request), b"")

    def test_keys_of_every_byte(self):
        for key in [bytes([b]) for b in range(256)] + [bytes(range(256)), b"", b"\r\n", b"\0\0", b"\xff" * 1000]:
            self.redis.set(key, key)
            self.assertEqual(self.redis.get(key), key)
        self.assertEqual(len(set(self.redis.scan_iter(count=50))), 261)
        for b in range(256):
            key = bytes([b])
            if key not in b"\r\n \0\t'\"\x0b\x0c":
                self.assertEqual(exchange(RESP, b"GET " + key + b"\r\n"), b"$1\r\n%s\r\n" % key, key)

    def test_huge_numbers(self):
        self.redis.set("n", 1)
        for words in (b"INCRBY n 9223372036854775807", b"INCRBY n 99999999999999999999", b"DECRBY n -9223372036854775808",
                      b"SETRANGE n 4294967295000 x", b"SETRANGE n -1 x", b"EXPIRE n 9223372036854775807",
                      b"SET n 1 PX 9223372036854775807 XX", b"SET n 1 EX 0", b"LCS n", b"SETBIT n 99999999999 1",
                      b"ZADD n nan x", b"HINCRBY n f x", b"SCAN 18446744073709551616", b"SELECT 99999999999",
                      b"HEXPIRE n 1 FIELDS 99999999999 f", b"ZUNIONSTORE d 9999999999 a", b"MSETEX 99999999999 a b"):
            with self.subTest(words=words):
                answer = exchange(RESP, resp(*words.split()))
                self.assertTrue(answer.startswith(b"-"), answer)
        for words in (b"GETRANGE n -9223372036854775808 9223372036854775807", b"ZRANGE z -9223372036854775808 -1",
                      b"ZRANGE z 0 9223372036854775807", b"SCAN 0 COUNT 9223372036854775807"):
            with self.subTest(words=words):
                self.assertRegex(exchange(RESP, resp(*words.split())), rb"^[$*]")

    def test_every_command_within_a_transaction(self):
        """With no more arguments than it must have, behind writes that hold all locks: none waits for a lock for ever."""
        connection = self.redis.connection_pool.get_connection("COMMAND")
        connection.send_command("COMMAND")
        rows = connection.read_response()
        self.redis.connection_pool.release(connection)
        commands = [(name.split(b"|"), arity) for row in rows
                    for name, arity in [(row[0], row[1])] + [(sub[0], sub[1]) for sub in row[9]]]
        keys = b" ".join(b"key:%d v" % i for i in range(300))
        for name, arity in commands:
            if name[0] in (b"shutdown", b"exec", b"quit", b"subscribe", b"psubscribe", b"ssubscribe", b"monitor"):
                continue
            words = name + [b"1"] * (abs(arity) - len(name))
            with connect(RESP) as s:
                s.sendall(b"MULTI\r\nMSET %s\r\n" % keys + resp(*words) + b"EXEC\r\nRESET\r\nPING last\r\n")
                answer = b""
                try:
                    while b"last" not in answer and (more := s.recv(1 << 16)):
                        answer += more
                except TimeoutError:
                    self.fail("no answer to %s" % words)

    def test_random_bytes(self):
        rng = random.Random(7)
        for i in range(400):
            exchange(RESP, bytes(rng.choices(b"*$:+-0123456789\r\n\0GETSabc", k=rng.randrange(1, 200))))
            exchange(RESP, rng.randbytes(rng.randrange(1, 300)))


class Memcached(Fault):
    def test_wrong_lines(self):
        for request in (b"\r\n", b"nosuch\r\n", b"get\r\n", b"set\r\n", b"set k\r\n", b"incr k\r\n", b"touch k\r\n",
                        b"get " + b"k" * 251 + b"\r\n", b"incr k abc\r\n", b"incr k -1\r\n", b"cas k 0 0 1\r\n",
                        b"incr k 99999999999999999999999\r\n", b"flush_all x\r\n", b"verbosity\r\n"):
            with self.subTest(request=request[:40]):
                self.assertRegex(exchange(MEMCACHED, request), rb"^(ERROR|CLIENT_ERROR .*)\r\n$")

    def test_wrong_data_blocks(self):
        for request in (b"set k 0 0 -1\r\n", b"set k 0 0 99999999999\r\n", b"set k 0 0 99999999999999999999999999\r\n",
                        b"set k x 0 1\r\na\r\n", b"set k 4294967296 0 1\r\na\r\n", b"set k 0 0 3\r\nabcdef\r\n",
                        b"set " + b"k" * 251 + b" 0 0 1\r\na\r\n"):
            with self.subTest(request=request[:40]):
                self.assertRegex(exchange(MEMCACHED, request), rb"^(ERROR|CLIENT_ERROR|SERVER_ERROR)")
        self.assertIsNone(self.redis.get("k"))

    def test_cut_at_every_byte(self):
        whole = b"set cut 5 0 30\r\n" + b"x" * 30 + b"\r\nget cut\r\n"
        for end in range(len(whole)):
            with self.subTest(end=end):
                self.assertIn(exchange(MEMCACHED, whole[:end]), (b"", b"STORED\r\n"))

    def test_a_line_without_end(self):
        answer = exchange(MEMCACHED, b"get " + b"a" * (1 << 20), half_close=True)
        self.assertRegex(answer, rb"^(ERROR|CLIENT_ERROR|SERVER_ERROR|$)")

    def test_values_of_every_byte(self):
        for n in (0, 1, 255, 256, 5000):
            value = (bytes(range(256)) * 20)[:n]
            self.assertEqual(exchange(MEMCACHED, b"set b 0 0 %d\r\n%s\r\nget b\r\n" % (n, value)),
                             b"STORED\r\nVALUE b 0 %d\r\n%s\r\nEND\r\n" % (n, value))

    def test_random_bytes(self):
        rng = random.Random(11)
        words = [b"get", b"gets", b"set", b"cas", b"incr", b"k", b"0", b"-1", b"5", b"noreply", b"\r\n", b"\0", b" ", b"touch"]
        for i in range(400):
            exchange(MEMCACHED, b" ".join(rng.choices(words, k=rng.randrange(1, 40))))
            exchange(MEMCACHED, rng.randbytes(rng.randrange(1, 300)))

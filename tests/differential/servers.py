"""The reference server: its own redis-server on a free port in a temporary directory, without persistence.
And a proxy that falsifies replies, to prove that a difference is found."""

import shutil
import socket
import subprocess
import tempfile
import threading
import time

from connection import Connection


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Process:
    """A server that this run has started and will end."""

    def __init__(self, argv, port, directory):
        self.port, self.directory = port, directory
        self.log = open(directory + "/log", "wb")
        self.child = subprocess.Popen(argv, cwd=directory, stdout=self.log, stderr=self.log)
        self.wait()

    def wait(self):
        for _ in range(200):
            try:
                Connection(self.port, timeout=1).close()
                return
            except OSError:
                time.sleep(0.02)
            if self.child.poll() is not None:
                break
        with open(self.directory + "/log") as log:
            raise SystemExit("the server on port %d did not start:\n%s" % (self.port, log.read()))

    def stop(self):
        self.child.terminate()
        try:
            self.child.wait(5)
        except subprocess.TimeoutExpired:
            self.child.kill()
        self.log.close()
        shutil.rmtree(self.directory, ignore_errors=True)


def start_redis():
    port = free_port()
    argv = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    return Process(argv, port, tempfile.mkdtemp(prefix="differential-"))


def start_atrium(program, *flags):
    port, http_port, memcached_port = free_port(), free_port(), free_port()
    argv = [program, "--port", str(port), "--http-port", str(http_port), "--memcached-port", str(memcached_port), *flags]
    server = Process(argv, port, tempfile.mkdtemp(prefix="differential-"))
    server.http_port, server.memcached_port = http_port, memcached_port
    return server


class FaultProxy:
    """Passes bytes to and from `port`, but turns one integer reply 1 into 2 in every `every` pieces."""

    def __init__(self, port, every):
        self.target, self.every, self.pieces = port, every, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(("127.0.0.1", self.target))
            for source, sink, falsify in ((client, server, False), (server, client, True)):
                threading.Thread(target=self.pump, args=(source, sink, falsify), daemon=True).start()

    def pump(self, source, sink, falsify):
        try:
            while data := source.recv(1 << 18):
                if falsify and b"\r\n:1\r\n" in data:
                    self.pieces += 1
                    if self.pieces % self.every == 0:
                        data = data.replace(b"\r\n:1\r\n", b"\r\n:2\r\n", 1)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            source.close()
            sink.close()

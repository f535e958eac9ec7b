"""Where the doors of the atrium under test are, and how to start another one with other flags."""

import contextlib
import os
import socket
import subprocess
import tempfile
import time

PORT, MEMCACHED_PORT, HTTP_PORT = (
    int(os.environ[name]) for name in ("ATRIUM_PORT", "ATRIUM_MEMCACHED_PORT", "ATRIUM_HTTP_PORT")
)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def wait_for(port):
    for _ in range(500):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.02)
    raise RuntimeError("port %d does not answer" % port)


@contextlib.contextmanager
def another(*flags):
    """A second atrium: its RESP, memcached and HTTP ports. It must end cleanly."""
    ports = [free_port() for _ in range(3)]
    with tempfile.TemporaryDirectory() as folder:
        argv = [os.environ["ATRIUM_PROGRAM"], "--dir", folder, *flags]
        for name, port in zip(("--port", "--memcached-port", "--http-port"), ports):
            argv += [name, str(port)]
        child = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
        try:
            for port in ports:
                wait_for(port)
            yield ports
        finally:
            child.terminate()
            assert child.wait(5) == 0

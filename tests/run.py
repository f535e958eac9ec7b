#!/usr/bin/python3
"""Runs the suites of `make test` and counts.

    run.py [--only NAME,...] [--builds plain,asan,tsan]

A suite is a folder tests/NAME with an executable run.py, or a line of EXTRA below. It is started in its folder's
parent with ATRIUM_PORT, ATRIUM_MEMCACHED_PORT and ATRIUM_HTTP_PORT naming an atrium of its own, which is empty,
ATRIUM_PROGRAM naming the program and ATRIUM_BUILD the build (plain, asan, tsan: loads may be smaller there). Its last line must be `N passed, M failed`; exit status 0 exactly where M is 0.
After each suite the server must end within 5 s of SIGTERM with status 0 and, in a sanitizer build, without a report.
The last line of this program is the sum over all suites, in the same form."""

import argparse
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PORTS = ("ATRIUM_PORT", "ATRIUM_MEMCACHED_PORT", "ATRIUM_HTTP_PORT")
COUNTS = re.compile(r"(\d+) passed, (\d+) failed")
CHECK = re.compile(r"\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)")
READY_S, END_S, SUITE_S = 30, 5, 600
# Commands of many keys lock more shards at once than TSan's deadlock detector can count (64); races are what it is for.
os.environ.setdefault("TSAN_OPTIONS", "detect_deadlocks=0")


def free_ports(n):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Server:
    """An atrium on free ports, in a folder of its own."""

    def __init__(self, program, more):
        self.ports = free_ports(3)
        self.folder = tempfile.TemporaryDirectory()
        self.log = open(os.path.join(self.folder.name, "log"), "w+b")
        names = ("--port", "--memcached-port", "--http-port")
        flags = [w for name, port in zip(names, self.ports) for w in (name, str(port))]
        self.process = subprocess.Popen(
            [program, "--dir", self.folder.name] + flags + more,
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.wait_ready()

    def wait_ready(self):
        until = time.time() + READY_S
        for port in self.ports:
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    if time.time() > until or self.process.poll() is not None:
                        raise SystemExit("the server did not come up:\n" + self.output())
                    time.sleep(0.05)

    def output(self):
        self.log.flush()
        self.log.seek(0)
        return self.log.read().decode("utf-8", "replace")

    def end(self):
        """Ends it; what is wrong with how it ended, or None."""
        crashed = self.process.poll()
        if crashed is not None:
            return "the server ended by itself with status %d" % crashed
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "the server did not end within %d s of SIGTERM" % END_S
        if status != 0:
            return "the server ended with status %d" % status
        return "a sanitizer reported" if re.search(r"Sanitizer|runtime error:", self.output()) else None


def suites():
    folder = os.path.join(ROOT, "tests")
    for name in sorted(os.listdir(folder)):
        entry = os.path.join(folder, name, "run.py")
        if name not in ("bench", "fuzz") and os.access(entry, os.X_OK): # the one measures, the other runs beside
            yield name, [entry]


def run_suite(name, command, program, build):
    """(passed, failed)"""
    server = Server(program, FLAGS.get(build, []))
    env = dict(os.environ, ATRIUM_PROGRAM=program, ATRIUM_BUILD=build, **{k: str(p) for k, p in zip(PORTS, server.ports)})
    started = time.time()
    try:
        done = subprocess.run(command, env=env, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=SUITE_S)
        text, status = done.stdout.decode("utf-8", "replace"), done.returncode
    except subprocess.TimeoutExpired as e:
        text, status = (e.stdout or b"").decode("utf-8", "replace") + "\ntimed out", -1
    except BaseException:
        server.process.kill()
        raise
    wrong = server.end()
    found = COUNTS.findall(text)
    passed, failed = map(int, found[-1]) if found else (0, 1)
    if (status != 0 or not found) and failed == 0:
        failed = 1
    if wrong:
        failed += 1
        text += "\n%s\n%s" % (wrong, server.output())
    if failed:
        print(text)
    print("%s %s: %d passed, %d failed (%.1f s)" % ("ok  " if not failed else "FAIL", name, passed, failed,
                                                    time.time() - started), flush=True)
    return passed, failed


def run_unit(program):
    done = subprocess.run([program], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=SUITE_S)
    text = done.stdout.decode("utf-8", "replace")
    sums = [tuple(map(int, m)) for m in CHECK.findall(text)]
    failed = sum(f + e for _, f, e in sums) or (1 if done.returncode or not sums else 0)
    passed = sum(n for n, _, _ in sums) - sum(f + e for _, f, e in sums)
    if failed:
        print(text)
    print("%s unit: %d passed, %d failed" % ("ok  " if not failed else "FAIL", passed, failed), flush=True)
    return passed, failed


class Beside(threading.Thread):
    """The fuzz targets: they need no server and all the time they can get, so they run beside the suites, which go first."""

    def __init__(self):
        super().__init__()
        self.text = ""
        self.start()

    def run(self):
        command = ["nice", "-n", "5", os.path.join(ROOT, "tests/fuzz/run.py")]
        done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        self.text = done.stdout.decode("utf-8", "replace")

    def result(self):
        """(passed, failed)"""
        self.join()
        found = COUNTS.findall(self.text)
        passed, failed = map(int, found[-1]) if found else (0, 1)
        print("== beside\n%s%s fuzz: %d passed, %d failed" % (self.text if failed else "", "FAIL" if failed else "ok  ", passed,
                                                            failed), flush=True)
        return passed, failed


# What runs with which build. The sanitizer builds leave out what compares answers, not memory; the fuzz targets are a
# build of their own, beside all of them.
BUILDS = {
    "plain": ("build", lambda name: True),
    "asan": ("build/asan", lambda name: name not in ("browser", "linear")),
    "tsan": ("build/tsan", lambda name: name in ("unit", "clients", "ws", "http", "linear")),
}
# More threads than cores, so that they meet everywhere.
FLAGS = {"tsan": ["--threads", "8", "--ws-threads", "4"]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="", help="suites, separated by commas")
    parser.add_argument("--builds", default="plain,asan,tsan")
    args = parser.parse_args()
    only = set(filter(None, args.only.split(",")))
    counts = []
    beside = Beside() if "asan" in args.builds and (not only or "fuzz" in only) else None
    for label in args.builds.split(","):
        folder, wanted = BUILDS[label]
        program = os.path.join(ROOT, folder, "atrium")
        print("== %s" % folder, flush=True)
        if wanted("unit") and (not only or "unit" in only):
            counts.append(run_unit(os.path.join(ROOT, folder, "unit")))
        for name, command in suites():
            if wanted(name) and (not only or name in only):
                counts.append(run_suite(name, command, program, label))
    if beside:
        counts.append(beside.result())
    passed, failed = sum(c[0] for c in counts), sum(c[1] for c in counts)
    print("%d passed, %d failed" % (passed, failed), flush=True)
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""atrium against Debian's redis-server and memcached, byte by byte, and against tables of expected replies.

    run.py [--seed N] [--count N] [--family NAME] [--self] [--known] [--table NAME]
           [--fault N] [--atrium PROGRAM]

ATRIUM_PORT, ATRIUM_HTTP_PORT and ATRIUM_MEMCACHED_PORT name a running atrium; else `--atrium` (build/atrium) is
started. All databases of it are emptied. The references are a redis-server and a memcached of this run's own. --self compares that with another of its
kind, which must agree; --fault N falsifies a reply every N pieces, which must be found. The same seed gives the
same commands. Exit status 1 on a difference; the last line counts."""

import argparse
import os
import random
import sys
import time
import traceback

import cases
import compare
import memcached
import memcached_sasl
import pubsub
import raw
import resp
import servers
import tables
import waiting
from connection import Closed, Connection
from families import FAMILIES
from lockstep import EPOCH, PSEUDO, Difference, Lockstep, Pair, with_companions

HERE = os.path.dirname(os.path.abspath(__file__))
SHOWN = 40
# Commands that `make test` compares; the sanitizer builds look for other faults.
COUNTS = {"plain": 60000, "asan": 15000, "tsan": 15000}
PARTS = {
    "pubsub": pubsub.run,
    "raw": raw.run,
    "commands": cases.command_rows,
    "password": cases.with_password,
    "events": cases.keyspace_events,
    "waiting": waiting.run,
}


class Report:
    """Counts, and prints each kind of difference once."""

    def __init__(self):
        self.passed = self.failed = 0
        self.kinds = {}

    def difference(self, kind, text):
        """Counts one; `text` is a function that makes the lines, called for the first of its kind alone."""
        self.failed += 1
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        if self.kinds[kind] == 1 and len(self.kinds) <= SHOWN:
            print("\n".join(["DIFFERENCE " + kind] + ["    " + line for line in text()]), flush=True)


def kind_of(argv, ours, theirs):
    """Differences of one kind are reported once: the command's name and both replies without their numbers."""
    shapes = [r[0] + (r[1][:24].decode("latin-1") if r[0] == "-" else "") for r in (ours, theirs)]
    return "%s: atrium %s, reference %s" % (argv[0].upper().decode("latin-1"), shapes[0], shapes[1])


def listed(port, commands, known={}):
    """Those commands whose name the server on `port` knows."""
    for name in {argv[0].upper() for argv in commands} - set(known):
        bare = name.replace(b"LOOP", b"").replace(b"LAPSE", b"PEXPIRE")
        known[name] = b"ERR unknown command" not in Connection(port).batch(resp.encode([bare]))
    return [argv for argv in commands if known[argv[0].upper()]]


def family_run(step, family, count, rng, report, known):
    """Epochs under both protocols, in turns, until `count` commands are compared."""
    done = epoch = 0
    while done < count:
        protocol = 2 + epoch % 2
        epoch += 1
        wanted = min(EPOCH, count - done)
        commands = [family.generate(rng) for _ in range(wanted)]
        done += wanted
        commands = with_companions(listed(step.ports[0], commands) if known else commands)
        try:
            with Pair(step.ports, protocol) as pair:
                step.run(pair, commands)
            report.passed += len(commands)
        except Difference as found:
            report.passed += found.index
            done -= wanted * (len(commands) - found.index - 1) // len(commands)
            history = commands[: found.index + 1]
            kind = kind_of(history[-1], found.ours, found.theirs)
            report.difference(kind, lambda: reduced(step, history, protocol, found))
        except Closed as why:
            report.difference("%s: %s" % (family.name, why), lambda: [resp.line(c) for c in commands[-10:]])
            if not alive(step.ports[0]):
                return False
    return True


def reduced(step, history, protocol, found):
    short = step.reduce(history, protocol)
    again = step.shows(short, protocol) or found
    lines = ["RESP%d, from empty databases:" % protocol] if again is not found else ["RESP%d, seen once:" % protocol]
    lines += ["> " + resp.line(argv) for argv in short[-40:]]
    return lines + ["atrium:    " + resp.render(again.ours)[:600], "reference: " + resp.render(again.theirs)[:600]]


def alive(port):
    try:
        Pair((port, port), 2).__exit__()
        return True
    except (OSError, Closed):
        return False


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=COUNTS.get(os.environ.get("ATRIUM_BUILD"), 200000))
    parser.add_argument("--family", action="append", help=", ".join([*FAMILIES, *PARTS, "tables", "memcached"]))
    parser.add_argument("--self", action="store_true", help="redis-server against redis-server")
    parser.add_argument("--known", action="store_true", help="leave out commands that atrium does not list")
    parser.add_argument("--table", default="", help="only the tables whose file's name begins so")
    parser.add_argument("--fault", type=int, default=0)
    parser.add_argument("--atrium", default=os.path.join(HERE, "../../build/atrium"))
    options = parser.parse_args()
    unknown = set(options.family or []) - {*FAMILIES, *PARTS, "tables", "memcached"}
    if unknown:
        parser.error("no such family: " + ", ".join(sorted(unknown)))
    return options


def start(options):
    """The ports of the two sides, those of the other doors or None, and the processes to stop."""
    started = [servers.start_redis()]
    doors = {"http": None, "memcached": None}
    if options.self:
        started.append(servers.start_redis())
        port = started[1].port
    elif os.environ.get("ATRIUM_PORT"):
        port = int(os.environ["ATRIUM_PORT"])
        doors = {door: int(os.environ.get("ATRIUM_%s_PORT" % door.upper()) or 0) or None for door in doors}
    else:
        started.append(servers.start_atrium(os.path.abspath(options.atrium)))
        port = started[1].port
        doors = {"http": started[1].http_port, "memcached": started[1].memcached_port}
    if options.fault:
        port = servers.FaultProxy(port, options.fault).port
    return (port, started[0].port), doors, started


def guarded(part, name, report, *args):
    """An answer of a shape that no comparison expected is a difference too."""
    try:
        part(*args)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, OSError, Closed):
        report.difference(name + " broke off", traceback.format_exc().splitlines)


def compare_all(options, ports, doors, report):
    wanted = options.family or list(FAMILIES) + list(PARTS) + ["tables", "memcached"]
    accepted = compare.Accepted(os.path.join(HERE, "differences.txt"))
    step = Lockstep(ports, accepted)
    generated = [FAMILIES[name] for name in FAMILIES if name in wanted]
    shares = sum(share for _, share in generated)
    for family, share in generated:
        rng = random.Random("%d %s" % (options.seed, family.name))
        began = time.monotonic()
        if not family_run(step, family, options.count * share // shares, rng, report, options.known):
            return
        print("%-12s %7d so far, %.1f s" % (family.name, report.passed, time.monotonic() - began), flush=True)
    for name, part in PARTS.items():
        if name in wanted:
            guarded(part, name, report, ports, options.seed, accepted, report)
            print("%-12s %7d so far" % (name, report.passed), flush=True)
    if "tables" in wanted and not options.self:
        guarded(tables.run, "tables", report, ports, doors["http"], report, options.table)
    if "memcached" in wanted and doors["memcached"]:
        guarded(memcached.run, "memcached", report, doors["memcached"], options.seed, options.count // 10, report)
        program = os.path.abspath(os.environ.get("ATRIUM_PROGRAM", options.atrium))
        guarded(memcached_sasl.run, "memcached sasl", report, program, options.seed, options.count // 400, report)
    for reason, times in sorted(accepted.used.items()):
        print("accepted %6d times: %s" % (times, reason))


def main():
    options = parse_arguments()
    report = Report()
    ports, doors, started = start(options)
    try:
        compare_all(options, ports, doors, report)
    finally:
        for server in started:
            server.stop()
    for kind, times in sorted(report.kinds.items()):
        print("%6d times %s" % (times, kind))
    print("%d passed, %d failed" % (report.passed, report.failed))
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())

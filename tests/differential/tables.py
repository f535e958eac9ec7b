"""The tables: commands with exactly the reply they must get, for what a redis-server 7.0 does not know. Each is
replayed under RESP2, under RESP3, and through REST, where the answers must be equal by the rules of that door.

    == title                what follows starts from empty databases
    > SET k v EX 100        a command, quoted as for redis-cli; {now+5} and {now_ms+5000} are times to come
    OK                      its reply, see notation.py
    2| [...]                the reply under RESP2 alone, where the general rule does not give it; 3| under RESP3 and REST
    ! sleep 20              milliseconds
    ! reference             at the top: the table is replayed on the reference server too, which must agree
"""

import glob
import os
import re
import time

import notation
import resp
import rest
from connection import Closed, Connection

HERE = os.path.dirname(os.path.abspath(__file__))


class Step:
    """One command of a table, and what is expected of it under which protocol."""

    def __init__(self, place, command):
        self.place, self.command = place, command
        self.expected, self.texts = {}, []

    def expect(self, text):
        self.texts.append(text)
        protocol, text = (int(text[0]), text[2:].strip()) if re.match(r"[23]\|", text) else (0, text)
        for p in [protocol] if protocol else [2, 3]:
            self.expected[p] = notation.parse(text)

    def argv(self):
        now_ms = int(time.time() * 1000)
        times = {"now": now_ms // 1000, "now_ms": now_ms}
        text = re.sub(r"\{(now|now_ms)([+-]\d+)?\}", lambda m: str(times[m[1]] + int(m[2] or 0)), self.command)
        return notation.split(text)


def read_table(path):
    """The sections of a file: (title, steps), a step being a Step or a number of milliseconds to sleep; and whether
    the reference knows these commands too."""
    sections, reference = [], False
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            line = line.strip()
            place = "%s:%d" % (os.path.basename(path), number)
            if not line or line.startswith("#"):
                continue
            if line.startswith("== "):
                sections.append((line[3:], []))
            elif line == "! reference":
                reference = True
            elif line.startswith("! sleep "):
                sections[-1][1].append(int(line[8:]))
            elif line.startswith("> "):
                sections[-1][1].append(Step(place, line[2:]))
            else:
                sections[-1][1][-1].expect(line)
    return sections, reference


class RespDoor:
    def __init__(self, port, protocol, name="RESP"):
        self.name, self.protocol = "%s%d" % (name, protocol), protocol
        self.connection = Connection(port)
        self.connection.call("HELLO", protocol)

    def reset(self):
        self.connection.call("FLUSHALL")
        self.connection.call("SELECT", 0)

    def check(self, step):
        """None where the reply is as expected, else its rendering."""
        reply = self.connection.call(*step.argv())
        good = notation.match(step.expected[self.protocol], reply, self.protocol)
        return None if good else resp.render(reply)


def replay(door, sections, report):
    for title, steps in sections:
        door.reset()
        for step in steps:
            if isinstance(step, int):
                time.sleep(step / 1000)
                continue
            got = door.check(step)
            if got is None:
                report.passed += 1
                continue
            lines = [step.place + "  == " + title, "> " + step.command, "expected: " + " or ".join(step.texts), "got:      " + got]
            report.difference("table %s %s" % (door.name, step.place), lambda: lines)


def run(ports, http_port, report, prefix):
    doors = [RespDoor(ports[0], 2), RespDoor(ports[0], 3)]
    if http_port:
        doors.append(rest.RestDoor(http_port))
    references = [RespDoor(ports[1], 2, "reference RESP"), RespDoor(ports[1], 3, "reference RESP")]
    for path in sorted(glob.glob(os.path.join(HERE, "tables", prefix + "*.txt"))):
        sections, stock = read_table(path)
        for door in doors + (references if stock else []):
            try:
                replay(door, sections, report)
            except (Closed, OSError) as why:
                report.difference("table %s %s: %s" % (door.name, os.path.basename(path), why), lambda: [])
                return
    print("%-12s %7d so far (%s)" % ("tables", report.passed, ", ".join(d.name for d in doors)), flush=True)

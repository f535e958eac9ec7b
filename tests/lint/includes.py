#!/usr/bin/python3
"""Do includes point down only? Prints each that does not, and each circle of headers; status 1 where there is one.

A room is a folder. ROOMS says what its files may include beside their own room: a folder ends in /, else it is one
header. What is not listed is forbidden."""

import glob
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

BELOW = ["engine/base/", "engine/ds/", "engine/keyspace/", "engine/types/"]
ROOMS = {
    "engine/base": [],
    "engine/ds": BELOW[:1],
    "engine/keyspace": BELOW[:2],
    "engine/types": BELOW[:3],
    # Subscribers are sessions, and messages are spelled through reply sinks: the contracts, not the commands.
    "engine/pubsub": BELOW[:1] + ["engine/commands/session.h", "engine/commands/reply.h"],
    "engine/persist": BELOW,
    # internal.h is the engine's state as its commands see it; it brings engine.h and config.h.
    "engine/commands": BELOW + ["engine/persist/", "engine/pubsub/", "engine/internal.h", "engine/engine.h", "engine/config.h"],
    "engine/net": BELOW[:2] + ["engine/commands/", "engine/pubsub/", "engine/engine.h", "engine/config.h"],
    # What the program does beside serving: the doors know nothing of it.
    "engine/tools": BELOW + ["engine/persist/", "engine/engine.h", "engine/config.h"],
    "engine": BELOW + ["engine/pubsub/", "engine/commands/", "engine/persist/"],
    "http": ["engine/engine.h"],
    # The JSON, arena and base64 of the HTTP door, which knows nothing of this one.
    "ws": ["engine/engine.h", "http/json.h", "http/arena.h", "http/base64.h"],
    "": ["engine/engine.h", "engine/tools/", "http/http.h", "ws/ws.h"],
}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def sources():
    for pattern in ("*.c", "engine/**/*.[ch]", "http/**/*.[ch]", "ws/**/*.[ch]"):
        yield from sorted(glob.glob(pattern, recursive=True))


def targets(path):
    """The project's files that `path` includes; a name that is found nowhere is kept as it stands."""
    with open(path, encoding="utf-8") as f:
        for name in INCLUDE.findall(f.read()):
            tries = [os.path.normpath(os.path.join(d, name)) for d in (os.path.dirname(path), "engine", ".")]
            yield next((t for t in tries if os.path.exists(t)), name)


def allowed(path, target):
    room = os.path.dirname(path)
    return os.path.dirname(target) == room or any(
        target.startswith(rule) if rule.endswith("/") else target == rule for rule in ROOMS[room])


def circles(graph):
    """Headers that lead back to themselves, each once, with the way."""
    done, found = set(), []

    def walk(node, way):
        if node in way:
            found.append(way[way.index(node):] + [node])
        elif node not in done:
            for below in graph.get(node, ()):
                walk(below, way + [node])
            done.add(node)

    for node in graph:
        walk(node, [])
    return found


def main():
    os.chdir(ROOT)
    graph = {path: list(targets(path)) for path in sources()}
    wrong = ["%s: %s has no rules in ROOMS" % (p, os.path.dirname(p)) for p in graph if os.path.dirname(p) not in ROOMS]
    wrong += ["%s must not include %s" % (path, target) for path, names in graph.items()
              if os.path.dirname(path) in ROOMS for target in names if not allowed(path, target)]
    wrong += ["a circle: " + " -> ".join(way) for way in circles(graph)]
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

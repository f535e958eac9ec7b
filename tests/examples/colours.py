#!/usr/bin/python3
"""The colours of X11 by name (Debian's x11-common ships them) as a vector set, asked in ways that names cannot be.

    colours.py [--http-port PORT] [--start PROGRAM]

Loads http://127.0.0.1:PORT/v1/vectors/colours (8080), asks, prints the answers and leaves the set there: see it on
/vectors?key=colours. With --start the program is started for it, on free ports, and ended.

A colour's vector has four values: its place in CIE L*a*b*, where equal distances look equally different, lifted onto a
sphere, so that the angle between two vectors grows with the distance of their colours."""

import argparse
import http.client
import json
import math
import socket
import subprocess
import tempfile
import time

SOURCE = "/usr/share/X11/rgb.txt"
RADIUS = 140  # of the sphere; L*a*b* has no colour of sRGB farther from its centre than 135
FAMILIES = ((8, "pink"), (50, "red"), (80, "orange"), (112, "yellow"), (172, "green"), (222, "cyan"), (312, "blue"),
            (342, "purple"))  # up to so many degrees of hue
SHOWN = 4


# ---- colours --------------------------------------------------------------------------------------------------------------

def linear(byte):
    c = byte / 255
    return c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4


def lab(red, green, blue):
    """sRGB to CIE L*a*b* under D65."""
    r, g, b = linear(red), linear(green), linear(blue)
    xyz = (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505, 0.2126 * r + 0.7152 * g + 0.0722 * b, \
          (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089
    x, y, z = (t ** (1 / 3) if t > (6 / 29) ** 3 else t * (29 / 6) ** 2 / 3 + 4 / 29 for t in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def vector(l, a, b):
    p = l - 50, a, b
    return [*p, math.sqrt(RADIUS ** 2 - sum(v * v for v in p))]


def item(name, rgb):
    l, a, b = lab(*rgb)
    chroma, hue = math.hypot(a, b), math.degrees(math.atan2(b, a)) % 360
    family = "grey" if chroma < 8 else next((f for end, f in FAMILIES if hue < end), "pink")
    attributes = {"colour": "#%02x%02x%02x" % rgb, "family": family, "lightness": round(l, 1), "chroma": round(chroma, 1),
                  "words": name.split()}
    return {"id": name, "vector": vector(l, a, b), "attributes": attributes}


def read():
    """Every colour once by its name in lower case with blanks; not the hundred greys."""
    items = {}
    for line in open(SOURCE, encoding="ascii"):
        parts = line.split(None, 3)
        if line.startswith("!") or len(parts) < 4:
            continue
        name = parts[3].strip()
        if name == name.lower() and not any(c.isdigit() for c in name):
            items[name] = item(name, tuple(map(int, parts[:3])))
    return [items[name] for name in sorted(items)]


# ---- asking ---------------------------------------------------------------------------------------------------------------

class Vectors:
    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def post(self, path, body):
        self.connection.request("POST", "/v1/vectors/colours/" + path, json.dumps(body), {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        value = json.loads(answer.read())
        assert answer.status == 200, value
        return value

    def show(self, question, **search):
        print(question)
        for found in self.post("search", {"limit": SHOWN, **search})["items"]:
            print("  %.3f  %-18s %s" % (found["score"], found["id"], found["attributes"]["colour"]))


def ask(vectors):
    items = read()
    made = vectors.post("items", {"items": items, "quantization": "f32"})["items"]
    print("%d colours" % len(made))
    vectors.show("What is like tomato?", id="tomato")
    vectors.show("What is like tomato, but much darker?", id="tomato", filter=".lightness < 40")
    vectors.show("Which colour is #2e8b50?", vector=vector(*lab(0x2e, 0x8b, 0x50)))
    vectors.show("Which muted or light blue goes for sky blue?", id="sky blue",
                 filter='.family == "blue" and (.chroma < 20 or "light" in .words)')


# ---- the program ----------------------------------------------------------------------------------------------------------

def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def wait_for(port, process):
    until = time.time() + 20
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.time() < until and process.poll() is None, "the program did not start"
            time.sleep(0.05)


def ask_own(program):
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        flags = ["--port", str(free_port()), "--http-port", str(port), "--memcached-port", "0", "--dir", folder, "--save", ""]
        process = subprocess.Popen([program, *flags], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        try:
            wait_for(port, process)
            ask(Vectors(port))
        finally:
            process.terminate()
            process.wait(10)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--http-port", type=int, default=8080)
    parser.add_argument("--start", metavar="PROGRAM")
    args = parser.parse_args()
    if args.start:
        ask_own(args.start)
    else:
        ask(Vectors(args.http_port))


if __name__ == "__main__":
    main()

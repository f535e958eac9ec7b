"""The tables' notation: one reply on one line, its scalars as redis-cli writes them.

    OK                      a status                (integer) 5      (integer) 90..100   an integer, or a range
    "text\\x00"              a bulk string           (double) 1.5     (true)  (false)
    (nil)                   null                    (error) ERR ...  to the end of the line; * stands for anything
    [a, b]                  an array                ~[a, b]          a set, in any order
    {"f": "v"}              a map, in any order     (any)            whatever; (string) any bulk string

An expectation is written as under RESP3. Under RESP2 a map is a flat array, a set an array, a double a bulk string,
a boolean an integer. `match` compares with a RESP reply, `match_json` with what the REST door answers for it:
statuses and bulks are strings, or {"b64"} where they are not UTF-8; integers beyond 2^53-1 decimal strings; maps objects;
doubles numbers, or "inf" and "-inf"."""

import base64
import fnmatch
import re

TOKEN = re.compile(
    r"""\s*(?:(?P<bulk>"(?:\\.|[^"\\])*")|(?P<typed>\((?:integer|double)\)\s*[-+\w.]+)|(?P<word>\([a-z]+\))"""
    r"""|(?P<open>~?\[|\{)|(?P<close>[\]}])|(?P<punct>[,:])|(?P<status>[A-Za-z][\w ]*))"""
)
ESCAPES = {"n": b"\n", "r": b"\r", "t": b"\t", "a": b"\a", "b": b"\b"}


class NotationError(Exception):
    pass


def unquote(text):
    """The bytes of a quoted string, escapes as redis-cli takes them."""
    out, at, body = b"", 0, text[1:-1]
    while at < len(body):
        if body[at] != "\\":
            out += body[at].encode()
            at += 1
        elif body[at + 1] == "x":
            out += bytes([int(body[at + 2 : at + 4], 16)])
            at += 4
        else:
            out += ESCAPES.get(body[at + 1], body[at + 1].encode())
            at += 2
    return out


def split(text):
    """The arguments of a command line."""
    words = re.findall(r'"(?:\\.|[^"\\])*"|\S+', text)
    return [unquote(w) if w.startswith('"') else w.encode() for w in words]


def parse(text):
    """The expectation of a line: a tuple whose first item names the kind."""
    if text.startswith("(error)"):
        return ("error", text[7:].strip())
    node, rest = value(text)
    if rest.strip():
        raise NotationError("what is left: %r" % rest)
    return node


def value(text):
    found = TOKEN.match(text)
    if not found:
        raise NotationError("no reply: %r" % text)
    kind, token, rest = found.lastgroup, found.group(found.lastgroup), text[found.end() :]
    if kind == "bulk":
        return ("bulk", unquote(token)), rest
    if kind == "typed":
        return typed(token), rest
    if kind == "word":
        return (token[1:-1],), rest
    if kind == "status":
        return ("status", token.strip()), rest
    if kind == "open":
        return container({"[": "array", "~[": "set", "{": "map"}[token], rest)
    raise NotationError("no reply: %r" % text)


def typed(token):
    kind, _, number = token[1:].partition(")")
    if kind == "double":
        return ("double", float(number))
    low, _, high = number.strip().partition("..")
    return ("integer", int(low), int(high or low))


def container(kind, rest):
    items = []
    while True:
        found = TOKEN.match(rest)
        if found and found.lastgroup == "close":
            return (kind, items), rest[found.end() :]
        if found and found.lastgroup == "punct":
            rest = rest[found.end() :]
            continue
        item, rest = value(rest)
        items.append(item)


def match(node, reply, protocol):
    """Whether a RESP reply is what the expectation says."""
    kind, (wire, data) = node[0], reply
    if kind == "any":
        return wire != "-"
    if kind == "string":
        return wire == "$" and data is not None
    if kind == "error":
        return wire == "-" and fnmatch.fnmatchcase(data.decode("latin-1"), node[1].replace("[", "[[]"))
    if kind == "nil":
        return (wire == "_") if protocol == 3 else wire in "$*" and data is None
    if kind in ("array", "set", "map"):
        return match_container(node, reply, protocol)
    return match_scalar(node, wire, data, protocol)


def match_scalar(node, wire, data, protocol):
    kind = node[0]
    if kind == "bulk":
        return wire == "$" and data == node[1]
    if kind == "status":
        return wire == "+" and data == node[1].encode()
    if kind == "integer":
        return wire == ":" and node[1] <= int(data) <= node[2]
    if kind == "double":
        return wire == (",$"[protocol == 2]) and data is not None and same_double(data, node[1])
    if kind in ("true", "false"):
        yes = kind == "true"
        return (wire, data) == (("#", b"t" if yes else b"f") if protocol == 3 else (":", b"1" if yes else b"0"))
    raise NotationError("unknown kind %r" % kind)


def same_double(data, wanted):
    try:
        return float(data) == wanted
    except ValueError:
        return False


def match_container(node, reply, protocol):
    kind, items = node
    wire, data = reply
    wires = {"array": "*", "set": "~", "map": "%"}
    if wire != (wires[kind] if protocol == 3 else "*") or data is None or len(data) != len(items):
        return False
    if kind == "array":
        return all(match(n, r, protocol) for n, r in zip(items, data))
    step = 2 if kind == "map" else 1
    wanted = [items[i : i + step] for i in range(0, len(items), step)]
    left = [data[i : i + step] for i in range(0, len(data), step)]
    for parts in wanted:
        hit = next((d for d in left if all(match(n, r, protocol) for n, r in zip(parts, d))), None)
        if hit is None:
            return False
        left.remove(hit)
    return True


def text_of(data):
    """Bytes in JSON: a string where they are UTF-8, else an object."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(data).decode()}


def match_json(node, got):
    """Whether a JSON value is the expected reply by the REST door's rules."""
    kind = node[0]
    if kind == "any":
        return True
    if kind == "string":
        return isinstance(got, str) or (isinstance(got, dict) and "b64" in got)
    if kind == "nil":
        return got is None
    if kind in ("true", "false"):
        return got is (kind == "true")
    if kind == "status":
        return got == node[1]
    if kind == "bulk":
        return got == text_of(node[1])
    if kind == "integer":
        return json_integer(got) is not None and node[1] <= json_integer(got) <= node[2]
    if kind == "double":
        return json_double(got, node[1])
    return json_container(kind, node[1], got)


def json_integer(got):
    if isinstance(got, int) and not isinstance(got, bool) and abs(got) < 2**53:
        return got
    if isinstance(got, str) and re.fullmatch(r"-?\d+", got) and abs(int(got)) >= 2**53:
        return int(got)
    return None


def json_double(got, wanted):
    if wanted in (float("inf"), float("-inf")):
        return got == ("inf" if wanted > 0 else "-inf")
    return isinstance(got, (int, float)) and not isinstance(got, bool) and got == wanted


def json_container(kind, items, got):
    if kind == "map":
        names = [text_of(k[1]) for k in items[0::2]]
        return isinstance(got, dict) and sorted(got) == sorted(names) and all(
            match_json(n, got[name]) for name, n in zip(names, items[1::2])
        )
    if not isinstance(got, list) or len(got) != len(items):
        return False
    if kind == "array":
        return all(match_json(n, g) for n, g in zip(items, got))
    left = list(got)
    for node in items:
        hit = next((g for g in left if match_json(node, g)), None)
        if hit is None and node[0] != "nil":
            return False
        left.remove(hit)
    return True

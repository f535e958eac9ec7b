"""RESP2 and RESP3 as bytes: encoding of commands, a parser that keeps the reply's type, rendering.

A reply is a tuple (type, value), type being the byte of the wire as a str: '+', '-', ':', '$', '*', '_', ',',
'#', '%', '~', '>', '=', '('. A RESP2 null bulk is ('$', None), a null array ('*', None). A map's value is a flat
list of keys and values. Numbers and doubles stay the bytes that came, so that spelling can be compared.
"""


class Incomplete(Exception):
    """The buffer ends within a reply."""


class Malformed(Exception):
    """The bytes are no RESP."""


def encode(argv):
    parts = [b"*%d\r\n" % len(argv)]
    for arg in argv:
        parts.append(b"$%d\r\n%s\r\n" % (len(arg), arg))
    return b"".join(parts)


def parse(buf, pos=0):
    """The reply that starts at `pos`, and the position after it."""
    end = buf.find(b"\r\n", pos)
    if end < 0:
        raise Incomplete()
    kind = chr(buf[pos])
    head = bytes(buf[pos + 1 : end])
    pos = end + 2
    if kind in "+-:,_#(":
        return (kind, head), pos
    try:
        count = int(head)
    except ValueError:
        raise Malformed("bad length %r after %r" % (head, kind))
    if kind in "$=":
        return parse_bulk(buf, pos, kind, count)
    if kind in "*~>%|":
        return parse_aggregate(buf, pos, kind, count)
    raise Malformed("unknown type byte %r" % kind)


def parse_bulk(buf, pos, kind, count):
    if count < 0:
        return (kind, None), pos
    end = pos + count
    if len(buf) < end + 2:
        raise Incomplete()
    if buf[end : end + 2] != b"\r\n":
        raise Malformed("a bulk of %d bytes does not end in CRLF" % count)
    return (kind, bytes(buf[pos:end])), end + 2


def parse_aggregate(buf, pos, kind, count):
    if count < 0:
        return (kind, None), pos
    items = []
    for _ in range(count * 2 if kind in "%|" else count):
        item, pos = parse(buf, pos)
        items.append(item)
    return (kind, items), pos


def parse_all(buf):
    """Every complete reply in `buf`, and the position of the rest."""
    replies, pos = [], 0
    try:
        while pos < len(buf):
            reply, pos = parse(buf, pos)
            replies.append(reply)
    except Incomplete:
        pass
    return replies, pos


def quote(data):
    """Bytes as redis-cli would print and read them."""
    out = ['"']
    for byte in data:
        if byte in b'"\\':
            out.append("\\" + chr(byte))
        elif 32 <= byte < 127:
            out.append(chr(byte))
        else:
            out.append({10: "\\n", 13: "\\r", 9: "\\t"}.get(byte, "\\x%02x" % byte))
    out.append('"')
    return "".join(out)


def word(data):
    """An argument for a line that redis-cli takes: quoted only where it must be."""
    plain = data and all(33 <= b < 127 and b not in b"\"'\\" for b in data)
    return data.decode() if plain else quote(data)


def line(argv):
    return " ".join(word(a) for a in argv)


BRACKETS = {"*": ("[", "]"), "~": ("~[", "]"), ">": (">[", "]")}


def render(reply):
    """A reply on one line, scalars as redis-cli writes them; see notation.py."""
    kind, value = reply
    if value is None or kind == "_":
        return "(nil array)" if kind == "*" else "(nil)"
    if kind == "%":
        pairs = zip(value[0::2], value[1::2])
        return "{" + ", ".join(render(k) + ": " + render(v) for k, v in pairs) + "}"
    if kind in BRACKETS:
        left, right = BRACKETS[kind]
        return left + ", ".join(render(item) for item in value) + right
    text = value.decode("latin-1")
    scalars = {"+": "%s", "-": "(error) %s", ":": "(integer) %s", ",": "(double) %s", "(": "(bignum) %s"}
    if kind in scalars:
        return scalars[kind] % text
    if kind == "#":
        return "(true)" if value == b"t" else "(false)"
    return ("(verbatim) " if kind == "=" else "") + quote(value)

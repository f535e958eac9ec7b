"""Command templates: from one line of grammar to a generator of argument lists.

    8 SET string value [(NX | XX)] [GET] [(EX seconds | PX milliseconds)]

A line starts with its weight. A word in capitals or a quoted one stands for itself, a word in small letters is
a slot, filled by a function of arguments.py; [x] is there or not, (a | b) is one of them, x ... is x one to four
times. Then, in one command of `MUTATED`, something is spoilt: an argument is missing, too many, doubled,
swapped or replaced, or letters change case.
"""

import re

import arguments

MUTATED = 0.07
TIMED = {b"SET", b"SETEX", b"PSETEX", b"GETEX", b"EXPIRE", b"PEXPIRE", b"EXPIREAT", b"PEXPIREAT"}
# A spoilt one could wait for ever.
BLOCKING = {b"BLPOP", b"BRPOP", b"BLMOVE", b"BLMPOP", b"BRPOPLPUSH", b"BZPOPMIN", b"BZPOPMAX", b"BZMPOP", b"XREAD", b"XREADGROUP"}
TOKEN = re.compile(r"'[^']*'|\[|\]|\(|\)|\||\.\.\.|[^\s\[\]()|]+")


class Template:
    def __init__(self, text):
        weight, grammar = text.split(None, 1)
        self.weight = float(weight)
        self.tokens = TOKEN.findall(grammar)
        self.at = 0
        self.steps = self.sequence(())
        assert self.at == len(self.tokens), text

    def sequence(self, stops):
        steps = []
        while self.at < len(self.tokens) and self.tokens[self.at] not in stops:
            if self.tokens[self.at] == "...":
                self.at += 1
                steps[-1] = repeated(steps[-1])
            else:
                steps.append(self.item())
        return sequence(steps)

    def item(self):
        token = self.tokens[self.at]
        self.at += 1
        if token == "[":
            return optional(self.closed("]"))
        if token == "(":
            return self.closed(")")
        if token.islower() and re.fullmatch(r"[a-z][a-z0-9_]*", token):
            return slot(arguments.SLOTS[token])
        return literal(token.strip("'").encode())

    def closed(self, end):
        choices = [self.sequence(("|", end))]
        while self.tokens[self.at] == "|":
            self.at += 1
            choices.append(self.sequence(("|", end)))
        self.at += 1
        return choices[0] if len(choices) == 1 else choice(choices)

    def generate(self, rng):
        argv = []
        self.steps(rng, argv)
        if rng.random() < MUTATED:
            mutate(rng, argv)
        return argv


def literal(word):
    return lambda rng, out: out.append(word)


def slot(fill):
    def step(rng, out):
        made = fill(rng)
        if isinstance(made, list):
            out.extend(made)
        else:
            out.append(made)

    return step


def sequence(steps):
    if len(steps) == 1:
        return steps[0]

    def step(rng, out):
        for one in steps:
            one(rng, out)

    return step


def optional(inner):
    return lambda rng, out: inner(rng, out) if rng.random() < 0.35 else None


def choice(choices):
    return lambda rng, out: choices[int(rng.random() * len(choices))](rng, out)


def repeated(inner):
    def step(rng, out):
        for _ in range(int(rng.random() * 4) + 1):
            inner(rng, out)

    return step


def mutate(rng, argv):
    if argv[0] == b"ZADD" and argv[1].startswith(b"y"):
        return
    if b"SETNAME" in argv:  # 7.0 takes the name before it finds the syntax error
        return
    before = list(argv)
    spoil(rng, argv)
    if dangerous(argv):
        argv[:] = before


def spoil(rng, argv):
    kind = rng.randrange(7)
    where = rng.randrange(1, len(argv)) if len(argv) > 1 else 0
    if kind == 0 and len(argv) > 1:
        del argv[where]
    elif kind == 1:
        argv.append(arguments.junk(rng))
    elif kind == 2 and len(argv) > 1:
        argv.insert(where, argv[where])
    elif kind == 3 and len(argv) > 2:
        other = rng.randrange(1, len(argv))
        argv[where], argv[other] = argv[other], argv[where]
    elif kind == 4 and len(argv) > 1:
        argv[where] = arguments.junk(rng)
    elif kind == 5:
        argv[:] = [a.swapcase() if rng.random() < 0.5 else a for a in argv]
    else:
        argv[0] = argv[0].lower()


def dangerous(argv):
    """A count with repetitions that would make both servers answer gigabytes, a long pause, a key that ends soon, an
    order by member where the scores may differ."""
    if argv[0].upper() == b"XADD" and b"*" in argv:  # an id by the clock
        return True
    name = argv[0].upper()
    if b"LEX" in name or b"BYLEX" in map(bytes.upper, argv):
        if not any(arg.startswith(b"y") for arg in argv[1:3]):
            return True
    if name in BLOCKING or name == b"SPOP":  # one taken at random parts the two sides
        return True
    if name in (b"SETBIT", b"BITFIELD") and any(re.fullmatch(rb"#?\d{7,}", arg) for arg in argv[2:]):
        return True
    if len(argv) < 3:
        return False
    if name == b"CLIENT":
        return argv[1].upper() == b"PAUSE" and argv[2].isdigit()
    if name in TIMED:
        return any(re.fullmatch(rb"0*[1-9]\d{0,4}", arg) for arg in argv[2:])
    try:
        return name in (b"HRANDFIELD", b"ZRANDMEMBER", b"SRANDMEMBER") and -(2**63) < int(argv[2]) < -100
    except ValueError:
        return False


class Family:
    """Weighted templates; `generate` makes the next command, with its companion where it needs one."""

    def __init__(self, name, text):
        self.name = name
        lines = [line.strip() for line in text.strip().splitlines()]
        self.templates = [Template(line) for line in lines if line and not line.startswith("#")]
        self.weights, total = [], 0.0
        for template in self.templates:
            total += template.weight
            self.weights.append(total)

    def generate(self, rng):
        return rng.choices(self.templates, cum_weights=self.weights)[0].generate(rng)


def mixed(name, families):
    """All templates of several families, each family with the same share."""
    both = Family(name, "")
    total = 0.0
    for family in families:
        whole = family.weights[-1]
        for template in family.templates:
            total += template.weight / whole
            both.templates.append(template)
            both.weights.append(total)
    return both

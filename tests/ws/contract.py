"""Is a message as asyncapi.yaml says? The words of JSON Schema that the document uses; another word is an error."""

import re

TYPES = {
    "string": lambda v: isinstance(v, str),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
    "boolean": lambda v: isinstance(v, bool),
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "null": lambda v: v is None,
}
NOTES = {"description", "examples", "default", "contentEncoding", "summary"}


class Contract:
    def __init__(self, document):
        self.document = document
        self.messages = document["components"]["messages"]
        self.seen = set()

    def sent(self):
        """What the server may send."""
        ops = self.document["operations"]
        return {m["$ref"].split("/")[-1] for m in ops["ask"]["reply"]["messages"] + ops["push"]["messages"]}

    def check(self, name, message):
        wrong = self.wrong(self.messages[name]["payload"], message)
        assert not wrong, (name, wrong, message)
        self.seen.add(name)

    def check_any(self, message):
        """A message of the server, whose op nobody remembers."""
        if "id" not in message:
            return self.check(message["op"], message)
        if message["ok"] is False:
            return self.check("failure", message)
        replies = [name for name in self.messages if name.endswith("Reply")]
        assert any(self.wrong(self.messages[name]["payload"], message) is None for name in replies), message

    def unseen(self):
        """What of that none of the tests has seen."""
        return sorted(self.sent() - self.seen)

    def check_schema(self, name, value):
        wrong = self.wrong(self.document["components"]["schemas"][name], value)
        assert not wrong, (name, wrong, value)

    def target(self, ref):
        part = self.document
        for step in ref.removeprefix("#/").split("/"):
            part = part[step]
        return part

    def wrong(self, schema, value):
        """What is wrong with the value, None: nothing."""
        for word, rule in schema.items():
            if word in NOTES:
                continue
            found = getattr(self, "word_" + word.strip("$"))(rule, value, schema)
            if found:
                return found
        return None

    def word_ref(self, rule, value, _):
        return self.wrong(self.target(rule), value)

    def word_oneOf(self, rule, value, _):
        fit = sum(self.wrong(part, value) is None for part in rule)
        return None if fit == 1 else f"{value!r} fits {fit} of {len(rule)}"

    def word_type(self, rule, value, _):
        return None if TYPES[rule](value) else f"{value!r} is no {rule}"

    def word_const(self, rule, value, _):
        return None if type(rule) is type(value) and rule == value else f"{value!r} is not {rule!r}"

    def word_enum(self, rule, value, _):
        return None if value in rule else f"{value!r} is none of {rule}"

    def word_required(self, rule, value, _):
        missing = [name for name in rule if isinstance(value, dict) and name not in value]
        return f"{missing} missing" if missing else None

    def word_properties(self, rule, value, _):
        for name, schema in rule.items():
            if isinstance(value, dict) and name in value:
                found = self.wrong(schema, value[name])
                if found:
                    return f"{name}: {found}"
        return None

    def word_additionalProperties(self, rule, value, schema):
        for name in set(value) - set(schema.get("properties", {})):
            if rule is False or self.wrong(rule, value[name]):
                return f"{name} has no place"
        return None

    def word_items(self, rule, value, _):
        return next((found for item in value if (found := self.wrong(rule, item))), None)

    def word_minimum(self, rule, value, _):
        return None if value >= rule else f"{value} < {rule}"

    def word_maximum(self, rule, value, _):
        return None if value <= rule else f"{value} > {rule}"

    def word_minLength(self, rule, value, _):
        return None if len(value) >= rule else "too short"

    def word_maxLength(self, rule, value, _):
        return None if not isinstance(value, str) or len(value) <= rule else "too long"

    def word_minItems(self, rule, value, _):
        return None if len(value) >= rule else "too few"

    def word_maxItems(self, rule, value, _):
        return None if len(value) <= rule else "too many"

    def word_pattern(self, rule, value, _):
        return None if re.search(rule, value) else f"{value!r} does not match {rule}"

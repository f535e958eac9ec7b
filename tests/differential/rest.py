"""The REST side of the tables: POST /v1/commands with the command as a JSON array, one connection kept."""

import base64
import fnmatch
import http.client
import json

import notation
import resp


def json_argument(data):
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(data).decode()}


class RestDoor:
    name = "REST"

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def call(self, argv):
        """The status and the decoded body of one command."""
        body = json.dumps([json_argument(a) for a in argv])
        self.connection.request("POST", "/v1/commands", body, {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        data = answer.read()
        return answer.status, json.loads(data) if data else None

    def reset(self):
        status, body = self.call([b"FLUSHALL"])
        assert status == 200, body

    def check(self, step):
        """None where the answer is the expected reply by the door's rules, else what it was."""
        node = step.expected[3]
        argv = step.argv()
        status, body = self.call(argv)
        if node[0] == "error":
            good = status >= 400 and any(fits(node[1], body.get(name)) for name in ("engine", "detail"))
        else:
            good = status == 200 and isinstance(body, dict) and "result" in body and notation.match_json(node, body["result"])
        return None if good else "%d %s for %s" % (status, json.dumps(body)[:400], resp.line(argv))


def fits(pattern, text):
    """The error's line as RESP has it, with or without its prefix; the tables keep no blank at its end."""
    if not isinstance(text, str):
        return False
    patterns = (pattern, pattern.partition(" ")[2])
    return any(fnmatch.fnmatchcase(text.rstrip(" "), p.replace("[", "[[]")) for p in patterns)

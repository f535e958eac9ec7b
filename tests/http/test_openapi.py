"""openapi.yaml says exactly what is there: the routes' tables, the live server, and every answer that the other tests
have seen. Sorted last by run.py."""

import glob
import os
import re

import yaml

from door import ROOT, SEEN, equal

METHODS = ("get", "put", "post", "patch", "delete")


def document(door):
    answer = door.get("/openapi.yaml")
    equal((answer.status, answer.headers["Content-Type"]), (200, "application/yaml"))
    with open(os.path.join(ROOT, "openapi", "openapi.yaml"), "rb") as f:
        equal(answer.data, f.read())
    return yaml.safe_load(answer.data)


def operations(spec):
    return {(m.upper(), path): op for path, item in spec["paths"].items() for m, op in item.items() if m in METHODS}


def routes():
    """The rows of the tables in http/*.c: (method, pattern) to operation."""
    found = {}
    for file in glob.glob(os.path.join(ROOT, "http", "*.c")):
        with open(file) as f:
            text = f.read()
        for name, value in re.findall(r'#define (\w+)\s+("/[^"]*")\n', text):
            text = re.sub(r"\b%s\b" % name, value, text)
        text = re.sub(r'"\s*"', "", text)
        for method, pattern, operation in re.findall(
                r'\{METHOD_(\w+),\s*"([^"]+)",\s*\w+,\s*"(\w+)"', text):
            assert (method, pattern) not in found
            found[method, pattern] = operation
    return found


def test_the_document_lists_the_routes(door):
    spec = operations(document(door))
    equal({k: v["operationId"] for k, v in spec.items()}, routes())


def test_the_server_takes_what_the_document_says(door):
    spec = document(door)
    for path, item in spec["paths"].items():
        answer = door.request("OPTIONS", re.sub(r"\{\w+\}", "x", path))
        equal(answer.status, 405)
        mine = {m.upper() for m in item if m in METHODS}
        allowed = set(answer.headers["Allow"].split(", "))
        assert mine <= allowed, (path, mine, allowed)
        equal("HEAD" in allowed, "GET" in allowed)


def test_references_and_parameters_are_whole(door):
    spec = document(door)

    def walk(node):
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                target = spec
                for part in node["$ref"].lstrip("#/").split("/"):
                    target = target[part]
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(spec)
    for path, item in spec["paths"].items():
        named = [p if "name" in p else spec["components"]["parameters"][p["$ref"].split("/")[-1]]
                 for p in item.get("parameters", [])]
        equal(re.findall(r"\{(\w+)\}", path), [p["name"] for p in named if p["in"] == "path"])
    ids = [op["operationId"] for op in operations(spec).values()]
    equal(len(ids), len(set(ids)))


def test_every_answer_seen_is_in_the_document(door):
    spec = operations(document(door))
    patterns = [(key, re.compile(re.sub(r"\{\w+\}", "[^/]*", key[1]))) for key in spec]
    # A literal path wins over a name: those first.
    patterns.sort(key=lambda p: p[0][1].count("{"))
    checked = 0
    for method, target, status, kind in SEEN:
        path = target.split("?")[0]
        method = "GET" if method == "HEAD" else method
        key = next((k for k, p in patterns if k[0] == method and p.fullmatch(path)), None)
        if key is None:
            assert status in (400, 404, 405), (method, target, status)
            continue
        responses = spec[key]["responses"]
        known = responses.get(str(status)) or responses.get("default")
        if str(status) not in responses:
            equal(kind, "application/problem+json")
        # An early refusal by the head alone is every operation's.
        assert known or status in (401, 403, 405), (key, status)
        if kind == "application/problem+json":
            assert status >= 400
        elif status < 300 and status != 204 and status != 201:
            content = known.get("content") or spec_response(door, known)["content"]
            assert (kind or "").split(";")[0] in content, (key, status, kind)
        checked += 1
    assert checked > 100 or not SEEN, checked


def spec_response(door, reference):
    name = reference["$ref"].split("/")[-1]
    return document(door)["components"]["responses"][name]

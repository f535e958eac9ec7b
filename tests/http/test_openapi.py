"""openapi.yaml says exactly what is there: the routes' tables, the live server, and every answer that the other tests
have seen. Sorted last by run.py."""

import glob
import json
import os
import re
import subprocess
import tempfile

import yaml

from door import RECORD, ROOT, equal

TESTS = os.path.join(ROOT, "tests")
METHODS = ("get", "put", "post", "patch", "delete")
NODE = dict(os.environ, REDOCLY_TELEMETRY="off", REDOCLY_SUPPRESS_UPDATE_NOTICE="true")


def document(door, name="openapi"):
    answer = door.get("/%s.yaml" % name)
    equal((answer.status, answer.headers["Content-Type"]), (200, "application/yaml"))
    with open(os.path.join(ROOT, "openapi", name + ".yaml"), "rb") as f:
        equal(answer.data, f.read())
    return yaml.safe_load(answer.data)


def operations(spec):
    return {(m.upper(), path): op for path, item in spec["paths"].items() for m, op in item.items() if m in METHODS}


def source(pattern):
    for file in sorted(glob.glob(os.path.join(ROOT, pattern))):
        with open(file) as f:
            yield f.read()


def routes():
    """The rows of the tables in http/*.c: (method, pattern) to operation."""
    found = {}
    for text in source("http/*.c"):
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


def test_the_documents_are_there_as_json(door):
    for name in ("openapi", "asyncapi"):
        answer = door.get("/%s.json" % name)
        equal((answer.status, answer.headers["Content-Type"]), (200, "application/json"))
        equal(answer.json, document(door, name))


def test_each_problem_is_in_the_document(door):
    """With its status, and with an example wherever an operation can answer it."""
    spec = document(door)
    kinds = {slug: int(status) for text in source("http/problem.c")
             for slug, status in re.findall(r'^    \{"([a-z-]+)", (\d+), ', text, re.M)}
    schema = spec["components"]["schemas"]["problem"]
    equal(sorted(schema["properties"]["code"]["enum"]), sorted(kinds))
    examples = {}
    for response in spec["components"]["responses"].values():
        for code, example in response["content"].get("application/problem+json", {}).get("examples", {}).items():
            equal((example["value"]["code"], example["value"]["status"]), (code, kinds[code]))
            examples[code] = example
    # No operation answers these: they mean that something is broken.
    equal(set(kinds) - set(examples), {"internal", "timeout"})


def test_each_operation_has_examples(door):
    spec = document(door)

    def shown(content):
        return all("example" in media or "examples" in media for kind, media in content.items()
                   if kind == "application/json")

    for (method, path), op in operations(spec).items():
        assert shown(op.get("requestBody", {}).get("content", {})), (method, path)
        for status, response in op["responses"].items():
            response = spec["components"]["responses"][response["$ref"].split("/")[-1]] if "$ref" in response else response
            assert shown(response.get("content", {})), (method, path, status)
            assert status != "default" or path == "/v1/ws", (method, path)


def node(*command):
    done = subprocess.run(command, cwd=TESTS, env=NODE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    text = done.stdout + (done.stderr if done.returncode else b"")
    return done.returncode, text.decode("utf-8", "replace")


def test_the_document_passes_lint(door):
    status, text = node("node_modules/.bin/redocly", "lint", "--format=json", "../openapi/openapi.yaml")
    totals = json.loads(text[text.index("{"):])["totals"]
    equal((status, totals["errors"], totals["warnings"]), (0, 0, 0))


def test_every_answer_seen_is_in_the_document(door):
    RECORD.flush()
    with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
        json.dump(document(door), f)
        f.flush()
        status, text = node("node", "http/contract/validate.mjs", f.name, RECORD.name)
    assert status == 0, text

"""The typed client that openapi-typescript and openapi-fetch make of the document drives every operation."""

import os
import shutil
import subprocess

from door import ROOT

SOURCE = os.path.join(ROOT, "tests", "http", "client")
DOCUMENT = os.path.join(ROOT, "openapi", "openapi.yaml")
BUILT = os.path.join(ROOT, "build", "client")
PACKAGES = os.path.join(ROOT, "tests", "node_modules")


def run(*command):
    done = subprocess.run(command, cwd=BUILT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=180)
    text = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0, text
    return text


def compile_client():
    """Anew where a source is younger than the result."""
    sources = [os.path.join(SOURCE, name) for name in ("drive.ts", "package.json", "tsconfig.json")]
    result = os.path.join(BUILT, "drive.js")
    if os.path.exists(result) and all(os.path.getmtime(s) < os.path.getmtime(result) for s in [*sources, DOCUMENT]):
        return
    os.makedirs(BUILT, exist_ok=True)
    for path in sources:
        shutil.copy(path, BUILT)
    if not os.path.lexists(os.path.join(BUILT, "node_modules")):
        os.symlink(PACKAGES, os.path.join(BUILT, "node_modules"))
    run("node_modules/.bin/openapi-typescript", DOCUMENT, "-o", "types.ts")
    run("node_modules/.bin/tsc", "--strict")


def test_typed_client_drives_every_operation(door):
    compile_client()
    run("node", "drive.js", str(door.http_port))

#!/usr/bin/python3
"""The chat page in a browser: chat.mjs, which counts."""

import os
import sys

script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "chat.mjs")
sys.stdout.flush()
os.execvp("node", ["node", script])

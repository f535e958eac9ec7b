"""SIGKILL at random moments under mixed load over all doors with appendfsync always: every acknowledged write is there,
and no half of a transaction. LOG_KILLS says how often (10; 200 is the long form). The same with the power cut instead
(bad_disk.c): what was not synced is gone, names that were not synced may be, the last block is torn. With everysec at
most the last second is missing."""

import os
import random
import shutil
import tempfile
import time
import unittest

import durable
from durable import BUILD, LOADS, Counter, Disk, Server

KILLS = int(os.environ.get("LOG_KILLS", 10 if BUILD == "plain" else 3))
BLOCK = 4096


class Crash(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="crash-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.rng = random.Random(int(os.environ.get("LOG_SEED", 3)))

    def kill_again_and_again(self, server, kills, after=lambda: None):
        loads = [kind(kind.__name__) for kind in LOADS]
        self.addCleanup(server.kill)
        for n in range(kills):
            server.start()
            for load in loads:
                load.settle(load.found(server.client))
            loads = [load.attach(server) for load in loads]
            for load in loads:
                load.start()
            time.sleep(self.rng.uniform(0.03, 0.3))
            if self.rng.random() < 0.5:
                server.client.bgrewriteaof()
                time.sleep(self.rng.uniform(0, 0.15))
            server.kill()
            for load in loads:
                load.join(10)
            after()
        server.start()
        for load in loads:
            load.settle(load.found(server.client))
            self.assertGreater(load.acked, kills, load.name)

    def test_kills(self):
        self.kill_again_and_again(Server(self.folder, "--appendfsync", "always"), KILLS)

    @unittest.skipIf(BUILD == "tsan", "two libraries before the C library")
    def test_power_cuts(self):
        disk = Disk(self.folder)
        self.addCleanup(disk.close)
        server = Server(self.folder, "--appendfsync", "always", environment=disk.environment)
        self.kill_again_and_again(server, KILLS, lambda: cut_power(disk, self.rng))

    @unittest.skipIf(BUILD == "tsan", "two libraries before the C library")
    def test_everysec(self):
        disk = Disk(self.folder)
        self.addCleanup(disk.close)
        server = Server(self.folder, environment=disk.environment)
        self.addCleanup(server.kill)
        for cut in (lambda: None, lambda: cut_power(disk, self.rng)):
            server.start()
            load = Counter("n").attach(server)
            load.acked = load.sent = load.found(server.client)
            before = load.acked
            load.start()
            time.sleep(2.2)
            killed_at = time.time()
            server.kill()
            load.join(10)
            cut()
            server.start()
            found = load.found(server.client)
            old = sum(t < killed_at - 1.1 for t in load.times)
            self.assertGreaterEqual(found, before + old)
            self.assertGreater(old, 100)
            server.kill()


def cut_power(disk, rng):
    """Leaves of the server's files what a disk would have."""
    sizes, names = {}, []
    with open(disk.journal) as f:
        for line in f:
            words = line.split()
            if words[0] == "S":
                sizes[int(words[1])] = int(words[2])
            elif words[0] == "T":
                sizes[int(words[1])] = min(int(words[2]), sizes.get(int(words[1]), 0))
            elif words[0] == "D":
                names = []
            else:
                names.append(words)
    lost = names[rng.randrange(len(names) + 1):]
    for words in reversed(lost):
        paths = [os.path.join(disk.root, w) for w in words[1:]]
        take_back(words, paths)
    for folder, _, files in os.walk(disk.root):
        for name in files:
            if name != "log":
                tear(os.path.join(folder, name), sizes, rng)
    with open(disk.journal, "w") as f:  # all that is left is on disk
        for folder, _, files in os.walk(disk.root):
            for st in (os.stat(os.path.join(folder, name)) for name in files):
                f.write("S %d %d\n" % (st.st_ino, st.st_size))


def take_back(words, paths):
    if words[0] == "C" and os.path.exists(paths[0]):
        os.unlink(paths[0])
    elif words[0] == "R":
        if os.path.exists(paths[1]):
            os.rename(paths[1], paths[0])
        if words[3] != "-":
            os.rename(paths[2], paths[1])
    elif words[0] == "U" and words[2] != "-" and not os.path.exists(paths[0]):
        os.rename(paths[1], paths[0])


def tear(path, sizes, rng):
    """What was not synced: cut somewhere, its last block with a hole."""
    st = os.stat(path)
    synced = sizes.get(st.st_ino, 0)
    if st.st_size <= synced:
        return
    size = rng.randint(synced, st.st_size)
    os.truncate(path, size)
    block = max(synced, size // BLOCK * BLOCK)
    hole = rng.randint(block, size)
    with open(path, "r+b") as f:
        f.seek(hole)
        f.write(bytes(size - hole))


if __name__ == "__main__":
    unittest.main()

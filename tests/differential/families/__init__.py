"""The generator families: one module each, grammar lines and nothing else, and their shares of the run."""

from families import bits, connection, geos, hashes, hyperloglogs, keys, lists, sets, sorts, streams, strings, zsets
from grammar import Family, mixed

ONE = [
    (Family("string", strings.GRAMMAR), 22),
    (Family("keys", keys.GRAMMAR), 20),
    (Family("hash", hashes.GRAMMAR), 18),
    (Family("zset", zsets.GRAMMAR), 28),
    (Family("list", lists.GRAMMAR), 20),
    (Family("set", sets.GRAMMAR), 20),
    (Family("sort", sorts.GRAMMAR), 8),
    (Family("stream", streams.GRAMMAR), 24),
    (Family("bitmap", bits.GRAMMAR), 12),
    (Family("geo", geos.GRAMMAR), 10),
    (Family("hyperloglog", hyperloglogs.GRAMMAR), 6),
]
ALL = ONE + [
    (mixed("mixed", [family for family, _ in ONE]), 9),
    (Family("connection", connection.GRAMMAR), 3),
]
FAMILIES = {family.name: (family, share) for family, share in ALL}

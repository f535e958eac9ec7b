/* Memory with the lifetime of one request or message: pieces are taken from it and given back all
 * at once.
 *
 * Layout: a chain of blocks; a piece is cut from the newest one, larger pieces get a block of their
 * own. arena_clear keeps the first block, so that a reused arena allocates nothing for small
 * requests. Thread rule: one owner. */
#ifndef ATRIUM_HTTP_ARENA_H
#define ATRIUM_HTTP_ARENA_H

#include "engine/engine.h"

struct arena_block;

struct arena {
    struct arena_block *newest;
    size_t used; /* bytes of the newest block that are taken */
};

void arena_init(struct arena *a);
/* Gives everything back but one block of the usual size. */
void arena_clear(struct arena *a);
void arena_release(struct arena *a);

/* n bytes, aligned for any type, not cleared. Never NULL: callers check client-sized n first. */
void *arena_alloc(struct arena *a, size_t n);
/* A copy of s with a NUL behind it, which the slice's length does not count. */
struct bytes arena_copy(struct arena *a, struct bytes s);

#endif

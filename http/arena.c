#include "http/arena.h"

#include <stdalign.h>

#define BLOCK_BYTES 8192u

struct arena_block {
    struct arena_block *older;
    size_t size;
    alignas(max_align_t) char data[];
};

void arena_init(struct arena *a)
{
    *a = (struct arena){0};
}

static void add_block(struct arena *a, size_t size)
{
    struct arena_block *b = mem_alloc(sizeof *b + size);
    b->older = a->newest;
    b->size = size;
    a->newest = b;
    a->used = 0;
}

void *arena_alloc(struct arena *a, size_t n)
{
    size_t rounded = (n + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (!a->newest || a->newest->size - a->used < rounded)
        add_block(a, rounded > BLOCK_BYTES ? rounded : BLOCK_BYTES);
    void *p = a->newest->data + a->used;
    a->used += rounded;
    return p;
}

void arena_clear(struct arena *a)
{
    struct arena_block *kept = NULL;
    for (struct arena_block *b = a->newest; b;) {
        struct arena_block *older = b->older;
        if (b->size == BLOCK_BYTES && !kept)
            kept = b;
        else
            mem_free(b);
        b = older;
    }
    if (kept)
        kept->older = NULL;
    *a = (struct arena){.newest = kept};
}

void arena_release(struct arena *a)
{
    arena_clear(a);
    mem_free(a->newest);
    *a = (struct arena){0};
}

struct bytes arena_copy(struct arena *a, struct bytes s)
{
    char *p = arena_alloc(a, s.n + 1);
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = 0;
    return bytes_of(p, s.n);
}

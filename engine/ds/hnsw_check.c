#include "ds/hnsw.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "ds/hnsw_node.h"

static bool link_sound(const struct hnsw *h, unsigned level, uint32_t id, uint32_t to)
{
    if (to == id || !hnsw_live(h, to) || hnsw_level(h, to) < level)
        return false;
    const struct hnsw_links *l = hnsw_level_links(h, id, level);
    unsigned times = 0;
    for (unsigned i = 0; i < l->n; i++)
        times += l->id[i] == to;
    return times == 1 && hnsw_linked(h, level, to, id);
}

static bool node_sound(const struct hnsw *h, uint32_t id)
{
    if (hnsw_level(h, id) > h->top)
        return false;
    for (unsigned level = 0; level <= hnsw_level(h, id); level++) {
        const struct hnsw_links *l = hnsw_level_links(h, id, level);
        if (l->n > hnsw_room(h, level))
            return false;
        for (unsigned i = 0; i < l->n; i++) {
            if (!link_sound(h, level, id, l->id[i]))
                return false;
        }
    }
    return true;
}

/* How many nodes can be reached on a level from the entry; marks and todo have room for all. */
static size_t reachable(const struct hnsw *h, unsigned level, uint8_t *mark, uint32_t *todo)
{
    size_t n = 0, reached = 1;
    memset(mark, 0, h->used);
    todo[n++] = h->entry;
    mark[h->entry] = 1;
    while (n > 0) {
        const struct hnsw_links *l = hnsw_level_links(h, todo[--n], level);
        for (unsigned i = 0; i < l->n; i++) {
            if (mark[l->id[i]])
                continue;
            mark[l->id[i]] = 1;
            todo[n++] = l->id[i];
            reached++;
        }
    }
    return reached;
}

static bool connected(const struct hnsw *h)
{
    size_t on[HNSW_LEVELS] = {0};
    for (uint32_t id = hnsw_next(h, 0); id != HNSW_NONE; id = hnsw_next(h, id + 1)) {
        for (unsigned level = 0; level <= hnsw_level(h, id); level++)
            on[level]++;
    }
    uint8_t *mark = mem_alloc(h->used);
    uint32_t *todo = mem_alloc(h->used * sizeof *todo);
    bool all = on[0] == h->count;
    for (unsigned level = 0; all && level <= h->top; level++)
        all = reachable(h, level, mark, todo) == on[level];
    mem_free(mark);
    mem_free(todo);
    return all;
}

bool hnsw_sound(const struct hnsw *h)
{
    if (h->count == 0)
        return h->entry == HNSW_NONE;
    if (!hnsw_live(h, h->entry) || hnsw_level(h, h->entry) != h->top)
        return false;
    for (uint32_t id = hnsw_next(h, 0); id != HNSW_NONE; id = hnsw_next(h, id + 1)) {
        if (!node_sound(h, id))
            return false;
    }
    return connected(h);
}

void hnsw_check(const struct hnsw *h)
{
    if (hnsw_sound(h))
        return;
    fprintf(stderr, "hnsw_check: the graph is broken\n");
    abort();
}

/* Inserting into and removing from ds/hnsw.h's graph, and building it from stored links. */
#include "ds/hnsw.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "ds/hnsw_node.h"

/* Geometric: each level has one node in M of the one below. */
static unsigned random_level(const struct hnsw *h)
{
    double level = -log(1 - rng_unit()) / log(h->m);
    return level < HNSW_LEVELS - 1 ? (unsigned)level : HNSW_LEVELS - 1;
}

/* ---- plans ----------------------------------------------------------------------------------- */

static int by_distance(const void *a, const void *b)
{
    const struct hnsw_near *x = a, *y = b;
    return (x->distance > y->distance) - (x->distance < y->distance);
}

/* Leaves out what has gone; an id may stand for another node by now, so distances are asked again. */
static void refresh_level(struct hnsw_plan *p, const struct hnsw *h, const struct hnsw_query *q,
                          unsigned level)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n[level]; i++) {
        uint32_t id = p->near[level][i].id;
        if (hnsw_live(h, id) && hnsw_level(h, id) >= level)
            p->near[level][n++] = (struct hnsw_near){hnsw_distance(h, q, id), id};
    }
    p->n[level] = n;
    qsort(p->near[level], n, sizeof *p->near[level], by_distance);
}

/* Makes a plan fit the graph as it is now. */
static void refresh(struct hnsw_plan *p, const struct hnsw *h, const struct hnsw_query *q,
                    size_t ef)
{
    bool good = !p->empty && h->count && p->top == h->top;
    if (good && p->removals != h->removals) {
        for (unsigned l = 0; l <= p->top && l <= p->level; l++) {
            refresh_level(p, h, q, l);
            good = good && p->n[l];
        }
    }
    if (good)
        return;
    unsigned level = p->level;
    hnsw_plan_release(p);
    p->level = level;
    hnsw_plan(p, h, q, ef);
}

/* ---- inserting ------------------------------------------------------------------------------- */

/* No other node had room for the new one: it goes between `to` and that one's farthest neighbour. */
static void link_between(struct hnsw *h, unsigned level, uint32_t id, uint32_t to)
{
    struct hnsw_links *l = hnsw_level_links(h, to, level);
    uint32_t other = l->id[l->n - 1];
    hnsw_unlink(h, level, to, other);
    hnsw_link(h, level, to, id);
    hnsw_link(h, level, id, other);
}

static void link_new(struct hnsw *h, unsigned level, uint32_t id, const struct hnsw_near *near,
                     size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t to = near[i].id;
        bool room = hnsw_level_links(h, to, level)->n < hnsw_room(h, level);
        if (room || hnsw_make_room(h, level, to))
            hnsw_link(h, level, id, to);
    }
    if (hnsw_level_links(h, id, level)->n == 0)
        link_between(h, level, id, near[0].id);
}

uint32_t hnsw_insert(struct hnsw *h, const struct hnsw_query *q, void *item, size_t ef,
                     struct hnsw_plan *p)
{
    refresh(p, h, q, ef);
    uint32_t id = hnsw_node_new(h, q, item, p->level);
    if (!p->empty) {
        for (unsigned l = 0; l <= p->top && l <= p->level; l++) {
            size_t n = hnsw_select(h, p->near[l], p->n[l], h->m);
            link_new(h, l, id, p->near[l], n);
        }
    }
    if (p->empty || p->level > h->top) {
        h->entry = id;
        h->top = p->level;
    }
    hnsw_plan_release(p);
    return id;
}

void hnsw_plan_begin(struct hnsw_plan *p, const struct hnsw *h)
{
    *p = (struct hnsw_plan){.level = random_level(h), .empty = true};
}

/* ---- removing -------------------------------------------------------------------------------- */

/* The next entry when the present one goes: a neighbour on its highest level that has any. */
static void move_entry(struct hnsw *h, uint32_t id)
{
    for (unsigned l = h->top + 1; l-- > 0;) {
        const struct hnsw_links *links = hnsw_level_links(h, id, l);
        if (links->n) {
            h->entry = links->id[0];
            h->top = l;
            return;
        }
    }
    h->entry = HNSW_NONE;
    h->top = 0;
}

static void leave_level(struct hnsw *h, unsigned level, uint32_t id)
{
    struct hnsw_links *l = hnsw_level_links(h, id, level);
    size_t n = l->n;
    uint32_t *ids = mem_alloc((n + 1) * sizeof *ids);
    memcpy(ids, l->id, n * sizeof *ids);
    for (size_t i = 0; i < n; i++)
        hnsw_unlink(h, level, id, ids[i]);
    hnsw_mend(h, level, ids, n);
    mem_free(ids);
}

void hnsw_remove(struct hnsw *h, uint32_t id)
{
    if (h->entry == id)
        move_entry(h, id);
    for (unsigned l = hnsw_level(h, id) + 1; l-- > 0;)
        leave_level(h, l, id);
    hnsw_node_free(h, id);
    h->removals++;
}

/* ---- from stored links ----------------------------------------------------------------------- */

uint32_t hnsw_restore(struct hnsw *h, const struct hnsw_query *q, void *item, unsigned level)
{
    uint32_t id = hnsw_node_new(h, q, item, level);
    if (h->entry == HNSW_NONE || level > h->top) {
        h->entry = id;
        h->top = level;
    }
    return id;
}

bool hnsw_restore_link(struct hnsw *h, uint32_t id, unsigned level, uint32_t to)
{
    if (id == to || level > hnsw_level(h, id) || hnsw_linked(h, level, id, to))
        return false;
    struct hnsw_links *l = hnsw_level_links(h, id, level);
    if (l->n >= hnsw_room(h, level))
        return false;
    l->id[l->n++] = to;
    return true;
}

bool hnsw_restore_end(struct hnsw *h)
{
    return hnsw_sound(h);
}

/* Links of ds/hnsw.h's graph: always both ways, and never dropped without another way between their ends. */
#include "ds/hnsw.h"

#include <stdlib.h>

#include "base/mem.h"
#include "ds/hnsw_node.h"

bool hnsw_linked(const struct hnsw *h, unsigned level, uint32_t a, uint32_t b)
{
    const struct hnsw_links *l = hnsw_level_links(h, a, level);
    unsigned i = 0;
    for (; i + 4 <= l->n; i += 4) {
        if ((l->id[i] == b) | (l->id[i + 1] == b) | (l->id[i + 2] == b) | (l->id[i + 3] == b))
            return true;
    }
    for (; i < l->n; i++) {
        if (l->id[i] == b)
            return true;
    }
    return false;
}

static bool has_room(const struct hnsw *h, unsigned level, uint32_t id)
{
    return hnsw_level_links(h, id, level)->n < hnsw_room(h, level);
}

void hnsw_link(struct hnsw *h, unsigned level, uint32_t a, uint32_t b)
{
    struct hnsw_links *la = hnsw_level_links(h, a, level), *lb = hnsw_level_links(h, b, level);
    la->id[la->n++] = b;
    lb->id[lb->n++] = a;
}

static void drop_one(struct hnsw_links *l, uint32_t id)
{
    for (unsigned i = 0; i < l->n; i++) {
        if (l->id[i] == id) {
            l->id[i] = l->id[--l->n];
            return;
        }
    }
}

void hnsw_unlink(struct hnsw *h, unsigned level, uint32_t a, uint32_t b)
{
    drop_one(hnsw_level_links(h, a, level), b);
    drop_one(hnsw_level_links(h, b, level), a);
}

/* ---- choosing -------------------------------------------------------------------------------- */

#define LOOK 4 /* distances at a time; most candidates fail early */

/* The first of n kept nodes that is nearer to `id` than `distance`; HNSW_NONE where none is. */
static uint32_t occluder(const struct hnsw *h, uint32_t id, float distance,
                         const struct hnsw_near *kept, size_t n)
{
    struct hnsw_query q;
    struct hnsw_lane *lane = hnsw_lane(LOOK);
    if (n)
        hnsw_borrow_query(&q, h, id, hnsw_query_room(h));
    for (size_t from = 0; from < n; from += LOOK) {
        size_t k = n - from < LOOK ? n - from : LOOK;
        for (size_t i = 0; i < k; i++)
            lane->id[i] = kept[from + i].id;
        hnsw_distances(h, &q, lane, k);
        for (size_t i = 0; i < k; i++) {
            if (lane->distance[i] < distance)
                return lane->id[i];
        }
    }
    return HNSW_NONE;
}

size_t hnsw_select(const struct hnsw *h, struct hnsw_near *near, size_t n, size_t max)
{
    size_t kept = 0;
    for (size_t i = 0; i < n && kept < max; i++) {
        if (occluder(h, near[i].id, near[i].distance, near, kept) == HNSW_NONE)
            near[kept++] = near[i];
    }
    return kept;
}

/* ---- making room ----------------------------------------------------------------------------- */

static int by_distance(const void *a, const void *b)
{
    const struct hnsw_near *x = a, *y = b;
    return (x->distance > y->distance) - (x->distance < y->distance);
}

/* A node's links with their distances, nearest first, into near[]. */
static size_t ranked_links(const struct hnsw *h, unsigned level, uint32_t id,
                           struct hnsw_near *near)
{
    const struct hnsw_links *l = hnsw_level_links(h, id, level);
    struct hnsw_lane *lane = hnsw_lane(l->n);
    struct hnsw_query q;
    hnsw_borrow_query(&q, h, id, hnsw_query_room(h));
    memcpy(lane->id, l->id, l->n * sizeof *lane->id);
    hnsw_distances(h, &q, lane, l->n);
    for (size_t i = 0; i < l->n; i++)
        near[i] = (struct hnsw_near){lane->distance[i], l->id[i]};
    qsort(near, l->n, sizeof *near, by_distance);
    return l->n;
}

/* Does the way over `by` make up for the link of id and to? It is made where both have room. */
static bool made_up(struct hnsw *h, unsigned level, uint32_t to, uint32_t by)
{
    if (hnsw_linked(h, level, by, to))
        return true;
    if (!has_room(h, level, by) || !has_room(h, level, to))
        return false;
    hnsw_link(h, level, by, to);
    return true;
}

/* Drops up to `max` links of id whose far end is nearer to a kept one, the farthest first. near[] is sorted. */
static size_t drop_occluded(struct hnsw *h, unsigned level, uint32_t id, struct hnsw_near *near,
                            size_t n, size_t max)
{
    size_t kept = 0, passed = 0, dropped = 0;
    struct hnsw_near *lost = mem_alloc(n * sizeof *lost);
    uint32_t *by = mem_alloc(n * sizeof *by);
    for (size_t i = 0; i < n; i++) {
        uint32_t o = occluder(h, near[i].id, near[i].distance, near, kept);
        if (o == HNSW_NONE) {
            near[kept++] = near[i];
        } else {
            lost[passed] = near[i];
            by[passed++] = o;
        }
    }
    while (passed-- > 0 && dropped < max) {
        if (!made_up(h, level, lost[passed].id, by[passed]))
            continue;
        hnsw_unlink(h, level, id, lost[passed].id);
        dropped++;
    }
    mem_free(lost);
    mem_free(by);
    return dropped;
}

/* Drops one link, the farthest first, whose ends have any neighbour in common. */
static bool drop_in_triangle(struct hnsw *h, unsigned level, uint32_t id,
                             const struct hnsw_near *near, size_t n)
{
    for (size_t i = n; i-- > 0;) {
        for (size_t j = 0; j < n; j++) {
            if (j != i && hnsw_linked(h, level, near[j].id, near[i].id)) {
                hnsw_unlink(h, level, id, near[i].id);
                return true;
            }
        }
    }
    return false;
}

#define SLACK 8 /* a full node loses up to 1 in so many of its links, so that the work is rare */

bool hnsw_make_room(struct hnsw *h, unsigned level, uint32_t id)
{
    size_t room = hnsw_room(h, level);
    struct hnsw_near *near = mem_alloc(room * sizeof *near);
    size_t n = ranked_links(h, level, id, near);
    bool made = drop_occluded(h, level, id, near, n, 1 + room / SLACK) > 0;
    if (!made) {
        n = ranked_links(h, level, id, near);
        made = drop_in_triangle(h, level, id, near, n);
    }
    mem_free(near);
    return made;
}

/* ---- mending --------------------------------------------------------------------------------- */

/* A pair of members of a neighbourhood, by their places in it. */
struct pair {
    float distance;
    uint32_t a, b;
};

static int pair_order(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    return (x->distance > y->distance) - (x->distance < y->distance);
}

static size_t all_pairs(const struct hnsw *h, const uint32_t *ids, size_t n, struct pair *pairs)
{
    size_t k = 0;
    struct hnsw_lane *lane = hnsw_lane(n);
    for (uint32_t a = 0; a < n; a++) {
        struct hnsw_query q;
        hnsw_borrow_query(&q, h, ids[a], hnsw_query_room(h));
        memcpy(lane->id, ids + a + 1, (n - a - 1) * sizeof *ids);
        hnsw_distances(h, &q, lane, n - a - 1);
        for (uint32_t b = a + 1; b < n; b++)
            pairs[k++] = (struct pair){lane->distance[b - a - 1], a, b};
    }
    qsort(pairs, k, sizeof *pairs, pair_order);
    return k;
}

static uint32_t group_of(uint32_t *parent, uint32_t i)
{
    while (parent[i] != i)
        i = parent[i] = parent[parent[i]];
    return i;
}

/* Joins the groups of those members that are linked. */
static void find_groups(const struct hnsw *h, unsigned level, const uint32_t *ids,
                        const struct pair *pairs, size_t k, uint32_t *parent)
{
    for (size_t i = 0; i < k; i++) {
        if (hnsw_linked(h, level, ids[pairs[i].a], ids[pairs[i].b]))
            parent[group_of(parent, pairs[i].a)] = group_of(parent, pairs[i].b);
    }
}

static bool room_for(struct hnsw *h, unsigned level, uint32_t id)
{
    return has_room(h, level, id) || hnsw_make_room(h, level, id);
}

/* A node with room that can be reached from `id`, which may be itself; HNSW_NONE where all are full. Rarely asked, and
 * soon answered: few nodes are full. */
static uint32_t reach_room(const struct hnsw *h, unsigned level, uint32_t id)
{
    uint8_t *seen = mem_calloc(h->used);
    uint32_t *todo = mem_alloc(h->used * sizeof *todo), found = HNSW_NONE;
    size_t n = 1;
    todo[0] = id;
    seen[id] = 1;
    for (size_t i = 0; i < n && found == HNSW_NONE; i++) {
        const struct hnsw_links *l = hnsw_level_links(h, todo[i], level);
        if (l->n < hnsw_room(h, level))
            found = todo[i];
        for (unsigned k = 0; k < l->n; k++) {
            if (!seen[l->id[k]])
                todo[n++] = l->id[k];
            seen[l->id[k]] = 1;
        }
    }
    mem_free(seen);
    mem_free(todo);
    return found;
}

/* Connects two nodes, or where one is full two that these can reach. */
static void connect(struct hnsw *h, unsigned level, uint32_t a, uint32_t b)
{
    bool room = room_for(h, level, a) && room_for(h, level, b);
    if (!room || !has_room(h, level, a)) { /* making room at the one end may take it at the other */
        a = reach_room(h, level, a);
        b = reach_room(h, level, b);
    }
    if (a != HNSW_NONE && b != HNSW_NONE && a != b && !hnsw_linked(h, level, a, b))
        hnsw_link(h, level, a, b);
}

/* Links groups by their nearest pairs until one is left. */
static void join_groups(struct hnsw *h, unsigned level, const uint32_t *ids,
                        const struct pair *pairs, size_t k, uint32_t *parent)
{
    for (size_t i = 0; i < k; i++) {
        uint32_t a = group_of(parent, pairs[i].a), b = group_of(parent, pairs[i].b);
        if (a == b)
            continue;
        connect(h, level, ids[pairs[i].a], ids[pairs[i].b]);
        parent[a] = b;
    }
}

/* Each member has lost one link: the nearest pairs that both want one get it. */
static void pair_up(struct hnsw *h, unsigned level, const uint32_t *ids, const struct pair *pairs,
                    size_t k, uint8_t *gained)
{
    for (size_t i = 0; i < k; i++) {
        uint32_t a = pairs[i].a, b = pairs[i].b;
        if (gained[a] || gained[b] || !has_room(h, level, ids[a]) || !has_room(h, level, ids[b]) ||
            hnsw_linked(h, level, ids[a], ids[b]))
            continue;
        hnsw_link(h, level, ids[a], ids[b]);
        gained[a] = gained[b] = 1;
    }
}

static void mend_some(struct hnsw *h, unsigned level, const uint32_t *ids, size_t n)
{
    struct pair *pairs = mem_alloc(n * (n - 1) / 2 * sizeof *pairs);
    uint32_t *parent = mem_alloc(n * sizeof *parent);
    uint8_t *gained = mem_calloc(n);
    size_t k = all_pairs(h, ids, n, pairs);
    for (uint32_t i = 0; i < n; i++)
        parent[i] = i;
    pair_up(h, level, ids, pairs, k, gained);
    find_groups(h, level, ids, pairs, k, parent);
    join_groups(h, level, ids, pairs, k, parent);
    mem_free(pairs);
    mem_free(parent);
    mem_free(gained);
}

#define MEND_MAX 96 /* members at a time, for the number of pairs */

void hnsw_mend(struct hnsw *h, unsigned level, const uint32_t *ids, size_t n)
{
    while (n > 1) {
        size_t some = n < MEND_MAX ? n : MEND_MAX;
        mend_some(h, level, ids, some);
        ids += some - 1; /* the last one belongs to the next ones too */
        n -= some - 1;
    }
}

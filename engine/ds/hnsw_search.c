/* Searching ds/hnsw.h's graph: down the upper levels by the best link, then a beam of ef candidates.
 *
 * For each node that is looked into, its links are first sieved by the marks of what was seen, and what is left is
 * asked from memory; only then come the distances, all of them at once. */
#include "ds/hnsw.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"
#include "ds/beam.h"
#include "ds/hnsw_node.h"
#include "ds/vector.h"

/* One thread's working memory, freed at its end. */
struct scratch {
    uint16_t *seen; /* by id: the mark of the search that saw it last */
    size_t seen_n;
    uint16_t mark;
    struct beam beam;
    struct hnsw_lane lane;
    void *room;
    size_t room_n;
};

static pthread_key_t scratch_key;
static pthread_once_t scratch_once = PTHREAD_ONCE_INIT;
static _Thread_local struct scratch *scratch;

static void scratch_free(void *p)
{
    struct scratch *s = p;
    mem_free(s->seen);
    beam_release(&s->beam);
    mem_free(s->lane.at);
    mem_free(s->lane.distance);
    mem_free(s->lane.id);
    mem_free(s->room);
    mem_free(s);
}

static void make_key(void)
{
    pthread_key_create(&scratch_key, scratch_free);
}

static struct scratch *my_scratch(void)
{
    if (!scratch) {
        pthread_once(&scratch_once, make_key);
        scratch = mem_calloc(sizeof *scratch);
        pthread_setspecific(scratch_key, scratch);
    }
    return scratch;
}

/* A new mark for a search over n ids, and an empty beam. */
static struct scratch *begin(size_t n, size_t ef)
{
    struct scratch *s = my_scratch();
    if (s->seen_n < n) {
        mem_free(s->seen);
        s->seen_n = n + n / 4 + 64;
        s->seen = mem_calloc(s->seen_n * sizeof *s->seen);
        s->mark = 0;
    }
    if (++s->mark == 0) {
        memset(s->seen, 0, s->seen_n * sizeof *s->seen);
        s->mark = 1;
    }
    beam_begin(&s->beam, ef);
    return s;
}

struct hnsw_lane *hnsw_lane(size_t n)
{
    struct hnsw_lane *l = &my_scratch()->lane;
    if (l->cap < n) {
        l->cap = n;
        l->at = mem_realloc(l->at, n * sizeof *l->at);
        l->distance = mem_realloc(l->distance, n * sizeof *l->distance);
        l->id = mem_realloc(l->id, n * sizeof *l->id);
    }
    return l;
}

void *hnsw_query_room(const struct hnsw *h)
{
    struct scratch *s = my_scratch();
    if (s->room_n < h->vector_bytes) {
        s->room_n = h->vector_bytes;
        s->room = mem_realloc(s->room, s->room_n);
    }
    return s->room;
}

/* ---- distances ------------------------------------------------------------------------------- */

void hnsw_distances(const struct hnsw *h, const struct hnsw_query *q, struct hnsw_lane *lane,
                    size_t n)
{
    for (size_t i = 0; i < n; i++)
        lane->at[i] = hnsw_node(h, lane->id[i]);
    if (h->form == HNSW_F32) {
        vector_kernels->dot_f32(q->data, lane->at, n, h->dim, lane->distance);
        for (size_t i = 0; i < n; i++)
            lane->distance[i] = 1 - lane->distance[i];
    } else if (h->form == HNSW_INT8) {
        int32_t *dots = (int32_t *)(void *)lane->distance;
        vector_kernels->dot_int8(q->data, lane->at, n, h->dim, dots);
        for (size_t i = 0; i < n; i++) {
            float dot = (float)(dots[i] - q->bias);
            lane->distance[i] = 1 - dot * q->scale * hnsw_floats(h, lane->id[i])[0];
        }
    } else {
        uint32_t *bits = (uint32_t *)(void *)lane->distance;
        vector_kernels->hamming(q->data, lane->at, n, h->vector_bytes, bits);
        for (size_t i = 0; i < n; i++)
            lane->distance[i] = 2 * (float)bits[i] / (float)h->dim;
    }
}

float hnsw_distance(const struct hnsw *h, const struct hnsw_query *q, uint32_t id)
{
    struct hnsw_lane *lane = hnsw_lane(1);
    lane->id[0] = id;
    hnsw_distances(h, q, lane, 1);
    return lane->distance[0];
}

#define LINE           64
#define PREFETCH_LINES 12 /* longer vectors are followed by the processor itself */

static inline void prefetch(const struct hnsw *h, uint32_t id)
{
    const uint8_t *p = hnsw_node(h, id);
    size_t n = h->vector_bytes + sizeof(float);
    for (size_t i = 0; i < n && i < PREFETCH_LINES * LINE; i += LINE)
        __builtin_prefetch(p + i);
}

/* ---- the walk -------------------------------------------------------------------------------- */

/* The nearest node of a level that steps to ever nearer ones reach. */
static struct hnsw_near descend(const struct hnsw *h, const struct hnsw_query *q, unsigned level,
                                struct hnsw_near best)
{
    struct hnsw_lane *lane = hnsw_lane(hnsw_room(h, level));
    for (bool nearer = true; nearer;) {
        nearer = false;
        const struct hnsw_links *l = hnsw_level_links(h, best.id, level);
        size_t n = l->n;
        for (size_t i = 0; i < n; i++) {
            lane->id[i] = l->id[i];
            prefetch(h, l->id[i]);
        }
        hnsw_distances(h, q, lane, n);
        for (size_t i = 0; i < n; i++) {
            if (lane->distance[i] < best.distance) {
                best = (struct hnsw_near){lane->distance[i], lane->id[i]};
                nearer = true;
            }
        }
    }
    return best;
}

static struct hnsw_near from_entry(const struct hnsw *h, const struct hnsw_query *q, unsigned above)
{
    struct hnsw_near best = {hnsw_distance(h, q, h->entry), h->entry};
    for (unsigned level = h->top; level > above; level--)
        best = descend(h, q, level, best);
    return best;
}

/* What a walk may take as a result. */
struct sieve {
    const struct hnsw_params *p;
    size_t left; /* items that may still be asked about */
};

static bool accepts(const struct hnsw *h, struct sieve *sieve, uint32_t id)
{
    if (!sieve || !sieve->p->accept)
        return true;
    if (sieve->left == 0)
        return false;
    sieve->left--;
    return sieve->p->accept(sieve->p->ctx, hnsw_item(h, id));
}

static inline void take(const struct hnsw *h, struct scratch *s, struct sieve *sieve,
                        struct hnsw_near near)
{
    if (near.distance < beam_worst(&s->beam))
        beam_add(&s->beam, near.distance, near.id, accepts(h, sieve, near.id));
}

/* Unseen links of a node into the lane, asked from memory; how many. */
static size_t gather(const struct hnsw *h, struct scratch *s, struct hnsw_lane *lane, uint32_t id,
                     unsigned level)
{
    const struct hnsw_links *l = hnsw_level_links(h, id, level);
    size_t n = 0, links = l->n;
    for (size_t i = 0; i < links; i++) { /* whether it was seen cannot be foretold: no branch */
        uint32_t to = l->id[i];
        lane->id[n] = to;
        n += s->seen[to] != s->mark;
        s->seen[to] = s->mark;
    }
    for (size_t i = 0; i < n; i++)
        prefetch(h, lane->id[i]);
    return n;
}

/* Fills s->beam with the nodes nearest to q on a level. */
static void walk(const struct hnsw *h, const struct hnsw_query *q, unsigned level,
                 struct hnsw_near from, struct sieve *sieve, struct scratch *s)
{
    struct hnsw_lane *lane = hnsw_lane(hnsw_room(h, level));
    uint32_t id;
    s->seen[from.id] = s->mark;
    take(h, s, sieve, from);
    while ((!sieve || sieve->left) && beam_open(&s->beam, &id)) {
        size_t n = gather(h, s, lane, id, level);
        uint32_t next = beam_next(&s->beam);
        if (next != BEAM_IDS)
            __builtin_prefetch(hnsw_level_links(h, next, level));
        hnsw_distances(h, q, lane, n);
        for (size_t i = 0; i < n; i++)
            take(h, s, sieve, (struct hnsw_near){lane->distance[i], lane->id[i]});
    }
}

/* Results on their way out. */
struct outlet {
    struct hnsw_near *to;
    size_t n, limit;
    float farthest;
};

static bool let_out(void *ctx, float distance, uint32_t id)
{
    struct outlet *o = ctx;
    if (o->n == o->limit || distance > o->farthest)
        return false;
    o->to[o->n++] = (struct hnsw_near){distance, id};
    return true;
}

static size_t results(const struct scratch *s, const struct hnsw_params *p, struct hnsw_near *out)
{
    struct outlet o = {out, 0, p->limit, p->farthest};
    beam_each(&s->beam, let_out, &o);
    return o.n;
}

size_t hnsw_search(const struct hnsw *h, const struct hnsw_query *q, const struct hnsw_params *p,
                   struct hnsw_near *out)
{
    if (h->count == 0 || p->limit == 0)
        return 0;
    struct sieve sieve = {p, p->accept_max};
    struct hnsw_near from = from_entry(h, q, 0);
    struct scratch *s = begin(h->used, p->ef > p->limit ? p->ef : p->limit);
    walk(h, q, 0, from, p->accept ? &sieve : NULL, s);
    return results(s, p, out);
}

#define SCAN_LANE 64

size_t hnsw_search_exact(const struct hnsw *h, const struct hnsw_query *q,
                         const struct hnsw_params *p, struct hnsw_near *out)
{
    if (p->limit == 0)
        return 0;
    struct scratch *s = begin(0, p->limit);
    struct sieve sieve = {p, SIZE_MAX};
    struct hnsw_lane *lane = hnsw_lane(SCAN_LANE);
    for (uint32_t id = hnsw_next(h, 0); id != HNSW_NONE;) {
        size_t n = 0;
        for (; n < SCAN_LANE && id != HNSW_NONE; id = hnsw_next(h, id + 1))
            lane->id[n++] = id;
        hnsw_distances(h, q, lane, n);
        for (size_t i = 0; i < n; i++) {
            float distance = lane->distance[i];
            if (distance < beam_worst(&s->beam) && distance <= p->farthest &&
                accepts(h, &sieve, lane->id[i]))
                beam_add(&s->beam, distance, lane->id[i], true);
        }
    }
    return results(s, p, out);
}

/* ---- planning an insert ---------------------------------------------------------------------- */

static struct hnsw_near *copy_found(const struct scratch *s, size_t *n)
{
    struct hnsw_near *near = mem_alloc(s->beam.counted * sizeof *near);
    *n = results(s, &(struct hnsw_params){.limit = SIZE_MAX, .farthest = INFINITY}, near);
    return near;
}

void hnsw_plan(struct hnsw_plan *p, const struct hnsw *h, const struct hnsw_query *q, size_t ef)
{
    unsigned level = p->level;
    *p = (struct hnsw_plan){
        .level = level, .top = h->top, .empty = h->count == 0, .removals = h->removals};
    if (p->empty)
        return;
    unsigned highest = level < h->top ? level : h->top;
    struct hnsw_near from = from_entry(h, q, highest);
    for (unsigned l = highest + 1; l-- > 0;) {
        struct scratch *s = begin(h->used, ef);
        walk(h, q, l, from, NULL, s);
        p->near[l] = copy_found(s, &p->n[l]);
        from = p->near[l][0];
    }
}

void hnsw_plan_release(struct hnsw_plan *p)
{
    for (size_t l = 0; l < HNSW_LEVELS; l++)
        mem_free(p->near[l]);
    *p = (struct hnsw_plan){0};
}

/* Searching ds/hnsw.h's graph: down the upper levels by the best link, then a beam of ef candidates.
 *
 * For each node that is looked into, its links are first sieved by the marks of what was seen, and what is left is
 * asked from memory; only then come the distances, all of them at once. */
#include "ds/hnsw.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"
#include "ds/hnsw_node.h"
#include "ds/vector.h"

/* A binary heap with the smallest key on top; for the results the key is the distance's negative. */
struct heap {
    struct hnsw_near *at;
    size_t n, cap;
};

/* One thread's working memory, freed at its end. */
struct scratch {
    uint16_t *seen; /* by id: the mark of the search that saw it last */
    size_t seen_n;
    uint16_t mark;
    struct heap open, found;
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
    mem_free(s->open.at);
    mem_free(s->found.at);
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

/* A new mark for a search over n ids. */
static struct scratch *begin(size_t n)
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
    s->open.n = s->found.n = 0;
    return s;
}

static inline bool see(struct scratch *s, uint32_t id)
{
    if (s->seen[id] == s->mark)
        return false;
    s->seen[id] = s->mark;
    return true;
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

/* ---- heaps ----------------------------------------------------------------------------------- */

static void heap_push(struct heap *p, float key, uint32_t id)
{
    if (p->n == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 256;
        p->at = mem_realloc(p->at, p->cap * sizeof *p->at);
    }
    size_t i = p->n++;
    for (; i > 0 && p->at[(i - 1) / 2].distance > key; i = (i - 1) / 2)
        p->at[i] = p->at[(i - 1) / 2];
    p->at[i] = (struct hnsw_near){key, id};
}

/* Puts an item in place of the top. */
static void heap_replace(struct heap *p, struct hnsw_near item)
{
    size_t i = 0;
    for (size_t child = 1; child < p->n; child = 2 * i + 1) {
        if (child + 1 < p->n && p->at[child + 1].distance < p->at[child].distance)
            child++;
        if (p->at[child].distance >= item.distance)
            break;
        p->at[i] = p->at[child];
        i = child;
    }
    p->at[i] = item;
}

static struct hnsw_near heap_pop(struct heap *p)
{
    struct hnsw_near top = p->at[0], last = p->at[--p->n];
    if (p->n)
        heap_replace(p, last);
    return top;
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

static void take(const struct hnsw *h, struct scratch *s, struct sieve *sieve, size_t ef,
                 struct hnsw_near near)
{
    bool full = s->found.n >= ef;
    if (full && near.distance >= -s->found.at[0].distance)
        return;
    heap_push(&s->open, near.distance, near.id);
    if (!accepts(h, sieve, near.id))
        return;
    if (full)
        heap_replace(&s->found, (struct hnsw_near){-near.distance, near.id});
    else
        heap_push(&s->found, -near.distance, near.id);
}

/* Unseen links of a node into the lane, asked from memory; how many. */
static size_t gather(const struct hnsw *h, struct scratch *s, struct hnsw_lane *lane, uint32_t id,
                     unsigned level)
{
    const struct hnsw_links *l = hnsw_level_links(h, id, level);
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++) {
        if (!see(s, l->id[i]))
            continue;
        lane->id[n++] = l->id[i];
        prefetch(h, l->id[i]);
    }
    return n;
}

/* The beam: ef nodes nearest to q on a level are in s->found afterwards. */
static void walk(const struct hnsw *h, const struct hnsw_query *q, unsigned level, size_t ef,
                 struct hnsw_near from, struct sieve *sieve, struct scratch *s)
{
    struct hnsw_lane *lane = hnsw_lane(hnsw_room(h, level));
    see(s, from.id);
    take(h, s, sieve, ef, from);
    while (s->open.n) {
        if (s->found.n >= ef && s->open.at[0].distance > -s->found.at[0].distance)
            return;
        if (sieve && sieve->p->accept && sieve->left == 0)
            return;
        struct hnsw_near at = heap_pop(&s->open);
        size_t n = gather(h, s, lane, at.id, level);
        hnsw_distances(h, q, lane, n);
        for (size_t i = 0; i < n; i++)
            take(h, s, sieve, ef, (struct hnsw_near){lane->distance[i], lane->id[i]});
        if (s->open.n)
            __builtin_prefetch(hnsw_level_links(h, s->open.at[0].id, level));
    }
}

/* What was found, nearest first, as far as it fits and is near enough; how many. Empties it. */
static size_t drain(struct heap *found, size_t limit, float farthest, struct hnsw_near *out)
{
    while (found->n && (found->n > limit || -found->at[0].distance > farthest))
        heap_pop(found);
    size_t n = found->n;
    for (size_t i = n; i > 0; i--) {
        struct hnsw_near worst = heap_pop(found);
        out[i - 1] = (struct hnsw_near){-worst.distance, worst.id};
    }
    return n;
}

size_t hnsw_search(const struct hnsw *h, const struct hnsw_query *q, const struct hnsw_params *p,
                   struct hnsw_near *out)
{
    if (h->count == 0 || p->limit == 0)
        return 0;
    size_t ef = p->ef > p->limit ? p->ef : p->limit;
    struct sieve sieve = {p, p->accept_max};
    struct hnsw_near from = from_entry(h, q, 0);
    struct scratch *s = begin(h->used);
    walk(h, q, 0, ef, from, &sieve, s);
    return drain(&s->found, p->limit, p->farthest, out);
}

#define SCAN_LANE 64

size_t hnsw_search_exact(const struct hnsw *h, const struct hnsw_query *q,
                         const struct hnsw_params *p, struct hnsw_near *out)
{
    if (p->limit == 0)
        return 0;
    struct scratch *s = begin(0);
    struct hnsw_lane *lane = hnsw_lane(SCAN_LANE);
    for (uint32_t id = hnsw_next(h, 0); id != HNSW_NONE;) {
        size_t n = 0;
        for (; n < SCAN_LANE && id != HNSW_NONE; id = hnsw_next(h, id + 1))
            lane->id[n++] = id;
        hnsw_distances(h, q, lane, n);
        for (size_t i = 0; i < n; i++) {
            float d = lane->distance[i];
            bool full = s->found.n == p->limit;
            if ((full && d >= -s->found.at[0].distance) || d > p->farthest ||
                (p->accept && !p->accept(p->ctx, hnsw_item(h, lane->id[i]))))
                continue;
            if (full)
                heap_replace(&s->found, (struct hnsw_near){-d, lane->id[i]});
            else
                heap_push(&s->found, -d, lane->id[i]);
        }
    }
    return drain(&s->found, p->limit, p->farthest, out);
}

/* ---- planning an insert ---------------------------------------------------------------------- */

static struct hnsw_near *copy_found(struct scratch *s, size_t *n)
{
    struct hnsw_near *near = mem_alloc((s->found.n + 1) * sizeof *near);
    *n = drain(&s->found, s->found.n, 3, near);
    return near;
}

void hnsw_plan(struct hnsw_plan *p, const struct hnsw *h, const struct hnsw_query *q, size_t ef)
{
    unsigned level = p->level;
    *p = (struct hnsw_plan){.level = level, .top = h->top, .empty = h->count == 0,
                            .removals = h->removals};
    if (p->empty)
        return;
    unsigned highest = level < h->top ? level : h->top;
    struct hnsw_near from = from_entry(h, q, highest);
    for (unsigned l = highest + 1; l-- > 0;) {
        struct scratch *s = begin(h->used);
        walk(h, q, l, ef, from, NULL, s);
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

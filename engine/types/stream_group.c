#include "types/stream_group.h"

#include <stdlib.h>

#include "base/mem.h"

/* ---- names --------------------------------------------------------------------------------------
 */

static struct bytes name_at(const struct stream_names *v, size_t i)
{
    return *(const struct bytes *)v->at[i];
}

/* The place of the first name that is not below. */
static size_t names_place(const struct stream_names *v, struct bytes name)
{
    size_t low = 0, high = v->n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (bytes_cmp(name_at(v, mid), name) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void *names_find(const struct stream_names *v, struct bytes name)
{
    size_t i = names_place(v, name);
    return i < v->n && bytes_eq(name_at(v, i), name) ? v->at[i] : NULL;
}

static void names_add(struct stream_names *v, void *item)
{
    size_t i = names_place(v, *(struct bytes *)item);
    if (v->n == v->cap) {
        v->cap = v->cap ? v->cap * 2 : 1;
        v->at = mem_realloc(v->at, v->cap * sizeof *v->at);
    }
    memmove(&v->at[i + 1], &v->at[i], (v->n - i) * sizeof *v->at);
    v->at[i] = item;
    v->n++;
}

static void names_remove(struct stream_names *v, struct bytes name)
{
    size_t i = names_place(v, name);
    v->n--;
    memmove(&v->at[i], &v->at[i + 1], (v->n - i) * sizeof *v->at);
    if (v->n == 0) {
        mem_free(v->at);
        *v = (struct stream_names){0};
    }
}

/* ---- groups -------------------------------------------------------------------------------------
 */

struct stream_group *stream_group_find(const struct stream *s, struct bytes name)
{
    return names_find(&s->groups, name);
}

struct stream_group *stream_group_create(struct stream *s, struct bytes name, struct id last_id,
                                         int64_t entries_read)
{
    if (stream_group_find(s, name))
        return NULL;
    struct stream_group *g = mem_alloc(sizeof *g + name.n);
    *g = (struct stream_group){.last_id = last_id, .entries_read = entries_read};
    if (name.n)
        memcpy(g->text, name.p, name.n);
    g->name = bytes_of(g->text, name.n);
    names_add(&s->groups, g);
    return g;
}

static void consumer_free(struct stream_consumer *c)
{
    idmap_release(&c->pending);
    mem_free(c);
}

static void group_free(struct stream_group *g)
{
    struct idmap_at at;
    for (bool there = idmap_first(&g->pending, &at); there; there = idmap_next(&at))
        mem_free(at.value);
    idmap_release(&g->pending);
    idmap_release(&g->by_time);
    for (size_t i = 0; i < g->consumers.n; i++)
        consumer_free(g->consumers.at[i]);
    mem_free(g->consumers.at);
    mem_free(g);
}

bool stream_group_destroy(struct stream *s, struct bytes name)
{
    struct stream_group *g = stream_group_find(s, name);
    if (!g)
        return false;
    names_remove(&s->groups, name);
    group_free(g);
    return true;
}

void stream_group_set(struct stream_group *g, struct id last_id, int64_t entries_read)
{
    g->last_id = last_id;
    g->entries_read = entries_read;
}

void stream_group_advance(const struct stream *s, struct stream_group *g, struct id id)
{
    bool counted = g->entries_read != STREAM_UNKNOWN && id_cmp(g->last_id, s->first_id) >= 0 &&
                   !stream_has_gap_after(s, g->last_id);
    if (counted)
        g->entries_read++;
    else if (s->entries_added)
        g->entries_read = stream_count_up_to(s, id);
    g->last_id = id;
}

int64_t stream_group_lag(const struct stream *s, const struct stream_group *g)
{
    int64_t read = g->entries_read;
    if (s->entries_added == 0 || s->length == 0)
        return 0;
    if (id_cmp(g->last_id, s->first_id) < 0 && id_cmp(s->max_deleted, s->first_id) < 0)
        return (int64_t)s->length;
    if (read == STREAM_UNKNOWN || stream_has_gap_after(s, g->last_id))
        read = stream_count_up_to(s, g->last_id);
    /* Both counters can be set by a client to anything: the difference wraps as Redis's does. */
    return read == STREAM_UNKNOWN ? STREAM_UNKNOWN : (int64_t)(s->entries_added - (uint64_t)read);
}

/* ---- consumers ----------------------------------------------------------------------------------
 */

struct stream_consumer *stream_consumer_find(const struct stream_group *g, struct bytes name)
{
    return names_find(&g->consumers, name);
}

struct stream_consumer *stream_consumer_create(struct stream_group *g, struct bytes name,
                                               int64_t now_ms)
{
    if (stream_consumer_find(g, name))
        return NULL;
    struct stream_consumer *c = mem_alloc(sizeof *c + name.n);
    *c = (struct stream_consumer){.seen_at_ms = now_ms, .active_at_ms = -1};
    if (name.n)
        memcpy(c->text, name.p, name.n);
    c->name = bytes_of(c->text, name.n);
    names_add(&g->consumers, c);
    return c;
}

/* ---- pending entries ----------------------------------------------------------------------------
 */

static struct id time_key(const struct stream_nack *n)
{
    return (struct id){(uint64_t)n->delivered_at_ms, n->serial};
}

static void time_out(struct stream_group *g, const struct stream_nack *n)
{
    if (g->timed)
        idmap_take(&g->by_time, time_key(n));
}

static void time_in(struct stream_group *g, struct stream_nack *n)
{
    n->serial = g->serials++;
    if (g->timed)
        idmap_put(&g->by_time, time_key(n), n);
}

struct stream_nack *stream_nack_find(const struct stream_group *g, struct id id)
{
    return idmap_get(&g->pending, id);
}

struct stream_nack *stream_nack_add(struct stream_group *g, struct stream_consumer *c, struct id id,
                                    int64_t now_ms, uint64_t deliveries)
{
    struct stream_nack *n = mem_alloc(sizeof *n);
    *n = (struct stream_nack){
        .delivered_at_ms = now_ms, .deliveries = deliveries, .consumer = c, .entry = id};
    idmap_put(&g->pending, id, n);
    idmap_put(&c->pending, id, n);
    time_in(g, n);
    return n;
}

void stream_nack_move(struct stream_group *g, struct stream_nack *n, struct stream_consumer *c,
                      int64_t delivered_at_ms)
{
    time_out(g, n);
    n->delivered_at_ms = delivered_at_ms;
    time_in(g, n);
    if (n->consumer == c)
        return;
    idmap_take(&n->consumer->pending, n->entry);
    idmap_put(&c->pending, n->entry, n);
    n->consumer = c;
}

bool stream_nack_remove(struct stream_group *g, struct id id)
{
    struct stream_nack *n = idmap_take(&g->pending, id);
    if (!n)
        return false;
    time_out(g, n);
    idmap_take(&n->consumer->pending, id);
    mem_free(n);
    return true;
}

void stream_consumer_delete(struct stream_group *g, struct stream_consumer *c)
{
    struct idmap_at at;
    for (bool there = idmap_first(&c->pending, &at); there; there = idmap_next(&at)) {
        struct stream_nack *n = idmap_take(&g->pending, at.id);
        time_out(g, n);
        mem_free(n);
    }
    names_remove(&g->consumers, c->name);
    consumer_free(c);
}

struct stream_nack *stream_nack_oldest(struct stream_group *g, struct id *from)
{
    struct idmap_at at;
    if (!g->timed) {
        g->timed = true;
        for (bool there = idmap_first(&g->pending, &at); there; there = idmap_next(&at))
            idmap_put(&g->by_time, time_key(at.value), at.value);
    }
    if (!idmap_ge(&g->by_time, *from, &at))
        return NULL;
    *from = at.id;
    id_increment(from);
    return at.value;
}

/* ---- references ---------------------------------------------------------------------------------
 */

bool stream_is_needed(const struct stream *s, struct id id)
{
    for (size_t i = 0; i < s->groups.n; i++) {
        const struct stream_group *g = stream_group_at(s, i);
        if (id_cmp(g->last_id, id) < 0 || stream_nack_find(g, id))
            return true;
    }
    return false;
}

void stream_drop_refs(struct stream *s, struct id id)
{
    for (size_t i = 0; i < s->groups.n; i++)
        stream_nack_remove(stream_group_at(s, i), id);
}

/* ---- the whole ----------------------------------------------------------------------------------
 */

void stream_groups_release(struct stream *s)
{
    for (size_t i = 0; i < s->groups.n; i++)
        group_free(s->groups.at[i]);
    mem_free(s->groups.at);
    s->groups = (struct stream_names){0};
}

static void copy_consumer(struct stream_group *to, const struct stream_consumer *from)
{
    struct stream_consumer *c = stream_consumer_create(to, from->name, from->seen_at_ms);
    struct idmap_at at;
    c->active_at_ms = from->active_at_ms;
    for (bool there = idmap_first(&from->pending, &at); there; there = idmap_next(&at)) {
        const struct stream_nack *n = at.value;
        stream_nack_add(to, c, at.id, n->delivered_at_ms, n->deliveries);
    }
}

void stream_groups_copy(struct stream *to, const struct stream *from)
{
    for (size_t i = 0; i < from->groups.n; i++) {
        const struct stream_group *g = stream_group_at(from, i);
        struct stream_group *copy = stream_group_create(to, g->name, g->last_id, g->entries_read);
        for (size_t k = 0; k < g->consumers.n; k++)
            copy_consumer(copy, stream_consumer_at(g, k));
    }
}

size_t stream_groups_mem_bytes(const struct stream *s)
{
    size_t bytes = s->groups.at ? mem_usable(s->groups.at) : 0;
    for (size_t i = 0; i < s->groups.n; i++) {
        const struct stream_group *g = stream_group_at(s, i);
        bytes += mem_usable(g) + idmap_mem_bytes(&g->pending) + idmap_mem_bytes(&g->by_time);
        bytes += g->pending.n * sizeof(struct stream_nack);
        bytes += g->consumers.at ? mem_usable(g->consumers.at) : 0;
        for (size_t k = 0; k < g->consumers.n; k++) {
            const struct stream_consumer *c = stream_consumer_at(g, k);
            bytes += mem_usable(c) + idmap_mem_bytes(&c->pending);
        }
    }
    return bytes;
}

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_names(const struct stream_names *v)
{
    require(v->n <= v->cap);
    for (size_t i = 1; i < v->n; i++)
        require(bytes_cmp(name_at(v, i - 1), name_at(v, i)) < 0);
}

static void check_group(const struct stream_group *g)
{
    struct idmap_at at;
    size_t n = 0;
    check_names(&g->consumers);
    idmap_check(&g->pending);
    idmap_check(&g->by_time);
    require(!g->timed || g->by_time.n == g->pending.n);
    for (bool there = idmap_first(&g->pending, &at); there; there = idmap_next(&at)) {
        const struct stream_nack *nack = at.value;
        require(id_cmp(nack->entry, at.id) == 0 &&
                idmap_get(&nack->consumer->pending, at.id) == nack);
        require(stream_consumer_find(g, nack->consumer->name) == nack->consumer);
        require(!g->timed || idmap_get(&g->by_time, time_key(nack)) == nack);
    }
    for (size_t i = 0; i < g->consumers.n; i++) {
        idmap_check(&stream_consumer_at(g, i)->pending);
        n += stream_consumer_at(g, i)->pending.n;
    }
    require(n == g->pending.n);
}

void stream_groups_check(const struct stream *s)
{
    check_names(&s->groups);
    for (size_t i = 0; i < s->groups.n; i++)
        check_group(stream_group_at(s, i));
}

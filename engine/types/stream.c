#include "types/stream.h"

#include <stdlib.h>

#include "base/mem.h"
#include "ds/listpack.h"
#include "types/stream_group.h"

/* What a listpack adds to a part of an entry, and what else an entry and a master entry have, at most. */
#define PART_BYTES 10
#define HEAD_BYTES 128

struct stream *stream_new(void)
{
    return mem_calloc(sizeof(struct stream));
}

void stream_free(struct stream *s)
{
    struct idmap_at at;
    for (bool there = idmap_first(&s->nodes, &at); there; there = idmap_next(&at))
        lp_free(at.value);
    idmap_release(&s->nodes);
    stream_groups_release(s);
    mem_free(s);
}

struct stream *stream_dup(const struct stream *s)
{
    struct stream *copy = mem_alloc(sizeof *copy);
    struct idmap_at at;
    *copy = *s;
    copy->nodes = (struct idmap){0};
    copy->groups = (struct stream_names){0};
    for (bool there = idmap_first(&s->nodes, &at); there; there = idmap_next(&at))
        idmap_put(&copy->nodes, at.id, lp_dup(at.value));
    stream_groups_copy(copy, s);
    return copy;
}

size_t stream_mem_bytes(const struct stream *s)
{
    size_t n = mem_usable(s) + idmap_mem_bytes(&s->nodes) + stream_groups_mem_bytes(s);
    struct idmap_at at;
    for (bool there = idmap_first(&s->nodes, &at); there; there = idmap_next(&at))
        n += mem_usable(at.value);
    return n;
}

/* ---- ids ----------------------------------------------------------------------------------------
 */

unsigned id_format(char *to, struct id id)
{
    unsigned n = num_format_uint(to, id.ms);
    to[n++] = '-';
    return n + num_format_uint(to + n, id.seq);
}

bool id_increment(struct id *id)
{
    if (id->seq == UINT64_MAX) {
        if (id->ms == UINT64_MAX)
            return false;
        *id = (struct id){id->ms + 1, 0};
    } else {
        id->seq++;
    }
    return true;
}

bool id_decrement(struct id *id)
{
    if (id->seq == 0) {
        if (id->ms == 0)
            return false;
        *id = (struct id){id->ms - 1, UINT64_MAX};
    } else {
        id->seq--;
    }
    return true;
}

/* ---- adding -------------------------------------------------------------------------------------
 */

bool stream_takes(size_t bytes, size_t nfields)
{
    return nfields < LP_BYTES_MAX / (2 * PART_BYTES) &&
           bytes < LP_BYTES_MAX - HEAD_BYTES - nfields * 2 * PART_BYTES;
}

static bool block_is_full(const uint8_t *block, size_t bytes, size_t nfields,
                          struct stream_limits limits)
{
    struct stream_block_counts counts = stream_block_counts(block);
    if (!stream_takes(lp_bytes(block) + bytes, nfields))
        return true;
    if (limits.block_bytes && lp_bytes(block) + bytes >= limits.block_bytes)
        return true;
    return limits.block_entries && (uint64_t)(counts.live + counts.deleted) >= limits.block_entries;
}

void stream_append(struct stream *s, struct id id, const struct bytes *parts, size_t nfields,
                   struct stream_limits limits)
{
    struct idmap_at at;
    size_t bytes = 0;
    for (size_t i = 0; i < 2 * nfields; i++)
        bytes += parts[i].n;
    bool there = idmap_last(&s->nodes, &at);
    if (there && !block_is_full(at.value, bytes, nfields, limits)) {
        idmap_set(&at, stream_block_append(at.value, at.id, id, parts, nfields));
    } else {
        uint8_t *block = stream_block_new(parts, nfields);
        idmap_put(&s->nodes, id, stream_block_append(block, id, id, parts, nfields));
    }
    if (s->length++ == 0)
        s->first_id = id;
    s->last_id = id;
    s->entries_added++;
}

void stream_set_last(struct stream *s, struct id last_id)
{
    s->last_id = last_id;
}

bool stream_load_block(struct stream *s, struct id id, uint8_t *block)
{
    struct stream_packed e;
    struct id last = s->last_id;
    int64_t live = stream_block_counts(block).live;
    bool there = stream_block_first(block, id, &e);
    if (live == 0 || !there || id_cmp(e.id, id) != 0)
        return false;
    for (; there; there = stream_block_next(block, id, &e)) {
        if (id_cmp(e.id, last) <= 0) /* 0-0 is no entry's id */
            return false;
        last = e.id;
    }
    idmap_put(&s->nodes, id, block);
    s->last_id = last;
    s->length += (uint64_t)live;
    return true;
}

/* ---- walking ------------------------------------------------------------------------------------
 */

void stream_iter_init(struct stream_iter *it, const struct stream *s, struct id low, struct id high,
                      bool reverse)
{
    *it = (struct stream_iter){.low = low, .high = high, .reverse = reverse};
    if (id_cmp(low, high) > 0)
        return;
    if (!idmap_le(&s->nodes, reverse ? high : low, &it->node) && !reverse)
        idmap_first(&s->nodes, &it->node);
}

/* The next entry of any kind, over the blocks. */
static bool step(struct stream_iter *it)
{
    bool (*edge)(const uint8_t *, struct id, struct stream_packed *) =
        it->reverse ? stream_block_last : stream_block_first;
    bool (*near)(const uint8_t *, struct id, struct stream_packed *) =
        it->reverse ? stream_block_prev : stream_block_next;
    if (!it->node.leaf)
        return false;
    if (it->begun && near(it->node.value, it->node.id, &it->entry))
        return true;
    if (it->begun && !(it->reverse ? idmap_prev(&it->node) : idmap_next(&it->node)))
        return false;
    it->begun = true;
    return edge(it->node.value, it->node.id, &it->entry);
}

bool stream_iter_next(struct stream_iter *it)
{
    while (step(it)) {
        bool below = id_cmp(it->entry.id, it->low)<0, above = id_cmp(it->entry.id, it->high)> 0;
        if (it->reverse ? below : above) {
            it->node.leaf = NULL;
            return false;
        }
        if (below || above || it->entry.flags & STREAM_DELETED)
            continue;
        it->passed = 0;
        it->field_at = it->entry.fields;
        it->value_at = it->entry.values;
        return true;
    }
    it->node.leaf = NULL;
    return false;
}

bool stream_iter_field(struct stream_iter *it, struct stream_item *item)
{
    const uint8_t *block = it->node.value, *value = it->value_at;
    if (it->passed++ == it->entry.nfields)
        return false;
    if (value)
        it->value_at = lp_next(block, value);
    else
        value = lp_next(block, it->field_at);
    item->field = lp_get_bytes(it->field_at, item->scratch[0]);
    item->value = lp_get_bytes(value, item->scratch[1]);
    it->field_at = lp_next(block, it->entry.values ? it->field_at : value);
    return true;
}

/* ---- one entry ----------------------------------------------------------------------------------
 */

/* The entry, as the walk's present one. */
static bool find(const struct stream *s, struct id id, struct stream_iter *it)
{
    stream_iter_init(it, s, id, id, false);
    return stream_iter_next(it);
}

bool stream_has(const struct stream *s, struct id id)
{
    struct stream_iter it;
    return find(s, id, &it);
}

bool stream_last_entry(const struct stream *s, struct id *id)
{
    struct stream_iter it;
    stream_iter_init(&it, s, ID_MIN, ID_MAX, true);
    bool there = stream_iter_next(&it);
    if (there)
        *id = it.entry.id;
    return there;
}

void stream_find_first_id(struct stream *s)
{
    struct stream_iter it;
    stream_iter_init(&it, s, ID_MIN, ID_MAX, false);
    s->first_id = stream_iter_next(&it) ? it.entry.id : ID_MIN;
}

bool stream_delete(struct stream *s, struct id id)
{
    struct stream_iter it;
    if (!find(s, id, &it))
        return false;
    uint8_t *block = it.node.value;
    if (stream_block_counts(block).live == 1) {
        lp_free(idmap_take(&s->nodes, it.node.id));
    } else {
        idmap_set(&it.node, stream_block_mark(block, &it.entry.flags_at, 1));
    }
    s->length--;
    if (id_cmp(id, s->max_deleted) > 0)
        s->max_deleted = id;
    if (id_cmp(id, s->first_id) == 0)
        stream_find_first_id(s);
    return true;
}

/* ---- counters -----------------------------------------------------------------------------------
 */

bool stream_has_gap_after(const struct stream *s, struct id from)
{
    if (s->length == 0 || id_cmp(s->max_deleted, ID_MIN) == 0 ||
        id_cmp(s->first_id, s->max_deleted) > 0)
        return false;
    return id_cmp(from, s->max_deleted) <= 0;
}

int64_t stream_count_up_to(const struct stream *s, struct id id)
{
    int last = id_cmp(id, s->last_id), first = id_cmp(id, s->first_id);
    int64_t added = (int64_t)s->entries_added, length = (int64_t)s->length;
    if (added == 0)
        return 0;
    if (length == 0 && last <= 0)
        return added;
    if (id_cmp(id, ID_MIN) != 0 && id_cmp(id, s->max_deleted) < 0)
        return -1;
    if (last >= 0)
        return last == 0 ? added : -1;
    bool whole = id_cmp(s->max_deleted, ID_MIN) == 0 || id_cmp(s->max_deleted, s->first_id) < 0;
    if (!whole || first > 0)
        return -1;
    return first < 0 ? added - length : added - length + 1;
}

/* ---- integrity ----------------------------------------------------------------------------------
 */

static void require(bool holds)
{
    if (!holds)
        abort();
}

void stream_check(const struct stream *s)
{
    struct idmap_at at;
    struct stream_packed e;
    struct id last = ID_MIN, first = ID_MIN;
    uint64_t length = 0, live;
    idmap_check(&s->nodes);
    for (bool there = idmap_first(&s->nodes, &at); there; there = idmap_next(&at)) {
        require(stream_block_valid(at.value, lp_bytes(at.value)));
        require(stream_block_first(at.value, at.id, &e) && id_cmp(e.id, at.id) == 0);
        live = 0;
        do {
            require(id_cmp(e.id, last) > 0);
            last = e.id;
            live += !(e.flags & STREAM_DELETED);
            if (live == 1 && length == 0 && !(e.flags & STREAM_DELETED))
                first = e.id;
        } while (stream_block_next(at.value, at.id, &e));
        require(live > 0);
        length += live;
    }
    require(length == s->length && id_cmp(last, s->last_id) <= 0 &&
            id_cmp(first, s->first_id) == 0);
    stream_groups_check(s);
}

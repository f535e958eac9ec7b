/* Trimming: the oldest blocks go as a whole, the block at the border entry by entry. */
#include "base/mem.h"
#include "ds/listpack.h"
#include "types/stream_group.h"

/* A trim under way. */
struct trimming {
    struct stream *s;
    const struct stream_trim *t;
    uint64_t removed;
};

/* Is enough removed, so that an entry of this id stays? */
static bool stays(const struct trimming *m, struct id id)
{
    if (m->t->by_id)
        return id_cmp(id, m->t->min) >= 0;
    return m->s->length <= m->t->length;
}

/* Does every entry of the block have to go? */
static bool goes_whole(const struct trimming *m, const uint8_t *block, struct id block_id)
{
    struct stream_packed last;
    if (!m->t->by_id)
        return m->s->length - (uint64_t)stream_block_counts(block).live >= m->t->length;
    return stream_block_last(block, block_id, &last) && id_cmp(last.id, m->t->min) < 0;
}

static void remove_block(struct trimming *m, struct id block_id)
{
    uint8_t *block = idmap_take(&m->s->nodes, block_id);
    uint64_t live = (uint64_t)stream_block_counts(block).live;
    lp_free(block);
    m->s->length -= live;
    m->removed += live;
}

/* Removes what has to go of a block, entry by entry. */
static void remove_entries(struct trimming *m, struct idmap_at *at)
{
    uint8_t *block = at->value, **marks;
    struct stream_block_counts counts = stream_block_counts(block);
    struct stream_packed e;
    size_t n = 0;
    marks = mem_alloc((size_t)counts.live * sizeof *marks);
    for (bool there = stream_block_first(block, at->id, &e); there && !stays(m, e.id);
         there = stream_block_next(block, at->id, &e)) {
        if (e.flags & STREAM_DELETED ||
            (m->t->refs == STREAM_ACKED && stream_is_needed(m->s, e.id)))
            continue;
        if (m->t->refs == STREAM_DELETE_REFS)
            stream_drop_refs(m->s, e.id);
        marks[n++] = e.flags_at;
        m->s->length--;
    }
    m->removed += n;
    if (n == (size_t)counts.live)
        lp_free(idmap_take(&m->s->nodes, at->id));
    else if (n > 0)
        idmap_set(at, stream_block_mark(block, marks, n));
    mem_free(marks);
}

uint64_t stream_trim(struct stream *s, const struct stream_trim *t)
{
    struct trimming m = {.s = s, .t = t};
    struct idmap_at at;
    bool there = idmap_first(&s->nodes, &at);
    while (there && !stays(&m, at.id)) {
        struct id id = at.id;
        bool whole = goes_whole(&m, at.value, id);
        uint64_t live = (uint64_t)stream_block_counts(at.value).live;
        if ((!whole && t->approx) || (t->limit && m.removed + live > t->limit))
            break;
        if (whole && t->refs == STREAM_KEEP_REFS)
            remove_block(&m, id);
        else
            remove_entries(&m, &at);
        there =
            (whole || t->refs == STREAM_ACKED) && id_increment(&id) && idmap_ge(&s->nodes, id, &at);
    }
    if (m.removed)
        stream_find_first_id(s);
    return m.removed;
}

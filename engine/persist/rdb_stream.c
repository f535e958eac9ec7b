/* Streams: the blocks as they are, each under its id; then length, last id and from RDB_STREAM_2 on first id, highest
 * deleted id and the count of all entries; then the groups.
 *
 *   group      name, last id, entries read (from RDB_STREAM_2 on), its pending entries, its consumers
 *   pending    id (16 bytes BE), u64 time of delivery, deliveries
 *   consumer   name, u64 time seen, u64 time of success (RDB_STREAM_3), the ids of its pending entries
 *
 * Written is RDB_STREAM_2, which 7.0 reads: a consumer's time of success is the time it was seen then. */
#include <endian.h>

#include "base/mem.h"
#include "ds/listpack.h"
#include "persist/rdb_value.h"
#include "types/stream_group.h"

#define ID_BYTES 16

/* ---- writing --------------------------------------------------------------------------------- */

static void pack_id(struct id id, char *to)
{
    uint64_t be[2] = {htobe64(id.ms), htobe64(id.seq)};
    memcpy(to, be, sizeof be);
}

static void write_raw_id(struct rdb_writer *w, struct id id)
{
    char raw[ID_BYTES];
    pack_id(id, raw);
    rdb_write_raw(w, bytes_of(raw, sizeof raw));
}

static void write_id(struct rdb_writer *w, struct id id)
{
    rdb_write_length(w, id.ms);
    rdb_write_length(w, id.seq);
}

static void write_blocks(struct rdb_writer *w, const struct stream *s)
{
    struct idmap_at at;
    char raw[ID_BYTES];
    rdb_write_length(w, s->nodes.n);
    for (bool there = idmap_first(&s->nodes, &at); there; there = idmap_next(&at)) {
        pack_id(at.id, raw);
        rdb_write_string(w, bytes_of(raw, sizeof raw));
        rdb_write_string(w, bytes_of(at.value, lp_bytes(at.value)));
    }
}

static void write_pending(struct rdb_writer *w, const struct idmap *pending, bool with_times)
{
    struct idmap_at at;
    rdb_write_length(w, pending->n);
    for (bool there = idmap_first(pending, &at); there; there = idmap_next(&at)) {
        const struct stream_nack *nack = at.value;
        write_raw_id(w, at.id);
        if (!with_times)
            continue;
        rdb_write_u64(w, (uint64_t)nack->delivered_at_ms);
        rdb_write_length(w, nack->deliveries);
    }
}

static void write_group(struct rdb_writer *w, const struct stream_group *g)
{
    rdb_write_string(w, g->name);
    write_id(w, g->last_id);
    rdb_write_length(w, (uint64_t)g->entries_read);
    write_pending(w, &g->pending, true);
    rdb_write_length(w, g->consumers.n);
    for (size_t i = 0; i < g->consumers.n; i++) {
        const struct stream_consumer *c = stream_consumer_at(g, i);
        rdb_write_string(w, c->name);
        rdb_write_u64(w, (uint64_t)c->seen_at_ms);
        write_pending(w, &c->pending, false);
    }
}

void rdb_write_stream(struct rdb_writer *w, const struct stream *s)
{
    write_blocks(w, s);
    rdb_write_length(w, s->length);
    write_id(w, s->last_id);
    write_id(w, s->first_id);
    write_id(w, s->max_deleted);
    rdb_write_length(w, s->entries_added);
    rdb_write_length(w, s->groups.n);
    for (size_t i = 0; i < s->groups.n; i++)
        write_group(w, stream_group_at(s, i));
}

/* ---- reading: blocks and counters ------------------------------------------------------------- */

static struct id unpack_id(const char *raw)
{
    uint64_t be[2];
    memcpy(be, raw, sizeof be);
    return (struct id){be64toh(be[0]), be64toh(be[1])};
}

static bool read_raw_id(struct rdb_reader *r, struct id *id)
{
    struct bytes raw;
    if (!rdb_read_raw(r, ID_BYTES, &raw))
        return false;
    *id = unpack_id(raw.p);
    return true;
}

static bool read_id(struct rdb_reader *r, struct id *id)
{
    return rdb_read_length(r, &id->ms) && rdb_read_length(r, &id->seq);
}

static bool read_block_id(struct rdb_reader *r, struct id *id)
{
    struct rdb_text text;
    if (!rdb_read_text(r, &text))
        return false;
    bool ok = text.s.n == ID_BYTES;
    if (ok)
        *id = unpack_id(text.s.p);
    rdb_text_release(&text);
    return ok;
}

static bool read_block(struct rdb_reader *r, struct stream *s)
{
    struct rdb_text text;
    struct id id;
    if (!read_block_id(r, &id) || !rdb_read_text(r, &text))
        return false;
    size_t n = text.s.n;
    uint8_t *block = rdb_text_take(&text);
    if (n < LP_BYTES_MAX && stream_block_valid(block, n) && stream_load_block(s, id, block))
        return true;
    lp_free(block);
    return false;
}

static bool read_counters(struct rdb_reader *r, struct stream *s, int version)
{
    uint64_t length;
    struct id last, first;
    if (!rdb_read_length(r, &length) || !read_id(r, &last) || length != s->length ||
        id_cmp(last, s->last_id) < 0)
        return false;
    s->last_id = last;
    stream_find_first_id(s); /* the one in the file is not needed */
    s->entries_added = length;
    if (version == 1)
        return true;
    return read_id(r, &first) && read_id(r, &s->max_deleted) &&
           rdb_read_length(r, &s->entries_added) && s->entries_added >= length &&
           s->entries_added <= INT64_MAX && id_cmp(s->max_deleted, last) <= 0;
}

/* ---- reading: groups -------------------------------------------------------------------------- */

/* A group's pending entries, ascending, until their consumers are known. */
struct pending {
    struct id id;
    int64_t delivered_at_ms;
    uint64_t deliveries;
    bool taken;
};

struct group_reading {
    struct rdb_reader *r;
    struct stream_group *g;
    struct pending *pending;
    size_t n, taken;
    int version;
};

/* Times before 1970 and after year 292 million are none; -1 stands for never. */
static bool read_time(struct rdb_reader *r, int64_t least, int64_t *ms)
{
    uint64_t v;
    if (!rdb_read_u64(r, &v))
        return false;
    *ms = (int64_t)v;
    return *ms >= least;
}

static bool read_pending(struct group_reading *in)
{
    if (!rdb_read_count(in->r, ID_BYTES + sizeof(uint64_t) + 1, &in->n))
        return false;
    in->pending = mem_alloc(in->n * sizeof *in->pending);
    for (size_t i = 0; i < in->n; i++) {
        struct pending *p = &in->pending[i];
        p->taken = false;
        if (!read_raw_id(in->r, &p->id) || !read_time(in->r, 0, &p->delivered_at_ms) ||
            !rdb_read_length(in->r, &p->deliveries) || p->deliveries > INT64_MAX ||
            (i > 0 && id_cmp(p[-1].id, p->id) >= 0))
            return false;
    }
    return true;
}

static struct pending *find_pending(const struct group_reading *in, struct id id)
{
    size_t low = 0, high = in->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int c = id_cmp(in->pending[mid].id, id);
        if (c == 0)
            return &in->pending[mid];
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

static bool read_consumer_pending(struct group_reading *in, struct stream_consumer *c)
{
    size_t n;
    if (!rdb_read_count(in->r, ID_BYTES, &n))
        return false;
    for (size_t i = 0; i < n; i++) {
        struct id id;
        struct pending *p;
        if (!read_raw_id(in->r, &id) || !(p = find_pending(in, id)) || p->taken)
            return false;
        p->taken = true;
        in->taken++;
        stream_nack_add(in->g, c, id, p->delivered_at_ms, p->deliveries);
    }
    return true;
}

static bool read_consumer(struct group_reading *in)
{
    struct rdb_text name;
    if (!rdb_read_text(in->r, &name))
        return false;
    struct stream_consumer *c = stream_consumer_create(in->g, name.s, 0);
    rdb_text_release(&name);
    if (!c || !read_time(in->r, 0, &c->seen_at_ms))
        return false;
    c->active_at_ms = c->seen_at_ms;
    if (in->version >= 3 && !read_time(in->r, -1, &c->active_at_ms))
        return false;
    return read_consumer_pending(in, c);
}

static bool read_members(struct group_reading *in)
{
    size_t consumers;
    if (!read_pending(in) || !rdb_read_count(in->r, 2 + sizeof(uint64_t), &consumers))
        return false;
    for (size_t i = 0; i < consumers; i++) {
        if (!read_consumer(in))
            return false;
    }
    return in->taken == in->n;
}

static bool read_group_head(struct rdb_reader *r, struct stream *s, int version,
                            struct stream_group **g)
{
    struct rdb_text name;
    struct id last;
    uint64_t entries_read;
    if (!rdb_read_text(r, &name))
        return false;
    bool ok = read_id(r, &last);
    if (ok && version == 1)
        entries_read = (uint64_t)stream_count_up_to(s, last);
    else
        ok = ok && rdb_read_length(r, &entries_read) && (int64_t)entries_read >= STREAM_UNKNOWN;
    *g = ok ? stream_group_create(s, name.s, last, (int64_t)entries_read) : NULL;
    rdb_text_release(&name);
    return *g != NULL;
}

static bool read_groups(struct rdb_reader *r, struct stream *s, int version)
{
    size_t n;
    bool ok = rdb_read_count(r, 5, &n);
    for (size_t i = 0; ok && i < n; i++) {
        struct group_reading in = {.r = r, .version = version};
        ok = read_group_head(r, s, version, &in.g) && read_members(&in);
        mem_free(in.pending);
    }
    return ok;
}

struct stream *rdb_read_stream(struct rdb_reader *r, unsigned rdb_type)
{
    struct stream *s = stream_new();
    int version = rdb_type == RDB_STREAM ? 1 : rdb_type == RDB_STREAM_2 ? 2 : 3;
    size_t blocks;
    bool ok = rdb_read_count(r, ID_BYTES + 2, &blocks);
    for (size_t i = 0; ok && i < blocks; i++)
        ok = read_block(r, s);
    if (ok && read_counters(r, s, version) && read_groups(r, s, version))
        return s;
    stream_free(s);
    return NULL;
}

/* Hashes. Two forms carry deadlines of fields, both as Redis 7.4 has them: after u64 of the earliest one
 *   RDB_HASH_METADATA      count, then deadline less the earliest plus 1 (0: none), field, value
 *   RDB_HASH_LISTPACK_EX   a listpack of field, value, deadline (0: none)
 * Read are also those of its release candidates, without the earliest one (and with deadlines as they are), and
 *   RDB_HASH_VALKEY        count, then field, value, i64 deadline (-1: none) */
#include "ds/listpack.h"
#include "persist/rdb_pack.h"
#include "persist/rdb_value.h"

/* As in Redis, which keeps deadlines in 48 bits. */
#define DEADLINE_MAX (((uint64_t)1 << 48) - 2)

/* ---- writing --------------------------------------------------------------------------------- */

static bool is_packed(const struct hash *h)
{
    return strcmp(hash_encoding(h), "hashtable") != 0;
}

enum rdb_type rdb_type_of_hash(const struct hash *h)
{
    if (hash_next_expiry_ms(h) != 0)
        return is_packed(h) ? RDB_HASH_LISTPACK_EX : RDB_HASH_METADATA;
    return is_packed(h) ? RDB_HASH_LISTPACK : RDB_HASH;
}

static void write_packed(struct rdb_writer *w, const struct hash *h, bool timed, uint64_t now_ms)
{
    struct hash_iter it;
    struct hash_item item;
    uint8_t *lp = lp_new(0);
    hash_iter_init(&it, h, now_ms);
    while (hash_iter_next(&it, &item)) {
        lp = lp_append(lp, item.field);
        lp = lp_append(lp, item.value);
        if (timed)
            lp = lp_append_int(lp, (int64_t)item.expire_at_ms);
    }
    rdb_write_string(w, bytes_of(lp, lp_bytes(lp)));
    lp_free(lp);
}

static void write_fields(struct rdb_writer *w, const struct hash *h, uint64_t first_ms,
                         uint64_t now_ms)
{
    struct hash_iter it;
    struct hash_item item;
    rdb_write_length(w, hash_length(h, now_ms));
    hash_iter_init(&it, h, now_ms);
    while (hash_iter_next(&it, &item)) {
        if (first_ms)
            rdb_write_length(w, item.expire_at_ms ? item.expire_at_ms - first_ms + 1 : 0);
        rdb_write_string(w, item.field);
        rdb_write_string(w, item.value);
    }
}

void rdb_write_hash(struct rdb_writer *w, const struct hash *h, uint64_t now_ms)
{
    uint64_t first_ms = hash_next_expiry_ms(h);
    if (first_ms)
        rdb_write_u64(w, first_ms);
    if (is_packed(h))
        write_packed(w, h, first_ms != 0, now_ms);
    else
        write_fields(w, h, first_ms, now_ms);
}

/* ---- reading --------------------------------------------------------------------------------- */

struct reading {
    struct hash *h;
    struct hash_write write;
};

/* One that is due is left out. False: the field comes twice. */
static bool add_field(struct reading *in, struct bytes field, struct bytes value,
                      uint64_t deadline_ms)
{
    if (deadline_ms && deadline_ms <= in->write.now_ms)
        return true;
    in->write.expire_at_ms = deadline_ms;
    return hash_set(in->h, field, value, &in->write);
}

static bool add_pair(const struct bytes *group, void *ctx)
{
    return add_field(ctx, group[0], group[1], 0);
}

static bool add_triple(const struct bytes *group, void *ctx)
{
    uint64_t deadline_ms;
    return num_parse_uint(group[2], &deadline_ms) && deadline_ms <= DEADLINE_MAX &&
           add_field(ctx, group[0], group[1], deadline_ms);
}

static bool read_pack(struct rdb_reader *r, struct reading *in, enum rdb_pack form, unsigned n)
{
    struct rdb_text pack;
    if (!rdb_read_text(r, &pack))
        return false;
    bool ok = rdb_pack_groups(form, pack.s, n, n == 3 ? add_triple : add_pair, in);
    rdb_text_release(&pack);
    return ok;
}

/* Where the field's deadline stands. */
enum timing { TIMING_NONE, TIMING_BEFORE, TIMING_BEHIND };

/* -1 is none. */
static bool read_deadline_behind(struct rdb_reader *r, uint64_t *deadline_ms)
{
    if (!rdb_read_u64(r, deadline_ms))
        return false;
    if (*deadline_ms == UINT64_MAX)
        *deadline_ms = 0;
    return *deadline_ms <= DEADLINE_MAX;
}

static bool read_field(struct rdb_reader *r, struct reading *in, uint64_t deadline_ms, bool behind)
{
    struct rdb_text field, value;
    if (!rdb_read_text(r, &field))
        return false;
    bool ok = rdb_read_text(r, &value);
    if (ok) {
        ok = (!behind || read_deadline_behind(r, &deadline_ms)) &&
             add_field(in, field.s, value.s, deadline_ms);
        rdb_text_release(&value);
    }
    rdb_text_release(&field);
    return ok;
}

/* first_ms: what a deadline before its field is counted from. */
static bool read_fields(struct rdb_reader *r, struct reading *in, enum timing timing,
                        uint64_t first_ms)
{
    uint64_t after = 0;
    size_t n;
    if (!rdb_read_count(r, 2, &n) || n == 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (timing == TIMING_BEFORE &&
            (!rdb_read_length(r, &after) || after > DEADLINE_MAX - first_ms))
            return false;
        if (!read_field(r, in, after ? first_ms + after : 0, timing == TIMING_BEHIND))
            return false;
    }
    return true;
}

static bool read_first(struct rdb_reader *r, uint64_t *first_ms)
{
    return rdb_read_u64(r, first_ms) && *first_ms <= DEADLINE_MAX;
}

static bool read_form(struct rdb_reader *r, unsigned rdb_type, struct reading *in)
{
    uint64_t first_ms;
    switch (rdb_type) {
    case RDB_HASH:
        return read_fields(r, in, TIMING_NONE, 0);
    case RDB_HASH_METADATA: /* counted from 1 ms before the earliest, also where that is 0 */
        return read_first(r, &first_ms) && read_fields(r, in, TIMING_BEFORE, first_ms - 1);
    case RDB_HASH_METADATA_RC:
        return read_fields(r, in, TIMING_BEFORE, 0);
    case RDB_HASH_VALKEY:
        return read_fields(r, in, TIMING_BEHIND, 0);
    case RDB_HASH_LISTPACK_EX:
        return read_first(r, &first_ms) && read_pack(r, in, RDB_PACK_LISTPACK, 3);
    case RDB_HASH_LISTPACK_EX_RC:
        return read_pack(r, in, RDB_PACK_LISTPACK, 3);
    case RDB_HASH_LISTPACK:
        return read_pack(r, in, RDB_PACK_LISTPACK, 2);
    case RDB_HASH_ZIPLIST:
        return read_pack(r, in, RDB_PACK_ZIPLIST, 2);
    default:
        return read_pack(r, in, RDB_PACK_ZIPMAP, 2);
    }
}

struct hash *rdb_read_hash(struct rdb_reader *r, unsigned rdb_type,
                           const struct rdb_settings *settings)
{
    bool timed = rdb_type >= RDB_HASH_METADATA_RC; /* all fields may be due */
    struct reading in = {hash_new(), {.limits = settings->hash, .now_ms = settings->now_ms}};
    if (read_form(r, rdb_type, &in) && (timed || hash_length_all(in.h) > 0))
        return in.h;
    hash_free(in.h);
    return NULL;
}

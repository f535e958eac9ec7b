/* Sorted sets. A listpack has member, score ... in ascending order; RDB_ZSET_2 has them in descending order, as
 * Redis writes it so that it can read it by adding at the head. */
#include <math.h>

#include "ds/listpack.h"
#include "persist/rdb_pack.h"
#include "persist/rdb_value.h"

static bool is_packed(const struct zset *z)
{
    return strcmp(zset_encoding(z), "listpack") == 0;
}

enum rdb_type rdb_type_of_zset(const struct zset *z)
{
    return is_packed(z) ? RDB_ZSET_LISTPACK : RDB_ZSET_2;
}

/* Adding 0 makes 0 of -0, as in the listpack of the set. */
static void write_packed(struct rdb_writer *w, const struct zset *z)
{
    struct zset_iter it;
    struct zset_item item;
    char text[NUM_DOUBLE_MAX];
    uint8_t *lp = lp_new(0);
    zset_iter_init(&it, z, 0, false);
    while (zset_iter_next(&it, &item)) {
        lp = lp_append(lp, item.member);
        lp = lp_append(lp, bytes_of(text, num_format_double(text, item.score + 0.0)));
    }
    rdb_write_string(w, bytes_of(lp, lp_bytes(lp)));
    lp_free(lp);
}

void rdb_write_zset(struct rdb_writer *w, const struct zset *z)
{
    struct zset_iter it;
    struct zset_item item;
    if (is_packed(z)) {
        write_packed(w, z);
        return;
    }
    rdb_write_length(w, zset_length(z));
    zset_iter_init(&it, z, zset_length(z) - 1, true);
    while (zset_iter_next(&it, &item)) {
        rdb_write_string(w, item.member);
        rdb_write_double(w, item.score);
    }
}

/* ---- reading --------------------------------------------------------------------------------- */

struct reading {
    struct zset *z;
    struct zset_limits limits;
};

static bool add_member(struct reading *in, struct bytes member, double score)
{
    return !isnan(score) && zset_add(in->z, in->limits, member, &score, 0) == ZSET_ADDED;
}

static bool add_pair(const struct bytes *group, void *ctx)
{
    double score;
    return num_parse_double(group[1], &score) && add_member(ctx, group[0], score);
}

static bool read_pack(struct rdb_reader *r, struct reading *in, enum rdb_pack form)
{
    struct rdb_text pack;
    if (!rdb_read_text(r, &pack))
        return false;
    bool ok = rdb_pack_groups(form, pack.s, 2, add_pair, in);
    rdb_text_release(&pack);
    return ok;
}

static bool read_members(struct rdb_reader *r, struct reading *in, bool binary)
{
    size_t n;
    if (!rdb_read_count(r, 2, &n))
        return false;
    for (size_t i = 0; i < n; i++) {
        struct rdb_text member;
        double score;
        if (!rdb_read_text(r, &member))
            return false;
        bool ok = binary ? rdb_read_double(r, &score) : rdb_read_text_double(r, &score);
        ok = ok && add_member(in, member.s, score);
        rdb_text_release(&member);
        if (!ok)
            return false;
    }
    return true;
}

static bool read_form(struct rdb_reader *r, unsigned rdb_type, struct reading *in)
{
    switch (rdb_type) {
    case RDB_ZSET_LISTPACK:
        return read_pack(r, in, RDB_PACK_LISTPACK);
    case RDB_ZSET_ZIPLIST:
        return read_pack(r, in, RDB_PACK_ZIPLIST);
    default:
        return read_members(r, in, rdb_type == RDB_ZSET_2);
    }
}

struct zset *rdb_read_zset(struct rdb_reader *r, unsigned rdb_type,
                           const struct rdb_settings *settings)
{
    struct reading in = {zset_new(), settings->zset};
    if (read_form(r, rdb_type, &in) && zset_length(in.z) > 0)
        return in.z;
    zset_free(in.z);
    return NULL;
}

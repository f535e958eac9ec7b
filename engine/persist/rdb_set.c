/* Sets: an intset as it is, else the members. (Redis 7.2's listpack is read, but not written: 7.0 does not know it.) */
#include "ds/intset.h"
#include "persist/rdb_pack.h"
#include "persist/rdb_value.h"

enum rdb_type rdb_type_of_set(const struct set *s)
{
    return set_form(s) == SET_INTS ? RDB_SET_INTSET : RDB_SET;
}

void rdb_write_set(struct rdb_writer *w, const struct set *s)
{
    struct set_iter it;
    struct set_item item;
    if (set_form(s) == SET_INTS) {
        rdb_write_string(w, bytes_of(set_block(s), intset_bytes(set_block(s))));
        return;
    }
    rdb_write_length(w, set_length(s));
    set_iter_init(&it, s);
    while (set_iter_next(&it, &item))
        rdb_write_string(w, item.member);
}

/* ---- reading --------------------------------------------------------------------------------- */

struct reading {
    struct set *s;
    const struct set_limits *limits;
};

static bool add_member(struct bytes member, void *ctx)
{
    struct reading *in = ctx;
    return set_add(in->s, member, in->limits);
}

static bool add_ints(struct reading *in, const uint8_t *is)
{
    char text[NUM_INT_MAX];
    size_t n = intset_length(is);
    set_expect(in->s, n, in->limits);
    for (size_t i = 0; i < n; i++) {
        if (!add_member(bytes_of(text, num_format_int(text, intset_get(is, i))), in))
            return false;
    }
    return true;
}

static bool read_ints(struct rdb_reader *r, struct reading *in)
{
    struct rdb_text text;
    if (!rdb_read_text(r, &text))
        return false;
    size_t n = text.s.n;
    uint8_t *is = rdb_text_take(&text);
    bool ok = intset_validate(is, n);
    if (ok && intset_length(is) <= in->limits->intset) {
        set_free(in->s);
        in->s = set_of_block(SET_INTS, is);
        return true;
    }
    ok = ok && add_ints(in, is);
    intset_free(is);
    return ok;
}

static bool read_pack(struct rdb_reader *r, struct reading *in)
{
    struct rdb_text pack;
    if (!rdb_read_text(r, &pack))
        return false;
    bool ok = rdb_pack_each(RDB_PACK_LISTPACK, pack.s, add_member, in);
    rdb_text_release(&pack);
    return ok;
}

static bool read_members(struct rdb_reader *r, struct reading *in)
{
    size_t n;
    if (!rdb_read_count(r, 1, &n))
        return false;
    set_expect(in->s, n, in->limits);
    for (size_t i = 0; i < n; i++) {
        struct rdb_text member;
        if (!rdb_read_text(r, &member))
            return false;
        bool is_new = add_member(member.s, in);
        rdb_text_release(&member);
        if (!is_new)
            return false;
    }
    return true;
}

struct set *rdb_read_set(struct rdb_reader *r, unsigned rdb_type,
                         const struct rdb_settings *settings)
{
    struct reading in = {set_new(), &settings->set};
    bool ok = rdb_type == RDB_SET_INTSET     ? read_ints(r, &in)
              : rdb_type == RDB_SET_LISTPACK ? read_pack(r, &in)
                                             : read_members(r, &in);
    if (ok && set_length(in.s) > 0)
        return in.s;
    set_free(in.s);
    return NULL;
}

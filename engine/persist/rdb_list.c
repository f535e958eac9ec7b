/* Lists: blocks of listpacks as they are (RDB_LIST_QUICKLIST_2). */
#include "ds/listpack.h"
#include "persist/rdb_pack.h"
#include "persist/rdb_value.h"
#include "types/list.h"

void rdb_write_list(struct rdb_writer *w, const struct list *l)
{
    size_t n = list_blocks(l);
    rdb_write_length(w, n);
    for (size_t i = 0; i < n; i++) {
        const uint8_t *lp = list_block(l, i);
        rdb_write_length(w, RDB_BLOCK_PACKED);
        rdb_write_string(w, bytes_of(lp, lp_bytes(lp)));
    }
}

/* ---- reading --------------------------------------------------------------------------------- */

struct reading {
    struct list *l;
    int limit;
};

static bool push(struct bytes value, void *ctx)
{
    struct reading *in = ctx;
    if (!list_takes(value.n))
        return false;
    list_push(in->l, LIST_TAIL, value, in->limit);
    return true;
}

static bool read_element(struct rdb_reader *r, struct reading *in)
{
    struct rdb_text value;
    if (!rdb_read_text(r, &value))
        return false;
    bool ok = push(value.s, in);
    rdb_text_release(&value);
    return ok;
}

static bool read_ziplist(struct rdb_reader *r, struct reading *in)
{
    struct rdb_text pack;
    if (!rdb_read_text(r, &pack))
        return false;
    bool ok = rdb_pack_each(RDB_PACK_ZIPLIST, pack.s, push, in);
    rdb_text_release(&pack);
    return ok;
}

/* An empty block is left out. */
static bool read_listpack(struct rdb_reader *r, struct reading *in)
{
    struct rdb_text text;
    if (!rdb_read_text(r, &text))
        return false;
    size_t n = text.s.n;
    uint8_t *lp = rdb_text_take(&text);
    bool ok = n < LP_BYTES_MAX && lp_validate(lp, n, NULL, NULL);
    if (ok && lp_first(lp))
        list_add_block(in->l, lp, in->limit);
    else
        lp_free(lp);
    return ok;
}

static bool read_block(struct rdb_reader *r, struct reading *in)
{
    uint64_t kind;
    if (!rdb_read_length(r, &kind))
        return false;
    return kind == RDB_BLOCK_PACKED  ? read_listpack(r, in)
           : kind == RDB_BLOCK_PLAIN ? read_element(r, in)
                                     : false;
}

static bool read_form(struct rdb_reader *r, unsigned rdb_type, struct reading *in)
{
    size_t n;
    if (rdb_type == RDB_LIST_ZIPLIST)
        return read_ziplist(r, in);
    if (!rdb_read_count(r, 1, &n))
        return false;
    for (size_t i = 0; i < n; i++) {
        bool ok = rdb_type == RDB_LIST             ? read_element(r, in)
                  : rdb_type == RDB_LIST_QUICKLIST ? read_ziplist(r, in)
                                                   : read_block(r, in);
        if (!ok)
            return false;
    }
    return true;
}

struct list *rdb_read_list(struct rdb_reader *r, unsigned rdb_type,
                           const struct rdb_settings *settings)
{
    struct reading in = {list_new(), settings->list_limit};
    if (read_form(r, rdb_type, &in) && list_length(in.l) > 0)
        return in.l;
    list_free(in.l);
    return NULL;
}

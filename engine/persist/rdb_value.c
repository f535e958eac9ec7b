#include "persist/rdb_value.h"

#include <endian.h>

#include "persist/crc64.h"
#include "types/list.h"

/* The longest part of a value that is no string: some types count them in 32 bits. */
#define PART_MAX (((size_t)1 << 31) - 64)

#define FOOTER_BYTES (sizeof(uint16_t) + sizeof(uint64_t))

/* ---- writing --------------------------------------------------------------------------------- */

enum rdb_type rdb_type_of(const struct entry *e)
{
    switch (e->type) {
    case TYPE_LIST:
        return RDB_LIST_QUICKLIST_2;
    case TYPE_SET:
        return rdb_type_of_set(entry_object(e));
    case TYPE_ZSET:
        return rdb_type_of_zset(entry_object(e));
    case TYPE_HASH:
        return rdb_type_of_hash(entry_object(e));
    case TYPE_STREAM:
        return RDB_STREAM_2;
    case TYPE_VECTORSET:
        return RDB_MODULE;
    default:
        return RDB_STRING;
    }
}

int rdb_version_of(const struct entry *e)
{
    enum rdb_type t = rdb_type_of(e);
    bool timed = t == RDB_HASH_METADATA || t == RDB_HASH_LISTPACK_EX;
    return timed ? RDB_VERSION_MAX : RDB_VERSION_PLAIN;
}

static void write_text(struct rdb_writer *w, const struct entry *e)
{
    char scratch[NUM_INT_MAX];
    int64_t v;
    if (e->encoding == ENTRY_INT && entry_string_int(e, &v))
        rdb_write_int(w, v);
    else
        rdb_write_string(w, entry_string(e, scratch));
}

void rdb_write_value(struct rdb_writer *w, const struct entry *e, uint64_t now_ms)
{
    switch (e->type) {
    case TYPE_LIST:
        rdb_write_list(w, entry_object(e));
        return;
    case TYPE_SET:
        rdb_write_set(w, entry_object(e));
        return;
    case TYPE_ZSET:
        rdb_write_zset(w, entry_object(e));
        return;
    case TYPE_HASH:
        rdb_write_hash(w, entry_object(e), now_ms);
        return;
    case TYPE_STREAM:
        rdb_write_stream(w, entry_object(e));
        return;
    case TYPE_VECTORSET:
        rdb_write_vectorset(w, entry_object(e));
        return;
    default:
        write_text(w, e);
    }
}

/* ---- reading --------------------------------------------------------------------------------- */

/* TYPE_COUNT: not a type that is known. */
static enum value_type value_type_of(unsigned rdb_type)
{
    switch (rdb_type) {
    case RDB_STRING:
        return TYPE_STRING;
    case RDB_LIST:
    case RDB_LIST_ZIPLIST:
    case RDB_LIST_QUICKLIST:
    case RDB_LIST_QUICKLIST_2:
        return TYPE_LIST;
    case RDB_SET:
    case RDB_SET_INTSET:
    case RDB_SET_LISTPACK:
        return TYPE_SET;
    case RDB_ZSET:
    case RDB_ZSET_2:
    case RDB_ZSET_ZIPLIST:
    case RDB_ZSET_LISTPACK:
        return TYPE_ZSET;
    case RDB_HASH:
    case RDB_HASH_ZIPMAP:
    case RDB_HASH_ZIPLIST:
    case RDB_HASH_LISTPACK:
    case RDB_HASH_METADATA:
    case RDB_HASH_METADATA_RC:
    case RDB_HASH_LISTPACK_EX:
    case RDB_HASH_LISTPACK_EX_RC:
    case RDB_HASH_VALKEY:
        return TYPE_HASH;
    case RDB_STREAM:
    case RDB_STREAM_2:
    case RDB_STREAM_3:
        return TYPE_STREAM;
    case RDB_MODULE:
        return TYPE_VECTORSET;
    default:
        return TYPE_COUNT;
    }
}

static void drop_empty_hash(struct rdb_value *v)
{
    v->all_due = hash_length_all(v->object) == 0;
    if (!v->all_due)
        return;
    hash_free(v->object);
    v->object = NULL;
}

bool rdb_read_value(struct rdb_reader *r, unsigned rdb_type, const struct rdb_settings *settings,
                    struct rdb_value *v)
{
    *v = (struct rdb_value){.type = value_type_of(rdb_type)};
    r->string_max = settings->string_max;
    if (v->type == TYPE_STRING)
        return rdb_read_text(r, &v->text);
    if (r->string_max > PART_MAX)
        r->string_max = PART_MAX;
    switch (v->type) {
    case TYPE_LIST:
        v->object = rdb_read_list(r, rdb_type, settings);
        break;
    case TYPE_SET:
        v->object = rdb_read_set(r, rdb_type, settings);
        break;
    case TYPE_ZSET:
        v->object = rdb_read_zset(r, rdb_type, settings);
        break;
    case TYPE_HASH:
        v->object = rdb_read_hash(r, rdb_type, settings);
        break;
    case TYPE_STREAM:
        v->object = rdb_read_stream(r, rdb_type);
        break;
    case TYPE_VECTORSET:
        v->object = rdb_read_vectorset(r);
        break;
    default:
        break;
    }
    bool ok = v->object != NULL;
    if (ok && v->type == TYPE_HASH)
        drop_empty_hash(v);
    return ok;
}

void rdb_value_release(struct rdb_value *v)
{
    if (v->object)
        type_ops[v->type]->free(v->object);
    v->object = NULL;
    rdb_text_release(&v->text);
}

/* ---- DUMP ------------------------------------------------------------------------------------ */

void rdb_dump(struct buf *out, const struct entry *e, uint64_t now_ms)
{
    struct rdb_writer w = {.out = *out};
    size_t from = out->n;
    rdb_write_byte(&w, rdb_type_of(e));
    rdb_write_value(&w, e, now_ms);
    uint16_t version = htole16((uint16_t)rdb_version_of(e));
    buf_add(&w.out, &version, sizeof version);
    rdb_write_u64(&w, crc64(0, w.out.p + from, w.out.n - from));
    *out = w.out;
}

bool rdb_dump_open(struct bytes dump, struct bytes *value)
{
    uint16_t version;
    uint64_t sum;
    if (dump.n < FOOTER_BYTES)
        return false;
    size_t n = dump.n - FOOTER_BYTES;
    memcpy(&version, dump.p + n, sizeof version);
    memcpy(&sum, dump.p + n + sizeof version, sizeof sum);
    *value = bytes_of(dump.p, n);
    return le16toh(version) <= RDB_VERSION_MAX && le64toh(sum) == crc64(0, dump.p, dump.n - 8);
}

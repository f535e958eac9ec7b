/* What RESTORE reads: a value in the RDB format, and the settings that say when packed forms are left. What is
 * taken holds its type's invariants, and written again it is read as a value of the same length.
 *
 * Input: a byte for the settings, then type and value as in a payload, without the checksum. */
#include "persist/rdb_value.h"
#include "tests/fuzz/input.h"
#include "types/list.h"
#include "types/registry.h"
#include "types/stream_group.h"
#include "types/vectorset.h"

#define NOW_MS 1000000u

static void check(const struct rdb_value *v)
{
    switch (v->type) {
    case TYPE_HASH:
        if (v->object)
            hash_check(v->object);
        break;
    case TYPE_ZSET:
        zset_check(v->object);
        break;
    case TYPE_SET:
        set_check(v->object);
        break;
    case TYPE_LIST:
        list_check(v->object);
        break;
    case TYPE_STREAM:
        stream_check(v->object);
        break;
    case TYPE_VECTORSET:
        vectorset_check(v->object);
        break;
    default:
        break;
    }
}

static size_t length_of(const struct entry *e)
{
    return e->type == TYPE_STRING ? entry_string_length(e)
                                  : type_ops[e->type]->length(entry_object(e));
}

static void write_and_read(const struct entry *e, const struct rdb_settings *settings)
{
    struct buf dump = {0};
    struct bytes inside;
    struct rdb_value v;
    unsigned type;
    rdb_dump(&dump, e, NOW_MS);
    MUST(rdb_dump_open(buf_bytes(&dump), &inside));
    struct rdb_reader r = {(const uint8_t *)inside.p, (const uint8_t *)inside.p + inside.n, 0};
    MUST(rdb_read_byte(&r, &type) && rdb_read_value(&r, type, settings, &v));
    MUST(v.type == (enum value_type)e->type && rdb_left(&r) == 0);
    check(&v);
    if (v.type == TYPE_STRING)
        MUST(v.text.s.n == length_of(e));
    else
        MUST(type_ops[v.type]->length(v.object) == length_of(e));
    rdb_value_release(&v);
    buf_release(&dump);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    unsigned bits = input_byte(&in), type;
    size_t few = bits & 1 ? 3 : 200;
    struct rdb_settings settings = {
        NOW_MS, {few, 64}, {few, 64}, {few, few, 64}, -1 - (int)(bits >> 1 & 3), 1 << 20, false};
    struct rdb_value v;
    types_register();
    char *block = input_exact(in.p, in.n);
    struct rdb_reader r = {(uint8_t *)block, (uint8_t *)block + in.n, 0};
    if (rdb_read_byte(&r, &type) && rdb_read_value(&r, type, &settings, &v)) {
        check(&v);
        struct entry *e = v.type == TYPE_STRING ? entry_new_string(BYTES("k"), v.text.s, 0)
                          : v.object            ? entry_new_object(BYTES("k"), v.type, v.object, 0)
                                                : NULL;
        if (e)
            write_and_read(e, &settings);
        v.object = NULL;
        rdb_value_release(&v);
        if (e)
            entry_free(e);
    }
    free(block);
    return 0;
}

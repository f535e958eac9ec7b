/* RDB files: each value is read as the loader reads it, and thrown away. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "keyspace/shard.h"
#include "persist/crc64.h"
#include "persist/rdb_file.h"
#include "tools/check.h"
#include "tools/rdb_settings.h"

static const char *const type_names[TYPE_COUNT] = {
    [TYPE_STRING] = "strings",       [TYPE_LIST] = "lists",  [TYPE_SET] = "sets",
    [TYPE_ZSET] = "sorted sets",     [TYPE_HASH] = "hashes", [TYPE_STREAM] = "streams",
    [TYPE_VECTORSET] = "vector sets"};

struct counts {
    uint64_t keys, parts; /* parts: bytes of strings, elements of others */
};

struct contents {
    struct counts types[TYPE_COUNT];
    struct {
        uint64_t keys, volatile_keys, due;
    } db[DB_COUNT];
    uint64_t functions, module_keys, module_aux;
    char module[10]; /* the last one seen */
    char writer[64], redis[32];
    uint64_t written_at_s;
};

/* ---- reading --------------------------------------------------------------------------------- */

static void count_value(struct contents *c, const struct rdb_value *v)
{
    struct counts *t = &c->types[v->type];
    t->keys++;
    if (v->type == TYPE_STRING)
        t->parts += v->text.s.n;
    else if (v->object)
        t->parts += type_ops[v->type]->length(v->object);
}

static bool pass_module(struct rdb_file *f, struct contents *c)
{
    c->module_keys++;
    return f->type == RDB_MODULE && rdb_module_name(&f->r, c->module) && rdb_module_skip(&f->r);
}

static bool count_key(struct rdb_file *f, struct contents *c, const struct rdb_settings *settings)
{
    struct rdb_value v;
    const uint8_t *at = f->r.at;
    c->db[f->db].keys++;
    c->db[f->db].volatile_keys += f->deadline_ms != 0;
    c->db[f->db].due += f->deadline_ms && f->deadline_ms <= clock_wall_ms();
    if (!rdb_read_value(&f->r, f->type, settings, &v)) {
        if (f->type != RDB_MODULE)
            return false;
        f->r.at = at;
        return pass_module(f, c);
    }
    count_value(c, &v);
    rdb_value_release(&v);
    return true;
}

static void note_aux(const struct rdb_file *f, struct contents *c)
{
    struct bytes value = f->value.s;
    int n = value.n < 24 ? (int)value.n : 24;
    if (bytes_eq(f->name.s, BYTES("redis-ver")))
        snprintf(c->redis, sizeof c->redis, "%.*s", n, value.p);
    else if (bytes_eq(f->name.s, BYTES("valkey-ver")))
        snprintf(c->writer, sizeof c->writer, "valkey %.*s", n, value.p);
    else if (bytes_eq(f->name.s, BYTES("atrium-ver")))
        snprintf(c->writer, sizeof c->writer, "atrium %.*s", n, value.p);
    else if (bytes_eq(f->name.s, BYTES("ctime")))
        num_parse_uint(value, &c->written_at_s);
}

static bool damaged(const struct rdb_file *f, const char *what)
{
    printf("  DAMAGED: %s at byte %zu of %zu\n", what, rdb_file_at(f), f->n);
    return false;
}

static bool damaged_key(const struct rdb_file *f)
{
    struct buf shown;
    buf_init(&shown);
    check_show(&shown, f->name.s);
    printf("  DAMAGED: a bad value (type %u) of key \"%.*s\" at byte %zu of %zu\n", f->type,
           (int)shown.n, shown.p, rdb_file_at(f), f->n);
    buf_release(&shown);
    return false;
}

static bool walk(struct rdb_file *f, struct contents *c)
{
    struct rdb_settings settings = tool_rdb_settings();
    for (;;) {
        switch (rdb_file_next(f)) {
        case RDB_PART_KEY:
            if (!count_key(f, c, &settings))
                return damaged_key(f);
            break;
        case RDB_PART_AUX:
            note_aux(f, c);
            break;
        case RDB_PART_FUNCTION:
            c->functions++;
            break;
        case RDB_PART_MODULE_AUX:
            c->module_aux++;
            break;
        case RDB_PART_SIZES:
            break;
        case RDB_PART_END:
            return true;
        default:
            return damaged(f, f->wrong);
        }
    }
}

/* ---- telling --------------------------------------------------------------------------------- */

static void print_contents(const struct contents *c)
{
    char when[32] = "";
    time_t at = (time_t)c->written_at_s;
    struct tm tm;
    if (c->written_at_s && gmtime_r(&at, &tm))
        strftime(when, sizeof when, ", %Y-%m-%dT%H:%M:%SZ", &tm);
    if (c->writer[0] || c->redis[0])
        printf("  written by %s%s%s\n", c->writer[0] ? c->writer : "redis ",
               c->writer[0] ? "" : c->redis, when);
    for (unsigned i = 0; i < DB_COUNT; i++) {
        if (c->db[i].keys)
            printf("  db %u: %" PRIu64 " keys, %" PRIu64 " with a deadline, %" PRIu64
                   " of them past\n",
                   i, c->db[i].keys, c->db[i].volatile_keys, c->db[i].due);
    }
    for (int t = 0; t < TYPE_COUNT; t++) {
        if (c->types[t].keys)
            printf("  %s: %" PRIu64 " keys, %" PRIu64 " %s\n",
                   type_names[t] ? type_names[t] : "others", c->types[t].keys, c->types[t].parts,
                   t == TYPE_STRING ? "bytes" : "elements");
    }
    if (c->functions)
        printf("  libraries of functions, not loaded: %" PRIu64 "\n", c->functions);
    if (c->module_aux)
        printf("  modules' own data, not loaded: %" PRIu64 "\n", c->module_aux);
    if (c->module_keys)
        printf("  keys of modules, which keep atrium from loading the file: %" PRIu64
               " (the last of type %s)\n",
               c->module_keys, c->module);
}

static bool check_sum(const struct rdb_file *f)
{
    uint64_t sum;
    if (!rdb_file_sum(f, &sum)) {
        puts("  checksum: none");
        return true;
    }
    bool right = sum == crc64(0, f->base, f->n - RDB_SUM_BYTES);
    puts(right ? "  checksum: right" : "  DAMAGED: wrong checksum");
    return right;
}

bool check_rdb(const void *p, size_t n, size_t *used)
{
    struct rdb_file f;
    struct contents *c = mem_calloc(sizeof *c);
    bool ok = rdb_file_begin(&f, p, n);
    f.tail = used != NULL;
    if (ok) {
        printf("  %s version %d, %zu bytes\n", f.valkey ? "Valkey RDB" : "RDB", f.version, n);
        ok = walk(&f, c);
        if (used)
            *used = f.n;
        print_contents(c);
        ok = check_sum(&f) && ok;
    } else {
        damaged(&f, f.wrong);
    }
    rdb_file_release(&f);
    mem_free(c);
    return ok;
}

#include "persist/rdb_file.h"

#include <endian.h>

#include "keyspace/shard.h"

/* The first version that ends with a checksum. */
#define SUM_VERSION 5
/* Valkey's own versions. */
#define VALKEY_VERSION_MIN 80
#define VALKEY_VERSION_MAX 80

/* ---- head and end ---------------------------------------------------------------------------- */

/* The digits from p to end as a number, -1 where there are others. */
static int digits(const uint8_t *p, const uint8_t *end)
{
    int v = 0;
    for (; p < end; p++) {
        if (*p < '0' || *p > '9')
            return -1;
        v = v * 10 + (*p - '0');
    }
    return v;
}

bool rdb_file_begin(struct rdb_file *f, const void *p, size_t n)
{
    const uint8_t *head = p;
    *f = (struct rdb_file){.base = p, .n = n, .type = RDB_TYPE_NONE};
    f->wrong = "not an RDB file";
    f->r.at = f->r.end = p;
    if (n < RDB_MAGIC_BYTES)
        return false;
    f->valkey = memcmp(head, "VALKEY", 6) == 0;
    if (!f->valkey && memcmp(head, "REDIS", 5) != 0)
        return false;
    f->version = digits(head + (f->valkey ? 6 : 5), head + RDB_MAGIC_BYTES);
    if (f->version < 1)
        return false;
    f->wrong = "a version of the format that is not known";
    if (f->valkey ? f->version < VALKEY_VERSION_MIN || f->version > VALKEY_VERSION_MAX
                  : f->version > RDB_VERSION_MAX)
        return false;
    f->wrong = NULL;
    f->r = (struct rdb_reader){head + RDB_MAGIC_BYTES, head + n, UINT32_MAX};
    return true;
}

bool rdb_file_sum(const struct rdb_file *f, uint64_t *sum)
{
    if (f->version < SUM_VERSION || f->n < RDB_MAGIC_BYTES + 1 + RDB_SUM_BYTES)
        return false;
    memcpy(sum, f->base + f->n - RDB_SUM_BYTES, sizeof *sum);
    *sum = le64toh(*sum);
    return *sum != 0;
}

static enum rdb_part wrong(struct rdb_file *f, const char *what)
{
    f->wrong = what;
    return RDB_PART_WRONG;
}

static enum rdb_part end(struct rdb_file *f)
{
    size_t more = f->version < SUM_VERSION ? 0 : RDB_SUM_BYTES;
    if (f->tail && rdb_left(&f->r) > more)
        f->n = rdb_file_at(f) + more;
    if (f->n - rdb_file_at(f) == more)
        return RDB_PART_END;
    return wrong(f, rdb_left(&f->r) < more ? "cut off in its checksum" : "bytes after its end");
}

/* ---- modules --------------------------------------------------------------------------------- */

/* What a module's parts begin with. */
enum { MODULE_END, MODULE_SIGNED, MODULE_UNSIGNED, MODULE_FLOAT, MODULE_DOUBLE, MODULE_STRING };

bool rdb_module_name(struct rdb_reader *r, char name[10])
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint64_t id;
    if (!rdb_read_length(r, &id))
        return false;
    id >>= 10; /* its version */
    name[9] = '\0';
    for (int i = 8; i >= 0; i--, id >>= 6)
        name[i] = letters[id & 63];
    return true;
}

static bool skip_text(struct rdb_reader *r)
{
    struct rdb_text text;
    if (!rdb_read_text(r, &text))
        return false;
    rdb_text_release(&text);
    return true;
}

bool rdb_module_skip(struct rdb_reader *r)
{
    uint64_t kind, v;
    struct bytes raw;
    while (rdb_read_length(r, &kind)) {
        bool ok = kind == MODULE_SIGNED || kind == MODULE_UNSIGNED ? rdb_read_length(r, &v)
                  : kind == MODULE_FLOAT                           ? rdb_read_raw(r, 4, &raw)
                  : kind == MODULE_DOUBLE                          ? rdb_read_raw(r, 8, &raw)
                  : kind == MODULE_STRING                          ? skip_text(r)
                                                                   : false;
        if (!ok)
            return kind == MODULE_END;
    }
    return false;
}

/* When it was written, before or after the keys, stands between name and parts. */
static enum rdb_part module_aux(struct rdb_file *f)
{
    uint64_t kind, when;
    if (rdb_module_name(&f->r, f->module) && rdb_read_length(&f->r, &kind) &&
        kind == MODULE_UNSIGNED && rdb_read_length(&f->r, &when) && rdb_module_skip(&f->r))
        return RDB_PART_MODULE_AUX;
    return wrong(f, "bad data of a module");
}

/* ---- the other parts ------------------------------------------------------------------------- */

static bool read_text(struct rdb_file *f, struct rdb_text *t)
{
    f->r.string_max = UINT32_MAX;
    return rdb_read_text(&f->r, t);
}

static enum rdb_part aux(struct rdb_file *f)
{
    uint64_t flags;
    if (!read_text(f, &f->name) || !read_text(f, &f->value))
        return wrong(f, "a bad aux field");
    if (bytes_eq(f->name.s, BYTES("atrium-flags"))) {
        if (!num_parse_uint(f->value.s, &flags) || flags > UINT32_MAX)
            return wrong(f, "bad client flags");
        f->client_flags = (uint32_t)flags;
    }
    return RDB_PART_AUX;
}

/* In the form of 7.0's release candidates, name, engine and description stand before the code. */
static enum rdb_part function(struct rdb_file *f, bool candidate)
{
    uint64_t described = 0;
    if (candidate && (!skip_text(&f->r) || !skip_text(&f->r) ||
                      !rdb_read_length(&f->r, &described) || (described && !skip_text(&f->r))))
        return wrong(f, "a bad function");
    return read_text(f, &f->value) ? RDB_PART_FUNCTION : wrong(f, "a bad function");
}

static bool read_seconds(struct rdb_file *f)
{
    struct bytes raw;
    uint32_t seconds;
    if (!rdb_read_raw(&f->r, sizeof seconds, &raw))
        return false;
    memcpy(&seconds, raw.p, sizeof seconds);
    f->deadline_ms = (uint64_t)le32toh(seconds) * 1000;
    return true;
}

static bool select_db(struct rdb_file *f)
{
    uint64_t db;
    if (!rdb_read_length(&f->r, &db) || db >= DB_COUNT)
        return false;
    f->db = (unsigned)db;
    return true;
}

/* How many keys a slot of a cluster has: a hint that is of no use here. */
static bool skip_slot(struct rdb_file *f)
{
    uint64_t n;
    return rdb_read_length(&f->r, &n) && rdb_read_length(&f->r, &n) && rdb_read_length(&f->r, &n);
}

/* What tells of the key that follows, or of all that follow. *what is NULL where `op` begins another part, else what is
 * wrong with it where false is returned. */
static bool tell_ahead(struct rdb_file *f, unsigned op, const char **what)
{
    *what = "a bad deadline";
    switch (op) {
    case RDB_OP_EXPIRE_MS:
        return rdb_read_u64(&f->r, &f->deadline_ms) && f->deadline_ms <= INT64_MAX;
    case RDB_OP_EXPIRE:
        return read_seconds(f);
    case RDB_OP_IDLE:
        *what = "a bad idle time";
        return rdb_read_length(&f->r, &f->idle_s);
    case RDB_OP_FREQ:
        *what = "a bad frequency";
        return rdb_read_byte(&f->r, &f->freq);
    case RDB_OP_SELECT:
        *what = "a bad database number";
        return select_db(f);
    case RDB_OP_SLOT:
        *what = "a bad slot";
        return skip_slot(f);
    default:
        *what = NULL;
        return true;
    }
}

static enum rdb_part key(struct rdb_file *f, unsigned type)
{
    f->type = f->valkey && type == RDB_HASH_METADATA_RC ? RDB_HASH_VALKEY : type;
    return read_text(f, &f->name) ? RDB_PART_KEY : wrong(f, "a bad key");
}

static enum rdb_part part(struct rdb_file *f, unsigned op)
{
    switch (op) {
    case RDB_OP_END:
        return end(f);
    case RDB_OP_AUX:
        return aux(f);
    case RDB_OP_SIZES:
        return rdb_read_length(&f->r, &f->keys) && rdb_read_length(&f->r, &f->volatile_keys)
                   ? RDB_PART_SIZES
                   : wrong(f, "bad sizes");
    case RDB_OP_MODULE_AUX:
        return module_aux(f);
    case RDB_OP_FUNCTION:
    case RDB_OP_FUNCTION_RC:
        return function(f, op == RDB_OP_FUNCTION_RC);
    default:
        return key(f, op);
    }
}

static void forget_key(struct rdb_file *f)
{
    f->deadline_ms = f->idle_s = 0;
    f->client_flags = 0;
    f->freq = 0;
}

enum rdb_part rdb_file_next(struct rdb_file *f)
{
    const char *what;
    unsigned op;
    rdb_file_release(f);
    if (f->type != RDB_TYPE_NONE)
        forget_key(f);
    f->type = RDB_TYPE_NONE;
    while (rdb_read_byte(&f->r, &op)) {
        if (!tell_ahead(f, op, &what))
            return wrong(f, what);
        if (!what)
            return part(f, op);
    }
    return wrong(f, "cut off");
}

void rdb_file_release(struct rdb_file *f)
{
    rdb_text_release(&f->name);
    rdb_text_release(&f->value);
    f->name.s = f->value.s = (struct bytes){0};
}

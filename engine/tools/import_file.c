/* The keys of an RDB file: a value's bytes are as they stand there, in an envelope as DUMP makes it. */
#include <endian.h>
#include <stdio.h>

#include "base/clock.h"
#include "persist/crc64.h"
#include "persist/mapped.h"
#include "persist/rdb_file.h"
#include "tools/check.h"
#include "tools/import.h"
#include "tools/rdb_settings.h"

#define BATCH_KEYS 512

/* The earliest version that knows a type, so that as many servers as can be take the value. */
static unsigned version_of(unsigned type)
{
    return type >= RDB_HASH_METADATA_RC ? 12
           : type >= RDB_SET_LISTPACK   ? 11
           : type >= RDB_HASH_LISTPACK  ? 10
                                        : 9;
}

static void envelope(struct buf *out, unsigned type, const uint8_t *p, size_t n)
{
    uint16_t version = htole16((uint16_t)version_of(type));
    buf_add_char(out, (char)type);
    buf_add(out, p, n);
    buf_add(out, &version, sizeof version);
    uint64_t sum = htole64(crc64(0, out->p, out->n));
    buf_add(out, &sum, sizeof sum);
}

static bool fail(struct import *im, const struct rdb_file *f, const char *what)
{
    buf_printf(&im->error, "%s: %s at byte %zu of %zu", im->rdb, what, rdb_file_at(f), f->n);
    return false;
}

static bool pass_module(struct import *im, struct rdb_file *f, bool wanted)
{
    char name[10];
    struct buf shown;
    if (f->type != RDB_MODULE || !rdb_module_name(&f->r, name) || !rdb_module_skip(&f->r))
        return fail(im, f, "a module's value that cannot be passed over");
    if (!wanted)
        return true;
    buf_init(&shown);
    check_show(&shown, f->name.s);
    fprintf(stderr, "left out: %.*s: a value of module type %s\n", (int)shown.n, shown.p, name);
    buf_release(&shown);
    im->sent.failed++;
    return true;
}

/* Does the value from `at` on, which has been read, go to the target? */
static bool send_value(struct import *im, const struct rdb_file *f, const uint8_t *at,
                       struct rdb_value *v)
{
    struct buf payload;
    buf_init(&payload);
    if (f->type == RDB_HASH_VALKEY) {
        struct entry *e = entry_new_object(f->name.s, v->type, v->object, 0);
        rdb_dump(&payload, e, 0);
        entry_free(e);
        v->object = NULL;
    } else {
        envelope(&payload, f->type, at, (size_t)(f->r.at - at));
    }
    bool ok = import_send(im, f->name.s, f->deadline_ms, true, buf_bytes(&payload));
    buf_release(&payload);
    return ok;
}

static bool copy_key(struct import *im, struct rdb_file *f, const struct rdb_settings *settings,
                     bool wanted)
{
    struct rdb_value v;
    const uint8_t *at = f->r.at;
    if (!rdb_read_value(&f->r, f->type, settings, &v)) {
        if (f->type != RDB_MODULE && f->type != RDB_MODULE_RC)
            return fail(im, f, "a bad value");
        f->r.at = at;
        return pass_module(im, f, wanted);
    }
    bool due = v.all_due || (f->deadline_ms && f->deadline_ms <= clock_wall_ms()), ok = true;
    if (wanted && due)
        im->sent.gone++;
    else if (wanted)
        ok = send_value(im, f, at, &v);
    rdb_value_release(&v);
    return ok;
}

static bool matches(const struct import *im, const struct rdb_file *f)
{
    return (im->from.db < 0 || f->db == (unsigned)im->from.db) &&
           (!im->match || bytes_glob(bytes_str(im->match), f->name.s, false));
}

static bool next_key(struct import *im, struct rdb_file *f, const struct rdb_settings *settings)
{
    int64_t db = f->db;
    bool wanted = im->sent.cursor >= im->at.cursor && matches(im, f);
    if (wanted && im->sent.db != db) {
        if (!import_settle(im) || !import_select_target(im, db))
            return false;
        im->sent.db = db;
    }
    if (!copy_key(im, f, settings, wanted))
        return false;
    im->sent.cursor++;
    return im->pending < BATCH_KEYS || (!import_interrupted() && import_settle(im));
}

static bool walk(struct import *im, struct rdb_file *f)
{
    struct rdb_settings settings = tool_rdb_settings();
    for (;;) {
        switch (rdb_file_next(f)) {
        case RDB_PART_KEY:
            if (!next_key(im, f, &settings))
                return false;
            break;
        case RDB_PART_SIZES:
            im->total += f->keys;
            break;
        case RDB_PART_END:
            return import_settle(im);
        case RDB_PART_WRONG:
            return fail(im, f, f->wrong);
        default:
            break;
        }
    }
}

bool import_file(struct import *im)
{
    struct mapped m;
    struct rdb_file f;
    int failed = mapped_open(&m, im->rdb);
    if (failed) {
        buf_printf(&im->error, "%s: %s", im->rdb, strerror(failed));
        return false;
    }
    im->sent.cursor = 0; /* counts from the file's begin; what is done is passed over */
    im->sent.db = -1;
    bool ok = rdb_file_begin(&f, m.p ? m.p : "", m.n) ? walk(im, &f) : fail(im, &f, f.wrong);
    rdb_file_release(&f);
    mapped_close(&m);
    return ok;
}

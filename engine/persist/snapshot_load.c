/* Loading: the parts of the file one after the other, while another thread computes the checksum. Entries are made and
 * then wait in a ring until the processor has fetched their places in the tables. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include "base/log.h"
#include "persist/crc64.h"
#include "persist/mapped.h"
#include "persist/rdb_file.h"
#include "persist/snapshot.h"

/* Entries on their way into the tables. */
#define RING 32
/* The shortest key of a file: type, name of one byte, value. */
#define KEY_BYTES_MIN 4
/* Parts, or bytes, between two looks at `stop`. */
#define TELL_EVERY       1024
#define TELL_EVERY_BYTES ((size_t)1 << 20)

struct pending {
    struct keyref k; /* named by the entry */
    struct entry *e; /* NULL: none */
    uint64_t deadline_ms;
    unsigned db;
};

struct loading {
    struct keyspace *ks;
    const char *path;
    const struct rdb_settings *settings;
    struct snapshot_progress *progress;
    struct rdb_file f;
    struct pending ring[RING];
    unsigned at;
    size_t keys, due_keys;
    struct buf *error;
};

/* ---- what is wrong --------------------------------------------------------------------------- */

#define SHOWN_BYTES_MAX 64

static void add_shown(struct buf *out, struct bytes s)
{
    size_t n = s.n < SHOWN_BYTES_MAX ? s.n : SHOWN_BYTES_MAX;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < ' ' || c >= 127 || c == '\\' || c == '"')
            buf_printf(out, "\\x%02x", c);
        else
            buf_add_char(out, s.p[i]);
    }
    if (n < s.n)
        buf_add_str(out, "...");
}

static bool fail(struct loading *in, const char *what)
{
    buf_printf(in->error, "%s: %s at byte %zu of %zu", in->path, what, rdb_file_at(&in->f),
               in->f.n);
    return false;
}

static bool fail_at_key(struct loading *in, const char *what, unsigned type)
{
    buf_printf(in->error, "%s: %s (type %u) of key \"", in->path, what, type);
    add_shown(in->error, in->f.name.s);
    buf_printf(in->error, "\" at byte %zu of %zu", rdb_file_at(&in->f), in->f.n);
    return false;
}

/* ---- keys ------------------------------------------------------------------------------------ */

/* False: the key was there; its second value is freed. */
static bool place(struct loading *in, struct pending *p)
{
    struct entry *e = p->e;
    p->e = NULL;
    pthread_mutex_lock(&p->k.shard->lock);
    bool is_new = !keyspace_find_locked(in->ks, p->db, &p->k, in->settings->now_ms);
    if (is_new)
        keyspace_put_locked(in->ks, p->db, &p->k, e, p->deadline_ms);
    pthread_mutex_unlock(&p->k.shard->lock);
    if (is_new)
        return true;
    buf_printf(in->error, "%s: key \"", in->path);
    add_shown(in->error, entry_key(e));
    buf_printf(in->error, "\" is there twice, before byte %zu of %zu", rdb_file_at(&in->f),
               in->f.n);
    entry_free(e);
    return false;
}

static bool place_all(struct loading *in)
{
    bool ok = true;
    for (unsigned i = 0; i < RING; i++) {
        struct pending *p = &in->ring[(in->at + i) % RING];
        if (p->e && ok)
            ok = place(in, p);
        else if (p->e)
            entry_free(p->e);
        p->e = NULL;
    }
    return ok;
}

static struct entry *make_entry(const struct loading *in, struct rdb_value *v)
{
    const struct rdb_file *f = &in->f;
    unsigned room =
        (f->deadline_ms ? ENTRY_HAS_DEADLINE : 0) | (f->client_flags ? ENTRY_HAS_CLIENT_FLAGS : 0);
    struct entry *e = v->type == TYPE_STRING
                          ? entry_new_string(f->name.s, v->text.s, room)
                          : entry_new_object(f->name.s, v->type, v->object, room);
    uint32_t now_s = (uint32_t)(in->settings->now_ms / 1000);
    v->object = NULL;
    if (f->client_flags)
        entry_set_client_flags(e, f->client_flags);
    e->access = f->idle_s > now_s ? 0 : now_s - (uint32_t)f->idle_s;
    e->freq = (uint8_t)f->freq;
    return e;
}

/* Into the ring; what was longest in it goes to its place. */
static bool take_in(struct loading *in, struct rdb_value *v)
{
    struct pending *p = &in->ring[in->at];
    if (p->e && !place(in, p))
        return false;
    in->at = (in->at + 1) % RING;
    p->e = make_entry(in, v);
    p->k = keyspace_ref(in->ks, entry_key(p->e));
    p->db = in->f.db;
    p->deadline_ms = in->f.deadline_ms;
    keyspace_prefetch(&p->k, p->db);
    in->keys++;
    return true;
}

static bool load_module_value(struct loading *in)
{
    char name[10], what[64];
    if (in->f.type != RDB_MODULE || !rdb_module_name(&in->f.r, name))
        return fail_at_key(in, "a module's value", in->f.type);
    if (strcmp(name, "vectorset") == 0)
        return fail_at_key(in, "a bad value", in->f.type);
    snprintf(what, sizeof what, "a value of module type %s, which is not known here,", name);
    return fail_at_key(in, what, in->f.type);
}

static bool load_key(struct loading *in)
{
    struct rdb_file *f = &in->f;
    struct rdb_value v;
    if (!rdb_read_value(&f->r, f->type, in->settings, &v))
        return f->type == RDB_MODULE || f->type == RDB_MODULE_RC
                   ? load_module_value(in)
                   : fail_at_key(in, "a bad value", f->type);
    bool due = v.all_due || (f->deadline_ms && f->deadline_ms <= in->settings->now_ms);
    bool ok = due || take_in(in, &v);
    in->due_keys += due;
    rdb_value_release(&v);
    return ok;
}

/* ---- the other parts ------------------------------------------------------------------------- */

/* A library says its name in its first line: #!lua name=... */
static void warn_of_function(const struct loading *in)
{
    struct bytes code = in->f.value.s;
    const char *end = memchr(code.p, '\n', code.n);
    struct buf line;
    buf_init(&line);
    add_shown(&line, bytes_of(code.p, end ? (size_t)(end - code.p) : code.n));
    log_warning("%s: a library of functions is left out: %.*s", in->path, (int)line.n, line.p);
    buf_release(&line);
}

static void note_aux(const struct loading *in)
{
    uint64_t bytes;
    if (bytes_eq(in->f.name.s, BYTES("used-mem")) && num_parse_uint(in->f.value.s, &bytes))
        atomic_store(&in->progress->writer_bytes, bytes);
}

/* No more than there can be in what is left of the file. */
static void reserve(const struct loading *in)
{
    size_t most = rdb_left(&in->f.r) / KEY_BYTES_MIN;
    keyspace_reserve(in->ks, in->f.db, in->f.keys < most ? (size_t)in->f.keys : most);
}

static void tell(struct loading *in)
{
    atomic_store(&in->progress->loaded_bytes, rdb_file_at(&in->f));
    atomic_store(&in->progress->keys, in->keys);
    atomic_store(&in->progress->due_keys, in->due_keys);
}

/* False: `error`, or empty where it was stopped. */
static bool load_parts(struct loading *in)
{
    size_t told_at = 0;
    for (size_t n = 1;; n++) {
        if (n % TELL_EVERY == 0 || rdb_file_at(&in->f) - told_at > TELL_EVERY_BYTES) {
            tell(in);
            told_at = rdb_file_at(&in->f);
            if (atomic_load(&in->progress->stop))
                return false;
        }
        switch (rdb_file_next(&in->f)) {
        case RDB_PART_KEY:
            if (!load_key(in))
                return false;
            break;
        case RDB_PART_AUX:
            note_aux(in);
            break;
        case RDB_PART_SIZES:
            reserve(in);
            break;
        case RDB_PART_FUNCTION:
            warn_of_function(in);
            break;
        case RDB_PART_MODULE_AUX:
            log_warning("%s: data of module type %s is left out", in->path, in->f.module);
            break;
        case RDB_PART_END:
            return true;
        default:
            return fail(in, in->f.wrong);
        }
    }
}

/* ---- the file -------------------------------------------------------------------------------- */

struct summing {
    const struct rdb_file *f;
    uint64_t sum;
};

static void *sum_up(void *arg)
{
    struct summing *s = arg;
    s->sum = crc64(0, s->f->base, s->f->n - RDB_SUM_BYTES);
    return NULL;
}

static bool wrong_sum(struct loading *in, bool loaded)
{
    if (loaded)
        buf_printf(in->error, "%s: wrong checksum at byte %zu", in->path, in->f.n - RDB_SUM_BYTES);
    else
        buf_add_str(in->error, "; the checksum is wrong, too: the file is damaged or cut off");
    return false;
}

static bool load_keys(struct loading *in)
{
    bool ok = load_parts(in);
    return place_all(in) && ok;
}

/* Where it ends is not known before; its checksum, which stands there, is computed then. */
static bool load_head(struct loading *in)
{
    struct summing s = {.f = &in->f};
    uint64_t expected;
    in->f.tail = true;
    if (!load_keys(in))
        return false;
    if (in->settings->unsummed || !rdb_file_sum(&in->f, &expected))
        return true;
    sum_up(&s);
    return s.sum == expected || wrong_sum(in, true);
}

/* Loads all, and looks at the checksum where there is one and it is asked for. */
static bool load_whole(struct loading *in)
{
    struct rdb_file whole = in->f;
    struct summing s = {.f = &whole};
    uint64_t expected;
    pthread_t thread;
    bool sums = !in->settings->unsummed && rdb_file_sum(&whole, &expected);
    bool beside = sums && pthread_create(&thread, NULL, sum_up, &s) == 0;
    bool ok = load_keys(in);
    if (beside)
        pthread_join(thread, NULL);
    else if (sums)
        sum_up(&s);
    if (!sums || s.sum == expected || (in->error->n == 0 && !ok))
        return ok;
    return wrong_sum(in, ok);
}

/* used NULL: nothing may follow. */
static enum snapshot_result load(struct keyspace *ks, const void *p, size_t n, const char *path,
                                 const struct rdb_settings *settings,
                                 struct snapshot_progress *progress, struct buf *error,
                                 size_t *used)
{
    struct loading in = {
        .ks = ks, .path = path, .settings = settings, .progress = progress, .error = error};
    atomic_store(&progress->total_bytes, n);
    bool ok = !rdb_file_begin(&in.f, p, n) ? fail(&in, in.f.wrong)
              : used                       ? load_head(&in)
                                           : load_whole(&in);
    rdb_file_release(&in.f);
    tell(&in);
    if (used)
        *used = in.f.n;
    return ok ? SNAPSHOT_LOADED : error->n ? SNAPSHOT_BAD : SNAPSHOT_STOPPED;
}

enum snapshot_result snapshot_load_bytes(struct keyspace *ks, const void *p, size_t n,
                                         const char *path, const struct rdb_settings *settings,
                                         struct snapshot_progress *progress, struct buf *error)
{
    return load(ks, p, n, path, settings, progress, error, NULL);
}

enum snapshot_result snapshot_load_head(struct keyspace *ks, const void *p, size_t n,
                                        const char *path, const struct rdb_settings *settings,
                                        struct snapshot_progress *progress, struct buf *error,
                                        size_t *used)
{
    return load(ks, p, n, path, settings, progress, error, used);
}

static enum snapshot_result fail_file(const char *path, const char *why, struct buf *error)
{
    buf_printf(error, "%s: %s", path, why);
    return SNAPSHOT_BAD;
}

enum snapshot_result snapshot_load(struct keyspace *ks, const char *path,
                                   const struct rdb_settings *settings,
                                   struct snapshot_progress *progress, struct buf *error)
{
    struct mapped file;
    int failed = mapped_open(&file, path);
    if (failed == ENOENT)
        return SNAPSHOT_MISSING;
    if (failed || file.n == 0)
        return fail_file(path,
                         failed && failed != EINVAL ? strerror(failed)
                                                    : "not an RDB file, or an empty one",
                         error);
    enum snapshot_result result =
        snapshot_load_bytes(ks, file.p, file.n, path, settings, progress, error);
    mapped_close(&file);
    return result;
}

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "persist/crc64.h"
#include "persist/snapshot.h"

#define SUM_BYTES sizeof(uint64_t)

/* What opcodes have said about the key that follows. */
struct ahead {
    uint64_t deadline_ms, idle_s;
    uint32_t client_flags;
    unsigned freq;
};

struct loading {
    struct keyspace *ks;
    const struct rdb_settings *settings;
    struct rdb_reader r;
    unsigned db;
    struct ahead ahead;
    size_t keys;
};

/* ---- keys ------------------------------------------------------------------------------------ */

static void put(struct loading *in, struct keyref *k, struct rdb_value *v)
{
    unsigned room = (in->ahead.deadline_ms ? ENTRY_HAS_DEADLINE : 0) |
                    (in->ahead.client_flags ? ENTRY_HAS_CLIENT_FLAGS : 0);
    struct entry *e = v->type == TYPE_STRING ? entry_new_string(k->name, v->text.s, room)
                                             : entry_new_object(k->name, v->type, v->object, room);
    uint32_t now_s = (uint32_t)(in->settings->now_ms / 1000);
    v->object = NULL;
    if (in->ahead.client_flags)
        entry_set_client_flags(e, in->ahead.client_flags);
    e->access = in->ahead.idle_s > now_s ? 0 : now_s - (uint32_t)in->ahead.idle_s;
    e->freq = (uint8_t)in->ahead.freq;
    keyspace_put_locked(in->ks, in->db, k, e, in->ahead.deadline_ms);
    in->keys++;
}

/* False: the key was there. */
static bool put_new(struct loading *in, struct bytes name, struct rdb_value *v)
{
    struct keyref k = keyspace_ref(in->ks, name);
    uint64_t deadline_ms = in->ahead.deadline_ms, now_ms = in->settings->now_ms;
    bool due = v->all_due || (deadline_ms && deadline_ms <= now_ms);
    if (due)
        return true;
    pthread_mutex_lock(&k.shard->lock);
    bool is_new = !keyspace_find_locked(in->ks, in->db, &k, now_ms);
    if (is_new)
        put(in, &k, v);
    pthread_mutex_unlock(&k.shard->lock);
    return is_new;
}

static bool load_key(struct loading *in, unsigned type)
{
    struct rdb_text name;
    struct rdb_value v;
    in->r.string_max = UINT32_MAX;
    if (!rdb_read_text(&in->r, &name))
        return false;
    bool ok = rdb_read_value(&in->r, type, in->settings, &v);
    if (ok) {
        ok = put_new(in, name.s, &v);
        rdb_value_release(&v);
    }
    rdb_text_release(&name);
    in->ahead = (struct ahead){0};
    return ok;
}

/* ---- opcodes --------------------------------------------------------------------------------- */

static bool load_aux(struct loading *in)
{
    struct rdb_text name, value;
    uint64_t flags;
    in->r.string_max = UINT32_MAX;
    if (!rdb_read_text(&in->r, &name))
        return false;
    bool ok = rdb_read_text(&in->r, &value);
    if (ok && bytes_eq(name.s, BYTES("atrium-flags"))) {
        ok = num_parse_uint(value.s, &flags) && flags <= UINT32_MAX;
        in->ahead.client_flags = ok ? (uint32_t)flags : 0;
    }
    if (ok)
        rdb_text_release(&value);
    rdb_text_release(&name);
    return ok;
}

static bool load_seconds(struct loading *in)
{
    struct bytes raw;
    uint32_t seconds;
    if (!rdb_read_raw(&in->r, sizeof seconds, &raw))
        return false;
    memcpy(&seconds, raw.p, sizeof seconds);
    in->ahead.deadline_ms = (uint64_t)le32toh(seconds) * 1000;
    return true;
}

static bool load_select(struct loading *in)
{
    uint64_t db;
    if (!rdb_read_length(&in->r, &db) || db >= DB_COUNT)
        return false;
    in->db = (unsigned)db;
    return true;
}

/* Scripts are not known here: a library is passed over. */
static bool skip_function(struct loading *in)
{
    struct rdb_text code;
    if (!rdb_read_text(&in->r, &code))
        return false;
    rdb_text_release(&code);
    return true;
}

static bool load_part(struct loading *in, unsigned op)
{
    uint64_t n;
    switch (op) {
    case RDB_OP_AUX:
        return load_aux(in);
    case RDB_OP_SELECT:
        return load_select(in);
    case RDB_OP_SIZES:
        return rdb_read_length(&in->r, &n) && rdb_read_length(&in->r, &n);
    case RDB_OP_EXPIRE_MS:
        return rdb_read_u64(&in->r, &in->ahead.deadline_ms) && in->ahead.deadline_ms <= INT64_MAX;
    case RDB_OP_EXPIRE:
        return load_seconds(in);
    case RDB_OP_IDLE:
        return rdb_read_length(&in->r, &in->ahead.idle_s);
    case RDB_OP_FREQ:
        return rdb_read_byte(&in->r, &in->ahead.freq);
    case RDB_OP_FUNCTION:
        return skip_function(in);
    default:
        return load_key(in, op);
    }
}

/* ---- the file -------------------------------------------------------------------------------- */

/* What is wrong with head or checksum; NULL: they are right. Older versions and rdbchecksum no have no sum. */
static const char *verify(const uint8_t *p, size_t n, int *version)
{
    uint64_t sum, v = 0;
    if (n < RDB_MAGIC_BYTES + 1 || memcmp(p, "REDIS", 5) != 0)
        return "not an RDB file";
    for (int i = 5; i < RDB_MAGIC_BYTES; i++) {
        if (p[i] < '0' || p[i] > '9')
            return "not an RDB file";
        v = v * 10 + p[i] - '0';
    }
    if (v > RDB_VERSION_MAX)
        return "a later version of the format";
    *version = (int)v;
    if (v < 5)
        return NULL;
    if (n < RDB_MAGIC_BYTES + 1 + SUM_BYTES)
        return "cut off";
    memcpy(&sum, p + n - SUM_BYTES, sizeof sum);
    return sum == 0 || le64toh(sum) == crc64(0, p, n - SUM_BYTES) ? NULL : "wrong checksum";
}

static bool load_all(struct loading *in, size_t sum_bytes)
{
    unsigned op;
    while (rdb_read_byte(&in->r, &op)) {
        if (op == RDB_OP_END)
            return rdb_left(&in->r) == sum_bytes;
        if (!load_part(in, op))
            return false;
    }
    return false;
}

static bool load_map(struct loading *in, const uint8_t *p, size_t n, const char *path,
                     struct buf *error)
{
    int version = 0;
    const char *wrong = verify(p, n, &version);
    if (wrong) {
        buf_printf(error, "%s: %s", path, wrong);
        return false;
    }
    in->r = (struct rdb_reader){p + RDB_MAGIC_BYTES, p + n, UINT32_MAX};
    if (load_all(in, version < 5 ? 0 : SUM_BYTES))
        return true;
    buf_printf(error, "%s: bad data before byte %zu", path, n - rdb_left(&in->r));
    return false;
}

static enum snapshot_result load_file(struct loading *in, int fd, const char *path,
                                      struct buf *error)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size == 0) {
        buf_printf(error, "%s: not an RDB file", path);
        return SNAPSHOT_BAD;
    }
    size_t n = (size_t)st.st_size;
    void *map = mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED) {
        buf_printf(error, "%s: %s", path, strerror(errno));
        return SNAPSHOT_BAD;
    }
    madvise(map, n, MADV_SEQUENTIAL);
    bool ok = load_map(in, map, n, path, error);
    munmap(map, n);
    return ok ? SNAPSHOT_LOADED : SNAPSHOT_BAD;
}

enum snapshot_result snapshot_load(struct keyspace *ks, const char *path,
                                   const struct rdb_settings *settings, size_t *keys,
                                   struct buf *error)
{
    struct loading in = {.ks = ks, .settings = settings};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    *keys = 0;
    if (fd < 0 && errno == ENOENT)
        return SNAPSHOT_MISSING;
    if (fd < 0) {
        buf_printf(error, "%s: %s", path, strerror(errno));
        return SNAPSHOT_BAD;
    }
    enum snapshot_result result = load_file(&in, fd, path, error);
    close(fd);
    *keys = in.keys;
    return result;
}

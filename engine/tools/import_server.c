/* The keys of a running server. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "keyspace/shard.h"
#include "tools/import.h"

#define BATCH_KEYS "512"

static bool fail(struct import *im, const char *what)
{
    if (im->source.failed)
        buf_add_bytes(&im->error, buf_bytes(&im->source.error));
    else
        buf_printf(&im->error, "%s: %s", im->source.place, what);
    return false;
}

static bool ask(struct import *im, const struct bytes *argv, int argc, struct resp_item *item)
{
    resp_command(&im->source, argv, argc);
    if (!resp_flush(&im->source) || !resp_read(&im->source, item))
        return fail(im, "");
    if (item->kind != RESP_ERROR)
        return true;
    buf_printf(&im->error, "%s: %.*s: %.*s", im->source.place, (int)argv[0].n, argv[0].p,
               (int)item->text.n, item->text.p);
    return false;
}

/* ---- databases ------------------------------------------------------------------------------- */

/* Keys of each database by the lines "db3:keys=7,..." of INFO keyspace. */
static bool count_keys(struct import *im, uint64_t keys[DB_COUNT])
{
    struct bytes argv[2] = {BYTES("INFO"), BYTES("keyspace")};
    struct resp_item item;
    if (!ask(im, argv, 2, &item))
        return false;
    struct buf text;
    buf_init(&text);
    buf_add_bytes(&text, item.text);
    buf_add_char(&text, '\0');
    bool ok = true;
    for (const char *at = text.p; ok && (at = strstr(at, "\ndb")); at += 3) {
        unsigned db;
        uint64_t n;
        if (sscanf(at, "\ndb%u:keys=%" SCNu64, &db, &n) != 2)
            continue;
        if (im->from.db >= 0 && (unsigned)im->from.db != db)
            continue;
        if (db >= DB_COUNT) {
            buf_printf(&im->error, "database %u has keys, and there are %d", db, DB_COUNT);
            ok = false;
        } else {
            keys[db] = n;
            im->total += n;
        }
    }
    buf_release(&text);
    return ok;
}

/* ---- a batch --------------------------------------------------------------------------------- */

/* The names of a batch, one behind the other. */
struct names {
    struct buf text;
    size_t *end; /* of each */
    size_t n, cap;
};

static void add_name(struct names *names, struct bytes name)
{
    if (names->n == names->cap) {
        names->cap = names->cap ? names->cap * 2 : 512;
        names->end = realloc(names->end, names->cap * sizeof *names->end);
        if (!names->end)
            abort();
    }
    buf_add_bytes(&names->text, name);
    names->end[names->n++] = names->text.n;
}

static struct bytes name_at(const struct names *names, size_t i)
{
    size_t from = i ? names->end[i - 1] : 0;
    return bytes_of(names->text.p + from, names->end[i] - from);
}

/* The next batch of names; *cursor moves on. */
static bool scan(struct import *im, uint64_t *cursor, struct names *names)
{
    char digits[NUM_INT_MAX];
    struct bytes argv[6] = {BYTES("SCAN"), bytes_of(digits, num_format_uint(digits, *cursor)),
                            BYTES("COUNT"), BYTES(BATCH_KEYS), BYTES("MATCH")};
    struct resp_item item;
    argv[5] = bytes_str(im->match ? im->match : "*");
    if (!ask(im, argv, im->match ? 6 : 4, &item))
        return false;
    if (item.kind != RESP_ARRAY || item.number != 2 || !resp_read(&im->source, &item) ||
        item.kind != RESP_TEXT || !num_parse_uint(item.text, cursor) ||
        !resp_read(&im->source, &item) || item.kind != RESP_ARRAY)
        return fail(im, "SCAN has answered something else");
    for (int64_t left = item.number; left > 0; left--) {
        if (!resp_read(&im->source, &item) || item.kind != RESP_TEXT)
            return fail(im, "SCAN has answered something else");
        add_name(names, item.text);
    }
    return true;
}

/* How long it lives comes first, since a reply is in memory until the next one. */
static bool take_key(struct import *im, struct bytes key)
{
    struct resp_item item;
    if (!resp_read(&im->source, &item))
        return fail(im, "");
    int64_t ttl_ms = item.kind == RESP_INT ? item.number : -2;
    if (!resp_read(&im->source, &item))
        return fail(im, "");
    if (item.kind == RESP_ERROR) {
        buf_printf(&im->error, "%s: DUMP: %.*s", im->source.place, (int)item.text.n, item.text.p);
        return false;
    }
    if (item.kind != RESP_TEXT || ttl_ms == -2) {
        im->sent.gone++;
        return true;
    }
    return import_send(im, key, ttl_ms < 0 ? 0 : ttl_ms ? (uint64_t)ttl_ms : 1, false, item.text);
}

static bool copy_batch(struct import *im, const struct names *names)
{
    for (size_t i = 0; i < names->n; i++) {
        struct bytes pttl[2] = {BYTES("PTTL"), name_at(names, i)};
        struct bytes dump[2] = {BYTES("DUMP"), pttl[1]};
        resp_command(&im->source, pttl, 2);
        resp_command(&im->source, dump, 2);
    }
    if (!resp_flush(&im->source))
        return fail(im, "");
    for (size_t i = 0; i < names->n; i++) {
        if (!take_key(im, name_at(names, i)))
            return false;
    }
    return true;
}

/* ---- all ------------------------------------------------------------------------------------- */

static bool copy_database(struct import *im, int64_t db)
{
    struct names names = {.n = 0};
    bool ok = import_select_source(im, db) && import_select_target(im, db);
    uint64_t cursor = im->at.db == db ? im->at.cursor : 0;
    im->sent.db = db;
    do {
        buf_clear(&names.text);
        names.n = 0;
        ok = ok && !import_interrupted() && scan(im, &cursor, &names) && copy_batch(im, &names);
        im->sent.cursor = cursor;
        ok = ok && import_settle(im);
    } while (ok && cursor);
    buf_release(&names.text);
    free(names.end);
    return ok;
}

bool import_server(struct import *im)
{
    uint64_t keys[DB_COUNT] = {0};
    bool ok = count_keys(im, keys);
    /* One that was in the middle is at its cursor; at cursor 0 it was just done, or nothing was. */
    int64_t first = im->at.db + (im->at.db >= 0 && im->at.cursor == 0);
    for (int64_t db = first < 0 ? 0 : first; ok && db < DB_COUNT; db++)
        ok = keys[db] == 0 || copy_database(im, db);
    return ok;
}

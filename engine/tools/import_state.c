/* The place of an import in a file: what is copied from where to where, and how far it is. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "persist/disk.h"
#include "persist/mapped.h"
#include "tools/import.h"

/* Without credentials: host, port and database. */
static void add_words(const struct import *im, struct buf *out)
{
    buf_add_str(out, "atrium-import 1\n");
    if (im->rdb)
        buf_printf(out, "file %s\n", im->rdb);
    else
        buf_printf(out, "from %s:%s/%d\n", im->from.host, im->from.port, im->from.db);
    buf_printf(out, "to %s:%s/%d\n", im->to.host, im->to.port, im->to.db);
    buf_printf(out, "match %s\n", im->match ? im->match : "");
}

bool import_state_read(struct import *im)
{
    struct mapped m;
    struct buf words, rest;
    struct import_place at;
    if (mapped_open(&m, im->state) != 0)
        return false;
    buf_init(&words);
    buf_init(&rest);
    add_words(im, &words);
    bool same = m.n > words.n && memcmp(m.p, words.p, words.n) == 0;
    if (same) {
        buf_add(&rest, (const char *)m.p + words.n, m.n - words.n);
        buf_add_char(&rest, '\0');
        same =
            sscanf(rest.p,
                   "at %" SCNd64 " %" SCNu64 "\nkeys %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
                   &at.db, &at.cursor, &at.copied, &at.there, &at.gone, &at.failed) == 6;
    }
    if (same)
        im->at = at;
    buf_release(&words);
    buf_release(&rest);
    mapped_close(&m);
    return same;
}

int import_state_write(const struct import *im)
{
    const struct import_place *at = &im->at;
    struct buf text, folder;
    const char *slash = strrchr(im->state, '/');
    buf_init(&text);
    buf_init(&folder);
    add_words(im, &text);
    buf_printf(&text, "at %" PRId64 " %" PRIu64 "\n", at->db, at->cursor);
    buf_printf(&text, "keys %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", at->copied,
               at->there, at->gone, at->failed);
    buf_add(&folder, slash ? im->state : ".", slash ? (size_t)(slash - im->state) + 1 : 1);
    buf_add_char(&folder, '\0');
    int failed = disk_replace(folder.p, slash ? slash + 1 : im->state, buf_bytes(&text));
    buf_release(&text);
    buf_release(&folder);
    return failed;
}

void import_state_remove(const struct import *im)
{
    unlink(im->state);
}

/* atrium import: keys of a running Redis or Valkey (SCAN, PTTL, DUMP), or of an RDB file, to a running server (RESTORE)
 * or into an RDB file for one that is to be started.
 *
 * What is at the target stays, unless --replace is said. A copy is none of one moment: what is written at the source
 * while it runs may be missed.
 *
 * After each batch that the target has acknowledged the place is known from which another run goes on, and it is written
 * to a file at times and at the end of a run that did not get to its end. SCAN's cursors hold for as long as the source
 * runs; what is copied twice is the same. A file is written whole or not at all. */
#ifndef ATRIUM_TOOLS_IMPORT_H
#define ATRIUM_TOOLS_IMPORT_H

#include "tools/progress.h"
#include "tools/rdb_sink.h"
#include "tools/resp_client.h"

/* How far a run is. */
struct import_place {
    int64_t db;
    uint64_t cursor; /* of SCAN; or keys of the file that are done */
    uint64_t copied, there, gone, failed;
};

struct import {
    const char *from_text, *to_text, *match, *rdb, *state, *out; /* as given; match NULL: all */
    bool replace;
    struct redis_url from, to;
    struct resp_client source, target;
    struct rdb_sink sink;         /* in the target's place where `out` is given */
    struct import_place at, sent; /* acknowledged; and what has been sent */
    uint64_t total;               /* keys, as far as is known */
    uint64_t saved_us;
    unsigned pending; /* replies that the target owes */
    struct progress progress;
    struct buf error, key_names; /* the latter: of pending keys, for messages */
};

/* Each copies all from `at` on, by connections that are open; false with a line in `error`, or none where it was interrupted. */
bool import_server(struct import *im);
bool import_file(struct import *im);

/* Sends one key to the target; ttl_ms 0: none. `payload` is as DUMP gives it, of Valkey's versions too. */
bool import_send(struct import *im, struct bytes key, uint64_t ttl_ms, bool absolute,
                 struct bytes payload);
/* Waits until the target has acknowledged all, and takes note of the place. */
bool import_settle(struct import *im);
/* Selects the database at the source, or at the target (or `to`'s, where one is named there). */
bool import_select_source(struct import *im, int64_t db);
bool import_select_target(struct import *im, int64_t db);
/* Has somebody asked for an early end? */
bool import_interrupted(void);

/* ---- import_state.c -------------------------------------------------------------------------- */

/* Where an earlier run of the same words ended, into `at`; false where there was none. */
bool import_state_read(struct import *im);
/* 0 or an errno. */
int import_state_write(const struct import *im);
void import_state_remove(const struct import *im);

#endif

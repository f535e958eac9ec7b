/* An RDB file that is made of DUMP's payloads: what an import copies for a program that is not started yet. Written
 * beside its place, which it takes in one step at the end. */
#ifndef ATRIUM_TOOLS_RDB_SINK_H
#define ATRIUM_TOOLS_RDB_SINK_H

#include "base/bytes.h"

struct rdb_sink {
    int fd, failed; /* errno of the first failure; what follows is thrown away */
    int64_t db;
    uint64_t sum;
    struct buf out, temporary;
    const char *path;
};

/* 0 or an errno. */
int rdb_sink_open(struct rdb_sink *s, const char *path);
/* The keys that follow are of that database. */
void rdb_sink_select(struct rdb_sink *s, int64_t db);
/* deadline_ms 0: none. The payload is one of Redis's versions. */
void rdb_sink_put(struct rdb_sink *s, struct bytes key, uint64_t deadline_ms, struct bytes payload);
/* Ends the file where `whole`, else it is thrown away. 0 or an errno. */
int rdb_sink_close(struct rdb_sink *s, bool whole);

#endif

/* The base of a log as commands (aof-use-rdb-preamble no): a SET or RESTORE for each key. */
#ifndef ATRIUM_PERSIST_AOF_BASE_H
#define ATRIUM_PERSIST_AOF_BASE_H

#include "keyspace/keyspace.h"

/* As snapshot_write: beside its place, synced, renamed. Keys due by now_ms are left out. */
bool aof_base_write(struct keyspace *ks, const char *folder, const char *name, uint64_t now_ms,
                    struct buf *error);
/* What makes the entry anew, in database `db` at present: one command with its notes. */
void aof_base_encode(struct buf *out, const struct entry *e, uint64_t now_ms);

#endif

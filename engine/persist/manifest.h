/* The manifest of a log: which files it consists of, as Redis 7 has it. In the folder appenddirname stand
 *
 *     appendonly.aof.3.base.rdb   the keyspace at some point (or .base.aof: as commands)
 *     appendonly.aof.7.incr.aof   what was written since; several where a rewrite was begun
 *     appendonly.aof.manifest     lines "file NAME seq N type b|h|i"; b: base, i: in order, h: to be deleted
 *
 * The manifest is replaced in one step (disk.h), and a file is deleted only after a manifest that does not need it is on
 * disk: whatever happens, the files that it names are there. Files that it does not name are left alone. */
#ifndef ATRIUM_PERSIST_MANIFEST_H
#define ATRIUM_PERSIST_MANIFEST_H

#include <stdint.h>

#include "base/bytes.h"

#define MANIFEST_FILES_MAX 4096

struct manifest_file {
    char *name; /* C string without a slash, owned */
    uint64_t seq;
    char type; /* 'b', 'i' or 'h' */
};

struct manifest {
    struct manifest_file *files; /* the base first, then incremental ones in order, then history */
    size_t n;
};

void manifest_init(struct manifest *m);
void manifest_release(struct manifest *m);
struct manifest manifest_copy(const struct manifest *m);

/* Reads the text of a manifest; false with a line in `error` ("line 3: ..."): *m is empty then. */
bool manifest_parse(struct manifest *m, struct bytes text, struct buf *error);
void manifest_format(const struct manifest *m, struct buf *out);

/* NULL where there is none. */
const struct manifest_file *manifest_base(const struct manifest *m);
const struct manifest_file *manifest_last_incr(const struct manifest *m);
/* Adds PREFIX.SEQ.incr.aof as the last one, of the next number. */
const struct manifest_file *manifest_add_incr(struct manifest *m, const char *prefix);
/* PREFIX.SEQ.base.rdb (or .aof), of the next number, into `name`, ended by NUL. */
void manifest_next_base(const struct manifest *m, const char *prefix, bool rdb, struct buf *name);
/* That file becomes the base; the old one and the incremental files, but for the last one where `keep_last`, become
 * history. */
void manifest_set_base(struct manifest *m, const char *name, bool keep_last);
/* Forgets the files of history. */
void manifest_drop_history(struct manifest *m);

enum manifest_result { MANIFEST_LOADED, MANIFEST_MISSING, MANIFEST_BAD };

/* PREFIX.manifest in that folder. BAD: a line in `error`. */
enum manifest_result manifest_load(struct manifest *m, const char *folder, const char *prefix,
                                   struct buf *error);
/* 0, or an errno. */
int manifest_save(const struct manifest *m, const char *folder, const char *prefix);
/* Is there a file "PREFIX.<number>...." in the folder? Then a missing manifest is no fresh start. */
bool manifest_strays(const char *folder, const char *prefix, struct buf *name);

#endif

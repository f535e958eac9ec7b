/* What the commands of vector sets share: vectors as arguments, pins, errors. */
#ifndef ATRIUM_COMMANDS_VECTOR_ARGS_H
#define ATRIUM_COMMANDS_VECTOR_ARGS_H

#include "commands/exec.h"
#include "types/vectorset.h"

#define VECTOR_GROUP "vector_set"
#define VECTOR_ACL   "vector"
#define ONE_KEY      "@1:0/1:"

/* A vector among the arguments: FP32 blob, or VALUES n v..., or VALUES v... as widely published without the count: then
 * it reaches up to the first word that is no number. */
struct vector_arg {
    const float *values;
    uint32_t dim;
    int end; /* the argument after it */
};

/* False: it is none; "invalid vector specification" has been answered. All values are finite. */
bool vector_arg(struct exec *x, int at, struct vector_arg *v);

/* The key's set, NULL where missing; false: WRONGTYPE has been answered. */
bool vector_read(struct exec *x, struct vectorset **v);
bool vector_peek(struct exec *x, struct vectorset **v);

/* Does the vector fit the set? False: the error has been answered. A projected set takes vectors of its input's dimension,
 * and with `reduced` of its own. */
bool vector_fits(struct exec *x, const struct vectorset *v, uint32_t dim, bool reduced);
void vector_refuse(struct exec *x, const char *text);

/* Drops a pin; where it was the last one, freeing is left to the reclaimer. */
void vector_unpin(struct vectorset *v);

/* A write to a set, in two runs of the handler:
 *
 *     if (x->resumed)       the second one: vector_write_begin, the change, vector_write_end
 *     ...                   the first one: checks, then vector_write as the last thing
 *
 * Between the two the set's lock is reserved without the shard's. `prepare` is for long reads before that, NULL where
 * there are none. Where the key holds another set by then, or none, the handler begins anew, under its locks throughout.
 * struct vector_write is the first member of what the command keeps of itself (exec_alloc). */
struct vector_write;
typedef void vector_prepare(struct exec *x, struct vector_write *w);

struct vector_write {
    struct vectorset *set; /* pinned */
    bool reserved;
    vector_prepare *prepare;
};

void vector_write(struct exec *x, struct vector_write *w, struct vectorset *v,
                  vector_prepare *prepare);
/* The key's set, to be changed; NULL: begin anew, the pin is gone. */
struct vectorset *vector_write_begin(struct exec *x, struct vector_write *w);
void vector_write_end(struct vector_write *w);

#endif

/* The configuration: Redis's `directive value` form from a file, flags and CONFIG SET.
 *
 * config_table.h has one row a directive. Numbers and booleans are atomics, so any thread reads them
 * without a lock; strings are copied out under the configuration's lock. */
#ifndef ATRIUM_CONFIG_H
#define ATRIUM_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

enum config_id {
#define X(id, name, kind, initial, min, max, flags, help) CONFIG_##id,
#include "config_table.h"
#undef X
    CONFIG_COUNT
};

struct config;

/* client-output-buffer-limit: what may wait for a client of a class. 0: no limit. */
enum output_class { OUTPUT_NORMAL, OUTPUT_REPLICA, OUTPUT_PUBSUB, OUTPUT_CLASSES };
struct output_limit {
    int64_t hard_bytes, soft_bytes; /* closed at once / where it lasts for soft_seconds */
    int64_t soft_seconds;
};

/* All directives at their defaults. */
struct config *config_new(void);
void config_free(struct config *c);

/* Sets one directive from text; false, with one clear line in `error`, where it is unknown, out of range or
 * (running) may not change any more. */
bool config_set(struct config *c, struct bytes name, struct bytes value, bool running,
                struct buf *error);
/* Would config_set take it? Changes nothing. */
bool config_check(const struct config *c, struct bytes name, struct bytes value, bool running,
                  struct buf *error);
/* Reads a file / the program's arguments (--name value, a first bare argument is the file). */
bool config_load_file(struct config *c, const char *path, struct buf *error);
bool config_load_args(struct config *c, int argc, char **argv, struct buf *error);
/* Rules that span directives (a bind beyond loopback without a password, ...). */
bool config_validate(const struct config *c, struct buf *error);
/* Writes the file it was read from anew: comments and order kept, changed values replaced, new ones
 * appended; written beside and renamed. */
bool config_rewrite(struct config *c, struct buf *error);

/* One line a directive with its help and default, for --help. */
void config_help(struct buf *out);

/* The directive's name, for messages. */
const char *config_name(enum config_id id);
/* Numbers, sizes (bytes), booleans (0, 1), enumerations (index). Any thread. */
int64_t config_int(const struct config *c, enum config_id id);
/* A copy of a string directive appended to `out`. Any thread. */
void config_string(const struct config *c, enum config_id id, struct buf *out);
/* Is it the empty string? Without the lock. */
bool config_is_empty(const struct config *c, enum config_id id);

struct output_limit config_output_limit(const struct config *c, enum output_class class);

/* A pair of the directive save: so many seconds since the last snapshot, and so many changes. */
struct save_point {
    int64_t seconds, changes;
};
/* Takes the next pair from the front of the directive's text; false at its end, or where it is none. */
bool config_next_save_point(struct bytes *text, struct save_point *p);

/* CONFIG GET: visits every directive whose name matches the glob. */
typedef void config_visit(const char *name, struct bytes value, void *ctx);
void config_each(const struct config *c, struct bytes pattern, config_visit *visit, void *ctx);

#endif

/* What config.c and config_file.c share. */
#ifndef ATRIUM_CONFIG_INTERNAL_H
#define ATRIUM_CONFIG_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/log.h"
#include "config.h"

enum directive_kind {
    KIND_INT,
    KIND_OCTAL,
    KIND_BYTES,
    KIND_BOOL,
    KIND_STRING,
    KIND_ENUM,
    KIND_LIMITS,
    KIND_EVENTS,
    KIND_SAVE,
    KIND_NAMESPACES
};
enum directive_flag { FIXED = 1, SECRET = 2, PROTECTED = 4 };

struct directive {
    const char *name;
    enum directive_kind kind;
    const char *initial;
    int64_t min, max;
    unsigned flags;
    const char *help;
};

extern const struct directive directives[CONFIG_COUNT];

struct config {
    _Atomic int64_t numbers[CONFIG_COUNT];      /* a string's is its length */
    _Atomic bool changed[CONFIG_COUNT];         /* differs from the default, or was set */
    struct buf strings[CONFIG_COUNT];           /* lock */
    struct output_limit limits[OUTPUT_CLASSES]; /* lock */
    pthread_mutex_t lock;
    char *file; /* absolute path of the file it was read from, or NULL */
};

/* Index of a directive, -1 where unknown. */
int config_lookup(struct bytes name);
/* A directive's present value as text. */
void config_text(const struct config *c, int id, struct buf *out);

/* ---- config_forms.c: the forms of values that are not plain numbers ---- */

/* Sizes as Redis takes them: 1k is 1000, 1kb is 1024, and so on. */
bool config_parse_size(struct bytes s, int64_t *out);
/* With the greatest unit that leaves nothing over. */
void config_write_size(int64_t v, struct buf *out);

/* Changes the classes that the text names; NULL, or what is wrong (some of `limits` are changed then). */
const char *config_parse_limits(struct bytes text, struct output_limit limits[OUTPUT_CLASSES]);
void config_set_limits(struct config *c, const struct output_limit limits[OUTPUT_CLASSES]);
void config_limits(const struct config *c, struct output_limit limits[OUTPUT_CLASSES]);
/* All classes on one line / a line for each that differs from the default, as CONFIG REWRITE has them. */
void config_write_limits(const struct config *c, struct buf *out);
void config_rewrite_limits(const struct config *c, const struct directive *d, struct buf *out);

/* All of `text` as save points. */
bool config_check_save(struct bytes text);

/* Bits of enum event_class. */
bool config_parse_events(struct bytes text, int64_t *classes);
void config_write_events(int64_t classes, struct buf *out);

#endif

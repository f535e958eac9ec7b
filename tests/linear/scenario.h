/* What the clients ask: scenarios as data, and the drawing of operations from them. */
#ifndef ATRIUM_TESTS_LINEAR_SCENARIO_H
#define ATRIUM_TESTS_LINEAR_SCENARIO_H

#include "tests/linear/client.h"

#define TEMPLATES_MAX 24

/* In a template "@" stands for a key, other ones of the command excepted, "$" for a value that no
 * other operation writes, "#" for a small number above 0. A template that stands twice is drawn
 * twice as often. */
struct scenario {
    const char *name;
    int keys;
    bool key_by_key;   /* no operation has two keys: they are checked apart */
    bool transactions; /* operations are drawn into MULTI and EXEC, some behind WATCH and a read */
    bool memcached;    /* some clients use that door */
    const char *needs; /* a command without which the scenario cannot run */
    const char *templates[TEMPLATES_MAX];
};

extern const struct scenario scenarios[]; /* ended by one without a name */

/* One client's drawing. */
struct generator {
    const struct scenario *scenario;
    enum door door;
    int client;
    uint64_t random;
    unsigned value; /* how many values it has written */
    int watching;   /* operations since WATCH, 0: not */
    int key;        /* the watched one */
};

void generator_init(struct generator *g, const struct scenario *s, enum door door, int client,
                    uint64_t seed);
/* The next operation without times and answer. */
void generator_next(struct generator *g, struct operation *op);

#endif

/* What the memcached door (net/memcached.c) and its commands share. */
#ifndef ATRIUM_COMMANDS_MEMCACHED_H
#define ATRIUM_COMMANDS_MEMCACHED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

struct engine;

#define MEMCACHED_KEY_MAX 250

/* A number as memcached takes it, in arguments and in values that incr meets: blanks and a sign may
 * stand before it, and what follows a blank after it is not looked at. False where there is none or
 * it is out of range; for the unsigned one a minus goes with zero alone. */
bool memcached_uint(struct bytes s, uint64_t *out);
bool memcached_int(struct bytes s, int64_t *out);

/* memcached's exptime as a deadline in wall-clock ms: 0 stays 0 (none); up to 30 days is from now,
 * above that since the epoch; a negative one is over at once (1). */
uint64_t memcached_deadline_ms(int64_t exptime, uint64_t now_ms);

/* Does the flush that `flush_all delay` asked for, when its time has come. The engine's timer calls
 * it, without locks and outside the gate. */
void memcached_flush_due(struct engine *e);

#endif

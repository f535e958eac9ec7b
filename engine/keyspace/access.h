/* When, or how often, a key was used: what eviction goes by, and OBJECT IDLETIME and FREQ tell.
 *
 * By recency: entry.access has the second of the last use, entry.freq 256ths of it. By frequency (the LFU policies):
 * entry.freq is a logarithmic counter after Morris (1978), as Redis has it: it begins at ACCESS_NEW, a use raises it with
 * the chance 1 / ((freq - ACCESS_NEW) * log_factor + 1), and it falls by one for each decay_minutes without use; 255 is
 * the end. A change of the policy leaves what is there: it takes some time to mean something.
 *
 * Pure functions. Thread rule: the entry's shard's lock. */
#ifndef ATRIUM_KEYSPACE_ACCESS_H
#define ATRIUM_KEYSPACE_ACCESS_H

#include "keyspace/entry.h"

#define ACCESS_NEW 5 /* the counter of a new key, so that it is not the first to go */

struct access_rule {
    bool frequency;
    unsigned log_factor, decay_minutes; /* 0 minutes: no decay */
};

/* The key was used. */
void access_touch(struct entry *e, uint64_t now_ms, const struct access_rule *rule);
uint64_t access_idle_ms(const struct entry *e, uint64_t now_ms);
/* The counter as it is by now. */
uint8_t access_frequency(const struct entry *e, uint64_t now_ms, const struct access_rule *rule);

#endif

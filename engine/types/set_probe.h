/* One set, asked about many members. Inside of the set type.
 *
 * A listpack answers by going through its members; where enough questions are to come, they are indexed by hash
 * first: slots of (upper half of the hash, place in the listpack), open addressing, at most half full. The other
 * forms are asked as they are. No write to the set while it is probed. */
#ifndef ATRIUM_TYPES_SET_PROBE_H
#define ATRIUM_TYPES_SET_PROBE_H

#include "types/set.h"

struct set_probe {
    const struct set *set; /* NULL: empty */
    uint64_t *slots;       /* NULL: not indexed */
    size_t mask;
};

/* About `questions` are to come. O(length of a listpack). */
void set_probe_init(struct set_probe *p, const struct set *s, size_t questions);
void set_probe_release(struct set_probe *p);
/* hash is hash_bytes(member). */
bool set_probe_has(const struct set_probe *p, struct bytes member, uint64_t hash);

#endif

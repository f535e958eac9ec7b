/* What the families of keys of any type share: generic.c, expire.c, object.c. */
#ifndef ATRIUM_COMMANDS_GENERIC_H
#define ATRIUM_COMMANDS_GENERIC_H

#include "commands/exec.h"

/* Key k for a question about it (EXISTS, TYPE, TTL): counts a hit or a miss, but is no access, so
 * the access clock stays. NULL where missing. */
struct entry *generic_look(struct exec *x, unsigned k);

#endif

/* What the set commands share. */
#ifndef ATRIUM_COMMANDS_SET_ARGS_H
#define ATRIUM_COMMANDS_SET_ARGS_H

#include "commands/exec.h"
#include "types/set.h"

struct set_limits set_limits_of(const struct exec *x);

/* The set under key k, NULL where missing; false: WRONGTYPE has been answered. */
bool set_read(struct exec *x, unsigned k, struct set **s);
bool set_write(struct exec *x, unsigned k, struct set **s);

/* After members were removed: the event, and the key goes with its last member. */
void set_removed(struct exec *x, unsigned k, struct set *s, const char *event);

#define SET_ACL   "set"
#define SET_GROUP "set"

#endif

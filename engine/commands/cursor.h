/* The cursor of SCAN, HSCAN and their kin. */
#ifndef ATRIUM_COMMANDS_CURSOR_H
#define ATRIUM_COMMANDS_CURSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

/* A cursor is what Redis takes for one: a number as strtoul reads it, without leading blanks; an
 * empty argument is 0. */
bool cursor_parse(struct bytes s, uint64_t *cursor);

#endif

/* What COMMAND INFO tells beyond the rows: tips for clients and proxies, notes on keys, and flags
 * of keys that depend on the arguments. By name, as only COMMAND asks for it. Thread rule:
 * constants. */
#ifndef ATRIUM_COMMANDS_COMMAND_HINTS_H
#define ATRIUM_COMMANDS_COMMAND_HINTS_H

#include "base/bytes.h"

/* Tips on how to route the command and read its reply, with blanks between; "" where there are
 * none. */
const char *command_tips(const char *name);
/* Why the flags of the command's n-th key specification are as they are; NULL: they need no words.
 */
const char *command_key_note(const char *name, unsigned spec);
/* The flags of a specification with VARIABLE_FLAGS for these arguments, joined by '+'; NULL: the
 * row's. */
const char *command_flags_of(const char *name, const struct bytes *argv, int argc);

/* Categories in the order in which they are listed; those that are not named here come last. */
extern const char *const command_category_order[];
extern const size_t command_category_count;

#endif

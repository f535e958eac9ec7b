/* SORT's patterns: BY weight_* and GET object_*->field name keys of their own, by putting an element in place of the
 * asterisk. They are no declared keys, so SORT runs with the gate closed where it has some. */
#ifndef ATRIUM_COMMANDS_SORT_PATTERN_H
#define ATRIUM_COMMANDS_SORT_PATTERN_H

#include "commands/exec.h"

/* Does the pattern name other keys? */
bool sort_pattern_names_keys(struct bytes pattern);
/* The string, or the hash's field, that the pattern names for the element; "#" is the element itself. False where there is
 * none. *value lives until the command ends. */
bool sort_pattern_value(struct exec *x, struct bytes pattern, struct bytes element,
                        struct bytes *value);

#endif

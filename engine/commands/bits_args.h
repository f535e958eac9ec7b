/* What the commands on bits share. */
#ifndef ATRIUM_COMMANDS_BITS_ARGS_H
#define ATRIUM_COMMANDS_BITS_ARGS_H

#include "commands/exec.h"

/* Argument i as a bit's offset; "#n" counts in units of `width` bits where that is not 0. False: the error has been
 * answered. */
bool bits_offset(struct exec *x, int i, unsigned width, uint64_t *offset);
/* The string of key k for reading, empty where missing; scratch as for entry_string. False: WRONGTYPE has been answered. */
bool bits_string(struct exec *x, unsigned k, struct bytes *s, char *scratch);
/* The string of key 0 for writing, grown with zeros to n bytes; `grew` tells whether it was. False: answered. */
bool bits_edit(struct exec *x, size_t n, char **data, size_t *len, bool *grew);

#define BITS_ACL   "bitmap"
#define BITS_GROUP "bitmap"

#endif

/* Arguments of the commands on fields with deadlines: FIELDS numfields field ..., and times. */
#ifndef ATRIUM_COMMANDS_HASH_FIELDS_ARG_H
#define ATRIUM_COMMANDS_HASH_FIELDS_ARG_H

#include "commands/hash_key.h"

struct fields_arg {
    int first; /* the first field's argument */
    int n;
};

#define FIELDS_ARG_POSITIVE "Number of fields must be a positive integer"

/* FIELDS at argument i, its count, and as many fields as it says up to the end. False: the error
 * has been answered; `not_positive` is the text for a bad count. */
bool fields_arg_parse(struct exec *x, int i, const char *not_positive, struct fields_arg *f);

enum time_unit { TIME_SECONDS, TIME_MILLISECONDS };

/* Argument i as a deadline in wall-clock ms, at most 2^46. False: the error has been answered. */
bool hash_parse_when(struct exec *x, int i, enum time_unit unit, bool absolute, uint64_t *when_ms);

/* EX, PX, EXAT, PXAT: is argument i one, of which kind? */
bool hash_time_word(const struct exec *x, int i, enum time_unit *unit, bool *absolute);

#endif

/* A command's grammar, as the rows write it, as a tree of arguments in the terms of COMMAND DOCS.
 *
 *     key [(NX | XX)] [EX seconds] [member ...]
 *
 *   word         a name: lower case a value, upper case a token of its own
 *   TOKEN name   a value behind its token (the token stands directly before one name)
 *   [ ... ]      optional         ( a | b )  one of
 *   x ...        may repeat
 *
 * Ownership: grammar_parse allocates, grammar_free frees. Pure otherwise. */
#ifndef ATRIUM_COMMANDS_GRAMMAR_H
#define ATRIUM_COMMANDS_GRAMMAR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

enum argument_type { ARG_VALUE, ARG_TOKEN, ARG_ONEOF, ARG_BLOCK };

struct argument {
    enum argument_type type;
    struct bytes name;  /* into the grammar's text; empty for groups */
    struct bytes token; /* empty where there is none */
    bool optional, multiple;
    struct argument **parts; /* of ONEOF and BLOCK */
    size_t nparts;
};

/* The sequence as a BLOCK; the text must outlive it. A grammar that is not well formed (brackets) gives NULL. */
struct argument *grammar_parse(const char *text);
void grammar_free(struct argument *a);

#endif

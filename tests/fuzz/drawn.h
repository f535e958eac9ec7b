/* Commands drawn from a fuzzer's input, along each command's own grammar; one byte in sixteen breaks it. */
#ifndef ATRIUM_TESTS_FUZZ_DRAWN_H
#define ATRIUM_TESTS_FUZZ_DRAWN_H

#include "base/num.h"
#include "commands/command.h"
#include "commands/grammar.h"
#include "tests/fuzz/input.h"

#define ARGUMENTS_MAX 64

struct call {
    struct bytes argv[ARGUMENTS_MAX];
    int argc;
    unsigned count; /* by the last argument that is named a number of something; 0: none was */
    char room[ARGUMENTS_MAX * 16];
    size_t used;
};

/* Adds the command's name, its subcommand's after it. */
void draw_name(struct call *c, const struct command *cmd);
/* Adds what an argument of the grammar may stand for; more than ARGUMENTS_MAX are left out. */
void draw(struct call *c, const struct argument *a, struct input *in);

#endif

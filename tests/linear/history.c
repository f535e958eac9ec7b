#include "tests/linear/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void command_parse(struct command *c, const char *text)
{
    *c = (struct command){0};
    for (;;) {
        size_t n = strcspn(text, " ");
        if (c->argc == WORDS_MAX || n == 0 || n >= WORD_BYTES)
            abort();
        memcpy(c->argv[c->argc++], text, n);
        if (!text[n])
            return;
        text += n + 1;
    }
}

void operation_text(const struct operation *op, char *to, size_t room)
{
    size_t n = 0;
    to[0] = '\0';
    for (int i = 0; i < op->ncommands; i++) {
        for (int k = 0; k < op->commands[i].argc && n < room; k++)
            n += (size_t)snprintf(to + n, room - n, "%s%s",
                                  k   ? " "
                                  : i ? "; "
                                      : "",
                                  op->commands[i].argv[k]);
    }
}

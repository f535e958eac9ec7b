/* A history: what concurrent clients asked, what they were answered, and when.
 *
 * Keys have the names "@0" to "@3", on the wire too. All other words are without blanks. */
#ifndef ATRIUM_TESTS_LINEAR_HISTORY_H
#define ATRIUM_TESTS_LINEAR_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEYS         4
#define CLIENTS_MAX  16
#define WORDS_MAX    7
#define WORD_BYTES   16
#define COMMANDS_MAX 4
#define REPLY_BYTES  3000

struct command {
    int argc;
    char argv[WORDS_MAX][WORD_BYTES];
};

enum operation_kind {
    OPERATION_COMMAND,
    OPERATION_TRANSACTION, /* MULTI, the commands, EXEC: one step, or none where a watched key
                              changed */
};

struct operation {
    enum operation_kind kind;
    int client;
    int ncommands;
    struct command commands[COMMANDS_MAX];
    uint64_t asked_at_ns, answered_at_ns;
    size_t reply_n; /* RESP2 */
    char reply[REPLY_BYTES];
};

/* The key's number, -1 where the word is no key. */
static inline int key_of(const char *word)
{
    return word[0] == '@' && word[1] >= '0' && word[1] < '0' + KEYS && !word[2] ? word[1] - '0'
                                                                                : -1;
}

/* Fills a command from its text, words with one blank between them. */
void command_parse(struct command *c, const char *text);
/* Its text, with "; " between the commands of a transaction; `room` bytes. */
void operation_text(const struct operation *op, char *to, size_t room);

#endif

/* Commands are data. Each family (one file of this folder) has a static array of rows; families.h lists the
 * arrays; the table is built from them once, at start, and then only read.
 *
 * A row's text columns are parsed at start, and a mistake in one stops the program:
 *   flags   Redis's words, comma separated: write readonly denyoom fast admin pubsub noscript blocking
 *           loading stale skip_monitor no_auth no_multi may_replicate allow_busy no_mandatory_keys
 *           touches_arbitrary_keys protected skip_slowlog; and our own, which COMMAND does not show:
 *             gate     runs alone, with the gate closed (FLUSHALL, SWAPDB, CONFIG SET of some)
 *             unlocked no shard is locked though the row has keys, or the handler works in slices through the
 *                      keyspace's own locking functions (SCAN, KEYS)
 *             internal for the memcached door alone; elsewhere the command is unknown, and it is not listed
 *             stateful changes the connection's mode: refused over HTTP and in WebSocket's `command`
 *             transaction  EXEC: runs other commands, for which it locks by itself
 *             long     takes its time without locks (VSIM): sessions that can move run it in a thread for such
 *             patterns runs with the gate closed where an argument behind BY or GET has an asterisk, or STORE is
 *                      there: those name keys beyond the declared ones (SORT)
 *   acl     ACL categories beyond those that follow from the flags (read, write, fast, slow, ...)
 *   keys    key specifications, joined by " ; ", each begin:find:flags
 *             begin  @N  at argument N        kw:WORD  after the argument WORD; WORD@N: looked for from argument N on
 *             find   last/step (last 0: this one alone; -1: to the end; 1: this and the next) or
 *                    numkeys or numkeys*step (the argument at begin is the count, keys follow)
 *                    -1/step/part: of what is there to the end, the first part-th (XREAD: 2)
 *             flags  RO RW OW RM + ACCESS UPDATE INSERT DELETE NOT_KEY INCOMPLETE VARIABLE_FLAGS
 *   args    the grammar as on the command's page: COMMAND DOCS, the console and the docs are made from it
 * Subcommands are rows named "config|get"; their container is a row without handler.
 *
 * Thread rule: read-only after command_table_build. */
#ifndef ATRIUM_COMMANDS_COMMAND_H
#define ATRIUM_COMMANDS_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct exec;

typedef void command_fn(struct exec *x);

struct command_row {
    const char *name; /* lower case */
    command_fn *handler;
    int arity; /* negative: at least */
    const char *flags, *acl, *keys;
    const char *since, *group, *args, *summary;
};

enum command_flag {
    CMD_WRITE = 1 << 0,
    CMD_READONLY = 1 << 1,
    CMD_DENYOOM = 1 << 2,
    CMD_ADMIN = 1 << 3,
    CMD_PUBSUB = 1 << 4,
    CMD_NOSCRIPT = 1 << 5,
    CMD_BLOCKING = 1 << 6,
    CMD_LOADING = 1 << 7,
    CMD_STALE = 1 << 8,
    CMD_SKIP_MONITOR = 1 << 9,
    CMD_SKIP_SLOWLOG = 1 << 10,
    CMD_ASKING = 1 << 11,
    CMD_FAST = 1 << 12,
    CMD_NO_AUTH = 1 << 13,
    CMD_MAY_REPLICATE = 1 << 14,
    CMD_NO_MANDATORY_KEYS = 1 << 15,
    CMD_ALLOW_BUSY = 1 << 16,
    CMD_NO_ASYNC_LOADING = 1 << 17,
    CMD_NO_MULTI = 1 << 18,
    CMD_TOUCHES_ARBITRARY_KEYS = 1 << 19,
    CMD_PROTECTED = 1 << 20,
    CMD_GATE = 1 << 21,
    CMD_UNLOCKED = 1 << 22,
    CMD_INTERNAL = 1 << 23,
    CMD_STATEFUL = 1 << 24,
    CMD_TRANSACTION = 1 << 25,
    CMD_PATTERNS = 1 << 26,
    CMD_LONG = 1 << 27,
};

enum key_begin { KEYS_AT_INDEX, KEYS_AFTER_WORD, KEYS_UNKNOWN };
enum key_find { KEYS_RANGE, KEYS_COUNTED };

struct key_spec {
    enum key_begin begin;
    int index; /* KEYS_AT_INDEX, and where the search for the word begins */
    char word[16];
    enum key_find find;
    int last, step;
    int part; /* above 0: the keys are the first part-th of the arguments from their begin on */
    char flags[48]; /* the text, "RW+ACCESS" */
};

#define COMMAND_KEY_SPECS_MAX 3

struct command {
    const struct command_row *row;
    uint32_t id; /* 0.. command_count()-1 */
    uint32_t flags;
    unsigned nspecs;
    struct key_spec specs[COMMAND_KEY_SPECS_MAX];
    bool one_key;                 /* exactly one key, at argument `first`: the common, fast case */
    int first, last, step;        /* as COMMAND INFO shows them */
    struct command **subcommands; /* of a container, NULL-terminated; else NULL */
    struct command *parent;
};

/* Builds the table from families.h. Aborts with a message on a wrong row. Once, before any thread. */
void command_table_build(void);
/* The command of this name in any case; NULL where unknown. Subcommands by command_find_sub. */
const struct command *command_find(struct bytes name);
const struct command *command_find_sub(const struct command *container, struct bytes name);
/* The n-th top-level command or subcommand by id. */
const struct command *command_at(uint32_t id);
uint32_t command_count(void);

/* Must the gate be closed for this command with these arguments? */
bool command_needs_gate(const struct command *cmd, const struct bytes *argv, int argc);

/* Positions of the keys in argv, appended to `at` (room for `max`); returns how many there are, or -1
 * where the arguments do not fit (a bad key count). NOT_KEY specs (channels) are left out. */
int command_keys(const struct command *cmd, const struct bytes *argv, int argc, int *at, int max);

#endif

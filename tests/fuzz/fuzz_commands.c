/* Commands at the engine, drawn from the input along each command's own grammar: nothing crashes,
 * each answer is one well-formed RESP value, and every value in the keyspace passes its type's
 * check afterwards.
 *
 * Input: commands; each is two bytes for the command and then what draw() takes for its arguments.
 * The highest bit of the two asks in RESP3. One byte in sixteen breaks the grammar. */
#include "tests/fuzz/drawn.h"
#include "tests/fuzz/served.h"

#define COMMANDS_MAX 60

/* ---- which commands ------------------------------------------------------------------------------ */

static struct session *sessions[2]; /* RESP and memcached */
static const struct command **commands;
static struct argument **grammars;
static uint32_t ncommands;

/* What ends the program, changes its files or its connection, waits for the wall clock, is long by nature, or only
 * says at length what is always the same. */
static bool is_left_out(const char *name)
{
    static const char *const names[] = {
        "shutdown",     "config|set",   "config|rewrite", "client|pause", "reset",
        "quit",         "auth",         "hello",          "command",      "command|docs",
        "command|info", "command|list", "info",           "monitor",      "wait",
        "waitaof",      "select",       "save",           "bgsave",       "pfselftest"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!strcmp(name, names[i]))
            return true;
    }
    return !strncmp(name, "debug", 5);
}

/* Connections' own commands need a connection; transactions do not. */
static bool is_wanted(const struct command *c)
{
    bool transaction = !strcmp(c->row->group, "transactions");
    return c->row->handler && !is_left_out(c->row->name) &&
           (transaction || !(c->flags & CMD_STATEFUL));
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    sessions[0] = served_session(DOOR_RESP);
    sessions[1] = served_session(DOOR_MEMCACHED);
    commands = mem_calloc(command_count() * sizeof(struct command *));
    grammars = mem_calloc(command_count() * sizeof(struct argument *));
    for (uint32_t i = 0; i < command_count(); i++) {
        const struct command *c = command_at(i);
        if (!is_wanted(c))
            continue;
        commands[ncommands] = c;
        grammars[ncommands++] = grammar_parse(c->row->args);
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct buf out;
    input_seed(data, size);
    buf_init(&out);
    for (int i = 0; i < COMMANDS_MAX && in.n > 0; i++) {
        uint32_t which = input_u16(&in);
        struct call c = {.argc = 0};
        const struct command *cmd = commands[which % ncommands];
        struct session *s = sessions[cmd->flags & CMD_INTERNAL ? 1 : 0];
        draw_name(&c, cmd);
        draw(&c, grammars[which % ncommands], &in);
        s->resp = which & 0x8000 ? 3 : 2;
        served_run(s, c.argv, c.argc, &out);
    }
    served_check();
    served_clear(sessions[0], &out);
    buf_release(&out);
    return 0;
}

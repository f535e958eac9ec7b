/* COMMAND: the table, as clients read it. */
#include <ctype.h>
#include <stdlib.h>

#include "commands/command_hints.h"
#include "commands/exec.h"
#include "commands/grammar.h"

/* ---- flags and categories ----------------------------------------------------------------------------------- */

static const struct {
    uint32_t flag;
    const char *name;
} shown_flags[] = {
    {CMD_WRITE, "write"},
    {CMD_READONLY, "readonly"},
    {CMD_DENYOOM, "denyoom"},
    {CMD_ADMIN, "admin"},
    {CMD_PUBSUB, "pubsub"},
    {CMD_NOSCRIPT, "noscript"},
    {CMD_BLOCKING, "blocking"},
    {CMD_LOADING, "loading"},
    {CMD_STALE, "stale"},
    {CMD_SKIP_MONITOR, "skip_monitor"},
    {CMD_SKIP_SLOWLOG, "skip_slowlog"},
    {CMD_ASKING, "asking"},
    {CMD_FAST, "fast"},
    {CMD_NO_AUTH, "no_auth"},
    {CMD_MAY_REPLICATE, "may_replicate"},
    {CMD_NO_MANDATORY_KEYS, "no_mandatory_keys"},
    {CMD_PROTECTED, "protected"},
    {CMD_NO_ASYNC_LOADING, "no_async_loading"},
    {CMD_NO_MULTI, "no_multi"},
    {CMD_ALLOW_BUSY, "allow_busy"},
    {CMD_TOUCHES_ARBITRARY_KEYS, "touches_arbitrary_keys"},
};

/* A command whose keys are not all found by an index says so, as Redis does. */
static bool movable(const struct command *cmd)
{
    for (unsigned i = 0; i < cmd->nspecs; i++) {
        if (cmd->specs[i].begin != KEYS_AT_INDEX || cmd->specs[i].find != KEYS_RANGE)
            return true;
    }
    return false;
}

static void reply_flags(struct exec *x, const struct command *cmd)
{
    size_t mark = reply_begin(x->reply), n = 0;
    for (size_t i = 0; i < sizeof shown_flags / sizeof *shown_flags; i++) {
        if (cmd->flags & shown_flags[i].flag) {
            reply_simple(x->reply, shown_flags[i].name);
            n++;
        }
    }
    if (movable(cmd)) {
        reply_simple(x->reply, "movablekeys");
        n++;
    }
    reply_end(x->reply, mark, REPLY_SET, n);
}

/* The categories that follow from flags, as Redis derives them, and the row's own: each at most once. */
static size_t categories(const struct command *cmd, struct bytes *out)
{
    size_t n = 0;
    uint32_t f = cmd->flags;
    if (f & CMD_WRITE)
        out[n++] = BYTES("write");
    if (f & CMD_READONLY && !(cmd->row->acl && strstr(cmd->row->acl, "scripting")))
        out[n++] = BYTES("read");
    for (const char *p = cmd->row->acl ? cmd->row->acl : ""; *p;) {
        size_t len = strcspn(p, ",");
        out[n++] = bytes_of(p, len);
        p += len + (p[len] == ',');
    }
    if (f & CMD_ADMIN) {
        out[n++] = BYTES("admin");
        out[n++] = BYTES("dangerous");
    }
    if (f & CMD_PUBSUB)
        out[n++] = BYTES("pubsub");
    out[n++] = f & CMD_FAST ? BYTES("fast") : BYTES("slow");
    if (f & CMD_BLOCKING)
        out[n++] = BYTES("blocking");
    return n;
}

static void reply_category(struct exec *x, struct bytes name)
{
    char text[32];
    size_t len = name.n < sizeof text - 2 ? name.n : sizeof text - 2;
    text[0] = '@';
    memcpy(text + 1, name.p, len);
    text[len + 1] = '\0';
    reply_simple(x->reply, text);
}

/* Sorts by the place in command_category_order; a few, so by insertion. */
static unsigned category_place(struct bytes name)
{
    unsigned i = 0;
    while (i < command_category_count && !bytes_is(name, command_category_order[i]))
        i++;
    return i;
}

static void reply_categories(struct exec *x, const struct command *cmd)
{
    struct bytes all[16];
    size_t n = categories(cmd, all);
    reply_set(x->reply, n);
    for (size_t i = 1; i < n; i++) {
        for (size_t k = i; k > 0 && category_place(all[k]) < category_place(all[k - 1]); k--) {
            struct bytes swap = all[k];
            all[k] = all[k - 1];
            all[k - 1] = swap;
        }
    }
    for (size_t i = 0; i < n; i++)
        reply_category(x, all[i]);
}

static void reply_tips(struct exec *x, const struct command *cmd)
{
    size_t mark = reply_begin(x->reply), n = 0;
    for (const char *t = command_tips(cmd->row->name); *t; n++) {
        size_t len = strcspn(t, " ");
        reply_bulk(x->reply, bytes_of(t, len));
        t += len + (t[len] == ' ');
    }
    reply_end(x->reply, mark, REPLY_SET, n);
}

/* ---- key specifications --------------------------------------------------------------------------------------- */

static void reply_words(struct exec *x, const char *joined, char by)
{
    size_t mark = reply_begin(x->reply), n = 0;
    for (const char *p = joined; *p; n++) {
        char word[48];
        const char *end = strchr(p, by);
        size_t len = end ? (size_t)(end - p) : strlen(p);
        memcpy(word, p, len);
        word[len] = '\0';
        for (size_t i = 0; len > 2 && i < len; i++) /* RO, RW, OW and RM stay as they are */
            word[i] = (char)(word[i] >= 'A' && word[i] <= 'Z' ? word[i] + 32 : word[i]);
        reply_simple(x->reply, word);
        p += len + (end != NULL);
    }
    reply_end(x->reply, mark, REPLY_SET, n);
}

static void reply_begin_search(struct exec *x, const struct key_spec *s)
{
    reply_map(x->reply, 2);
    reply_text(x->reply, "type");
    reply_text(x->reply, s->begin == KEYS_AT_INDEX     ? "index"
                         : s->begin == KEYS_AFTER_WORD ? "keyword"
                                                       : "unknown");
    reply_text(x->reply, "spec");
    if (s->begin == KEYS_AT_INDEX) {
        reply_map(x->reply, 1);
        reply_text(x->reply, "index");
        reply_int(x->reply, s->index);
    } else if (s->begin == KEYS_AFTER_WORD) {
        reply_map(x->reply, 2);
        reply_text(x->reply, "keyword");
        reply_text(x->reply, s->word);
        reply_text(x->reply, "startfrom");
        reply_int(x->reply, s->index);
    } else {
        reply_map(x->reply, 0);
    }
}

static void reply_find_keys(struct exec *x, const struct key_spec *s)
{
    bool counted = s->find == KEYS_COUNTED;
    reply_map(x->reply, 2);
    reply_text(x->reply, "type");
    reply_text(x->reply, s->begin == KEYS_UNKNOWN ? "unknown" : counted ? "keynum" : "range");
    reply_text(x->reply, "spec");
    if (s->begin == KEYS_UNKNOWN) {
        reply_map(x->reply, 0);
        return;
    }
    reply_map(x->reply, 3);
    reply_text(x->reply, counted ? "keynumidx" : "lastkey");
    reply_int(x->reply, counted ? 0 : s->last);
    reply_text(x->reply, counted ? "firstkey" : "keystep");
    reply_int(x->reply, counted ? 1 : s->step);
    reply_text(x->reply, counted ? "keystep" : "limit");
    reply_int(x->reply, counted ? s->step : s->part);
}

static void reply_key_specs(struct exec *x, const struct command *cmd)
{
    reply_set(x->reply, cmd->nspecs);
    for (unsigned i = 0; i < cmd->nspecs; i++) {
        const char *note = command_key_note(cmd->row->name, i);
        reply_map(x->reply, note ? 4 : 3);
        if (note) {
            reply_text(x->reply, "notes");
            reply_text(x->reply, note);
        }
        reply_text(x->reply, "flags");
        reply_words(x, cmd->specs[i].flags, '+');
        reply_text(x->reply, "begin_search");
        reply_begin_search(x, &cmd->specs[i]);
        reply_text(x->reply, "find_keys");
        reply_find_keys(x, &cmd->specs[i]);
    }
}

/* ---- COMMAND and COMMAND INFO ----------------------------------------------------------------------------------- */

static bool listed(const struct command *cmd)
{
    return !(cmd->flags & CMD_INTERNAL);
}

static void reply_command(struct exec *x, const struct command *cmd)
{
    size_t subs = 0;
    if (!cmd || !listed(cmd)) {
        reply_null(x->reply);
        return;
    }
    while (cmd->subcommands && cmd->subcommands[subs])
        subs++;
    reply_array(x->reply, 10);
    reply_text(x->reply, cmd->row->name);
    reply_int(x->reply, cmd->row->arity);
    reply_flags(x, cmd);
    reply_int(x->reply, cmd->first);
    reply_int(x->reply, cmd->last);
    reply_int(x->reply, cmd->step);
    reply_categories(x, cmd);
    reply_tips(x, cmd);
    reply_key_specs(x, cmd);
    if (subs)
        reply_array(x->reply, subs);
    else
        reply_set(x->reply, 0);
    for (size_t i = 0; i < subs; i++)
        reply_command(x, cmd->subcommands[i]);
}

/* Top-level commands that clients see. */
static const struct command *next_listed(uint32_t *id)
{
    while (*id < command_count()) {
        const struct command *cmd = command_at((*id)++);
        if (!cmd->parent && listed(cmd))
            return cmd;
    }
    return NULL;
}

static size_t count_listed(void)
{
    uint32_t id = 0;
    size_t n = 0;
    while (next_listed(&id))
        n++;
    return n;
}

static void cmd_command(struct exec *x)
{
    uint32_t id = 0;
    const struct command *cmd;
    reply_array(x->reply, count_listed());
    while ((cmd = next_listed(&id)) != NULL)
        reply_command(x, cmd);
}

static void cmd_command_count(struct exec *x)
{
    reply_int(x->reply, (int64_t)count_listed());
}

/* "get" or "config|get". */
static const struct command *by_name(struct bytes name)
{
    const char *bar = name.n ? memchr(name.p, '|', name.n) : NULL;
    if (!bar)
        return command_find(name);
    const struct command *parent = command_find(bytes_of(name.p, (size_t)(bar - name.p)));
    return parent ? command_find_sub(parent, bytes_of(bar + 1, name.n - (size_t)(bar - name.p) - 1))
                  : NULL;
}

static void cmd_command_info(struct exec *x)
{
    if (x->argc == 2) {
        cmd_command(x);
        return;
    }
    reply_array(x->reply, (size_t)x->argc - 2);
    for (int i = 2; i < x->argc; i++)
        reply_command(x, by_name(x->argv[i]));
}

/* ---- COMMAND DOCS ------------------------------------------------------------------------------------------------ */

static const char *value_type(struct bytes name)
{
    static const struct {
        const char *part, *type;
    } types[] = {{"key", "key"},         {"pattern", "pattern"},      {"unix-time", "unix-time"},
                 {"seconds", "integer"}, {"milliseconds", "integer"}, {"count", "integer"},
                 {"num", "integer"},     {"offset", "integer"},       {"db", "integer"},
                 {"index", "integer"},   {"start", "integer"},        {"stop", "integer"},
                 {"cursor", "integer"},  {"score", "double"},         {"weight", "integer"}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        size_t n = strlen(types[i].part);
        for (size_t at = 0; at + n <= name.n; at++) {
            if (memcmp(name.p + at, types[i].part, n) == 0)
                return types[i].type;
        }
    }
    return "string";
}

static void reply_arguments(struct exec *x, struct argument *const *parts, size_t n);

static void reply_lower(struct exec *x, struct bytes s)
{
    char text[64];
    size_t n = s.n < sizeof text ? s.n : sizeof text;
    for (size_t i = 0; i < n; i++)
        text[i] = (char)tolower((unsigned char)s.p[i]);
    reply_bulk(x->reply, bytes_of(text, n));
}

/* A group is named after its first named part. */
static struct bytes argument_name(const struct argument *a)
{
    return a->nparts ? argument_name(a->parts[0]) : a->name;
}

static void reply_argument(struct exec *x, const struct argument *a)
{
    bool group = a->type == ARG_ONEOF || a->type == ARG_BLOCK, flags = a->optional || a->multiple;
    bool token = a->token.n && !group;
    reply_map(x->reply, 2 + (size_t)token + flags + group);
    reply_text(x->reply, "name");
    reply_lower(x, argument_name(a));
    reply_text(x->reply, "type");
    reply_text(x->reply, a->type == ARG_ONEOF   ? "oneof"
                         : a->type == ARG_BLOCK ? "block"
                         : a->type == ARG_TOKEN ? "pure-token"
                                                : value_type(a->name));
    if (token) {
        reply_text(x->reply, "token");
        reply_bulk(x->reply, a->token);
    }
    if (flags) {
        reply_text(x->reply, "flags");
        reply_array(x->reply, (size_t)a->optional + a->multiple);
        if (a->optional)
            reply_simple(x->reply, "optional");
        if (a->multiple)
            reply_simple(x->reply, "multiple");
    }
    if (group) {
        reply_text(x->reply, "arguments");
        reply_arguments(x, a->parts, a->nparts);
    }
}

static void reply_arguments(struct exec *x, struct argument *const *parts, size_t n)
{
    reply_array(x->reply, n);
    for (size_t i = 0; i < n; i++)
        reply_argument(x, parts[i]);
}

static void reply_docs(struct exec *x, const struct command *cmd);

static void reply_subcommand_docs(struct exec *x, const struct command *cmd)
{
    size_t n = 0;
    while (cmd->subcommands[n])
        n++;
    reply_map(x->reply, n);
    for (size_t i = 0; i < n; i++)
        reply_docs(x, cmd->subcommands[i]);
}

static void reply_docs(struct exec *x, const struct command *cmd)
{
    const struct command_row *row = cmd->row;
    struct argument *args = grammar_parse(row->args ? row->args : "");
    bool has_args = args && args->nparts;
    reply_text(x->reply, row->name);
    reply_map(x->reply, 3 + (size_t)has_args + (cmd->subcommands != NULL));
    reply_text(x->reply, "summary");
    reply_text(x->reply, row->summary ? row->summary : "");
    reply_text(x->reply, "since");
    reply_text(x->reply, row->since ? row->since : "");
    reply_text(x->reply, "group");
    reply_text(x->reply, row->group ? row->group : "");
    if (has_args) {
        reply_text(x->reply, "arguments");
        reply_arguments(x, args->parts, args->nparts);
    }
    if (cmd->subcommands) {
        reply_text(x->reply, "subcommands");
        reply_subcommand_docs(x, cmd);
    }
    grammar_free(args);
}

static void cmd_command_docs(struct exec *x)
{
    const struct command *cmd;
    uint32_t id = 0;
    size_t mark = reply_begin(x->reply), n = 0;
    if (x->argc == 2) {
        for (; (cmd = next_listed(&id)) != NULL; n++)
            reply_docs(x, cmd);
    }
    for (int i = 2; i < x->argc; i++) {
        cmd = by_name(x->argv[i]);
        if (!cmd || !listed(cmd))
            continue;
        reply_docs(x, cmd);
        n++;
    }
    reply_end(x->reply, mark, REPLY_MAP, n);
}

/* ---- COMMAND LIST ------------------------------------------------------------------------------------------------- */

static bool in_category(const struct command *cmd, struct bytes name)
{
    struct bytes all[16];
    size_t n = categories(cmd, all);
    for (size_t i = 0; i < n; i++) {
        if (bytes_eq(all[i], name))
            return true;
    }
    return false;
}

static void cmd_command_list(struct exec *x)
{
    bool filtered = x->argc == 5 && exec_is(x, 2, "FILTERBY");
    bool by_category = filtered && exec_is(x, 3, "ACLCAT"),
         by_pattern = filtered && exec_is(x, 3, "PATTERN");
    bool by_module = filtered && exec_is(x, 3, "MODULE");
    uint32_t id = 0;
    const struct command *cmd;
    if (x->argc != 2 && !by_category && !by_pattern && !by_module) {
        reply_error(x->reply, ERROR_SYNTAX);
        return;
    }
    size_t mark = reply_begin(x->reply), n = 0;
    while (!by_module && (cmd = next_listed(&id)) != NULL) {
        if ((by_category && !in_category(cmd, x->argv[4])) ||
            (by_pattern && !bytes_glob(x->argv[4], bytes_str(cmd->row->name), true)))
            continue;
        reply_text(x->reply, cmd->row->name);
        n++;
    }
    reply_end(x->reply, mark, REPLY_ARRAY, n);
}

/* ---- COMMAND GETKEYS ----------------------------------------------------------------------------------------------- */

/* The command that argv[2..] spells; NULL: the error has been answered. */
static const struct command *spelled(struct exec *x)
{
    const struct command *cmd = command_find(x->argv[2]), *sub = NULL;
    int argc = x->argc - 2;
    if (cmd && cmd->subcommands && argc > 1) {
        sub = command_find_sub(cmd, x->argv[3]);
        cmd = sub;
    }
    if (!cmd || !listed(cmd)) {
        reply_errorf(x->reply, ERROR_GENERIC, "Invalid command specified");
        return NULL;
    }
    if (!cmd->nspecs) {
        reply_errorf(x->reply, ERROR_GENERIC, "The command has no key arguments");
        return NULL;
    }
    if (cmd->row->arity >= 0 ? argc != cmd->row->arity : argc < -cmd->row->arity) {
        reply_errorf(x->reply, ERROR_GENERIC, "Invalid number of arguments specified for command");
        return NULL;
    }
    return cmd;
}

static const struct key_spec *spec_of_key(const struct command *cmd, struct exec *x, int at)
{
    for (unsigned i = cmd->nspecs; i-- > 0;) {
        const struct key_spec *s = &cmd->specs[i];
        if (s->begin == KEYS_AT_INDEX && at >= s->index)
            return s;
        if (s->begin == KEYS_AFTER_WORD && at > 1 && exec_is(x, at + 1, s->word))
            return s;
    }
    return &cmd->specs[0];
}

/* Is a count of keys 0? To run such a command is the handler's error; to name its keys is one here. */
static bool counts_none(const struct command *cmd, struct exec *x)
{
    for (unsigned i = 0; i < cmd->nspecs; i++) {
        const struct key_spec *s = &cmd->specs[i];
        int64_t n;
        if (s->find == KEYS_COUNTED && s->begin == KEYS_AT_INDEX && 2 + s->index < x->argc &&
            num_parse_int(x->argv[2 + s->index], &n) && n == 0)
            return true;
    }
    return false;
}

static void getkeys(struct exec *x, bool with_flags)
{
    const struct command *cmd = spelled(x);
    int few[64], *at = few;
    if (!cmd)
        return;
    int n = counts_none(cmd, x) ? -1 : command_keys(cmd, x->argv + 2, x->argc - 2, few, 64);
    if (n > 64) {
        at = exec_alloc(x, (size_t)n * sizeof *at);
        command_keys(cmd, x->argv + 2, x->argc - 2, at, n);
    }
    if (n <= 0) {
        reply_errorf(x->reply, ERROR_GENERIC,
                     cmd->nspecs && n < 0 ? "Invalid arguments specified for command"
                                          : "The command has no key arguments");
        return;
    }
    const char *variable = command_flags_of(cmd->row->name, x->argv + 2, x->argc - 2);
    reply_array(x->reply, (size_t)n);
    for (int i = 0; i < n; i++) {
        if (with_flags)
            reply_array(x->reply, 2);
        reply_bulk(x->reply, x->argv[2 + at[i]]);
        if (with_flags)
            reply_words(x, variable ? variable : spec_of_key(cmd, x, at[i])->flags, '+');
    }
}

static void cmd_command_getkeys(struct exec *x)
{
    getkeys(x, false);
}

static void cmd_command_getkeysandflags(struct exec *x)
{
    getkeys(x, true);
}

static void cmd_command_help(struct exec *x)
{
    static const char *const lines[] = {
        "COMMAND <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "(no subcommand)",
        "    Return details about all Redis commands.",
        "COUNT",
        "    Return the total number of commands in this Redis server.",
        "LIST",
        "    Return a list of all commands in this Redis server.",
        "INFO [<command-name> ...]",
        "    Return details about multiple Redis commands.",
        "    If no command names are given, documentation details for all",
        "    commands are returned.",
        "DOCS [<command-name> ...]",
        "    Return documentation details about multiple Redis commands.",
        "    If no command names are given, documentation details for all",
        "    commands are returned.",
        "GETKEYS <full-command>",
        "    Return the keys from a full Redis command.",
        "GETKEYSANDFLAGS <full-command>",
        "    Return the keys and the access flags from a full Redis command.",
        "HELP",
        "    Print this help.",
    };
    reply_lines(x->reply, lines, sizeof lines / sizeof *lines);
}

#define F "loading,stale"
#define A "connection"

const struct command_row command_commands[] = {
    {"command", cmd_command, -1, F, A, "", "2.8.13", "server", "",
     "Returns the table of commands."},
    {"command|count", cmd_command_count, 2, F, A, "", "2.8.13", "server", "",
     "Counts the commands."},
    {"command|docs", cmd_command_docs, -2, F, A, "", "7.0.0", "server", "[command-name ...]",
     "Returns what commands are for and how they are written."},
    {"command|getkeys", cmd_command_getkeys, -3, F, A, "", "2.8.13", "server", "command [arg ...]",
     "Picks the keys out of a command."},
    {"command|getkeysandflags", cmd_command_getkeysandflags, -3, F, A, "", "7.0.0", "server",
     "command [arg ...]", "Picks the keys out of a command and says how they are used."},
    {"command|help", cmd_command_help, 2, F, A, "", "5.0.0", "server", "",
     "Shows help about the subcommands."},
    {"command|info", cmd_command_info, -2, F, A, "", "2.8.13", "server", "[command-name ...]",
     "Returns rows of the table of commands."},
    {"command|list", cmd_command_list, -2, F, A, "", "7.0.0", "server",
     "[FILTERBY (MODULE module-name | ACLCAT category | PATTERN pattern)]",
     "Lists the commands' names."},
    {0},
};

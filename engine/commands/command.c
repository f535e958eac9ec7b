/* The command table: rows parsed once at start, found by name. */
#include "commands/command.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"

#define X(array) extern const struct command_row array[];
#include "commands/families.h"
#undef X

static const struct command_row *const families[] = {
#define X(array) array,
#include "commands/families.h"
#undef X
};

#define FAMILY_COUNT (sizeof families / sizeof *families)
#define NAME_MAX_LEN 48
#define BUCKETS      1024 /* a power of two, several times the number of commands */

static struct command *commands; /* by id */
static uint32_t count;
static struct command *by_name[BUCKETS]; /* open addressing, top-level and sub alike */

static const struct {
    const char *word;
    uint32_t flag;
} flag_words[] = {
    {"write", CMD_WRITE},
    {"readonly", CMD_READONLY},
    {"denyoom", CMD_DENYOOM},
    {"admin", CMD_ADMIN},
    {"pubsub", CMD_PUBSUB},
    {"noscript", CMD_NOSCRIPT},
    {"blocking", CMD_BLOCKING},
    {"loading", CMD_LOADING},
    {"stale", CMD_STALE},
    {"skip_monitor", CMD_SKIP_MONITOR},
    {"skip_slowlog", CMD_SKIP_SLOWLOG},
    {"asking", CMD_ASKING},
    {"fast", CMD_FAST},
    {"no_auth", CMD_NO_AUTH},
    {"may_replicate", CMD_MAY_REPLICATE},
    {"no_mandatory_keys", CMD_NO_MANDATORY_KEYS},
    {"allow_busy", CMD_ALLOW_BUSY},
    {"no_async_loading", CMD_NO_ASYNC_LOADING},
    {"no_multi", CMD_NO_MULTI},
    {"touches_arbitrary_keys", CMD_TOUCHES_ARBITRARY_KEYS},
    {"protected", CMD_PROTECTED},
    {"gate", CMD_GATE},
    {"unlocked", CMD_UNLOCKED},
    {"internal", CMD_INTERNAL},
    {"stateful", CMD_STATEFUL},
    {"transaction", CMD_TRANSACTION},
    {"patterns", CMD_PATTERNS},
    {"long", CMD_LONG},
};

static void __attribute__((noreturn)) bad_row(const struct command_row *row, const char *what)
{
    log_fatal("command table: %s: %s", row->name, what);
    abort();
}

static uint32_t parse_flags(const struct command_row *row)
{
    uint32_t flags = 0;
    for (const char *p = row->flags ? row->flags : ""; *p;) {
        size_t n = strcspn(p, ","), i = 0;
        while (i < sizeof flag_words / sizeof *flag_words &&
               !(strlen(flag_words[i].word) == n && memcmp(flag_words[i].word, p, n) == 0))
            i++;
        if (i == sizeof flag_words / sizeof *flag_words)
            bad_row(row, "unknown flag");
        flags |= flag_words[i].flag;
        p += n + (p[n] == ',');
    }
    return flags;
}

/* ---- key specifications ----------------------------------------------------------------------- */

/* One specification, "begin:find:flags" in [p, p+n). */
static void parse_spec(const struct command_row *row, const char *p, size_t n,
                       struct key_spec *spec)
{
    char text[96], begin[32], find[32];
    if (n >= sizeof text)
        bad_row(row, "key specification too long");
    memcpy(text, p, n);
    text[n] = '\0';
    *spec = (struct key_spec){.step = 1};
    if (text[0] == 'k') { /* kw:WORD:find:flags */
        spec->begin = KEYS_AFTER_WORD;
        spec->index = 1;
        if (sscanf(text, "kw:%15[^:@]@%d:%31[^:]:%47s", spec->word, &spec->index, find,
                   spec->flags) < 3 &&
            sscanf(text, "kw:%15[^:]:%31[^:]:%47s", spec->word, find, spec->flags) < 2)
            bad_row(row, "bad key specification");
    } else {
        if (sscanf(text, "%31[^:]:%31[^:]:%47s", begin, find, spec->flags) < 2)
            bad_row(row, "bad key specification");
        if (begin[0] == '?') {
            spec->begin = KEYS_UNKNOWN;
            return;
        }
        if (sscanf(begin, "@%d", &spec->index) != 1)
            bad_row(row, "bad begin of key specification");
    }
    if (strncmp(find, "numkeys", 7) == 0) {
        spec->find = KEYS_COUNTED;
        if (find[7] == '*')
            spec->step = atoi(find + 8);
    } else if (sscanf(find, "%d/%d/%d", &spec->last, &spec->step, &spec->part) < 2) {
        bad_row(row, "bad find of key specification");
    }
}

static void parse_keys(struct command *cmd)
{
    const char *p = cmd->row->keys ? cmd->row->keys : "";
    while (*p) {
        const char *end = strstr(p, " ; ");
        size_t n = end ? (size_t)(end - p) : strlen(p);
        if (cmd->nspecs == COMMAND_KEY_SPECS_MAX)
            bad_row(cmd->row, "too many key specifications");
        parse_spec(cmd->row, p, n, &cmd->specs[cmd->nspecs++]);
        p += n + (end ? 3 : 0);
    }
    if (cmd->nspecs == 0)
        return;
    const struct key_spec *s = &cmd->specs[0];
    if (s->begin == KEYS_AT_INDEX && s->find == KEYS_RANGE) {
        cmd->first = s->index;
        cmd->last = s->last < 0 ? s->last : s->index + s->last;
        cmd->step = s->step;
        /* Two adjacent single keys are shown as one range, as in COPY and RENAME. */
        if (cmd->nspecs == 2 && cmd->specs[1].begin == KEYS_AT_INDEX &&
            cmd->specs[1].find == KEYS_RANGE && cmd->specs[1].index == cmd->last + 1)
            cmd->last = cmd->specs[1].last < 0 ? cmd->specs[1].last
                                               : cmd->specs[1].index + cmd->specs[1].last;
    }
    bool key = !strstr(s->flags, "NOT_KEY");
    cmd->one_key = cmd->nspecs == 1 && key && s->begin == KEYS_AT_INDEX && s->find == KEYS_RANGE &&
                   s->last == 0;
}

bool command_needs_gate(const struct command *cmd, const struct bytes *argv, int argc)
{
    if (cmd->flags & CMD_GATE)
        return true;
    for (int i = 2; cmd->flags & CMD_PATTERNS && i + 1 < argc; i++) {
        bool pattern = bytes_is(argv[i], "BY") || bytes_is(argv[i], "GET");
        if (bytes_is(argv[i], "STORE") ||
            (pattern && argv[i + 1].n && memchr(argv[i + 1].p, '*', argv[i + 1].n)))
            return true;
    }
    return false;
}

/* Where the keys of one specification begin and end (exclusive) in argv; false where it does not fit. */
static bool spec_range(const struct key_spec *s, const struct bytes *argv, int argc, int *from,
                       int *to)
{
    int begin = s->index;
    *from = *to = 0;
    if (s->begin == KEYS_UNKNOWN)
        return true;
    if (s->begin == KEYS_AFTER_WORD) {
        for (begin = s->index; begin < argc && !bytes_is(argv[begin], s->word); begin++)
            ;
        if (++begin >= argc)
            return true;
    }
    if (s->find == KEYS_COUNTED) {
        int64_t n;
        if (begin >= argc || !num_parse_int(argv[begin], &n) || n < 0 ||
            n > (argc - begin - 1) / s->step + ((argc - begin - 1) % s->step != 0))
            return false;
        *from = begin + 1;
        *to = begin + 1 + (int)n * s->step;
        if (*to > argc)
            *to = argc;
        return true;
    }
    *from = begin;
    if (s->part > 0) {
        *to = begin + (argc - begin) / s->part;
        return true;
    }
    *to = s->last < 0 ? argc + s->last + 1 : begin + s->last + 1;
    if (begin == argc && s->last == -1)
        return true; /* to the end, where nothing is left: PFMERGE without sources */
    return begin < argc && *to <= argc;
}

int command_keys(const struct command *cmd, const struct bytes *argv, int argc, int *at, int max)
{
    int n = 0;
    for (unsigned i = 0; i < cmd->nspecs; i++) {
        const struct key_spec *s = &cmd->specs[i];
        int from, to;
        if (strstr(s->flags, "NOT_KEY"))
            continue;
        if (!spec_range(s, argv, argc, &from, &to))
            return -1;
        for (int k = from; k < to; k += s->step) {
            if (n < max)
                at[n] = k;
            n++;
        }
    }
    return n;
}

/* ---- names ------------------------------------------------------------------------------------ */

static uint32_t name_hash(const char *p, size_t n)
{
    uint32_t h = 2166136261u; /* FNV-1a over the folded letters */
    for (size_t i = 0; i < n; i++)
        h = (h ^ ((unsigned char)p[i] | 0x20u)) * 16777619u;
    return h;
}

static struct command *find_name(const char *name, size_t n)
{
    for (uint32_t i = name_hash(name, n) & (BUCKETS - 1); by_name[i]; i = (i + 1) & (BUCKETS - 1)) {
        if (bytes_is(bytes_of(name, n), by_name[i]->row->name))
            return by_name[i];
    }
    return NULL;
}

const struct command *command_find(struct bytes name)
{
    if (name.n > NAME_MAX_LEN || memchr(name.p, '|', name.n))
        return NULL;
    return find_name(name.p, name.n);
}

const struct command *command_find_sub(const struct command *container, struct bytes name)
{
    char full[NAME_MAX_LEN * 2];
    size_t head = strlen(container->row->name);
    if (name.n > NAME_MAX_LEN)
        return NULL;
    memcpy(full, container->row->name, head);
    full[head] = '|';
    if (name.n)
        memcpy(full + head + 1, name.p, name.n);
    return find_name(full, head + 1 + name.n);
}

const struct command *command_at(uint32_t id)
{
    return &commands[id];
}

uint32_t command_count(void)
{
    return count;
}

/* ---- building --------------------------------------------------------------------------------- */

static void add_row(const struct command_row *row)
{
    struct command *cmd = &commands[count];
    *cmd = (struct command){.row = row, .id = count, .flags = parse_flags(row)};
    parse_keys(cmd);
    size_t n = strlen(row->name);
    if (n > NAME_MAX_LEN || find_name(row->name, n))
        bad_row(row, "name too long or there twice");
    uint32_t i = name_hash(row->name, n) & (BUCKETS - 1);
    while (by_name[i])
        i = (i + 1) & (BUCKETS - 1);
    by_name[i] = cmd;
    count++;
}

static void link_subcommands(struct command *container)
{
    size_t n = 0, len = strlen(container->row->name);
    for (uint32_t i = 0; i < count; i++) {
        const char *name = commands[i].row->name;
        if (strncmp(name, container->row->name, len) != 0 || name[len] != '|')
            continue;
        container->subcommands =
            mem_realloc(container->subcommands, (n + 2) * sizeof *container->subcommands);
        container->subcommands[n++] = &commands[i];
        container->subcommands[n] = NULL;
        commands[i].parent = container;
    }
}

void command_table_build(void)
{
    uint32_t total = 0;
    if (commands)
        return;
    for (size_t f = 0; f < FAMILY_COUNT; f++) {
        for (const struct command_row *row = families[f]; row->name; row++)
            total++;
    }
    commands = mem_calloc(total * sizeof *commands);
    for (size_t f = 0; f < FAMILY_COUNT; f++) {
        for (const struct command_row *row = families[f]; row->name; row++)
            add_row(row);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!strchr(commands[i].row->name, '|'))
            link_subcommands(&commands[i]);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!commands[i].row->handler && !commands[i].subcommands)
            bad_row(commands[i].row, "neither handler nor subcommands");
        if (strchr(commands[i].row->name, '|') && !commands[i].parent)
            bad_row(commands[i].row, "no container");
    }
}

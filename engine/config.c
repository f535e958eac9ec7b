/* The values of the directives; the file is read and rewritten in config_file.c. */
#include "config_internal.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/num.h"
#include "pubsub/namespaces.h"

const struct directive directives[CONFIG_COUNT] = {
#define X(id, dname, dkind, dinitial, dmin, dmax, dflags, dhelp)                                   \
    {.name = dname,                                                                                \
     .kind = KIND_##dkind,                                                                         \
     .initial = dinitial,                                                                          \
     .min = dmin,                                                                                  \
     .max = dmax,                                                                                  \
     .flags = dflags,                                                                              \
     .help = dhelp},
#include "config_table.h"
#undef X
};

/* ---- text to value ------------------------------------------------------------------------------------- */

/* The words of an enumeration stand in the help, after the colon. */
static const char *enum_words(const struct directive *d)
{
    return strchr(d->help, ':') + 2;
}

static bool enum_index(const struct directive *d, struct bytes value, int64_t *out)
{
    const char *w = enum_words(d);
    for (int64_t i = 0; *w; i++) {
        size_t n = strcspn(w, " ");
        if (n == value.n && strncasecmp(w, value.p, n) == 0) {
            *out = i;
            return true;
        }
        w += n + (w[n] == ' ');
    }
    return false;
}

static void enum_word(const struct directive *d, int64_t index, struct buf *out)
{
    const char *w = enum_words(d);
    for (; index > 0; index--)
        w += strcspn(w, " ") + 1;
    buf_add(out, w, strcspn(w, " "));
}

static bool parse_octal(struct bytes s, int64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '7')
            return false;
        *out = *out * 8 + (s.p[i] - '0');
    }
    return s.n > 0 && s.n <= 16;
}

static bool parse_number(const struct directive *d, struct bytes value, int64_t *v,
                         struct buf *error)
{
    switch (d->kind) {
    case KIND_BOOL:
        *v = bytes_is(value, "yes");
        if (*v || bytes_is(value, "no"))
            return true;
        buf_printf(error, "%s: argument must be 'yes' or 'no'", d->name);
        return false;
    case KIND_ENUM:
        if (enum_index(d, value, v))
            return true;
        buf_printf(error, "%s: argument(s) must be one of the following: %s", d->name,
                   enum_words(d));
        return false;
    case KIND_EVENTS:
        if (config_parse_events(value, v))
            return true;
        buf_printf(error, "%s: Invalid event class character. Use 'Ag$lshzxeKEtmdnoc'.", d->name);
        return false;
    case KIND_OCTAL:
        if (parse_octal(value, v))
            break;
        buf_printf(error, "%s: argument couldn't be parsed as an octal number", d->name);
        return false;
    case KIND_BYTES:
        if (config_parse_size(value, v))
            break;
        buf_printf(error, "%s: argument must be a memory value", d->name);
        return false;
    default:
        if (num_parse_int(value, v))
            break;
        buf_printf(error, "%s: argument couldn't be parsed into an integer", d->name);
        return false;
    }
    if (*v >= d->min && *v <= d->max)
        return true;
    if (d->kind == KIND_OCTAL)
        buf_printf(error, "%s: argument must be between %llo and %llo inclusive", d->name,
                   (unsigned long long)d->min, (unsigned long long)d->max);
    else
        buf_printf(error, "%s: argument must be between %lld and %lld inclusive", d->name,
                   (long long)d->min, (long long)d->max);
    return false;
}

/* ---- setting --------------------------------------------------------------------------------------------- */

int config_lookup(struct bytes name)
{
    for (int i = 0; i < CONFIG_COUNT; i++) {
        if (bytes_is(name, directives[i].name))
            return i;
    }
    return -1;
}

/* The limits that the text makes of the present ones. */
static bool parse_limits(const struct config *c, const struct directive *d, struct bytes value,
                         struct output_limit limits[OUTPUT_CLASSES], struct buf *error)
{
    config_limits(c, limits);
    const char *wrong = config_parse_limits(value, limits);
    if (wrong)
        buf_printf(error, "%s: %s", d->name, wrong);
    return !wrong;
}

static bool check_save(const struct directive *d, struct bytes value, struct buf *error)
{
    if (config_check_save(value))
        return true;
    buf_printf(error, "%s: Invalid save parameters", d->name);
    return false;
}

static bool check_namespaces(struct bytes value, struct buf *error)
{
    struct namespaces *set = namespaces_parse(value, error);
    namespaces_free(set);
    return set != NULL;
}

/* Before the program runs each line adds its words; the first takes the place of the default. */
static void add_words(struct config *c, int id, struct bytes value, bool running)
{
    pthread_mutex_lock(&c->lock);
    if (running || value.n == 0 || !atomic_load(&c->changed[id]))
        buf_clear(&c->strings[id]);
    else if (c->strings[id].n)
        buf_add_char(&c->strings[id], ' ');
    buf_add_bytes(&c->strings[id], value);
    atomic_store(&c->numbers[id], (int64_t)c->strings[id].n);
    pthread_mutex_unlock(&c->lock);
}

static void set_string(struct config *c, int id, struct bytes value)
{
    pthread_mutex_lock(&c->lock);
    buf_clear(&c->strings[id]);
    buf_add_bytes(&c->strings[id], value);
    atomic_store(&c->numbers[id], (int64_t)value.n);
    pthread_mutex_unlock(&c->lock);
}

/* Settings that take effect outside of the table. */
static void apply(int id, int64_t v)
{
    if (id == CONFIG_LOGLEVEL)
        log_set_level((enum log_level)v);
    else if (id == CONFIG_LOG_FORMAT)
        log_set_json(v == 1);
}

/* The directive's index where the value is right, with a number's value in *v; else -1. */
static int check(const struct config *c, struct bytes name, struct bytes value, bool running,
                 int64_t *v, struct buf *error)
{
    int id = config_lookup(name);
    if (id < 0) {
        buf_printf(error, "unknown directive '%.*s'", (int)(name.n < 128 ? name.n : 128), name.p);
        return -1;
    }
    const struct directive *d = &directives[id];
    if (running && d->flags & FIXED) {
        buf_printf(error, "%s: can't set immutable config", d->name);
        return -1;
    }
    if (running && d->flags & PROTECTED) {
        buf_printf(error, "%s: can't set protected config", d->name);
        return -1;
    }
    if (d->kind == KIND_STRING && memchr(value.p ? value.p : "", '\0', value.n)) {
        buf_printf(error, "%s: argument must not hold a zero byte", d->name);
        return -1;
    }
    if (id == CONFIG_DBFILENAME && (value.n == 0 || memchr(value.p, '/', value.n))) {
        buf_printf(error, "%s: dbfilename can't be a path, just a filename", d->name);
        return -1;
    }
    struct output_limit ignored[OUTPUT_CLASSES];
    bool right = d->kind == KIND_STRING   ? true
                 : d->kind == KIND_SAVE   ? check_save(d, value, error)
                 : d->kind == KIND_NAMESPACES ? check_namespaces(value, error)
                 : d->kind == KIND_LIMITS ? parse_limits(c, d, value, ignored, error)
                                          : parse_number(d, value, v, error);
    return right ? id : -1;
}

bool config_check(const struct config *c, struct bytes name, struct bytes value, bool running,
                  struct buf *error)
{
    int64_t v;
    return check(c, name, value, running, &v, error) >= 0;
}

bool config_set(struct config *c, struct bytes name, struct bytes value, bool running,
                struct buf *error)
{
    int64_t v = 0;
    int id = check(c, name, value, running, &v, error);
    if (id < 0)
        return false;
    struct output_limit limits[OUTPUT_CLASSES];
    if (directives[id].kind == KIND_STRING) {
        set_string(c, id, value);
    } else if (directives[id].kind == KIND_SAVE || directives[id].kind == KIND_NAMESPACES) {
        add_words(c, id, value, running);
    } else if (directives[id].kind == KIND_LIMITS) {
        parse_limits(c, &directives[id], value, limits, error);
        config_set_limits(c, limits);
    } else {
        atomic_store(&c->numbers[id], v);
        apply(id, v);
    }
    atomic_store(&c->changed[id], true);
    return true;
}

/* ---- lifetime ----------------------------------------------------------------------------------------------- */

struct config *config_new(void)
{
    struct config *c = mem_calloc(sizeof *c);
    struct buf error;
    buf_init(&error);
    pthread_mutex_init(&c->lock, NULL);
    for (int i = 0; i < CONFIG_COUNT; i++) {
        if (!config_set(c, bytes_str(directives[i].name), bytes_str(directives[i].initial), false,
                        &error)) {
            log_fatal("configuration table: %.*s", (int)error.n, error.p);
            abort();
        }
        atomic_store(&c->changed[i], false);
    }
    return c;
}

void config_free(struct config *c)
{
    for (int i = 0; i < CONFIG_COUNT; i++) {
        if (directives[i].flags & SECRET && c->strings[i].p)
            explicit_bzero(c->strings[i].p, c->strings[i].cap);
        buf_release(&c->strings[i]);
    }
    mem_free(c->file);
    pthread_mutex_destroy(&c->lock);
    mem_free(c);
}

/* ---- getting ------------------------------------------------------------------------------------------------ */

const char *config_name(enum config_id id)
{
    return directives[id].name;
}

int64_t config_int(const struct config *c, enum config_id id)
{
    return atomic_load_explicit(&c->numbers[id], memory_order_relaxed);
}

bool config_is_empty(const struct config *c, enum config_id id)
{
    return config_int(c, id) == 0;
}

void config_string(const struct config *c, enum config_id id, struct buf *out)
{
    struct config *unlocked = (struct config *)(uintptr_t)c;
    pthread_mutex_lock(&unlocked->lock);
    buf_add_bytes(out, buf_bytes(&c->strings[id]));
    pthread_mutex_unlock(&unlocked->lock);
}

void config_text(const struct config *c, int id, struct buf *out)
{
    const struct directive *d = &directives[id];
    if (d->kind == KIND_STRING || d->kind == KIND_SAVE || d->kind == KIND_NAMESPACES)
        config_string(c, (enum config_id)id, out);
    else if (d->kind == KIND_BOOL)
        buf_add_str(out, config_int(c, (enum config_id)id) ? "yes" : "no");
    else if (d->kind == KIND_ENUM)
        enum_word(d, config_int(c, (enum config_id)id), out);
    else if (d->kind == KIND_LIMITS)
        config_write_limits(c, out);
    else if (d->kind == KIND_EVENTS)
        config_write_events(config_int(c, (enum config_id)id), out);
    else if (d->kind == KIND_OCTAL)
        buf_printf(out, "%llo", (unsigned long long)config_int(c, (enum config_id)id));
    else
        buf_add_int(out, config_int(c, (enum config_id)id));
}

void config_each(const struct config *c, struct bytes pattern, config_visit *visit, void *ctx)
{
    struct buf text;
    buf_init(&text);
    for (int i = 0; i < CONFIG_COUNT; i++) {
        if (!bytes_glob(pattern, bytes_str(directives[i].name), true))
            continue;
        buf_clear(&text);
        config_text(c, i, &text);
        visit(directives[i].name, buf_bytes(&text), ctx);
    }
    buf_release(&text);
}

void config_help(struct buf *out)
{
    for (int i = 0; i < CONFIG_COUNT; i++)
        buf_printf(out, "  --%-34s %s (default %s)\n", directives[i].name, directives[i].help,
                   *directives[i].initial ? directives[i].initial : "none");
}

/* ---- rules that span directives -------------------------------------------------------------------------------- */

static bool is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0 ||
           strcmp(host, "localhost") == 0;
}

bool config_validate(const struct config *c, struct buf *error)
{
    struct buf words;
    char *save = NULL;
    buf_init(&words);
    config_string(c, CONFIG_CHANNEL_NAMESPACE, &words); /* each line was right; are they together? */
    bool ok = check_namespaces(buf_bytes(&words), error);
    buf_clear(&words);
    if (!ok || !config_is_empty(c, CONFIG_REQUIREPASS)) {
        buf_release(&words);
        return ok;
    }
    config_string(c, CONFIG_BIND, &words);
    buf_add_char(&words, '\0');
    for (char *w = strtok_r(words.p, " ", &save); w && ok; w = strtok_r(NULL, " ", &save)) {
        const char *host = w + (w[0] == '-');
        ok = is_loopback(host);
        if (!ok)
            buf_printf(error, "bind %s is open to other machines: set requirepass first", host);
    }
    buf_release(&words);
    return ok;
}

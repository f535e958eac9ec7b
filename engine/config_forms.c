/* The directives that are neither one number nor a string: client-output-buffer-limit, save,
 * notify-keyspace-events. */
#include "config_internal.h"

#include "base/num.h"
#include "commands/exec.h"

/* ---- sizes
 * ------------------------------------------------------------------------------------------------
 */

static const struct unit {
    const char *suffix;
    int64_t factor;
} units[] = {{"gb", (int64_t)1 << 30}, {"mb", 1 << 20}, {"kb", 1 << 10}, {"g", 1000000000},
             {"m", 1000000},           {"k", 1000},     {"b", 1}};

bool config_parse_size(struct bytes s, int64_t *out)
{
    int64_t v, factor = 1;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t n = strlen(units[i].suffix);
        if (s.n > n && bytes_is(bytes_of(s.p + s.n - n, n), units[i].suffix)) {
            factor = units[i].factor;
            s.n -= n;
            break;
        }
    }
    return num_parse_int(s, &v) && !__builtin_mul_overflow(v, factor, out);
}

void config_write_size(int64_t v, struct buf *out)
{
    const struct unit *u = units;
    while (v && u < units + 3 && v % u->factor)
        u++;
    if (v && u < units + 3)
        buf_printf(out, "%lld%s", (long long)(v / u->factor), u->suffix);
    else
        buf_add_int(out, v);
}

/* ---- client-output-buffer-limit
 * ------------------------------------------------------------------------------ */

static const char *const class_names[OUTPUT_CLASSES] = {"normal", "slave", "pubsub"};

static int class_of(struct bytes name)
{
    for (int i = 0; i < OUTPUT_CLASSES; i++) {
        if (bytes_is(name, class_names[i]))
            return i;
    }
    return bytes_is(name, "replica") ? OUTPUT_REPLICA : -1;
}

/* The next word of s, which is cut off; empty at the end. */
static struct bytes next_word(struct bytes *s)
{
    size_t from = 0, to;
    while (from < s->n && s->p[from] == ' ')
        from++;
    for (to = from; to < s->n && s->p[to] != ' ';)
        to++;
    struct bytes word = bytes_of(s->p + from, to - from);
    *s = bytes_of(s->p + to, s->n - to);
    return word;
}

const char *config_parse_limits(struct bytes text, struct output_limit limits[OUTPUT_CLASSES])
{
    for (struct bytes name = next_word(&text); name.n; name = next_word(&text)) {
        struct bytes hard = next_word(&text), soft = next_word(&text), seconds = next_word(&text);
        struct output_limit one;
        int class = class_of(name);
        if (!seconds.n)
            return "Wrong number of arguments in buffer limit configuration.";
        if (class < 0)
            return "Invalid client class specified in buffer limit configuration.";
        if (!config_parse_size(hard, &one.hard_bytes) ||
            !config_parse_size(soft, &one.soft_bytes) ||
            !num_parse_int(seconds, &one.soft_seconds) || one.hard_bytes < 0 ||
            one.soft_bytes < 0 || one.soft_seconds < 0 || one.soft_seconds > INT32_MAX)
            return "Error in hard, soft or soft_seconds setting in buffer limit configuration.";
        limits[class] = one;
    }
    return NULL;
}

void config_set_limits(struct config *c, const struct output_limit limits[OUTPUT_CLASSES])
{
    pthread_mutex_lock(&c->lock);
    memcpy(c->limits, limits, sizeof c->limits);
    pthread_mutex_unlock(&c->lock);
}

void config_limits(const struct config *c, struct output_limit limits[OUTPUT_CLASSES])
{
    struct config *unlocked = (struct config *)(uintptr_t)c;
    pthread_mutex_lock(&unlocked->lock);
    memcpy(limits, c->limits, sizeof c->limits);
    pthread_mutex_unlock(&unlocked->lock);
}

struct output_limit config_output_limit(const struct config *c, enum output_class class)
{
    struct output_limit limits[OUTPUT_CLASSES];
    config_limits(c, limits);
    return limits[class];
}

void config_write_limits(const struct config *c, struct buf *out)
{
    struct output_limit limits[OUTPUT_CLASSES];
    config_limits(c, limits);
    for (int i = 0; i < OUTPUT_CLASSES; i++)
        buf_printf(out, "%s%s %lld %lld %lld", i ? " " : "", class_names[i],
                   (long long)limits[i].hard_bytes, (long long)limits[i].soft_bytes,
                   (long long)limits[i].soft_seconds);
}

void config_rewrite_limits(const struct config *c, const struct directive *d, struct buf *out)
{
    struct output_limit limits[OUTPUT_CLASSES], initial[OUTPUT_CLASSES] = {0};
    config_limits(c, limits);
    config_parse_limits(bytes_str(d->initial), initial);
    for (int i = 0; i < OUTPUT_CLASSES; i++) {
        if (memcmp(&limits[i], &initial[i], sizeof limits[i]) == 0)
            continue;
        buf_printf(out, "%s %s ", d->name, i == OUTPUT_REPLICA ? "replica" : class_names[i]);
        config_write_size(limits[i].hard_bytes, out);
        buf_add_char(out, ' ');
        config_write_size(limits[i].soft_bytes, out);
        buf_printf(out, " %lld\n", (long long)limits[i].soft_seconds);
    }
}

/* ---- save
 * -------------------------------------------------------------------------------------------------- */

bool config_next_save_point(struct bytes *text, struct save_point *p)
{
    struct bytes seconds = next_word(text), changes = next_word(text);
    return num_parse_int(seconds, &p->seconds) && num_parse_int(changes, &p->changes) &&
           p->seconds >= 1 && p->changes >= 0;
}

bool config_check_save(struct bytes text)
{
    struct save_point p;
    if (text.n && text.p[text.n - 1] == ' ')
        return false;
    while (text.n) {
        if (!config_next_save_point(&text, &p))
            return false;
    }
    return true;
}

/* ---- notify-keyspace-events
 * -------------------------------------------------------------------------------- */

#define EVENT_ALL                                                                                  \
    (EVENT_GENERIC | EVENT_STRING | EVENT_LIST | EVENT_SET | EVENT_HASH | EVENT_ZSET |             \
     EVENT_EXPIRED | EVENT_EVICTED | EVENT_STREAM | EVENT_MODULE)

/* In the order in which Redis prints them. */
static const struct {
    char letter;
    enum event_class class;
} letters[] = {
    {'g', EVENT_GENERIC},      {'$', EVENT_STRING},   {'l', EVENT_LIST},
    {'s', EVENT_SET},          {'h', EVENT_HASH},     {'z', EVENT_ZSET},
    {'x', EVENT_EXPIRED},      {'e', EVENT_EVICTED},  {'t', EVENT_STREAM},
    {'d', EVENT_MODULE},       {'n', EVENT_NEW},      {'o', EVENT_OVERWRITTEN},
    {'c', EVENT_TYPE_CHANGED}, {'K', EVENT_KEYSPACE}, {'E', EVENT_KEYEVENT},
    {'m', EVENT_KEY_MISS},
};

bool config_parse_events(struct bytes text, int64_t *classes)
{
    *classes = 0;
    for (size_t i = 0; i < text.n; i++) {
        int64_t class = text.p[i] == 'A' ? EVENT_ALL : 0;
        for (size_t k = 0; !class && k < sizeof letters / sizeof *letters; k++) {
            if (letters[k].letter == text.p[i])
                class = letters[k].class;
        }
        if (!class)
            return false;
        *classes |= class;
    }
    return true;
}

void config_write_events(int64_t classes, struct buf *out)
{
    if ((classes & EVENT_ALL) == EVENT_ALL) {
        buf_add_char(out, 'A');
        classes &= ~EVENT_ALL;
    }
    for (size_t k = 0; k < sizeof letters / sizeof *letters; k++) {
        if (classes & letters[k].class)
            buf_add_char(out, letters[k].letter);
    }
}

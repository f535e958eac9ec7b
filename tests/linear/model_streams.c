/* The model: streams, as entries "id value" with a NUL behind each. The ids are the server's choice: only
 * that they ascend is the model's. A stream is never empty here, so its last entry has its last id. */
#include "tests/linear/model_step.h"

struct id {
    unsigned long long ms, seq;
};

static bool parse_id(const char *text, struct id *id)
{
    return sscanf(text, "%llu-%llu", &id->ms, &id->seq) == 2;
}

static bool follows(const struct value *v, const char *text)
{
    struct id last = {0, 0}, id;
    for (size_t i = 0; i < v->n; i += strlen(v->data + i) + 1)
        parse_id(v->data + i, &last);
    return parse_id(text, &id) && (id.ms > last.ms || (id.ms == last.ms && id.seq > last.seq));
}

static int trim(struct value *v, long long most)
{
    int n = 0;
    for (; count(v) > most; n++)
        splice(v, 0, strlen(v->data) + 1, "", 0);
    return n;
}

/* XADD key MAXLEN n * f value */
static void do_xadd(struct step *x)
{
    struct value *v = value_at(x, 1);
    char id[48] = "", entry[80];
    if (wrong_kind(x, v, VALUE_STREAM))
        return;
    sscanf(x->reply, "$%*d\r\n%47[^\r]", id);
    if (!follows(v, id))
        return;
    size_t n = (size_t)snprintf(entry, sizeof entry, "%s %s", id, word(x, 6)) + 1;
    splice(v, v->n, 0, entry, n);
    v->kind = VALUE_STREAM;
    v->changes++;
    trim(v, atoll(word(x, 3)));
    say_bulk(x->a, id, strlen(id));
}

static void do_xlen(struct step *x)
{
    if (!wrong_kind(x, value_at(x, 1), VALUE_STREAM))
        say_number(x->a, ':', count(value_at(x, 1)));
}

/* XTRIM key MAXLEN n, n above 0 */
static void do_xtrim(struct step *x)
{
    struct value *v = value_at(x, 1);
    if (wrong_kind(x, v, VALUE_STREAM))
        return;
    int n = trim(v, atoll(word(x, 3)));
    v->changes += n > 0;
    say_number(x->a, ':', n);
}

/* XRANGE key - + */
static void do_xrange(struct step *x)
{
    struct value *v = value_at(x, 1);
    if (wrong_kind(x, v, VALUE_STREAM))
        return;
    say_number(x->a, '*', count(v));
    for (size_t i = 0; i < v->n; i += strlen(v->data + i) + 1) {
        size_t n = strcspn(v->data + i, " ");
        const char *value = v->data + i + n + 1;
        say(x->a, "*2");
        say_bulk(x->a, v->data + i, n);
        say(x->a, "*2");
        say_bulk(x->a, "f", 1);
        say_bulk(x->a, value, strlen(value));
    }
}

const struct model_command model_streams[] = {
    {"XADD", do_xadd}, {"XLEN", do_xlen}, {"XTRIM", do_xtrim}, {"XRANGE", do_xrange}, {NULL, NULL},
};

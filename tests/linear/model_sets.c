/* The model: sets and hashes: entries in byte order, found by the word before their blank. */
#include "tests/linear/model_step.h"

/* Where the entry of that name stands, or would. */
static bool find_entry(const struct value *v, const char *name, size_t *at)
{
    size_t i = 0, n = strlen(name);
    for (; i < v->n; i += strlen(v->data + i) + 1) {
        size_t m = strcspn(v->data + i, " ");
        int order = memcmp(v->data + i, name, m < n ? m : n);
        order = order ? order : (m > n) - (m < n);
        if (order >= 0) {
            *at = i;
            return order == 0;
        }
    }
    *at = i;
    return false;
}

/* True where the name is new. */
static bool put_entry(struct value *v, enum value_kind kind, const char *name, const char *entry)
{
    size_t at;
    bool there = find_entry(v, name, &at);
    splice(v, at, there ? strlen(v->data + at) + 1 : 0, entry, strlen(entry) + 1);
    v->kind = kind;
    v->changes++;
    return !there;
}

static bool take_entry(struct value *v, const char *name)
{
    size_t at;
    bool there = find_entry(v, name, &at);
    if (there)
        take_member(v, at);
    return there;
}

static void do_sadd(struct step *x)
{
    struct value *v = value_at(x, 1);
    size_t at;
    int n = 0;
    if (wrong_kind(x, v, VALUE_SET))
        return;
    for (int i = 2; i < x->c->argc; i++) {
        if (!find_entry(v, word(x, i), &at))
            n += put_entry(v, VALUE_SET, word(x, i), word(x, i));
    }
    say_number(x->a, ':', n);
}

/* SREM, HDEL */
static void do_remove(struct step *x)
{
    struct value *v = value_at(x, 1);
    int n = 0;
    if (wrong_kind(x, v, word(x, 0)[0] == 'S' ? VALUE_SET : VALUE_HASH))
        return;
    for (int i = 2; i < x->c->argc; i++)
        n += take_entry(v, word(x, i));
    say_number(x->a, ':', n);
}

static void do_smove(struct step *x)
{
    struct value *from = value_at(x, 1), *to = value_at(x, 2);
    size_t at;
    if (!from->kind) {
        say(x->a, ":0");
        return;
    }
    if (wrong_kind(x, from, VALUE_SET) || wrong_kind(x, to, VALUE_SET))
        return;
    bool there = take_entry(from, word(x, 3));
    if (there && !find_entry(to, word(x, 3), &at))
        put_entry(to, VALUE_SET, word(x, 3), word(x, 3));
    say_number(x->a, ':', there);
}

static void do_sismember(struct step *x)
{
    size_t at;
    if (!wrong_kind(x, value_at(x, 1), VALUE_SET))
        say_number(x->a, ':', find_entry(value_at(x, 1), word(x, 2), &at));
}

/* SCARD, HLEN */
static void do_size(struct step *x)
{
    if (!wrong_kind(x, value_at(x, 1), word(x, 0)[0] == 'S' ? VALUE_SET : VALUE_HASH))
        say_number(x->a, ':', count(value_at(x, 1)));
}

/* SINTERCARD 2 key key */
static void do_sintercard(struct step *x)
{
    struct value *a = value_at(x, 2), *b = value_at(x, 3);
    size_t at;
    int n = 0;
    if (wrong_kind(x, a, VALUE_SET) || wrong_kind(x, b, VALUE_SET))
        return;
    for (size_t i = 0; i < a->n; i += strlen(a->data + i) + 1)
        n += find_entry(b, a->data + i, &at);
    say_number(x->a, ':', n);
}

/* Which member goes is the server's choice: the one that it answered, if that is there. */
static void do_spop(struct step *x)
{
    struct value *v = value_at(x, 1);
    char member[WORD_BYTES] = "";
    if (wrong_kind(x, v, VALUE_SET))
        return;
    if (!v->kind) {
        say(x->a, NIL);
        return;
    }
    sscanf(x->reply, "$%*d\r\n%15[^\r]", member);
    if (take_entry(v, member))
        say_bulk(x->a, member, strlen(member));
}

/* The value of a field, NULL where it is not there. */
static const char *field_value(const struct value *v, const char *field)
{
    size_t at;
    return find_entry(v, field, &at) ? v->data + at + strlen(field) + 1 : NULL;
}

static bool put_field(struct value *v, const char *field, const char *value)
{
    char entry[WORD_BYTES * 2 + 8];
    snprintf(entry, sizeof entry, "%s %s", field, value);
    return put_entry(v, VALUE_HASH, field, entry);
}

/* HSET and HSETNX key field value */
static void do_hset(struct step *x)
{
    struct value *v = value_at(x, 1);
    if (wrong_kind(x, v, VALUE_HASH))
        return;
    bool keeps = word(x, 0)[4] == 'N' && field_value(v, word(x, 2));
    say_number(x->a, ':', !keeps && put_field(v, word(x, 2), word(x, 3)));
}

static void do_hincrby(struct step *x)
{
    struct value *v = value_at(x, 1);
    char text[24];
    if (wrong_kind(x, v, VALUE_HASH))
        return;
    const char *was = field_value(v, word(x, 2));
    long long now = (was ? atoll(was) : 0) + atoll(word(x, 3));
    snprintf(text, sizeof text, "%lld", now);
    put_field(v, word(x, 2), text);
    say_number(x->a, ':', now);
}

static void say_field(struct step *x, const char *field)
{
    const char *value = field_value(value_at(x, 1), field);
    value ? say_bulk(x->a, value, strlen(value)) : say(x->a, NIL);
}

/* HGET, HMGET */
static void do_hget(struct step *x)
{
    if (wrong_kind(x, value_at(x, 1), VALUE_HASH))
        return;
    if (word(x, 0)[1] == 'M')
        say_number(x->a, '*', x->c->argc - 2);
    for (int i = 2; i < x->c->argc; i++)
        say_field(x, word(x, i));
}

static void do_hstrlen(struct step *x)
{
    if (wrong_kind(x, value_at(x, 1), VALUE_HASH))
        return;
    const char *value = field_value(value_at(x, 1), word(x, 2));
    say_number(x->a, ':', value ? (long long)strlen(value) : 0);
}

const struct model_command model_sets[] = {
    {"SADD", do_sadd},
    {"SREM", do_remove},
    {"SMOVE", do_smove},
    {"SISMEMBER", do_sismember},
    {"SCARD", do_size},
    {"SPOP", do_spop},
    {"SINTERCARD", do_sintercard},
    {"HSET", do_hset},
    {"HSETNX", do_hset},
    {"HINCRBY", do_hincrby},
    {"HGET", do_hget},
    {"HMGET", do_hget},
    {"HDEL", do_remove},
    {"HLEN", do_size},
    {"HSTRLEN", do_hstrlen},
    {NULL, NULL},
};

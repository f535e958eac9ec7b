/* The model: sorted sets. */
#include "tests/linear/model_step.h"

/* Where the member stands, and its score. */
static bool find_member(const struct value *v, const char *member, size_t *at, long long *score)
{
    for (size_t i = 0; i < v->n; i += strlen(v->data + i) + 1) {
        size_t n = strcspn(v->data + i, " ");
        if (n == strlen(member) && !memcmp(v->data + i, member, n)) {
            *at = i;
            *score = atoll(v->data + i + n);
            return true;
        }
    }
    return false;
}

static void put_member(struct value *v, const char *member, long long score)
{
    char entry[WORD_BYTES * 2];
    size_t i = 0, n = (size_t)snprintf(entry, sizeof entry, "%s %lld", member, score) + 1;
    for (; i < v->n; i += strlen(v->data + i) + 1) {
        long long other = atoll(strchr(v->data + i, ' '));
        if (other > score || (other == score && strcmp(v->data + i, entry) > 0))
            break;
    }
    v->kind = VALUE_ZSET;
    v->changes++;
    splice(v, i, 0, entry, n);
}

/* ZADD key score member, ZINCRBY key delta member */
static void do_zadd(struct step *x)
{
    struct value *v = value_at(x, 1);
    long long was = 0, score = atoll(word(x, 2));
    size_t at;
    char text[24];
    if (wrong_kind(x, v, VALUE_ZSET))
        return;
    bool is_add = word(x, 0)[1] == 'A', there = find_member(v, word(x, 3), &at, &was);
    score += is_add ? 0 : was;
    if (!there || score != was) {
        if (there)
            take_member(v, at);
        put_member(v, word(x, 3), score);
    }
    if (is_add)
        say_number(x->a, ':', !there);
    else
        say_bulk(x->a, text, (size_t)snprintf(text, sizeof text, "%lld", score));
}

static void do_zscore(struct step *x)
{
    struct value *v = value_at(x, 1);
    long long score;
    size_t at;
    char text[24];
    if (wrong_kind(x, v, VALUE_ZSET))
        return;
    if (find_member(v, word(x, 2), &at, &score))
        say_bulk(x->a, text, (size_t)snprintf(text, sizeof text, "%lld", score));
    else
        say(x->a, NIL);
}

static void do_zcard(struct step *x)
{
    struct value *v = value_at(x, 1);
    if (!wrong_kind(x, v, VALUE_ZSET))
        say_number(x->a, ':', count(v));
}

static void say_lowest(struct step *x, struct value *v)
{
    const char *score = strchr(v->data, ' ') + 1;
    say_bulk(x->a, v->data, (size_t)(score - 1 - v->data));
    say_bulk(x->a, score, strlen(score));
    take_member(v, 0);
}

static void do_zpopmin(struct step *x)
{
    struct value *v = value_at(x, 1);
    if (wrong_kind(x, v, VALUE_ZSET))
        return;
    say(x->a, v->kind ? "*2" : "*0");
    if (v->kind)
        say_lowest(x, v);
}

/* BZPOPMIN key [key] timeout */
static void do_bzpopmin(struct step *x)
{
    for (int i = 1; i < x->c->argc - 1; i++) {
        struct value *v = value_at(x, i);
        if (wrong_kind(x, v, VALUE_ZSET))
            return;
        if (!v->kind)
            continue;
        say(x->a, "*3");
        say_bulk(x->a, word(x, i), strlen(word(x, i)));
        say_lowest(x, v);
        return;
    }
    say(x->a, NIL_ARRAY);
}

const struct model_command model_zsets[] = {
    {"ZADD", do_zadd},       {"ZINCRBY", do_zadd},      {"ZSCORE", do_zscore}, {"ZCARD", do_zcard},
    {"ZPOPMIN", do_zpopmin}, {"BZPOPMIN", do_bzpopmin}, {NULL, NULL},
};

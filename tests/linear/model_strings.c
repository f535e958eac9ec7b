/* The model: strings, and keys of any kind. */
#include <errno.h>

#include "tests/linear/model_step.h"

static void do_get(struct step *x)
{
    struct value *v = value_at(x, 1);
    if (wrong_kind(x, v, VALUE_STRING))
        return;
    v->kind ? say_bulk(x->a, v->data, v->n) : say(x->a, NIL);
}

/* SET key value [NX|GET] */
static void do_set(struct step *x)
{
    struct value *v = value_at(x, 1);
    const char *option = x->c->argc > 3 ? word(x, 3) : "";
    if (!strcmp(option, "NX") && v->kind) {
        say(x->a, NIL);
        return;
    }
    if (!strcmp(option, "GET"))
        do_get(x);
    else
        say(x->a, "+OK");
    set_string(v, word(x, 2), strlen(word(x, 2)));
}

static void do_getdel(struct step *x)
{
    struct value *v = value_at(x, 1);
    do_get(x);
    if (v->kind == VALUE_STRING)
        delete (v);
}

static void do_incrby(struct step *x)
{
    struct value *v = value_at(x, 1);
    char text[32], *end;
    if (wrong_kind(x, v, VALUE_STRING))
        return;
    snprintf(text, sizeof text, "%.*s", (int)v->n, v->kind ? v->data : "0");
    errno = 0;
    long long now = strtoll(text, &end, 10);
    if (v->kind &&
        (v->n >= sizeof text || *end || end == text || errno || (text[0] == '0' && text[1]))) {
        say(x->a, "-ERR value is not an integer or out of range");
        return;
    }
    now += x->c->argc > 2 ? atoll(word(x, 2)) : 1;
    set_string(v, text, (size_t)snprintf(text, sizeof text, "%lld", now));
    say_number(x->a, ':', now);
}

static void append(struct value *v, const char *p)
{
    if (!v->kind)
        set_string(v, "", 0);
    else
        v->changes++;
    splice(v, v->n, 0, p, strlen(p));
}

static void do_append(struct step *x)
{
    struct value *v = value_at(x, 1);
    if (wrong_kind(x, v, VALUE_STRING))
        return;
    append(v, word(x, 2));
    say_number(x->a, ':', (long long)v->n);
}

/* memcached's append: only where there is something. */
static void do_append_there(struct step *x)
{
    struct value *v = value_at(x, 1);
    say(x->a, v->kind ? "+OK" : NIL);
    if (v->kind)
        append(v, word(x, 2));
}

static void do_strlen(struct step *x)
{
    struct value *v = value_at(x, 1);
    if (!wrong_kind(x, v, VALUE_STRING))
        say_number(x->a, ':', (long long)v->n);
}

/* ---- keys of any kind ------------------------------------------------------------------------ */

static void do_del(struct step *x)
{
    int n = 0;
    for (int i = 1; i < x->c->argc; i++) {
        struct value *v = value_at(x, i);
        if (v->kind) {
            delete (v);
            n++;
        }
    }
    say_number(x->a, ':', n);
}

static void do_exists(struct step *x)
{
    int n = 0;
    for (int i = 1; i < x->c->argc; i++)
        n += value_at(x, i)->kind != VALUE_NONE;
    say_number(x->a, ':', n);
}

static void do_mset(struct step *x)
{
    for (int i = 1; i < x->c->argc; i += 2)
        set_string(value_at(x, i), word(x, i + 1), strlen(word(x, i + 1)));
    say(x->a, "+OK");
}

static void do_msetnx(struct step *x)
{
    for (int i = 1; i < x->c->argc; i += 2) {
        if (value_at(x, i)->kind) {
            say(x->a, ":0");
            return;
        }
    }
    do_mset(x);
    x->a->n -= 5;
    say(x->a, ":1");
}

static void do_mget(struct step *x)
{
    say_number(x->a, '*', x->c->argc - 1);
    for (int i = 1; i < x->c->argc; i++) {
        struct value *v = value_at(x, i);
        v->kind == VALUE_STRING ? say_bulk(x->a, v->data, v->n) : say(x->a, NIL);
    }
}

static void move_value(struct value *from, struct value *to)
{
    to->kind = from->kind;
    to->n = from->n;
    to->changes++;
    memcpy(to->data, from->data, from->n);
}

static void do_rename(struct step *x)
{
    struct value *from = value_at(x, 1), *to = value_at(x, 2);
    if (!from->kind) {
        say(x->a, "-ERR no such key");
        return;
    }
    say(x->a, "+OK");
    if (from != to) {
        move_value(from, to);
        delete (from);
    }
}

static void do_copy(struct step *x)
{
    struct value *from = value_at(x, 1), *to = value_at(x, 2);
    bool can = from->kind && !to->kind;
    say_number(x->a, ':', can);
    if (can)
        move_value(from, to);
}

const struct model_command model_strings[] = {
    {"GET", do_get},       {"SET", do_set},
    {"GETDEL", do_getdel}, {"INCR", do_incrby},
    {"INCRBY", do_incrby}, {"APPEND", do_append},
    {"STRLEN", do_strlen}, {"append", do_append_there},
    {"DEL", do_del},       {"EXISTS", do_exists},
    {"MSET", do_mset},     {"MSETNX", do_msetnx},
    {"MGET", do_mget},     {"RENAME", do_rename},
    {"COPY", do_copy},     {NULL, NULL},
};

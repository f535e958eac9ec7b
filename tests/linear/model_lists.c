/* The model: lists. */
#include "tests/linear/model_step.h"

static void push(struct value *v, bool left, const char *element)
{
    v->kind = VALUE_LIST;
    v->changes++;
    splice(v, left ? 0 : v->n, 0, element, strlen(element) + 1);
}

/* Takes an element off into `to`; the list is not empty. */
static void pop(struct value *v, bool left, char *to)
{
    size_t at = left ? 0 : v->n - 1;
    while (!left && at > 0 && v->data[at - 1])
        at--;
    strcpy(to, v->data + at);
    splice(v, at, strlen(to) + 1, "", 0);
    v->changes++;
    if (v->n == 0)
        v->kind = VALUE_NONE;
}

/* Is this the word for a list's head: LPUSH, RPUSH; LEFT, RIGHT; BLPOP, BRPOP? */
static bool is_left(const char *name)
{
    return name[0] == 'B' ? name[1] == 'L' : name[0] == 'L';
}

static void do_push(struct step *x)
{
    struct value *v = value_at(x, 1);
    if (wrong_kind(x, v, VALUE_LIST))
        return;
    for (int i = 2; i < x->c->argc; i++)
        push(v, is_left(word(x, 0)), word(x, i));
    say_number(x->a, ':', count(v));
}

static void do_pop(struct step *x)
{
    struct value *v = value_at(x, 1);
    char element[WORD_BYTES];
    if (wrong_kind(x, v, VALUE_LIST))
        return;
    if (!v->kind) {
        say(x->a, NIL);
        return;
    }
    pop(v, is_left(word(x, 0)), element);
    say_bulk(x->a, element, strlen(element));
}

/* BLPOP key [key] timeout: where it was answered nothing, there was nothing at some time. */
static void do_blocking_pop(struct step *x)
{
    for (int i = 1; i < x->c->argc - 1; i++) {
        struct value *v = value_at(x, i);
        char element[WORD_BYTES];
        if (wrong_kind(x, v, VALUE_LIST))
            return;
        if (!v->kind)
            continue;
        pop(v, is_left(word(x, 0)), element);
        say(x->a, "*2");
        say_bulk(x->a, word(x, i), strlen(word(x, i)));
        say_bulk(x->a, element, strlen(element));
        return;
    }
    say(x->a, NIL_ARRAY);
}

/* LMOVE and BLMOVE source destination LEFT|RIGHT LEFT|RIGHT [timeout] */
static void do_move(struct step *x)
{
    struct value *from = value_at(x, 1), *to = value_at(x, 2);
    char element[WORD_BYTES];
    if (!from->kind) {
        say(x->a, word(x, 0)[0] == 'B' ? NIL_ARRAY : NIL);
        return;
    }
    if (wrong_kind(x, from, VALUE_LIST) || wrong_kind(x, to, VALUE_LIST))
        return;
    pop(from, is_left(word(x, 3)), element);
    push(to, is_left(word(x, 4)), element);
    say_bulk(x->a, element, strlen(element));
}

static void do_llen(struct step *x)
{
    struct value *v = value_at(x, 1);
    if (!wrong_kind(x, v, VALUE_LIST))
        say_number(x->a, ':', count(v));
}

/* LRANGE key 0 -1 */
static void do_lrange(struct step *x)
{
    struct value *v = value_at(x, 1);
    if (wrong_kind(x, v, VALUE_LIST))
        return;
    say_number(x->a, '*', count(v));
    for (size_t i = 0; i < v->n; i += strlen(v->data + i) + 1)
        say_bulk(x->a, v->data + i, strlen(v->data + i));
}

const struct model_command model_lists[] = {
    {"LPUSH", do_push},         {"RPUSH", do_push},         {"LPOP", do_pop},   {"RPOP", do_pop},
    {"LLEN", do_llen},          {"LRANGE", do_lrange},      {"LMOVE", do_move}, {"BLMOVE", do_move},
    {"BLPOP", do_blocking_pop}, {"BRPOP", do_blocking_pop}, {NULL, NULL},
};

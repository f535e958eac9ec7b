/* What the files of the model share: the step at hand, its answer, and values by their entries. */
#ifndef ATRIUM_TESTS_LINEAR_MODEL_STEP_H
#define ATRIUM_TESTS_LINEAR_MODEL_STEP_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/linear/model.h"

struct answer {
    size_t n;
    char p[4096];
};

static inline void say(struct answer *a, const char *text)
{
    a->n += (size_t)snprintf(a->p + a->n, sizeof a->p - a->n, "%s\r\n", text);
}

static inline void say_number(struct answer *a, char mark, long long v)
{
    a->n += (size_t)snprintf(a->p + a->n, sizeof a->p - a->n, "%c%lld\r\n", mark, v);
}

static inline void say_bulk(struct answer *a, const char *p, size_t n)
{
    say_number(a, '$', (long long)n);
    a->n += (size_t)snprintf(a->p + a->n, sizeof a->p - a->n, "%.*s\r\n", (int)n, p);
}

#define NIL       "$-1"
#define NIL_ARRAY "*-1"

struct step {
    struct state *s;
    const struct command *c;
    struct answer *a;
    const char *reply; /* what was answered, for the server's choices; NULL in a transaction */
};

static inline struct value *value_at(const struct step *x, int word)
{
    int key = key_of(x->c->argv[word]);
    if (key < 0)
        abort();
    return &x->s->keys[key];
}

static inline const char *word(const struct step *x, int i)
{
    return x->c->argv[i];
}

static inline bool wrong_kind(const struct step *x, const struct value *v, enum value_kind kind)
{
    if (v->kind == VALUE_NONE || v->kind == kind)
        return false;
    say(x->a, "-WRONGTYPE Operation against a key holding the wrong kind of value");
    return true;
}

static inline void set_string(struct value *v, const char *p, size_t n)
{
    v->kind = VALUE_STRING;
    v->changes++;
    v->n = n;
    memcpy(v->data, p, n);
}

static inline void delete (struct value *v)
{
    v->kind = VALUE_NONE;
    v->changes++;
    v->n = 0;
}

/* Puts n bytes into the data at `at`, for `gone` bytes that stand there. */
static inline void splice(struct value *v, size_t at, size_t gone, const char *p, size_t n)
{
    if (v->n + n - gone > VALUE_BYTES)
        abort();
    memmove(v->data + at + n, v->data + at + gone, v->n - at - gone);
    memcpy(v->data + at, p, n);
    v->n += n - gone;
}

/* Entries: each has a NUL behind it. */
static inline long long count(const struct value *v)
{
    long long n = 0;
    for (size_t i = 0; i < v->n; i++)
        n += v->data[i] == '\0';
    return n;
}

/* Takes the entry at `at` away; a value without entries is none. */
static inline void take_member(struct value *v, size_t at)
{
    splice(v, at, strlen(v->data + at) + 1, "", 0);
    v->changes++;
    if (v->n == 0)
        v->kind = VALUE_NONE;
}

struct model_command {
    const char *name;
    void (*run)(struct step *x);
};

/* Ended by one without a name. */
extern const struct model_command model_strings[], model_lists[], model_zsets[], model_sets[],
    model_streams[];

#endif

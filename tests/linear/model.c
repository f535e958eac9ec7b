#include "tests/linear/model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* ---- states -----------------------------------------------------------------------------------
 */

void state_init(struct state *s)
{
    memset(s, 0, sizeof *s);
}

void state_copy(struct state *to, const struct state *from)
{
    for (int k = 0; k < KEYS; k++) {
        size_t head = offsetof(struct value, data);
        memcpy(&to->keys[k], &from->keys[k], head + from->keys[k].n);
    }
    memcpy(to->watched, from->watched, sizeof to->watched);
}

void state_hash(const struct state *s, const void *more, size_t n, uint64_t hash[2])
{
    XXH3_state_t *h = XXH3_createState();
    XXH3_128bits_reset(h);
    for (int k = 0; k < KEYS; k++)
        XXH3_128bits_update(h, &s->keys[k], offsetof(struct value, data) + s->keys[k].n);
    XXH3_128bits_update(h, s->watched, sizeof s->watched);
    XXH3_128bits_update(h, more, n);
    XXH128_hash_t d = XXH3_128bits_digest(h);
    XXH3_freeState(h);
    hash[0] = d.low64;
    hash[1] = d.high64;
}

/* ---- answers ----------------------------------------------------------------------------------
 */

struct answer {
    size_t n;
    char p[4096];
};

static void say(struct answer *a, const char *text)
{
    a->n += (size_t)snprintf(a->p + a->n, sizeof a->p - a->n, "%s\r\n", text);
}

static void say_number(struct answer *a, char mark, long long v)
{
    a->n += (size_t)snprintf(a->p + a->n, sizeof a->p - a->n, "%c%lld\r\n", mark, v);
}

static void say_bulk(struct answer *a, const char *p, size_t n)
{
    say_number(a, '$', (long long)n);
    a->n += (size_t)snprintf(a->p + a->n, sizeof a->p - a->n, "%.*s\r\n", (int)n, p);
}

#define NIL       "$-1"
#define NIL_ARRAY "*-1"

/* ---- values -----------------------------------------------------------------------------------
 */

struct step {
    struct state *s;
    const struct command *c;
    struct answer *a;
};

static struct value *value_at(const struct step *x, int word)
{
    return &x->s->keys[key_of(x->c->argv[word])];
}

static const char *word(const struct step *x, int i)
{
    return x->c->argv[i];
}

static bool wrong_kind(const struct step *x, const struct value *v, enum value_kind kind)
{
    if (v->kind == VALUE_NONE || v->kind == kind)
        return false;
    say(x->a, "-WRONGTYPE Operation against a key holding the wrong kind of value");
    return true;
}

static void set_string(struct value *v, const char *p, size_t n)
{
    v->kind = VALUE_STRING;
    v->changes++;
    v->n = n;
    memcpy(v->data, p, n);
}

static void delete (struct value *v)
{
    v->kind = VALUE_NONE;
    v->changes++;
    v->n = 0;
}

/* Puts n bytes into the data at `at`, for `gone` bytes that stand there. */
static void splice(struct value *v, size_t at, size_t gone, const char *p, size_t n)
{
    if (v->n + n - gone > VALUE_BYTES)
        abort();
    memmove(v->data + at + n, v->data + at + gone, v->n - at - gone);
    memcpy(v->data + at, p, n);
    v->n += n - gone;
}

/* ---- strings ----------------------------------------------------------------------------------
 */

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

/* ---- keys of any kind -------------------------------------------------------------------------
 */

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

/* ---- lists ------------------------------------------------------------------------------------
 */

static long long count(const struct value *v)
{
    long long n = 0;
    for (size_t i = 0; i < v->n; i++)
        n += v->data[i] == '\0';
    return n;
}

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

/* ---- sorted sets ------------------------------------------------------------------------------
 */

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

static void take_member(struct value *v, size_t at)
{
    splice(v, at, strlen(v->data + at) + 1, "", 0);
    v->changes++;
    if (v->n == 0)
        v->kind = VALUE_NONE;
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

/* ---- steps ------------------------------------------------------------------------------------
 */

static const struct {
    const char *name;
    void (*run)(struct step *x);
} commands[] = {
    {"GET", do_get},
    {"SET", do_set},
    {"GETDEL", do_getdel},
    {"INCR", do_incrby},
    {"INCRBY", do_incrby},
    {"APPEND", do_append},
    {"STRLEN", do_strlen},
    {"append", do_append_there},
    {"DEL", do_del},
    {"EXISTS", do_exists},
    {"MSET", do_mset},
    {"MSETNX", do_msetnx},
    {"MGET", do_mget},
    {"RENAME", do_rename},
    {"COPY", do_copy},
    {"LPUSH", do_push},
    {"RPUSH", do_push},
    {"LPOP", do_pop},
    {"RPOP", do_pop},
    {"LLEN", do_llen},
    {"LRANGE", do_lrange},
    {"LMOVE", do_move},
    {"BLMOVE", do_move},
    {"BLPOP", do_blocking_pop},
    {"BRPOP", do_blocking_pop},
    {"ZADD", do_zadd},
    {"ZINCRBY", do_zadd},
    {"ZSCORE", do_zscore},
    {"ZCARD", do_zcard},
    {"ZPOPMIN", do_zpopmin},
    {"BZPOPMIN", do_bzpopmin},
};

static void (*find(const char *name))(struct step *)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (!strcmp(commands[i].name, name))
            return commands[i].run;
    }
    return NULL;
}

static void watch(struct state *s, int client, const struct command *c, struct answer *a)
{
    for (int i = 1; i < c->argc; i++) {
        if (!(s->watched[client] & WATCHED_CHANGED))
            s->watched[client] |= (uint8_t)(1 << key_of(c->argv[i]));
    }
    say(a, "+OK");
}

static void tell_watchers(struct state *s)
{
    for (int k = 0; k < KEYS; k++) {
        for (int i = 0; s->keys[k].changes && i < CLIENTS_MAX; i++) {
            if (s->watched[i] >> k & 1)
                s->watched[i] = WATCHED_CHANGED;
        }
        s->keys[k].changes = 0;
    }
}

static void run(struct state *s, int client, const struct command *c, struct answer *a)
{
    struct step x = {s, c, a};
    if (!strcmp(c->argv[0], "WATCH"))
        watch(s, client, c, a);
    else
        find(c->argv[0])(&x);
}

bool model_step(struct state *s, const struct operation *op)
{
    struct answer a = {.n = 0};
    if (op->kind == OPERATION_TRANSACTION) {
        bool changed = s->watched[op->client] & WATCHED_CHANGED;
        s->watched[op->client] = 0;
        if (changed)
            say(&a, NIL_ARRAY);
        else
            say_number(&a, '*', op->ncommands);
        for (int i = 0; !changed && i < op->ncommands; i++)
            run(s, op->client, &op->commands[i], &a);
    } else {
        run(s, op->client, &op->commands[0], &a);
    }
    tell_watchers(s);
    return a.n == op->reply_n && !memcmp(a.p, op->reply, a.n);
}

#include "tests/linear/check.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* ---- the events: questions and answers by their times, as a list ----------------------------- */

struct event {
    const struct operation *op;
    size_t number; /* of the operation */
    uint64_t at_ns;
    bool is_question;
    struct event *other; /* the question's answer */
    struct event *next, *prev;
};

static int by_time(const void *a, const void *b)
{
    const struct event *x = a, *y = b;
    if (x->at_ns != y->at_ns)
        return x->at_ns < y->at_ns ? -1 : 1;
    return y->is_question - x->is_question; /* at one instant: they overlap */
}

/* 2n events behind a head. */
static struct event *make_events(const struct operation *ops, size_t n)
{
    struct event *e = mem_calloc((2 * n + 1) * sizeof *e);
    struct event **questions = mem_calloc((n + 1) * sizeof *questions);
    for (size_t i = 0; i < n; i++) {
        e[1 + 2 * i] = (struct event){&ops[i], i, ops[i].asked_at_ns, true, NULL, NULL, NULL};
        e[2 + 2 * i] = (struct event){&ops[i], i, ops[i].answered_at_ns, false, NULL, NULL, NULL};
    }
    qsort(e + 1, 2 * n, sizeof *e, by_time);
    for (size_t i = 1; i <= 2 * n; i++) {
        e[i].prev = &e[i - 1];
        e[i - 1].next = &e[i];
        if (e[i].is_question)
            questions[e[i].number] = &e[i];
        else
            questions[e[i].number]->other = &e[i];
    }
    mem_free(questions);
    return e;
}

static void unlink_event(struct event *e)
{
    e->prev->next = e->next;
    if (e->next)
        e->next->prev = e->prev;
}

static void relink_event(struct event *e)
{
    e->prev->next = e;
    if (e->next)
        e->next->prev = e;
}

/* ---- configurations that were seen: an open table of hashes ---------------------------------- */

struct seen {
    uint64_t (*slots)[2];
    size_t n, cap;
};

static bool seen_put(uint64_t (*slots)[2], size_t cap, const uint64_t hash[2])
{
    size_t i = hash[0] & (cap - 1);
    while (slots[i][0] || slots[i][1]) {
        if (slots[i][0] == hash[0] && slots[i][1] == hash[1])
            return false;
        i = (i + 1) & (cap - 1);
    }
    slots[i][0] = hash[0];
    slots[i][1] = hash[1];
    return true;
}

/* True where it is new. */
static bool seen_add(struct seen *s, const uint64_t hash[2])
{
    if (s->n * 2 >= s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 1024;
        uint64_t(*slots)[2] = mem_calloc(cap * sizeof *slots);
        for (size_t i = 0; i < s->cap; i++) {
            if (s->slots[i][0] || s->slots[i][1])
                seen_put(slots, cap, s->slots[i]);
        }
        mem_free(s->slots);
        s->slots = slots;
        s->cap = cap;
    }
    bool fresh = seen_put(s->slots, s->cap, hash);
    s->n += fresh;
    return fresh;
}

/* ---- the search ------------------------------------------------------------------------------ */

struct search {
    struct event *events; /* [0] is the head */
    struct state *states; /* [d]: after d operations */
    struct event **order; /* [d]: the question that was done as the d-th */
    uint8_t *done;        /* a bit for each operation */
    size_t ndone, n;
    struct seen seen;
};

/* Does the operation whose question e is as the next one; false where that leads nowhere new. */
static bool try_operation(struct search *s, struct event *e)
{
    struct state *next = &s->states[s->ndone + 1];
    uint64_t hash[2];
    state_copy(next, &s->states[s->ndone]);
    if (!model_step(next, e->op))
        return false;
    s->done[e->number / 8] ^= (uint8_t)(1 << e->number % 8);
    state_hash(next, s->done, (s->n + 7) / 8, hash);
    if (!seen_add(&s->seen, hash)) {
        s->done[e->number / 8] ^= (uint8_t)(1 << e->number % 8);
        return false;
    }
    s->order[s->ndone++] = e;
    unlink_event(e);
    unlink_event(e->other);
    return true;
}

/* Takes the last one back; it is returned. */
static struct event *take_back(struct search *s)
{
    struct event *e = s->order[--s->ndone];
    s->done[e->number / 8] ^= (uint8_t)(1 << e->number % 8);
    relink_event(e->other);
    relink_event(e);
    return e;
}

static struct finding search(struct search *s, uint64_t configurations_max)
{
    struct finding f = {.verdict = LINEARISABLE};
    struct event *head = &s->events[0], *e = head->next;
    while (head->next) {
        if (e->is_question) {
            e = try_operation(s, e) ? head->next : e->next;
        } else if (s->ndone > 0) { /* past an answer whose operation is not done */
            e = take_back(s)->next;
        } else {
            f.verdict = NOT_LINEARISABLE;
            break;
        }
        f.done = s->ndone > f.done ? s->ndone : f.done;
        if (s->seen.n > configurations_max) {
            f.verdict = UNDECIDED;
            break;
        }
    }
    f.seen = s->seen.n;
    return f;
}

struct finding linear_check(const struct operation *ops, size_t n, uint64_t configurations_max)
{
    struct search s = {.n = n};
    s.events = make_events(ops, n);
    s.states = mem_calloc((n + 1) * sizeof *s.states);
    s.order = mem_calloc((n + 1) * sizeof(struct event *));
    s.done = mem_calloc(n / 8 + 1);
    state_init(&s.states[0]);
    struct finding f = search(&s, configurations_max);
    mem_free(s.events);
    mem_free(s.states);
    mem_free(s.order);
    mem_free(s.done);
    mem_free(s.seen.slots);
    return f;
}

struct finding history_check_keys(const struct operation *ops, size_t n,
                                  uint64_t configurations_max)
{
    struct finding f = {.verdict = LINEARISABLE};
    struct operation *of_key = mem_calloc((n + 1) * sizeof *of_key);
    for (int key = 0; key < KEYS && f.verdict == LINEARISABLE; key++) {
        size_t found = 0;
        for (size_t i = 0; i < n; i++) {
            if (key_of(ops[i].commands[0].argv[1]) == key)
                of_key[found++] = ops[i];
        }
        f = linear_check(of_key, found, configurations_max);
    }
    mem_free(of_key);
    return f;
}

#include "tests/linear/model.h"

#include <xxhash.h>

#include "tests/linear/model_step.h"

/* ---- states ---------------------------------------------------------------------------------- */

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

/* ---- steps ----------------------------------------------------------------------------------- */

static void (*find(const char *name))(struct step *)
{
    static const struct model_command *const tables[] = {model_strings, model_lists, model_zsets,
                                                         model_sets, model_streams};
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
        for (const struct model_command *c = tables[t]; c->name; c++) {
            if (!strcmp(c->name, name))
                return c->run;
        }
    }
    abort();
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

static void run(struct state *s, int client, const struct command *c, struct answer *a,
                const char *reply)
{
    struct step x = {s, c, a, reply};
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
            run(s, op->client, &op->commands[i], &a, NULL);
    } else {
        run(s, op->client, &op->commands[0], &a, op->reply);
    }
    tell_watchers(s);
    return a.n == op->reply_n && !memcmp(a.p, op->reply, a.n);
}

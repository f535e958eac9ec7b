#include "types/set_probe.h"

#include "base/hash.h"
#include "base/mem.h"
#include "ds/listpack.h"

/* An index costs about as much as so many questions. */
#define QUESTIONS_MIN 8

/* 0 is no place: a listpack begins with its head. */
static uint64_t slot_of(uint64_t hash, size_t place)
{
    return (hash & 0xFFFFFFFF00000000u) | place;
}

static void put(struct set_probe *p, uint64_t hash, size_t place)
{
    size_t i = hash & p->mask;
    while (p->slots[i])
        i = (i + 1) & p->mask;
    p->slots[i] = slot_of(hash, place);
}

static void index_listpack(struct set_probe *p, const uint8_t *lp)
{
    char scratch[NUM_INT_MAX];
    p->mask = 15;
    while (p->mask < 2 * lp_length(lp))
        p->mask = 2 * p->mask + 1;
    p->slots = mem_calloc((p->mask + 1) * sizeof *p->slots);
    for (const uint8_t *at = lp_first(lp); at; at = lp_next(lp, at))
        put(p, hash_bytes(lp_get_bytes(at, scratch)), (size_t)(at - lp));
}

void set_probe_init(struct set_probe *p, const struct set *s, size_t questions)
{
    *p = (struct set_probe){.set = s};
    if (s && set_form(s) == SET_PACK && questions >= QUESTIONS_MIN &&
        set_length(s) >= QUESTIONS_MIN)
        index_listpack(p, set_block(s));
}

void set_probe_release(struct set_probe *p)
{
    mem_free(p->slots);
}

static bool find_indexed(const struct set_probe *p, struct bytes member, uint64_t hash)
{
    const uint8_t *lp = set_block(p->set);
    for (size_t i = hash & p->mask; p->slots[i]; i = (i + 1) & p->mask) {
        if ((p->slots[i] ^ hash) >> 32 == 0 && lp_equal(lp + (uint32_t)p->slots[i], member))
            return true;
    }
    return false;
}

bool set_probe_has(const struct set_probe *p, struct bytes member, uint64_t hash)
{
    if (!p->set)
        return false;
    return p->slots ? find_indexed(p, member, hash) : set_has_hashed(p->set, member, hash);
}

#include "persist/rdb_pack.h"

#include <endian.h>

#include "base/num.h"
#include "ds/listpack.h"

#define END 0xFF

/* ---- listpack -------------------------------------------------------------------------------- */

struct relay {
    rdb_pack_visit *visit;
    void *ctx;
};

static bool relay_element(const uint8_t *at, void *ctx)
{
    struct relay *relay = ctx;
    char scratch[NUM_INT_MAX];
    return relay->visit(lp_get_bytes(at, scratch), relay->ctx);
}

static bool listpack_each(struct bytes pack, rdb_pack_visit *visit, void *ctx)
{
    struct relay relay = {visit, ctx};
    return pack.n < LP_BYTES_MAX &&
           lp_validate((const uint8_t *)pack.p, pack.n, relay_element, &relay);
}

/* ---- ziplist --------------------------------------------------------------------------------- */

#define ZIPLIST_HEAD  10
#define ZIPLIST_COUNT 0xFFFF /* so many entries or more */

/* What is left of the pack, without its END. */
struct span {
    const uint8_t *at, *end;
};

static bool take(struct span *s, size_t n, const uint8_t **p)
{
    if (n > (size_t)(s->end - s->at))
        return false;
    *p = s->at;
    s->at += n;
    return true;
}

/* n bytes LE, signed. */
static int64_t signed_le(const uint8_t *p, unsigned n)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < n; i++)
        v |= (uint64_t)p[i] << 8 * i;
    unsigned shift = 64 - 8 * n;
    return (int64_t)(v << shift) >> shift;
}

/* Bytes of the integer that an encoding byte announces; 0: the byte holds it, 9: none. */
static unsigned ziplist_int_bytes(uint8_t encoding)
{
    switch (encoding) {
    case 0xC0:
        return 2;
    case 0xD0:
        return 4;
    case 0xE0:
        return 8;
    case 0xF0:
        return 3;
    case 0xFE:
        return 1;
    default:
        return encoding >= 0xF1 && encoding <= 0xFD ? 0 : 9;
    }
}

static bool ziplist_int(struct span *s, uint8_t encoding, char *scratch, struct bytes *value)
{
    unsigned n = ziplist_int_bytes(encoding);
    const uint8_t *p;
    if (n == 9 || !take(s, n, &p))
        return false;
    int64_t v = n == 0 ? (encoding & 0x0F) - 1 : signed_le(p, n);
    *value = bytes_of(scratch, num_format_int(scratch, v));
    return true;
}

static bool ziplist_value(struct span *s, char *scratch, struct bytes *value)
{
    const uint8_t *p;
    uint8_t first;
    size_t n;
    if (!take(s, 1, &p))
        return false;
    first = *p;
    switch (first >> 6) {
    case 0:
        n = first;
        break;
    case 1:
        if (!take(s, 1, &p))
            return false;
        n = (size_t)(first & 0x3F) << 8 | *p;
        break;
    case 2:
        if (first != 0x80 || !take(s, 4, &p))
            return false;
        n = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
        break;
    default:
        return ziplist_int(s, first, scratch, value);
    }
    if (!take(s, n, &p))
        return false;
    *value = bytes_of(p, n);
    return true;
}

/* The length of the entry before is right. */
static bool ziplist_before(struct span *s, size_t before)
{
    const uint8_t *p;
    if (!take(s, 1, &p) || *p == END)
        return false;
    if (*p < 0xFE)
        return *p == before;
    return take(s, 4, &p) && (size_t)(uint32_t)signed_le(p, 4) == before;
}

static bool ziplist_each(struct bytes pack, rdb_pack_visit *visit, void *ctx)
{
    const uint8_t *zl = (const uint8_t *)pack.p;
    char scratch[NUM_INT_MAX];
    if (pack.n < ZIPLIST_HEAD + 1 || (uint32_t)signed_le(zl, 4) != pack.n || zl[pack.n - 1] != END)
        return false;
    struct span s = {zl + ZIPLIST_HEAD, zl + pack.n - 1};
    const uint8_t *last = s.at;
    size_t before = 0, count = 0, claimed = (size_t)zl[8] | (size_t)zl[9] << 8;
    for (; s.at < s.end; count++) {
        struct bytes value;
        last = s.at;
        if (!ziplist_before(&s, before) || !ziplist_value(&s, scratch, &value) ||
            !visit(value, ctx))
            return false;
        before = (size_t)(s.at - last);
    }
    return (claimed == ZIPLIST_COUNT || claimed == count) &&
           (uint32_t)signed_le(zl + 4, 4) == (size_t)(last - zl);
}

/* ---- zipmap ---------------------------------------------------------------------------------- */

#define ZIPMAP_COUNT 0xFE /* so many fields or more */

static bool zipmap_length(struct span *s, size_t *n)
{
    const uint8_t *p;
    if (!take(s, 1, &p) || *p == END)
        return false;
    *n = *p;
    if (*n < 0xFE)
        return true;
    if (!take(s, 4, &p))
        return false;
    *n = (uint32_t)signed_le(p, 4);
    return true;
}

static bool zipmap_part(struct span *s, bool is_value, rdb_pack_visit *visit, void *ctx)
{
    const uint8_t *p, *unused = NULL;
    size_t n;
    if (!zipmap_length(s, &n) || (is_value && !take(s, 1, &unused)) || !take(s, n, &p))
        return false;
    if (!visit(bytes_of(p, n), ctx))
        return false;
    return !is_value || take(s, *unused, &p);
}

static bool zipmap_each(struct bytes pack, rdb_pack_visit *visit, void *ctx)
{
    const uint8_t *zm = (const uint8_t *)pack.p;
    size_t count = 0;
    if (pack.n < 2 || zm[pack.n - 1] != END)
        return false;
    struct span s = {zm + 1, zm + pack.n - 1};
    for (; s.at < s.end; count++) {
        if (!zipmap_part(&s, false, visit, ctx) || !zipmap_part(&s, true, visit, ctx))
            return false;
    }
    return zm[0] >= ZIPMAP_COUNT || zm[0] == count;
}

/* ---- all ------------------------------------------------------------------------------------- */

bool rdb_pack_each(enum rdb_pack form, struct bytes pack, rdb_pack_visit *visit, void *ctx)
{
    switch (form) {
    case RDB_PACK_LISTPACK:
        return listpack_each(pack, visit, ctx);
    case RDB_PACK_ZIPLIST:
        return ziplist_each(pack, visit, ctx);
    default:
        return zipmap_each(pack, visit, ctx);
    }
}

/* Elements of a group; those that stand in the walk's scratch are copied into one of the group's own. */
struct grouping {
    unsigned size, n;
    struct bytes group[RDB_GROUP_MAX];
    char scratch[RDB_GROUP_MAX][NUM_INT_MAX];
    rdb_group_visit *visit;
    void *ctx;
    struct bytes pack;
};

static bool gather(struct bytes s, void *ctx)
{
    struct grouping *g = ctx;
    bool inside = s.p >= g->pack.p && s.p < g->pack.p + g->pack.n;
    if (!inside) { /* a number's text, or nothing */
        size_t n = s.n < NUM_INT_MAX ? s.n : NUM_INT_MAX;
        s = bytes_of(memcpy(g->scratch[g->n], n ? s.p : "", n), n);
    }
    g->group[g->n++] = s;
    if (g->n < g->size)
        return true;
    g->n = 0;
    return g->visit(g->group, g->ctx);
}

bool rdb_pack_groups(enum rdb_pack form, struct bytes pack, unsigned n, rdb_group_visit *visit,
                     void *ctx)
{
    struct grouping g = {.size = n, .visit = visit, .ctx = ctx, .pack = pack};
    return rdb_pack_each(form, pack, gather, &g) && g.n == 0;
}

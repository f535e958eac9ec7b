#include "ds/listpack.h"

#include <stdlib.h>

#include "base/mem.h"

#define HEADER_BYTES   6
#define END            0xFF
#define LENGTH_UNKNOWN 65535
#define BACKLEN_MAX    5

/* ---- little-endian words ----------------------------------------------------------------------
 */

static uint64_t load_le(const uint8_t *p, unsigned n)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < n; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static void store_le(uint8_t *p, unsigned n, uint64_t v)
{
    for (unsigned i = 0; i < n; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static int64_t load_signed(const uint8_t *p, unsigned n)
{
    unsigned spare = 64 - 8 * n;
    return (int64_t)(load_le(p, n) << spare) >> spare;
}

/* ---- encoding ---------------------------------------------------------------------------------
 */

/* An element to be written: head, then tail (a string's bytes), then backlen. */
struct encoded {
    uint8_t head[9];
    uint8_t head_n;
    uint8_t backlen[BACKLEN_MAX];
    uint8_t backlen_n;
    struct bytes tail;
};

static size_t encoded_bytes(const struct encoded *e)
{
    return e->head_n + e->tail.n + e->backlen_n;
}

/* The thresholds are one below what 7 bits a byte allow, but for the first: that is the format. */
static unsigned backlen_bytes(size_t n)
{
    if (n <= 127)
        return 1;
    if (n < 16383)
        return 2;
    if (n < 2097151)
        return 3;
    return n < 268435455 ? 4 : 5;
}

static void encode_backlen(struct encoded *e)
{
    size_t n = e->head_n + e->tail.n;
    unsigned bytes = backlen_bytes(n);
    for (unsigned i = bytes; i-- > 0; n >>= 7)
        e->backlen[i] = (uint8_t)((n & 127) | (i > 0 ? 128 : 0));
    e->backlen_n = (uint8_t)bytes;
}

static bool int_fits(int64_t v, unsigned bits)
{
    int64_t bound = (int64_t)1 << (bits - 1);
    return v >= -bound && v < bound;
}

static void encode_int(struct encoded *e, int64_t v)
{
    e->tail = (struct bytes){NULL, 0};
    if (v >= 0 && v <= 127) {
        e->head[0] = (uint8_t)v;
        e->head_n = 1;
    } else if (int_fits(v, 13)) {
        e->head[0] = (uint8_t)(0xC0 | (((uint64_t)v >> 8) & 0x1F));
        e->head[1] = (uint8_t)v;
        e->head_n = 2;
    } else {
        unsigned n = int_fits(v, 16) ? 2 : int_fits(v, 24) ? 3 : int_fits(v, 32) ? 4 : 8;
        e->head[0] = (uint8_t)(n == 8 ? 0xF4 : 0xF1 + (n - 2));
        store_le(e->head + 1, n, (uint64_t)v);
        e->head_n = (uint8_t)(1 + n);
    }
    encode_backlen(e);
}

static void encode(struct encoded *e, struct bytes s)
{
    int64_t v;
    if (num_parse_int(s, &v)) {
        encode_int(e, v);
        return;
    }
    e->tail = s;
    if (s.n < 64) {
        e->head[0] = (uint8_t)(0x80 | s.n);
        e->head_n = 1;
    } else if (s.n < 4096) {
        e->head[0] = (uint8_t)(0xE0 | (s.n >> 8));
        e->head[1] = (uint8_t)s.n;
        e->head_n = 2;
    } else {
        e->head[0] = 0xF0;
        store_le(e->head + 1, 4, s.n);
        e->head_n = 5;
    }
    encode_backlen(e);
}

static void write_encoded(uint8_t *to, const struct encoded *e)
{
    memcpy(to, e->head, e->head_n);
    if (e->tail.n > 0)
        memcpy(to + e->head_n, e->tail.p, e->tail.n);
    memcpy(to + e->head_n + e->tail.n, e->backlen, e->backlen_n);
}

/* ---- decoding ---------------------------------------------------------------------------------
 */

/* Bytes that must be there before body_bytes may be asked; 0 for a byte that begins no element. */
static unsigned head_bytes(uint8_t first)
{
    if (first < 0xC0)
        return 1;
    if (first < 0xF0)
        return 2;
    if (first == 0xF0)
        return 5;
    return first <= 0xF4 ? 1 : 0;
}

/* Bytes of an element without its backlen. */
static size_t body_bytes(const uint8_t *at)
{
    uint8_t first = at[0];
    if (first < 0x80)
        return 1;
    if (first < 0xC0)
        return 1 + (size_t)(first & 0x3F);
    if (first < 0xE0)
        return 2;
    if (first < 0xF0)
        return 2 + ((size_t)(first & 0x0F) << 8 | at[1]);
    if (first == 0xF0)
        return 5 + (size_t)load_le(at + 1, 4);
    return first == 0xF4 ? 9 : 3 + (size_t)(first - 0xF1);
}

static size_t element_bytes(const uint8_t *at)
{
    size_t body = body_bytes(at);
    return body + backlen_bytes(body);
}

/* Reads a backlen whose last byte is *p, not before `start`; SIZE_MAX where it is none. */
static size_t read_backlen(const uint8_t *p, const uint8_t *start)
{
    size_t n = 0;
    for (unsigned shift = 0; shift <= 28 && p >= start; shift += 7, p--) {
        n |= (size_t)(*p & 127) << shift;
        if (!(*p & 128))
            return n;
    }
    return SIZE_MAX;
}

struct lp_value lp_get(const uint8_t *at)
{
    uint8_t first = at[0];
    if (first < 0x80)
        return (struct lp_value){.integer = first};
    if (first < 0xC0)
        return (struct lp_value){.p = (const char *)at + 1, .n = first & 0x3F};
    if (first < 0xE0) {
        uint64_t v = (uint64_t)(first & 0x1F) << 8 | at[1];
        return (struct lp_value){.integer = (int64_t)(v << 51) >> 51};
    }
    if (first < 0xF0)
        return (struct lp_value){.p = (const char *)at + 2, .n = body_bytes(at) - 2};
    if (first == 0xF0)
        return (struct lp_value){.p = (const char *)at + 5, .n = body_bytes(at) - 5};
    return (struct lp_value){.integer = load_signed(at + 1, (unsigned)body_bytes(at) - 1)};
}

struct bytes lp_get_bytes(const uint8_t *at, char *scratch)
{
    struct lp_value v = lp_get(at);
    if (v.p != NULL)
        return (struct bytes){v.p, v.n};
    return (struct bytes){scratch, num_format_int(scratch, v.integer)};
}

bool lp_get_int(const uint8_t *at, int64_t *out)
{
    struct lp_value v = lp_get(at);
    if (v.p != NULL)
        return num_parse_int(bytes_of(v.p, v.n), out);
    *out = v.integer;
    return true;
}

/* s as a number, parsed once for many comparisons. */
struct needle {
    struct bytes text;
    bool is_int;
    int64_t integer;
};

static struct needle needle_of(struct bytes s)
{
    struct needle k = {.text = s};
    k.is_int = num_parse_int(s, &k.integer);
    return k;
}

static bool matches(const uint8_t *at, const struct needle *k)
{
    struct lp_value v = lp_get(at);
    if (v.p == NULL)
        return k->is_int && v.integer == k->integer;
    return bytes_eq(bytes_of(v.p, v.n), k->text);
}

bool lp_equal(const uint8_t *at, struct bytes s)
{
    struct needle k = needle_of(s);
    return matches(at, &k);
}

/* ---- the whole --------------------------------------------------------------------------------
 */

static void set_total(uint8_t *lp, size_t n)
{
    store_le(lp, 4, n);
}

static void set_length(uint8_t *lp, size_t n)
{
    store_le(lp + 4, 2, n < LENGTH_UNKNOWN ? n : LENGTH_UNKNOWN);
}

/* After `added` elements came and `gone` went. Once unknown, the count stays so until somebody
 * asks. */
static void adjust_length(uint8_t *lp, size_t added, size_t gone)
{
    size_t n = (size_t)load_le(lp + 4, 2);
    if (n != LENGTH_UNKNOWN)
        set_length(lp, n + added - gone);
}

uint8_t *lp_new(size_t bytes)
{
    uint8_t *lp = mem_alloc(bytes > HEADER_BYTES + 1 ? bytes : HEADER_BYTES + 1);
    set_total(lp, HEADER_BYTES + 1);
    set_length(lp, 0);
    lp[HEADER_BYTES] = END;
    return lp;
}

void lp_free(uint8_t *lp)
{
    mem_free(lp);
}

uint8_t *lp_dup(const uint8_t *lp)
{
    size_t n = lp_bytes(lp);
    return memcpy(mem_alloc(n), lp, n);
}

uint8_t *lp_shrink(uint8_t *lp)
{
    return mem_realloc(lp, lp_bytes(lp));
}

size_t lp_bytes(const uint8_t *lp)
{
    return (size_t)load_le(lp, 4);
}

size_t lp_length(const uint8_t *lp)
{
    size_t n = (size_t)load_le(lp + 4, 2);
    if (n != LENGTH_UNKNOWN)
        return n;
    n = 0;
    for (const uint8_t *at = lp + HEADER_BYTES; *at != END; at += element_bytes(at))
        n++;
    return n;
}

bool lp_fits(const uint8_t *lp, size_t n)
{
    return n < LP_BYTES_MAX && lp_bytes(lp) + n + 16 < LP_BYTES_MAX;
}

size_t lp_entry_bytes(struct bytes s)
{
    struct encoded e;
    encode(&e, s);
    return encoded_bytes(&e);
}

/* ---- positions --------------------------------------------------------------------------------
 */

static uint8_t *position(const uint8_t *at)
{
    return *at == END ? NULL : (uint8_t *)at;
}

static uint8_t *end_of(const uint8_t *lp)
{
    return (uint8_t *)lp + lp_bytes(lp) - 1;
}

/* The element that ends just before p; NULL at the head. */
static uint8_t *before(const uint8_t *lp, const uint8_t *p)
{
    if (p == lp + HEADER_BYTES)
        return NULL;
    size_t body = read_backlen(p - 1, lp + HEADER_BYTES);
    return (uint8_t *)p - body - backlen_bytes(body);
}

uint8_t *lp_first(const uint8_t *lp)
{
    return position(lp + HEADER_BYTES);
}

uint8_t *lp_last(const uint8_t *lp)
{
    return before(lp, end_of(lp));
}

uint8_t *lp_next(const uint8_t *lp, const uint8_t *at)
{
    (void)lp;
    return position(at + element_bytes(at));
}

uint8_t *lp_prev(const uint8_t *lp, const uint8_t *at)
{
    return before(lp, at);
}

static uint8_t *seek_forward(const uint8_t *lp, uint64_t steps)
{
    uint8_t *at = lp_first(lp);
    while (at != NULL && steps-- > 0)
        at = lp_next(lp, at);
    return at;
}

static uint8_t *seek_backward(const uint8_t *lp, uint64_t steps)
{
    uint8_t *at = lp_last(lp);
    while (at != NULL && steps-- > 0)
        at = lp_prev(lp, at);
    return at;
}

uint8_t *lp_seek(const uint8_t *lp, int64_t i)
{
    size_t known = (size_t)load_le(lp + 4, 2);
    if (known != LENGTH_UNKNOWN) {
        int64_t n = (int64_t)known;
        if (i >= n || i < -n)
            return NULL;
        if (i >= 0 && i > n / 2)
            i -= n;
        else if (i < -(n / 2))
            i += n;
    }
    return i >= 0 ? seek_forward(lp, (uint64_t)i) : seek_backward(lp, (uint64_t)(-(i + 1)));
}

uint8_t *lp_find(const uint8_t *lp, const uint8_t *at, struct bytes s, unsigned skip)
{
    struct needle k = needle_of(s);
    while (at != NULL) {
        if (matches(at, &k))
            return (uint8_t *)at;
        for (unsigned i = 0; at != NULL && i <= skip; i++)
            at = lp_next(lp, at);
    }
    return NULL;
}

/* ---- edits ------------------------------------------------------------------------------------
 */

/* Turns the `cut` bytes at `offset` into a gap of `add` bytes. */
static uint8_t *splice(uint8_t *lp, size_t offset, size_t cut, size_t add)
{
    size_t old = lp_bytes(lp), new_bytes = old - cut + add;
    if (add > cut && new_bytes > mem_usable(lp))
        lp = mem_realloc(lp, new_bytes);
    if (add != cut)
        memmove(lp + offset + add, lp + offset + cut, old - offset - cut);
    if (add < cut)
        lp = mem_realloc(lp, new_bytes);
    set_total(lp, new_bytes);
    return lp;
}

static uint8_t *put(uint8_t *lp, size_t offset, size_t cut, const struct encoded *e)
{
    lp = splice(lp, offset, cut, encoded_bytes(e));
    write_encoded(lp + offset, e);
    if (cut == 0)
        adjust_length(lp, 1, 0);
    return lp;
}

static size_t end_offset(const uint8_t *lp)
{
    return lp_bytes(lp) - 1;
}

uint8_t *lp_append(uint8_t *lp, struct bytes s)
{
    struct encoded e;
    encode(&e, s);
    return put(lp, end_offset(lp), 0, &e);
}

uint8_t *lp_append_int(uint8_t *lp, int64_t v)
{
    struct encoded e;
    encode_int(&e, v);
    return put(lp, end_offset(lp), 0, &e);
}

uint8_t *lp_prepend(uint8_t *lp, struct bytes s)
{
    struct encoded e;
    encode(&e, s);
    return put(lp, HEADER_BYTES, 0, &e);
}

uint8_t *lp_prepend_int(uint8_t *lp, int64_t v)
{
    struct encoded e;
    encode_int(&e, v);
    return put(lp, HEADER_BYTES, 0, &e);
}

static uint8_t *insert(uint8_t *lp, uint8_t **at, enum lp_where where, const struct encoded *e)
{
    size_t offset = (size_t)(*at - lp) + (where == LP_AFTER ? element_bytes(*at) : 0);
    lp = put(lp, offset, 0, e);
    *at = lp + offset;
    return lp;
}

uint8_t *lp_insert(uint8_t *lp, uint8_t **at, enum lp_where where, struct bytes s)
{
    struct encoded e;
    encode(&e, s);
    return insert(lp, at, where, &e);
}

uint8_t *lp_insert_int(uint8_t *lp, uint8_t **at, enum lp_where where, int64_t v)
{
    struct encoded e;
    encode_int(&e, v);
    return insert(lp, at, where, &e);
}

static uint8_t *replace(uint8_t *lp, uint8_t **at, const struct encoded *e)
{
    size_t offset = (size_t)(*at - lp);
    lp = put(lp, offset, element_bytes(*at), e);
    *at = lp + offset;
    return lp;
}

uint8_t *lp_replace(uint8_t *lp, uint8_t **at, struct bytes s)
{
    struct encoded e;
    encode(&e, s);
    return replace(lp, at, &e);
}

uint8_t *lp_replace_int(uint8_t *lp, uint8_t **at, int64_t v)
{
    struct encoded e;
    encode_int(&e, v);
    return replace(lp, at, &e);
}

uint8_t *lp_delete(uint8_t *lp, uint8_t **at)
{
    return lp_delete_range_at(lp, at, 1);
}

uint8_t *lp_delete_range_at(uint8_t *lp, uint8_t **at, size_t count)
{
    size_t offset = (size_t)(*at - lp), gone = 0;
    const uint8_t *p = *at;
    for (; gone < count && *p != END; gone++)
        p += element_bytes(p);
    lp = splice(lp, offset, (size_t)(p - *at), 0);
    adjust_length(lp, 0, gone);
    *at = position(lp + offset);
    return lp;
}

uint8_t *lp_delete_range(uint8_t *lp, int64_t i, size_t count)
{
    uint8_t *at = lp_seek(lp, i);
    return at != NULL && count > 0 ? lp_delete_range_at(lp, &at, count) : lp;
}

uint8_t *lp_batch_delete(uint8_t *lp, uint8_t *const *at, size_t n)
{
    if (n == 0)
        return lp;
    uint8_t *to = at[0];
    const uint8_t *end = lp + lp_bytes(lp);
    for (size_t i = 0; i < n; i++) {
        const uint8_t *from = at[i] + element_bytes(at[i]);
        size_t keep = (size_t)((i + 1 < n ? at[i + 1] : end) - from);
        memmove(to, from, keep);
        to += keep;
    }
    set_total(lp, (size_t)(to - lp));
    adjust_length(lp, 0, n);
    return lp_shrink(lp);
}

/* ---- integrity --------------------------------------------------------------------------------
 */

/* Bytes of the element at `at`, with all of it before `end`; 0 where it is not well formed. */
static size_t checked_bytes(const uint8_t *at, const uint8_t *end)
{
    size_t room = (size_t)(end - at);
    unsigned head = head_bytes(at[0]);
    if (head == 0 || head > room)
        return 0;
    size_t body = body_bytes(at), all = body + backlen_bytes(body);
    if (all > room || read_backlen(at + all - 1, at + body) != body)
        return 0;
    return all;
}

bool lp_validate(const uint8_t *lp, size_t bytes, lp_visit *each, void *ctx)
{
    if (bytes < HEADER_BYTES + 1 || bytes > UINT32_MAX || lp_bytes(lp) != bytes ||
        lp[bytes - 1] != END)
        return false;
    const uint8_t *end = lp + bytes - 1;
    size_t n = 0, claimed = (size_t)load_le(lp + 4, 2);
    for (const uint8_t *at = lp + HEADER_BYTES; at < end; n++) {
        size_t step = checked_bytes(at, end);
        if (step == 0 || (each != NULL && !each(at, ctx)))
            return false;
        at += step;
    }
    return claimed == LENGTH_UNKNOWN || claimed == n;
}

void lp_check(const uint8_t *lp)
{
    if (!lp_validate(lp, lp_bytes(lp), NULL, NULL))
        abort();
}

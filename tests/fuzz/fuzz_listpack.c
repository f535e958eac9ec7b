/* Operations drawn from the input, on a listpack and on a naive list of texts beside it. The
 * listpack starts empty, or (first byte odd) as bytes of the input that lp_validate took: what
 * comes from outside must bear every operation too.
 *
 * Input: a byte, for odd ones a u16 and as many bytes of listpack, then operations. */
#include "ds/listpack.h"

#include "tests/fuzz/input.h"

#define ELEMENTS_MAX   300
#define OPERATIONS_MAX 400

struct model {
    struct buf texts[ELEMENTS_MAX];
    size_t n;
};

static void model_insert(struct model *m, size_t i, struct bytes s)
{
    memmove(&m->texts[i + 1], &m->texts[i], (m->n - i) * sizeof *m->texts);
    buf_init(&m->texts[i]);
    buf_add_bytes(&m->texts[i], s);
    m->n++;
}

static void model_delete(struct model *m, size_t i, size_t count)
{
    for (size_t k = i; k < i + count; k++)
        buf_release(&m->texts[k]);
    memmove(&m->texts[i], &m->texts[i + count], (m->n - i - count) * sizeof *m->texts);
    m->n -= count;
}

static void check_element(const struct model *m, size_t i, const uint8_t *at)
{
    char scratch[NUM_INT_MAX];
    int64_t value;
    struct bytes want = buf_bytes(&m->texts[i]), text = lp_get_bytes(at, scratch);
    MUST(bytes_eq(text, want));
    MUST(lp_equal(at, want));
    MUST(lp_get_int(at, &value) == num_parse_int(want, &value));
}

static void check(const struct model *m, const uint8_t *lp)
{
    size_t i = 0;
    lp_check(lp);
    MUST(lp_length(lp) == m->n);
    for (const uint8_t *at = lp_first(lp); at; at = lp_next(lp, at))
        check_element(m, i++, at);
    MUST(i == m->n);
    for (const uint8_t *at = lp_last(lp); at; at = lp_prev(lp, at))
        MUST(at == lp_seek(lp, (int64_t)--i));
    MUST(i == 0);
}

/* A value from the input: bytes of it, an integer, or many equal bytes for the long encodings. */
static struct bytes take_value(struct input *in, char *room)
{
    uint8_t kind = input_byte(in);
    if (kind < 100)
        return input_bytes(in, kind % 20);
    if (kind < 200) {
        uint64_t v = 0;
        for (unsigned i = kind % 9; i > 0; i--)
            v = v << 8 | input_byte(in);
        return bytes_of(room, num_format_int(room, kind % 2 ? (int64_t)v : -(int64_t)(v / 2)));
    }
    size_t n = kind < 254 ? input_u16(in) % 5000 : input_u16(in);
    memset(room, 'x', n);
    return bytes_of(room, n);
}

static void check_find(const struct model *m, const uint8_t *lp, size_t from, struct bytes s,
                       unsigned skip)
{
    size_t i = from;
    while (i < m->n && !bytes_eq(buf_bytes(&m->texts[i]), s))
        i += skip + 1;
    const uint8_t *at = lp_find(lp, lp_seek(lp, (int64_t)from), s, skip);
    MUST(at == (i < m->n ? lp_seek(lp, (int64_t)i) : NULL));
}

static uint8_t *batch_delete(struct model *m, uint8_t *lp, struct input *in)
{
    uint8_t *at[ELEMENTS_MAX], *p = lp_first(lp);
    size_t n = 0, kept = 0, mask = input_byte(in) | 1u;
    for (size_t i = 0; p; i++, p = lp_next(lp, p)) {
        if (mask >> i % 8 & 1) {
            at[n++] = p;
            model_delete(m, kept, 1);
        } else {
            kept++;
        }
    }
    return lp_batch_delete(lp, at, n);
}

static uint8_t *insert(struct model *m, uint8_t *lp, struct input *in, unsigned op)
{
    static char room[1 << 16];
    struct bytes s = take_value(in, room);
    size_t i = m->n ? input_byte(in) % m->n : 0;
    uint8_t *at = lp_seek(lp, (int64_t)i);
    int64_t v;
    bool is_int = num_parse_int(s, &v) && op & 8;
    MUST(lp_fits(lp, s.n));
    switch (m->n ? op % 4 : op % 2) {
    case 0:
        model_insert(m, m->n, s);
        return is_int ? lp_append_int(lp, v) : lp_append(lp, s);
    case 1:
        model_insert(m, 0, s);
        return is_int ? lp_prepend_int(lp, v) : lp_prepend(lp, s);
    case 2:
        i += op & 16 ? 1 : 0;
        model_insert(m, i, s);
        lp = is_int ? lp_insert_int(lp, &at, op & 16 ? LP_AFTER : LP_BEFORE, v)
                    : lp_insert(lp, &at, op & 16 ? LP_AFTER : LP_BEFORE, s);
        break;
    default:
        model_delete(m, i, 1);
        model_insert(m, i, s);
        lp = is_int ? lp_replace_int(lp, &at, v) : lp_replace(lp, &at, s);
    }
    MUST(at == lp_seek(lp, (int64_t)i));
    return lp;
}

static uint8_t *shorten(struct model *m, uint8_t *lp, struct input *in, unsigned op)
{
    size_t i = input_byte(in) % m->n, count = input_byte(in);
    size_t gone = count < m->n - i ? count : m->n - i;
    uint8_t *at = lp_seek(lp, (int64_t)i);
    switch (op % 4) {
    case 0:
        gone = 1;
        lp = lp_delete(lp, &at);
        break;
    case 1:
        lp = lp_delete_range_at(lp, &at, count);
        break;
    case 2:
        lp = lp_delete_range(lp, (int64_t)i - (op & 8 ? (int64_t)m->n : 0), count);
        break;
    default:
        return batch_delete(m, lp, in);
    }
    model_delete(m, i, gone);
    if (op % 4 < 2)
        MUST(at == (i < m->n ? lp_seek(lp, (int64_t)i) : NULL));
    return lp;
}

static uint8_t *operate(struct model *m, uint8_t *lp, struct input *in)
{
    unsigned op = input_byte(in);
    static char room[1 << 16];
    if (op < 130 && m->n < ELEMENTS_MAX)
        return insert(m, lp, in, op);
    if (op < 200 && m->n > 0)
        return shorten(m, lp, in, op);
    if (op < 250 && m->n > 0) {
        struct bytes s = take_value(in, room);
        check_find(m, lp, op % m->n, s, op % 3);
        check_find(m, lp, op % m->n, buf_bytes(&m->texts[m->n - 1]), op % 3);
        return lp;
    }
    uint8_t *copy = lp_dup(lp);
    MUST(lp_bytes(copy) == lp_bytes(lp) && memcmp(copy, lp, lp_bytes(lp)) == 0);
    lp_free(lp);
    return lp_shrink(copy);
}

static bool take_element(const uint8_t *at, void *ctx)
{
    struct model *m = ctx;
    char scratch[NUM_INT_MAX];
    if (m->n == ELEMENTS_MAX)
        return false;
    model_insert(m, m->n, lp_get_bytes(at, scratch));
    return true;
}

/* The listpack that the input brings, and the model of it; NULL where it is none. */
static uint8_t *from_outside(struct model *m, struct input *in, bool mend_head)
{
    struct bytes s = input_bytes(in, input_u16(in));
    char *block = input_exact(s.p, s.n);
    uint8_t *lp = NULL;
    if (mend_head && s.n >= 7) {
        uint32_t total = (uint32_t)s.n;
        memcpy(block, &total, sizeof total);
        memset(block + 4, 0xff, 2);
    }
    if (lp_validate((uint8_t *)block, s.n, take_element, m))
        lp = lp_dup((uint8_t *)block);
    free(block);
    return lp;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct model m = {.n = 0};
    uint8_t start = input_byte(&in);
    uint8_t *lp = start & 1 ? from_outside(&m, &in, start & 2) : lp_new(start);
    for (unsigned i = 0; lp && i < OPERATIONS_MAX; i++) {
        check(&m, lp);
        if (in.n == 0)
            break;
        lp = operate(&m, lp, &in);
    }
    if (lp)
        lp_free(lp);
    model_delete(&m, 0, m.n);
    return 0;
}

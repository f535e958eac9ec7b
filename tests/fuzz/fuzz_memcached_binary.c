/* Any bytes, cut at random places, give the requests that they give in one piece; what each is told
 * about has the lengths its opcode may have, and is answered by one well-formed response.
 *
 * Input: frames as they are on the wire. */
#include "net/memcached_binary.h"

#include "commands/memcached.h"
#include "tests/fuzz/input.h"

#define VALUE_MAX    1000
#define HEADER_BYTES 24
/* The longest extras and key that are waited for before they are judged, and a value. */
#define WANTS_MAX (HEADER_BYTES + 0xff + 0xffff + VALUE_MAX)

static uint64_t number(const char *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | (unsigned char)p[i];
    return v;
}

/* ---- responses -------------------------------------------------------------------------------- */

static void must_be_response(struct bytes r, const struct memcached_frame *to, unsigned status)
{
    MUST(r.n >= HEADER_BYTES && number(r.p, 1) == 0x81);
    MUST(number(r.p + 1, 1) == to->asked && number(r.p + 5, 1) == 0);
    MUST(number(r.p + 6, 2) == status);
    MUST(number(r.p + 8, 4) == r.n - HEADER_BYTES);
    MUST(number(r.p + 2, 2) + number(r.p + 4, 1) <= r.n - HEADER_BYTES);
    MUST(memcmp(r.p + 12, &to->opaque, sizeof to->opaque) == 0);
}

static void respond(const struct memcached_frame *f, unsigned status, struct buf *out)
{
    const struct memcached_response r = {
        .status = status, .cas = f->cas, .extras = f->extras, .key = f->key, .value = f->value};
    size_t from = out->n;
    memcached_binary_respond(out, f, &r);
    struct bytes whole = bytes_of(out->p + from, out->n - from);
    must_be_response(whole, f, status);
    MUST(number(whole.p + 16, 8) == f->cas);
    MUST(whole.n == HEADER_BYTES + f->extras.n + f->key.n + f->value.n);
    from = out->n;
    memcached_binary_status(out, f, status);
    must_be_response(bytes_of(out->p + from, out->n - from), f, status);
}

/* ---- requests --------------------------------------------------------------------------------- */

static bool has_value(uint8_t opcode)
{
    return (opcode >= BINARY_SET && opcode <= BINARY_REPLACE) || opcode == BINARY_APPEND ||
           opcode == BINARY_PREPEND || opcode == BINARY_SASL_AUTH || opcode == BINARY_SASL_STEP;
}

/* Bytes of extras that the handlers of an opcode read. */
static size_t extras_of(uint8_t opcode)
{
    if (opcode >= BINARY_SET && opcode <= BINARY_REPLACE)
        return 8;
    if (opcode == BINARY_INCREMENT || opcode == BINARY_DECREMENT)
        return 20;
    return opcode == BINARY_TOUCH || opcode == BINARY_GAT || opcode == BINARY_GATK ? 4 : 0;
}

static void must_fit(const struct memcached_frame *f)
{
    if (f->opcode == BINARY_FLUSH)
        MUST(f->extras.n == 0 || f->extras.n == 4);
    else
        MUST(f->extras.n == extras_of(f->opcode));
    MUST(f->key.n <= MEMCACHED_KEY_MAX);
    MUST(f->value.n <= (has_value(f->opcode) ? VALUE_MAX : 0));
    MUST(f->quiet == (f->opcode != f->asked));
}

static void must_be_within(struct bytes part, struct bytes in, size_t used)
{
    MUST(part.n == 0 || (part.p >= in.p + HEADER_BYTES && part.p + part.n <= in.p + used));
}

/* Frames that the parser has just told of; a mistake's response is what the door would send. */
static void note(const struct memcached_binary *b, enum memcached_binary_result r, struct bytes in,
                 struct buf *out)
{
    const struct memcached_frame *f = &b->frame;
    MUST(b->used >= HEADER_BYTES);
    must_be_within(f->extras, in, in.n);
    must_be_within(f->key, in, in.n);
    must_be_within(f->value, in, b->used);
    MUST(f->asked == (uint8_t)in.p[1] && f->cas == number(in.p + 16, 8));
    if (r == BINARY_REQUEST)
        must_fit(f);
    else
        MUST(b->status != BINARY_OK);
    respond(f, r == BINARY_REQUEST ? BINARY_OK : b->status, out);
    buf_printf(out, "%d %d %d %llu;", r, f->opcode, r == BINARY_MISTAKE && b->closes,
               (unsigned long long)b->swallow);
}

/* True where the connection goes on. */
static bool take_requests(struct memcached_binary *b, struct bytes in, size_t *start,
                          struct buf *out)
{
    for (;;) {
        struct bytes unread = bytes_of(in.p + *start, in.n - *start);
        enum memcached_binary_result r = memcached_binary_parse(b, unread, VALUE_MAX);
        MUST(b->used <= unread.n);
        if (r == BINARY_HOPELESS) {
            buf_add_char(out, '!');
            return false;
        }
        if (r == BINARY_INCOMPLETE) {
            MUST(b->wants == 0 || (b->wants > unread.n && b->wants <= WANTS_MAX));
            if (b->used == 0)
                return true;
        } else {
            note(b, r, unread, out);
            if (r == BINARY_MISTAKE && b->closes)
                return false;
        }
        *start += b->used;
    }
}

/* `at_most` bytes or fewer come at a time, each time into another block. */
static void run(struct bytes in, size_t at_most, struct buf *out)
{
    struct memcached_binary b = {0};
    size_t have = 0, start = 0;
    bool more = true;
    while (more && have < in.n) {
        size_t step = at_most < in.n ? 1 + rng_below(at_most) : in.n;
        have = in.n - have < step ? in.n : have + step;
        char *block = input_exact(in.p, have);
        more = take_requests(&b, bytes_of(block, have), &start, out);
        free(block);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    struct buf whole, pieces;
    input_seed(data, size);
    buf_init(&whole);
    buf_init(&pieces);
    run(in, size, &whole);
    for (size_t at_most = 1 + size / 200; at_most < size; at_most = at_most * 5 + 2) {
        buf_clear(&pieces);
        run(in, at_most, &pieces);
        MUST(bytes_eq(buf_bytes(&whole), buf_bytes(&pieces)));
    }
    buf_release(&whole);
    buf_release(&pieces);
    return 0;
}

/* Any bytes, cut at random places, give the requests that they give in one piece: but for a long
 * line that has no end yet, which is given up where it is cut. */
#include "net/memcached_parser.h"

#include "tests/fuzz/input.h"

#define VALUE_MAX 1000

static void note(struct buf *out, struct bytes s)
{
    buf_printf(out, "%zu:", s.n);
    buf_add_bytes(out, s);
}

static void note_request(struct buf *out, const struct memcached_parser *p)
{
    buf_printf(out, "%s %d %u %lld %llu %d", p->name, (int)p->verb, p->flags, (long long)p->exptime,
               (unsigned long long)p->number, p->noreply);
    for (size_t i = 0; i < p->nkeys; i++)
        note(out, p->keys[i]);
    if ((p->verb >= MEMCACHED_SET && p->verb <= MEMCACHED_CAS) || p->verb == MEMCACHED_MS)
        note(out, p->value);
    bool meta = p->verb >= MEMCACHED_MG && p->verb <= MEMCACHED_MA;
    for (size_t i = 0; meta && i < p->meta.nwords; i++)
        note(out, p->meta.words[i]);
    buf_add_char(out, ';');
}

enum state { WAITS, GIVEN_UP };

static enum state take_requests(struct memcached_parser *p, struct bytes in, size_t *start,
                                struct buf *out)
{
    for (;;) {
        struct bytes unread = bytes_of(in.p + *start, in.n - *start);
        enum memcached_result r = memcached_parse(p, unread, VALUE_MAX);
        MUST(p->used <= unread.n);
        *start += p->used;
        switch (r) {
        case MEMCACHED_INCOMPLETE:
            MUST(p->wants == 0 || p->wants > unread.n - p->used);
            if (p->used == 0)
                return WAITS;
            break;
        case MEMCACHED_REQUEST:
            MUST(p->used > 0);
            note_request(out, p);
            break;
        case MEMCACHED_ERROR:
        case MEMCACHED_TOO_LARGE:
            MUST(p->used > 0);
            buf_printf(out, "%s %d;", p->error, p->noreply);
            break;
        case MEMCACHED_HOPELESS:
            return GIVEN_UP;
        }
    }
}

static enum state run(struct bytes in, size_t at_most, struct buf *out)
{
    struct memcached_parser p;
    size_t have = 0, start = 0;
    enum state state = WAITS;
    memcached_parser_init(&p);
    while (state == WAITS && have < in.n) {
        size_t step = at_most < in.n ? 1 + rng_below(at_most) : in.n;
        have = in.n - have < step ? in.n : have + step;
        char *block = input_exact(in.p, have);
        state = take_requests(&p, bytes_of(block, have), &start, out);
        free(block);
    }
    memcached_parser_release(&p);
    return state;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    struct buf whole, pieces;
    input_seed(data, size);
    buf_init(&whole);
    buf_init(&pieces);
    enum state end = run(in, size, &whole);
    for (size_t at_most = 1 + size / 200; at_most < size; at_most = at_most * 5 + 2) {
        buf_clear(&pieces);
        enum state state = run(in, at_most, &pieces);
        MUST(end == WAITS || state == GIVEN_UP);
        MUST(state == GIVEN_UP || pieces.n == whole.n);
        MUST(pieces.n <= whole.n && (pieces.n == 0 || memcmp(pieces.p, whole.p, pieces.n) == 0));
    }
    buf_release(&whole);
    buf_release(&pieces);
    return 0;
}

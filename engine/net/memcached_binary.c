#include "net/memcached_binary.h"

#include <string.h>

#include "commands/memcached.h"

#define HEADER_BYTES 24

/* ---- numbers -------------------------------------------------------------------------------- */

static uint64_t big_endian(const char *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | (unsigned char)p[i];
    return v;
}

static void put_big_endian(char *p, uint64_t v, size_t n)
{
    for (size_t i = n; i > 0; i--, v >>= 8)
        p[i - 1] = (char)v;
}

uint32_t memcached_binary_u32(struct bytes extras, size_t at)
{
    return (uint32_t)big_endian(extras.p + at, 4);
}

uint64_t memcached_binary_u64(struct bytes extras, size_t at)
{
    return big_endian(extras.p + at, 8);
}

/* ---- what each opcode's lengths must be ------------------------------------------------------- */

enum key_rule { KEY_NONE, KEY_SOME, KEY_ANY };
enum body_rule {
    BODY_EXACT, /* nothing behind the key */
    BODY_VALUE, /* a value */
    BODY_LOOSE, /* what is behind the key is taken for the next request, as in memcached */
};

struct rule {
    bool known;
    uint8_t loud; /* the opcode that answers */
    uint8_t extras, or_extras;
    enum key_rule key;
    enum body_rule body;
};

static const struct rule rules[] = {
    [BINARY_GET] = {true, BINARY_GET, 0, 0, KEY_SOME, BODY_EXACT},
    [BINARY_SET] = {true, BINARY_SET, 8, 8, KEY_SOME, BODY_VALUE},
    [BINARY_ADD] = {true, BINARY_ADD, 8, 8, KEY_SOME, BODY_VALUE},
    [BINARY_REPLACE] = {true, BINARY_REPLACE, 8, 8, KEY_SOME, BODY_VALUE},
    [BINARY_DELETE] = {true, BINARY_DELETE, 0, 0, KEY_SOME, BODY_EXACT},
    [BINARY_INCREMENT] = {true, BINARY_INCREMENT, 20, 20, KEY_SOME, BODY_EXACT},
    [BINARY_DECREMENT] = {true, BINARY_DECREMENT, 20, 20, KEY_SOME, BODY_EXACT},
    [BINARY_QUIT] = {true, BINARY_QUIT, 0, 0, KEY_NONE, BODY_EXACT},
    [BINARY_FLUSH] = {true, BINARY_FLUSH, 0, 4, KEY_NONE, BODY_EXACT},
    [BINARY_GETQ] = {true, BINARY_GET, 0, 0, KEY_SOME, BODY_EXACT},
    [BINARY_NOOP] = {true, BINARY_NOOP, 0, 0, KEY_NONE, BODY_EXACT},
    [BINARY_VERSION] = {true, BINARY_VERSION, 0, 0, KEY_NONE, BODY_EXACT},
    [BINARY_GETK] = {true, BINARY_GETK, 0, 0, KEY_SOME, BODY_EXACT},
    [BINARY_GETKQ] = {true, BINARY_GETK, 0, 0, KEY_SOME, BODY_EXACT},
    [BINARY_APPEND] = {true, BINARY_APPEND, 0, 0, KEY_SOME, BODY_VALUE},
    [BINARY_PREPEND] = {true, BINARY_PREPEND, 0, 0, KEY_SOME, BODY_VALUE},
    [BINARY_STAT] = {true, BINARY_STAT, 0, 0, KEY_ANY, BODY_LOOSE},
    [BINARY_SETQ] = {true, BINARY_SET, 8, 8, KEY_SOME, BODY_VALUE},
    [BINARY_ADDQ] = {true, BINARY_ADD, 8, 8, KEY_SOME, BODY_VALUE},
    [BINARY_REPLACEQ] = {true, BINARY_REPLACE, 8, 8, KEY_SOME, BODY_VALUE},
    [BINARY_DELETEQ] = {true, BINARY_DELETE, 0, 0, KEY_SOME, BODY_EXACT},
    [BINARY_INCREMENTQ] = {true, BINARY_INCREMENT, 20, 20, KEY_SOME, BODY_EXACT},
    [BINARY_DECREMENTQ] = {true, BINARY_DECREMENT, 20, 20, KEY_SOME, BODY_EXACT},
    [BINARY_QUITQ] = {true, BINARY_QUIT, 0, 0, KEY_NONE, BODY_EXACT},
    [BINARY_FLUSHQ] = {true, BINARY_FLUSH, 0, 4, KEY_NONE, BODY_EXACT},
    [BINARY_APPENDQ] = {true, BINARY_APPEND, 0, 0, KEY_SOME, BODY_VALUE},
    [BINARY_PREPENDQ] = {true, BINARY_PREPEND, 0, 0, KEY_SOME, BODY_VALUE},
    [BINARY_TOUCH] = {true, BINARY_TOUCH, 4, 4, KEY_SOME, BODY_LOOSE},
    [BINARY_GAT] = {true, BINARY_GAT, 4, 4, KEY_SOME, BODY_LOOSE},
    [BINARY_GATQ] = {true, BINARY_GAT, 4, 4, KEY_SOME, BODY_LOOSE},
    [BINARY_SASL_LIST] = {true, BINARY_SASL_LIST, 0, 0, KEY_NONE, BODY_EXACT},
    [BINARY_SASL_AUTH] = {true, BINARY_SASL_AUTH, 0, 0, KEY_SOME, BODY_VALUE},
    [BINARY_SASL_STEP] = {true, BINARY_SASL_STEP, 0, 0, KEY_SOME, BODY_VALUE},
    [BINARY_GATK] = {true, BINARY_GATK, 4, 4, KEY_SOME, BODY_LOOSE},
    [BINARY_GATKQ] = {true, BINARY_GATK, 4, 4, KEY_SOME, BODY_LOOSE},
};

static const struct rule *rule_of(uint8_t opcode)
{
    return opcode < sizeof rules / sizeof *rules && rules[opcode].known ? &rules[opcode] : NULL;
}

struct lengths {
    size_t extras, key, body;
};

static bool fits(const struct rule *r, const struct lengths *n)
{
    bool extras = n->extras == r->extras || n->extras == r->or_extras;
    bool key = r->key == KEY_ANY || (n->key > 0) == (r->key == KEY_SOME);
    return extras && key && (r->body != BODY_EXACT || n->body == n->extras + n->key);
}

/* ---- requests ------------------------------------------------------------------------------- */

static enum memcached_binary_result mistake(struct memcached_binary *b,
                                            enum memcached_status status, bool closes)
{
    b->status = status;
    b->closes = closes;
    return BINARY_MISTAKE;
}

static enum memcached_binary_result incomplete(struct memcached_binary *b, size_t wants)
{
    b->wants = wants;
    b->used = 0;
    return BINARY_INCOMPLETE;
}

/* The value behind extras and key, which end at b->used. */
static enum memcached_binary_result take_value(struct memcached_binary *b, struct bytes in,
                                               size_t n, size_t max_value_bytes)
{
    if (n > max_value_bytes) {
        b->swallow = n;
        return mistake(b, BINARY_TOO_LARGE, false);
    }
    if (in.n - b->used < n)
        return incomplete(b, b->used + n);
    b->frame.value = bytes_of(in.p + b->used, n);
    b->used += n;
    return BINARY_REQUEST;
}

static void take_header(struct memcached_frame *f, struct bytes in, const struct lengths *n)
{
    const struct rule *r = rule_of((uint8_t)in.p[1]);
    f->asked = (uint8_t)in.p[1];
    f->opcode = r ? r->loud : f->asked;
    f->quiet = f->opcode != f->asked;
    memcpy(&f->opaque, in.p + 12, sizeof f->opaque);
    f->cas = big_endian(in.p + 16, 8);
    f->extras = bytes_of(in.p + HEADER_BYTES, n->extras);
    f->key = bytes_of(in.p + HEADER_BYTES + n->extras, n->key);
    f->value = (struct bytes){0};
}

enum memcached_binary_result memcached_binary_parse(struct memcached_binary *b, struct bytes in,
                                                    size_t max_value_bytes)
{
    b->used = b->wants = 0;
    b->closes = false;
    if (b->swallow) {
        b->used = b->swallow < in.n ? (size_t)b->swallow : in.n;
        b->swallow -= b->used;
        return BINARY_INCOMPLETE;
    }
    if (in.n < HEADER_BYTES)
        return BINARY_INCOMPLETE;
    if ((unsigned char)in.p[0] != MEMCACHED_BINARY_MAGIC)
        return BINARY_HOPELESS;
    struct lengths n = {(unsigned char)in.p[4], (size_t)big_endian(in.p + 2, 2),
                        (size_t)big_endian(in.p + 8, 4)};
    const struct rule *r = rule_of((uint8_t)in.p[1]);
    size_t head = HEADER_BYTES + n.extras + n.key;
    if (in.n < head)
        return incomplete(b, head);
    take_header(&b->frame, in, &n);
    b->used = head;
    if (n.extras + n.key > n.body)
        return mistake(b, BINARY_UNKNOWN_COMMAND, true);
    if (n.key > MEMCACHED_KEY_MAX)
        return mistake(b, BINARY_INVALID, true);
    if (!r) {
        b->used = HEADER_BYTES;
        b->swallow = n.body;
        return mistake(b, BINARY_UNKNOWN_COMMAND, false);
    }
    if (!fits(r, &n))
        return mistake(b, BINARY_INVALID, true);
    return r->body == BODY_VALUE ? take_value(b, in, n.body - n.extras - n.key, max_value_bytes)
                                 : BINARY_REQUEST;
}

/* ---- responses ------------------------------------------------------------------------------ */

void memcached_binary_respond(struct buf *out, const struct memcached_frame *to,
                              const struct memcached_response *r)
{
    char *p = buf_reserve(out, HEADER_BYTES);
    memset(p, 0, HEADER_BYTES);
    p[0] = (char)0x81;
    p[1] = (char)to->asked;
    put_big_endian(p + 2, r->key.n, 2);
    p[4] = (char)r->extras.n;
    put_big_endian(p + 6, r->status, 2);
    put_big_endian(p + 8, r->extras.n + r->key.n + r->value.n, 4);
    memcpy(p + 12, &to->opaque, sizeof to->opaque);
    put_big_endian(p + 16, r->cas, 8);
    out->n += HEADER_BYTES;
    buf_add_bytes(out, r->extras);
    buf_add_bytes(out, r->key);
    buf_add_bytes(out, r->value);
}

static const char *words_of(enum memcached_status status)
{
    switch (status) {
    case BINARY_OK:
    case BINARY_AUTH_CONTINUE:
        break;
    case BINARY_NOT_FOUND:
        return "Not found";
    case BINARY_EXISTS:
        return "Data exists for key.";
    case BINARY_TOO_LARGE:
        return "Too large.";
    case BINARY_INVALID:
        return "Invalid arguments";
    case BINARY_NOT_STORED:
        return "Not stored.";
    case BINARY_NOT_A_NUMBER:
        return "Non-numeric server-side value for incr or decr";
    case BINARY_AUTH_ERROR:
        return "Auth failure.";
    case BINARY_UNKNOWN_COMMAND:
        return "Unknown command";
    case BINARY_OUT_OF_MEMORY:
        return "Out of memory";
    case BINARY_TEMPORARY_FAILURE:
        return "Temporary failure";
    }
    return "";
}

void memcached_binary_status(struct buf *out, const struct memcached_frame *to,
                             enum memcached_status status)
{
    memcached_binary_respond(
        out, to,
        &(struct memcached_response){.status = status, .value = bytes_str(words_of(status))});
}

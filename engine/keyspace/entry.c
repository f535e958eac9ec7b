#include "keyspace/entry.h"

#include <assert.h>

#include "base/mem.h"

const struct type_ops *type_ops[TYPE_COUNT];

/* ---- layout ---------------------------------------------------------------------------------- */

#define LONG_LENGTH   255 /* a length of this and above takes 5 bytes */
#define ROOM_FLAGS    (ENTRY_HAS_DEADLINE | ENTRY_HAS_CLIENT_FLAGS)
#define EMBSTR_MAX    44 /* OBJECT ENCODING says embstr up to here, as Redis does */
#define BLOB_STEP_MAX ((size_t)1 << 20)

static size_t length_size(size_t n)
{
    return n < LONG_LENGTH ? 1 : 1 + sizeof(uint32_t);
}

static char *write_length(char *p, size_t n)
{
    uint32_t n32 = (uint32_t)n;
    if (n < LONG_LENGTH) {
        *p = (char)n;
        return p + 1;
    }
    *p++ = (char)LONG_LENGTH;
    memcpy(p, &n32, sizeof n32);
    return p + sizeof n32;
}

static size_t head_size(unsigned room)
{
    return sizeof(struct entry) + (room & ENTRY_HAS_DEADLINE ? sizeof(struct wheel_node) : 0) +
           (room & ENTRY_HAS_CLIENT_FLAGS ? sizeof(uint32_t) : 0);
}

/* What is asked of the allocator for n bytes: its size classes, four a doubling. Asking for the whole class
 * lets a value be replaced by any other of the class without moving. */
static size_t size_class(size_t n)
{
    size_t step = 16;
    if (n > 128)
        step = (size_t)1 << (63 - __builtin_clzll(n - 1) - 2);
    return (n + step - 1) & ~(step - 1);
}

static char *value_at(const struct entry *e)
{
    struct bytes key = entry_key(e);
    return (char *)(uintptr_t)key.p + key.n;
}

static size_t value_size(const struct entry *e)
{
    if (e->encoding != ENTRY_EMBEDDED)
        return 8;
    const char *p = value_at(e);
    size_t n = entry_read_length(&p);
    return length_size(n) + n;
}

static size_t entry_size(const struct entry *e)
{
    return (size_t)(value_at(e) - (const char *)e) + value_size(e);
}

static struct blob *blob_of(const struct entry *e)
{
    struct blob *b;
    memcpy(&b, value_at(e), sizeof b);
    return b;
}

/* An entry with everything but the value, `value_bytes` of room for it; *value is where it goes. */
static struct entry *new_shell(struct bytes key, enum value_type type, enum entry_encoding encoding,
                               unsigned room, size_t value_bytes, char **value)
{
    size_t head = head_size(room);
    struct entry *e = mem_alloc(size_class(head + length_size(key.n) + key.n + value_bytes));
    *e = (struct entry){.type = (uint8_t)type,
                        .encoding = (uint8_t)encoding,
                        .flags = (uint8_t)(room & ROOM_FLAGS)};
    memset(e + 1, 0, head - sizeof *e);
    char *p = write_length((char *)e + head, key.n);
    if (key.n)
        memcpy(p, key.p, key.n);
    *value = p + key.n;
    return e;
}

static struct blob *new_blob(size_t n, size_t cap)
{
    struct blob *b = mem_alloc(sizeof *b + cap);
    b->n = n;
    b->cap = cap;
    return b;
}

/* ---- making ---------------------------------------------------------------------------------- */

static bool canonical_int(struct bytes s, int64_t *v)
{
    if (s.n == 0 || s.n > 20 || (unsigned char)s.p[0] > '9')
        return false;
    return num_parse_int(s, v);
}

struct entry *entry_new_int(struct bytes key, int64_t v, unsigned room)
{
    char *at;
    struct entry *e = new_shell(key, TYPE_STRING, ENTRY_INT, room, sizeof v, &at);
    memcpy(at, &v, sizeof v);
    return e;
}

struct entry *entry_new_string(struct bytes key, struct bytes value, unsigned room)
{
    int64_t v;
    char *at;
    if (canonical_int(value, &v))
        return entry_new_int(key, v, room);
    if (value.n <= ENTRY_EMBED_MAX) {
        struct entry *e =
            new_shell(key, TYPE_STRING, ENTRY_EMBEDDED, room, length_size(value.n) + value.n, &at);
        at = write_length(at, value.n);
        if (value.n)
            memcpy(at, value.p, value.n);
        return e;
    }
    struct blob *b = new_blob(value.n, value.n);
    memcpy(b->data, value.p, value.n);
    struct entry *e = new_shell(key, TYPE_STRING, ENTRY_POINTER, room, sizeof b, &at);
    memcpy(at, &b, sizeof b);
    return e;
}

struct entry *entry_new_object(struct bytes key, enum value_type type, void *object, unsigned room)
{
    char *at;
    struct entry *e = new_shell(key, type, ENTRY_POINTER, room, sizeof object, &at);
    memcpy(at, &object, sizeof object);
    return e;
}

/* ---- reading --------------------------------------------------------------------------------- */

struct wheel_node *entry_deadline_node(struct entry *e)
{
    return e->flags & ENTRY_HAS_DEADLINE ? (struct wheel_node *)(e + 1) : NULL;
}

struct entry *entry_of_deadline_node(struct wheel_node *node)
{
    return (struct entry *)node - 1;
}

uint64_t entry_deadline_ms(const struct entry *e)
{
    return e->flags & ENTRY_HAS_DEADLINE ? ((const struct wheel_node *)(e + 1))->when_ms : 0;
}

static char *client_flags_at(const struct entry *e)
{
    return (char *)(uintptr_t)e + entry_key_offset(e) - sizeof(uint32_t);
}

uint32_t entry_client_flags(const struct entry *e)
{
    uint32_t flags = 0;
    if (e->flags & ENTRY_HAS_CLIENT_FLAGS)
        memcpy(&flags, client_flags_at(e), sizeof flags);
    return flags;
}

void entry_set_client_flags(struct entry *e, uint32_t flags)
{
    assert(e->flags & ENTRY_HAS_CLIENT_FLAGS);
    memcpy(client_flags_at(e), &flags, sizeof flags);
}

struct bytes entry_string(const struct entry *e, char *scratch)
{
    const char *p = value_at(e);
    if (e->encoding == ENTRY_EMBEDDED) {
        size_t n = entry_read_length(&p);
        return bytes_of(p, n);
    }
    if (e->encoding == ENTRY_POINTER) {
        const struct blob *b = blob_of(e);
        return bytes_of(b->data, b->n);
    }
    int64_t v;
    memcpy(&v, p, sizeof v);
    return bytes_of(scratch, num_format_int(scratch, v));
}

size_t entry_string_length(const struct entry *e)
{
    char scratch[NUM_INT_MAX];
    return entry_string(e, scratch).n;
}

bool entry_string_int(const struct entry *e, int64_t *out)
{
    if (e->encoding == ENTRY_INT) {
        memcpy(out, value_at(e), sizeof *out);
        return true;
    }
    return num_parse_int(entry_string(e, NULL), out);
}

void *entry_object(const struct entry *e)
{
    void *object;
    memcpy(&object, value_at(e), sizeof object);
    return object;
}

const char *entry_type_name(const struct entry *e)
{
    return type_ops[e->type]->name;
}

const char *entry_encoding_name(const struct entry *e)
{
    if (e->type != TYPE_STRING)
        return type_ops[e->type]->encoding(entry_object(e));
    if (e->encoding == ENTRY_INT)
        return "int";
    if (e->encoding == ENTRY_POINTER || e->flags & ENTRY_RAW)
        return "raw";
    return entry_string_length(e) <= EMBSTR_MAX ? "embstr" : "raw";
}

/* ---- replacing ------------------------------------------------------------------------------- */

/* Can the present allocation hold a value of n bytes in place of the one that is there? */
static bool fits(const struct entry *e, size_t n)
{
    size_t before_value = (size_t)(value_at(e) - (const char *)e);
    return size_class(before_value + n) == size_class(entry_size(e));
}

static void drop_blob(struct entry *e)
{
    if (e->encoding == ENTRY_POINTER)
        mem_free(blob_of(e));
}

bool entry_int_replace(struct entry *e, int64_t v)
{
    if (!fits(e, sizeof v))
        return false;
    drop_blob(e);
    memcpy(value_at(e), &v, sizeof v);
    e->encoding = ENTRY_INT;
    e->flags &= (uint8_t)~(ENTRY_RAW | ENTRY_MARKS);
    return true;
}

static bool blob_replace(struct entry *e, struct bytes value)
{
    struct blob *b = e->encoding == ENTRY_POINTER ? blob_of(e) : NULL;
    if (!b || value.n > b->cap || value.n < b->cap / 2)
        return false;
    memcpy(b->data, value.p, value.n);
    b->n = value.n;
    e->flags &= (uint8_t)~(ENTRY_RAW | ENTRY_MARKS);
    return true;
}

bool entry_string_replace(struct entry *e, struct bytes value)
{
    int64_t v;
    if (canonical_int(value, &v))
        return entry_int_replace(e, v);
    if (value.n > ENTRY_EMBED_MAX)
        return blob_replace(e, value);
    if (!fits(e, length_size(value.n) + value.n))
        return false;
    drop_blob(e);
    char *at = write_length(value_at(e), value.n);
    if (value.n)
        memcpy(at, value.p, value.n);
    e->encoding = ENTRY_EMBEDDED;
    e->flags &= (uint8_t)~(ENTRY_RAW | ENTRY_MARKS);
    return true;
}

/* The same entry with another key, room and value part; access clocks are carried over. */
static struct entry *reshape(const struct entry *e, struct bytes key, enum entry_encoding encoding,
                             unsigned room, const char *value, size_t value_bytes)
{
    char *at;
    struct entry *to = new_shell(key, e->type, encoding, room, value_bytes, &at);
    memcpy(at, value, value_bytes);
    to->flags |= e->flags & (ENTRY_RAW | ENTRY_MARKS);
    to->access = e->access;
    to->freq = e->freq;
    if (to->flags & ENTRY_HAS_CLIENT_FLAGS)
        entry_set_client_flags(to, entry_client_flags(e));
    return to;
}

struct entry *entry_rebuild(struct entry *e, struct bytes key, unsigned room)
{
    struct entry *to = reshape(e, key, e->encoding, room, value_at(e), value_size(e));
    if (to->flags & ENTRY_HAS_DEADLINE)
        entry_deadline_node(to)->when_ms = 0;
    mem_free(e);
    return to;
}

static size_t grown_capacity(size_t n)
{
    return n < BLOB_STEP_MAX ? n * 2 : n + BLOB_STEP_MAX;
}

static struct blob *blob_grow(struct blob *b, size_t n)
{
    if (n > b->cap) {
        size_t cap = grown_capacity(n);
        b = mem_realloc(b, sizeof *b + cap);
        b->cap = cap;
    }
    if (n > b->n) {
        memset(b->data + b->n, 0, n - b->n);
        b->n = n;
    }
    return b;
}

struct entry *entry_string_edit(struct entry *e, size_t n, char **data)
{
    char scratch[NUM_INT_MAX];
    struct blob *b;
    if (e->encoding == ENTRY_POINTER) {
        b = blob_grow(blob_of(e), n);
        memcpy(value_at(e), &b, sizeof b);
    } else {
        struct bytes old = entry_string(e, scratch);
        b = new_blob(old.n, n > old.n ? grown_capacity(n) : old.n);
        if (old.n)
            memcpy(b->data, old.p, old.n);
        b = blob_grow(b, n);
        if (fits(e, sizeof b)) {
            memcpy(value_at(e), &b, sizeof b);
            e->encoding = ENTRY_POINTER;
        } else {
            struct entry *to = reshape(e, entry_key(e), ENTRY_POINTER, e->flags & ROOM_FLAGS,
                                       (const char *)&b, sizeof b);
            if (to->flags & ENTRY_HAS_DEADLINE)
                *entry_deadline_node(to) = *entry_deadline_node(e);
            mem_free(e);
            e = to;
        }
    }
    e->flags = (uint8_t)((e->flags & ~ENTRY_MARKS) | ENTRY_RAW);
    *data = b->data;
    return e;
}

/* ---- freeing --------------------------------------------------------------------------------- */

void entry_free_shell(struct entry *e)
{
    mem_free(e);
}

void entry_free(struct entry *e)
{
    if (e->type == TYPE_STRING)
        drop_blob(e);
    else
        type_ops[e->type]->free(entry_object(e));
    mem_free(e);
}

size_t entry_free_effort(const struct entry *e)
{
    return e->type == TYPE_STRING ? 1 : type_ops[e->type]->free_effort(entry_object(e));
}

size_t entry_mem_bytes(const struct entry *e)
{
    size_t n = mem_usable(e);
    if (e->type != TYPE_STRING)
        return n + type_ops[e->type]->mem_bytes(entry_object(e));
    return e->encoding == ENTRY_POINTER ? n + mem_usable(blob_of(e)) : n;
}

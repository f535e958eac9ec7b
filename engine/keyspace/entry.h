/* An entry: one key with its value, in one allocation.
 *
 *   +--------+----------+-------+-------+-----------+--------------+---------------+----+-----+---------+
 *   | type   | encoding | flags | freq  | access    | [deadline]   | [client flags]| kl | key | value   |
 *   | 1 B    | 1 B      | 1 B   | 1 B   | 4 B       | 16 B         | 4 B           |    |     |         |
 *   +--------+----------+-------+-------+-----------+--------------+---------------+----+-----+---------+
 *
 * Bracketed parts are there only where a flag says so: a key without TTL and memcached flags pays
 * nothing for them. kl is 1 byte below 255, else 255 and 4 bytes. The value is, by encoding:
 *   ENTRY_INT       8 bytes, a signed integer (a string that is a canonical integer)
 *   ENTRY_EMBEDDED  length (as kl) and bytes, up to ENTRY_EMBED_MAX
 *   ENTRY_POINTER   8 bytes, a pointer: struct blob for strings, else the type's own object
 *
 * A TTL, a longer value or client flags may move an entry: functions that can move it return the new
 * address and the caller puts that into the table's slot (keyspace.h does it for handlers).
 *
 * Ownership: the entry owns its blob or object. Thread rule: the shard's lock. */
#ifndef ATRIUM_KEYSPACE_ENTRY_H
#define ATRIUM_KEYSPACE_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/num.h"
#include "ds/wheel.h"

enum value_type {
    TYPE_STRING,
    TYPE_LIST,
    TYPE_SET,
    TYPE_ZSET,
    TYPE_HASH,
    TYPE_STREAM,
    TYPE_VECTORSET,
    TYPE_COUNT
};

enum entry_encoding { ENTRY_INT, ENTRY_EMBEDDED, ENTRY_POINTER };

enum entry_flag {
    ENTRY_HAS_DEADLINE = 1,     /* room for the deadline is there; it may be 0 (none) */
    ENTRY_HAS_CLIENT_FLAGS = 2, /* memcached's 32 bits */
    ENTRY_RAW = 4,              /* a string that was edited in place: OBJECT ENCODING says raw */
    /* What memcached's meta commands know of a value; a new value has none of them, nor has one that was loaded. */
    ENTRY_FETCHED = 8, /* it has been read */
    ENTRY_STALE = 16,  /* said to be out of date, and kept to be shown meanwhile */
    ENTRY_WON = 32,    /* a client has been told that it is the one to make a new value */
};

#define ENTRY_MARKS (ENTRY_FETCHED | ENTRY_STALE | ENTRY_WON)

#define ENTRY_EMBED_MAX 512

struct entry {
    uint8_t type;
    uint8_t encoding;
    uint8_t flags;
    uint8_t freq;    /* LFU counter, logarithmic */
    uint32_t access; /* seconds of the wall clock at the last access (LRU), wraps in 2106 */
};

/* A string too long to embed. */
struct blob {
    size_t n, cap;
    char data[];
};

static inline size_t entry_key_offset(const struct entry *e)
{
    return sizeof *e + (e->flags & ENTRY_HAS_DEADLINE ? sizeof(struct wheel_node) : 0) +
           (e->flags & ENTRY_HAS_CLIENT_FLAGS ? sizeof(uint32_t) : 0);
}

/* Reads a length as kl is laid out; *p moves past it. */
static inline size_t entry_read_length(const char **p)
{
    unsigned char first = (unsigned char)*(*p)++;
    uint32_t n;
    if (first < 255)
        return first;
    memcpy(&n, *p, sizeof n);
    *p += sizeof n;
    return n;
}

static inline struct bytes entry_key(const struct entry *e)
{
    const char *p = (const char *)e + entry_key_offset(e);
    size_t n = entry_read_length(&p);
    return bytes_of(p, n);
}
/* The deadline in wall-clock ms, 0: none. */
uint64_t entry_deadline_ms(const struct entry *e);
/* NULL where the entry has no room for one. */
struct wheel_node *entry_deadline_node(struct entry *e);
struct entry *entry_of_deadline_node(struct wheel_node *node);
uint32_t entry_client_flags(const struct entry *e);
/* The entry has the room for them (ENTRY_HAS_CLIENT_FLAGS). */
void entry_set_client_flags(struct entry *e, uint32_t flags);

/* Strings. `scratch` (NUM_INT_MAX bytes) holds the text of an integer; the result lives as long as
 * both it and the entry stay unchanged. */
struct bytes entry_string(const struct entry *e, char *scratch);
size_t entry_string_length(const struct entry *e);
/* Is the string a canonical int64, without conversion or after parsing? */
bool entry_string_int(const struct entry *e, int64_t *out);
/* The type's object of an ENTRY_POINTER entry that is no string. */
void *entry_object(const struct entry *e);

/* Makes an entry; room says which optional parts to lay out (ENTRY_HAS_*). Canonical integers of up to
 * 20 bytes become ENTRY_INT. The key's length is below 2^32. */
struct entry *entry_new_string(struct bytes key, struct bytes value, unsigned room);
struct entry *entry_new_int(struct bytes key, int64_t value, unsigned room);
struct entry *entry_new_object(struct bytes key, enum value_type type, void *object, unsigned room);

/* Replaces a string entry's value where the present allocation has the room (an integer, a value of the
 * same size class); false: nothing changed, make a new entry. Clears ENTRY_RAW. */
bool entry_string_replace(struct entry *e, struct bytes value);
bool entry_int_replace(struct entry *e, int64_t value);

/* A copy of `e` under another key and layout, which takes over value and object; `e` is freed. Deadline
 * and client flags are carried over where `room` has them; the deadline node is in no wheel then. */
struct entry *entry_rebuild(struct entry *e, struct bytes key, unsigned room);

/* The writable bytes of a string as a blob of at least `n` bytes (new ones zero): the entry's value turns
 * into ENTRY_POINTER. May move the entry: returns its address. Sets ENTRY_RAW. The blob's n is set to
 * max(old length, n). */
struct entry *entry_string_edit(struct entry *e, size_t n, char **data);

/* Frees key, value and object (through the type's free function). */
void entry_free(struct entry *e);
/* Frees the header alone and leaves the object to the caller. */
void entry_free_shell(struct entry *e);
/* How much freeing it costs, in elements: the keyspace hands costly ones to the reclaimer thread. */
size_t entry_free_effort(const struct entry *e);
/* Bytes that the entry and its value take (MEMORY USAGE; exact for strings, sampled for others). */
size_t entry_mem_bytes(const struct entry *e);

/* What the keyspace must know of a type that is not string. Set once at start by types/registry.c. */
struct type_ops {
    const char *name; /* as TYPE answers */
    void (*free)(void *object);
    void *(*dup)(const void *object);
    size_t (*mem_bytes)(const void *object);
    size_t (*free_effort)(const void *object);
    const char *(*encoding)(const void *object); /* as OBJECT ENCODING answers */
    /* The earliest deadline inside the object (a hash's fields), 0: none. May be NULL. */
    uint64_t (*next_deadline_ms)(const void *object);
    /* Removes up to `max` parts that are due at now_ms, telling `each` of them first; returns how many. May be NULL. */
    size_t (*expire_some)(void *object, uint64_t now_ms, size_t max,
                          void (*each)(struct bytes part, void *ctx), void *ctx);
    /* A word inside the object in which the keyspace keeps its own node for next_deadline_ms; NULL in a
     * new object, not copied by dup. Goes with next_deadline_ms. */
    void **(*keyspace_word)(void *object);
    /* Number of elements; an object that falls to 0 is deleted with its key. */
    size_t (*length)(const void *object);
};

extern const struct type_ops *type_ops[TYPE_COUNT]; /* [TYPE_STRING] has a name only */

const char *entry_type_name(const struct entry *e);
const char *entry_encoding_name(const struct entry *e);

#endif

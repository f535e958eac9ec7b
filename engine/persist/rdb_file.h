/* An RDB file, part by part, as anybody may have written it: nothing in it is believed.
 *
 *   "REDIS" and four digits of version, or "VALKEY" and three; then
 *   aux fields, functions, modules' own data; for each database: select, sizes, keys; end, u64 LE crc64 (version 5 on)
 *   key: [aux atrium-flags] [deadline] [idle time or frequency] type, name, value
 *
 * rdb_file_next leaves the reader before a key's value; the caller reads it (rdb_read_value) or passes over it before it
 * asks for the next part. What cannot be read is named in `wrong`, and the reader stands behind it.
 *
 * The checksum is not looked at here (rdb_file_summed_bytes says of what it is); memory is taken as rdb_read.h says.
 * Thread rule: one owner. */
#ifndef ATRIUM_PERSIST_RDB_FILE_H
#define ATRIUM_PERSIST_RDB_FILE_H

#include "persist/rdb.h"
#include "persist/rdb_read.h"

enum rdb_part {
    RDB_PART_KEY,
    RDB_PART_AUX,        /* name, value */
    RDB_PART_SIZES,      /* keys, keys with deadlines of the database; a hint */
    RDB_PART_FUNCTION,   /* value: the library's code */
    RDB_PART_MODULE_AUX, /* module */
    RDB_PART_END,
    RDB_PART_WRONG,
};

struct rdb_file {
    const uint8_t *base;
    size_t n;
    struct rdb_reader r;
    int version;
    bool valkey; /* its versions from 80 on have types of their own */
    bool
        tail; /* set after rdb_file_begin: something else may follow; at RDB_PART_END n is the file's own length */
    const char *wrong; /* of RDB_PART_WRONG, and where rdb_file_begin is false */

    /* The part. Texts are its owner's until the next call. */
    struct rdb_text name, value;
    uint64_t keys, volatile_keys;
    unsigned db;
    unsigned type; /* of the value, for rdb_read_value */
    uint64_t deadline_ms, idle_s;
    unsigned freq;
    uint32_t client_flags;
    char module[10];
};

/* Looks at the head of the n bytes at p, which stay the caller's. False: `wrong` says what they are. */
bool rdb_file_begin(struct rdb_file *f, const void *p, size_t n);
enum rdb_part rdb_file_next(struct rdb_file *f);
void rdb_file_release(struct rdb_file *f);

/* Where the reader stands. */
static inline size_t rdb_file_at(const struct rdb_file *f)
{
    return (size_t)(f->r.at - f->base);
}

/* Has the file a checksum? *sum is it. False: it is of a version without, is too short, or none was written. */
bool rdb_file_sum(const struct rdb_file *f, uint64_t *sum);
#define RDB_SUM_BYTES sizeof(uint64_t)

/* A value of a module: its type's name, nine letters, in `name`. */
bool rdb_module_name(struct rdb_reader *r, char name[10]);
/* Passes over what follows the name, up to its end. */
bool rdb_module_skip(struct rdb_reader *r);

#endif

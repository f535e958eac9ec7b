/* Values of the keyspace in the RDB format, one codec a type (rdb_string.c, rdb_hash.c ...), and DUMP's
 * envelope around one value:
 *
 *   type byte, value, u16 LE version, u64 LE crc64 of all before
 *
 * What is read is checked in full before it is a value: well-formed blocks, ascending intsets and streams, no
 * doubles, scores that are numbers. Complexity: O(bytes). Thread rule: the value's shard's lock. */
#ifndef ATRIUM_PERSIST_RDB_VALUE_H
#define ATRIUM_PERSIST_RDB_VALUE_H

#include "keyspace/entry.h"
#include "persist/rdb.h"
#include "persist/rdb_read.h"
#include "persist/rdb_write.h"
#include "types/hash.h"
#include "types/set.h"
#include "types/zset.h"

/* Under which settings values are made. */
struct rdb_settings {
    uint64_t now_ms; /* fields that are due by then are left out, read or written */
    struct hash_limits hash;
    struct zset_limits zset;
    struct set_limits set;
    int list_limit;
    size_t string_max;
    bool unsummed; /* a file's checksum is not looked at */
};

/* A value that was read: `object` of that type, or for a string the text. */
struct rdb_value {
    enum value_type type;
    void *object;
    struct rdb_text text;
    bool all_due; /* a hash whose fields are all past their deadlines: object is NULL */
};

/* The type byte of an entry's value, and the version that it takes to read it. */
enum rdb_type rdb_type_of(const struct entry *e);
int rdb_version_of(const struct entry *e);
/* The value, without the type byte. */
void rdb_write_value(struct rdb_writer *w, const struct entry *e, uint64_t now_ms);
/* False: the input is wrong, and there is nothing to release. `v` is not copied. */
bool rdb_read_value(struct rdb_reader *r, unsigned rdb_type, const struct rdb_settings *settings,
                    struct rdb_value *v);
/* Frees what the caller has not taken over (object = NULL then). */
void rdb_value_release(struct rdb_value *v);

/* DUMP: the value in its envelope, appended to out. */
void rdb_dump(struct buf *out, const struct entry *e, uint64_t now_ms);
/* Is this an envelope of a version that can be read, with the right checksum? *value is what is inside. */
bool rdb_dump_open(struct bytes dump, struct bytes *value);

/* ---- the types' codecs ------------------------------------------------------------------------ */

/* Each read function returns the object, NULL where the input is wrong. */
enum rdb_type rdb_type_of_hash(const struct hash *h);
void rdb_write_hash(struct rdb_writer *w, const struct hash *h, uint64_t now_ms);
/* A hash without fields where all were due. */
struct hash *rdb_read_hash(struct rdb_reader *r, unsigned rdb_type,
                           const struct rdb_settings *settings);

enum rdb_type rdb_type_of_zset(const struct zset *z);
void rdb_write_zset(struct rdb_writer *w, const struct zset *z);
struct zset *rdb_read_zset(struct rdb_reader *r, unsigned rdb_type,
                           const struct rdb_settings *settings);

enum rdb_type rdb_type_of_set(const struct set *s);
void rdb_write_set(struct rdb_writer *w, const struct set *s);
struct set *rdb_read_set(struct rdb_reader *r, unsigned rdb_type,
                         const struct rdb_settings *settings);

struct list;
void rdb_write_list(struct rdb_writer *w, const struct list *l);
struct list *rdb_read_list(struct rdb_reader *r, unsigned rdb_type,
                           const struct rdb_settings *settings);

struct stream;
void rdb_write_stream(struct rdb_writer *w, const struct stream *s);
/* It may be empty. */
struct stream *rdb_read_stream(struct rdb_reader *r, unsigned rdb_type);

struct vectorset;
void rdb_write_vectorset(struct rdb_writer *w, const struct vectorset *v);
/* r has not moved where the value is of another module. */
struct vectorset *rdb_read_vectorset(struct rdb_reader *r);

#endif

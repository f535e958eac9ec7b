/* The words of Redis's RDB format: value types, versions and limits. rdb_write.h and rdb_read.h have the
 * primitives, rdb_value.h the values.
 *
 * Written is version 10, which redis-server 7.0 and everything later reads; a value that needs more (a
 * hash with field deadlines) is of version 12. Read is all that Redis 2.8 to 7.4 wrote. */
#ifndef ATRIUM_PERSIST_RDB_H
#define ATRIUM_PERSIST_RDB_H

#define RDB_VERSION_PLAIN 10 /* without field deadlines */
#define RDB_VERSION_MAX   12

enum rdb_type {
    RDB_STRING = 0,
    RDB_LIST = 1,
    RDB_SET = 2,
    RDB_ZSET = 3, /* scores as text */
    RDB_HASH = 4,
    RDB_ZSET_2 = 5, /* scores as binary doubles */
    RDB_HASH_ZIPMAP = 9,
    RDB_LIST_ZIPLIST = 10,
    RDB_SET_INTSET = 11,
    RDB_ZSET_ZIPLIST = 12,
    RDB_HASH_ZIPLIST = 13,
    RDB_LIST_QUICKLIST = 14, /* ziplists */
    RDB_STREAM = 15,
    RDB_HASH_LISTPACK = 16,
    RDB_ZSET_LISTPACK = 17,
    RDB_LIST_QUICKLIST_2 = 18, /* listpacks and single elements */
    RDB_STREAM_2 = 19,         /* with counters */
    RDB_SET_LISTPACK = 20,
    RDB_STREAM_3 = 21,      /* with the consumers' times of success */
    RDB_HASH_METADATA = 24, /* with field deadlines */
    RDB_HASH_LISTPACK_EX = 25,
};

/* How a block of RDB_LIST_QUICKLIST_2 holds its elements. */
enum { RDB_BLOCK_PLAIN = 1, RDB_BLOCK_PACKED = 2 };

#endif

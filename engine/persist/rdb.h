/* The words of Redis's RDB format: value types, versions and limits. rdb_write.h and rdb_read.h have the
 * primitives, rdb_value.h the values.
 *
 * Written is version 10, which redis-server 7.0 and everything later reads; a value that needs more (a
 * hash with field deadlines) is of version 12. Read is all that Redis 2.8 to 8.2 and Valkey 8 and 9
 * write, but for the values of modules. */
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
    RDB_ZSET_2 = 5,    /* scores as binary doubles */
    RDB_MODULE_RC = 6, /* cannot be passed over */
    RDB_MODULE = 7,
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
    RDB_STREAM_3 = 21,         /* with the consumers' times of success */
    RDB_HASH_METADATA_RC = 22, /* the next two as the release candidates of 7.4 had them */
    RDB_HASH_LISTPACK_EX_RC = 23,
    RDB_HASH_METADATA = 24, /* with field deadlines */
    RDB_HASH_LISTPACK_EX = 25,
    RDB_TYPE_NONE = 255,
    RDB_HASH_VALKEY = 256, /* with field deadlines as Valkey 9 has them, in its files under 22 */
};

/* What stands in a file where a value's type could. */
enum rdb_opcode {
    RDB_OP_SLOT = 0xF4,        /* keys of a cluster's slot */
    RDB_OP_FUNCTION = 0xF5,    /* a library of functions */
    RDB_OP_FUNCTION_RC = 0xF6, /* the same as the release candidates of 7.0 had it */
    RDB_OP_MODULE_AUX = 0xF7,
    RDB_OP_IDLE = 0xF8,      /* of the key that follows: seconds without access */
    RDB_OP_FREQ = 0xF9,      /* how often it was used */
    RDB_OP_AUX = 0xFA,       /* a name and a value */
    RDB_OP_SIZES = 0xFB,     /* keys of the database, those with deadlines */
    RDB_OP_EXPIRE_MS = 0xFC, /* of the key that follows */
    RDB_OP_EXPIRE = 0xFD,    /* the same in seconds, u32 LE */
    RDB_OP_SELECT = 0xFE,    /* a database */
    RDB_OP_END = 0xFF,
};

#define RDB_MAGIC_BYTES 9 /* "REDIS" and four digits of version */

/* How a block of RDB_LIST_QUICKLIST_2 holds its elements. */
enum { RDB_BLOCK_PLAIN = 1, RDB_BLOCK_PACKED = 2 };

#endif

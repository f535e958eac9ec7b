/* What the families of hash commands share: key 0 as a hash, for reading and for writing. */
#ifndef ATRIUM_COMMANDS_HASH_KEY_H
#define ATRIUM_COMMANDS_HASH_KEY_H

#include "commands/exec.h"
#include "types/hash.h"

/* For reading: *h is NULL where the key is missing; false: WRONGTYPE has been answered. */
bool hash_key_read(struct exec *x, const struct hash **h);

/* For writing. Steps: open, make where needed, change `h`, store, tell, drop_if_empty. */
struct hash_key {
    struct hash *h;  /* NULL where missing */
    struct entry *e; /* NULL: the hash is not in the keyspace yet */
};

/* False: WRONGTYPE has been answered. */
bool hash_key_open(struct exec *x, struct hash_key *k);
/* A new hash where the key is missing. */
void hash_key_make(struct hash_key *k);
/* After the change: a new hash goes under the key (an empty one is thrown away), and the keyspace
 * learns the next deadline of its fields. */
void hash_key_store(struct exec *x, struct hash_key *k);
/* Deletes the key of a hash that has no fields left, with the "del" event. */
void hash_key_drop_if_empty(struct exec *x, struct hash_key *k);

/* How to write a field now: the configured limits, no deadline. */
struct hash_write hash_write_now(struct exec *x);

/* The reply to a wrong number of arguments that the row's arity lets through. */
void hash_wrong_arity(struct exec *x);
/* A field's value, null where h is NULL or has no such field. */
void hash_reply_field(struct exec *x, const struct hash *h, struct bytes field);

#endif

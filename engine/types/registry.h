/* The list of data types: makes keyspace/entry.h's type_ops known. A new type is one line in registry.c. */
#ifndef ATRIUM_TYPES_REGISTRY_H
#define ATRIUM_TYPES_REGISTRY_H

struct type_ops;
extern const struct type_ops hash_ops;
extern const struct type_ops zset_ops;
extern const struct type_ops list_ops;
extern const struct type_ops set_ops;
extern const struct type_ops stream_ops;
extern const struct type_ops vectorset_ops;

/* Fills type_ops. Idempotent; before any thread. */
void types_register(void);

#endif

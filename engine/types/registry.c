#include "types/registry.h"

#include "ds/vector.h"
#include "keyspace/entry.h"

static const struct type_ops string_ops = {.name = "string"};

void types_register(void)
{
    type_ops[TYPE_STRING] = &string_ops;
    type_ops[TYPE_HASH] = &hash_ops;
    type_ops[TYPE_ZSET] = &zset_ops;
    type_ops[TYPE_LIST] = &list_ops;
    type_ops[TYPE_SET] = &set_ops;
    type_ops[TYPE_STREAM] = &stream_ops;
    type_ops[TYPE_VECTORSET] = &vectorset_ops;
    vector_init();
}

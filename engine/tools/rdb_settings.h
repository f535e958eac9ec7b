/* The settings under which a tool reads values: what it makes of them is not kept. */
#ifndef ATRIUM_TOOLS_RDB_SETTINGS_H
#define ATRIUM_TOOLS_RDB_SETTINGS_H

#include "persist/rdb_value.h"

/* Nothing is due. */
static inline struct rdb_settings tool_rdb_settings(void)
{
    return (struct rdb_settings){.hash = {512, 64},
                                 .zset = {128, 64},
                                 .set = {512, 128, 64},
                                 .list_limit = -2,
                                 .string_max = SIZE_MAX};
}

#endif

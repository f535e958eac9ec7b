/* The settings under which values are read from RDB, by the configuration. */
#ifndef ATRIUM_COMMANDS_RDB_SETTINGS_H
#define ATRIUM_COMMANDS_RDB_SETTINGS_H

#include "config.h"
#include "persist/rdb_value.h"

struct rdb_settings rdb_settings_of(const struct config *c, uint64_t now_ms);

#endif

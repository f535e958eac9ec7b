/* What the program does to its process before it opens the engine. */
#ifndef ATRIUM_TOOLS_START_H
#define ATRIUM_TOOLS_START_H

#include "config.h"

/* Room for the file descriptors of maxclients and a few of our own; as much as the system gives. */
void start_raise_limits(const struct config *c);
/* Changes to the directory `dir`; false with a line in `error`. */
bool start_enter_directory(const struct config *c, struct buf *error);

#endif

/* Files that must outlive a power cut: written beside their place, synced, renamed, the folder synced. */
#ifndef ATRIUM_PERSIST_DISK_H
#define ATRIUM_PERSIST_DISK_H

#include "base/bytes.h"

/* Each returns 0 or an errno. */

/* Writes all of it at the file's end; *done (may be NULL) is how many bytes went out. */
int disk_append(int fd, const void *p, size_t n, size_t *done);
/* Makes the names in the folder lasting. */
int disk_sync_folder(const char *folder);
/* Puts `text` in the place of folder/name in one step. */
int disk_replace(const char *folder, const char *name, struct bytes text);

/* "folder/name", ended by NUL, into *path, which is cleared first; returns path->p. */
const char *disk_path(struct buf *path, const char *folder, const char *name);

#endif

#include "persist/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int disk_append(int fd, const void *p, size_t n, size_t *done)
{
    size_t at = 0;
    int failed = 0;
    while (at < n && !failed) {
        ssize_t put = write(fd, (const char *)p + at, n - at);
        if (put > 0)
            at += (size_t)put;
        else if (put == 0 || errno != EINTR)
            failed = put == 0 ? ENOSPC : errno;
    }
    if (done)
        *done = at;
    return failed;
}

int disk_sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int failed = fsync(fd) != 0 ? errno : 0;
    close(fd);
    return failed;
}

const char *disk_path(struct buf *path, const char *folder, const char *name)
{
    buf_clear(path);
    buf_printf(path, "%s/%s", folder, name);
    buf_add_char(path, '\0');
    return path->p;
}

static int write_synced(const char *path, struct bytes text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return errno;
    int failed = disk_append(fd, text.p, text.n, NULL);
    if (!failed && fsync(fd) != 0)
        failed = errno;
    if (close(fd) != 0 && !failed)
        failed = errno;
    return failed;
}

int disk_replace(const char *folder, const char *name, struct bytes text)
{
    struct buf path, beside;
    buf_init(&path);
    buf_init(&beside);
    disk_path(&path, folder, name);
    buf_printf(&beside, "%s/temp-%s", folder, name);
    buf_add_char(&beside, '\0');
    int failed = write_synced(beside.p, text);
    if (!failed && rename(beside.p, path.p) != 0)
        failed = errno;
    if (failed)
        unlink(beside.p);
    else
        failed = disk_sync_folder(folder);
    buf_release(&path);
    buf_release(&beside);
    return failed;
}

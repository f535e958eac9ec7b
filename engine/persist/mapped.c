#include "persist/mapped.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int map(struct mapped *m, int fd)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return errno;
    if (!S_ISREG(st.st_mode))
        return EINVAL;
    m->n = (size_t)st.st_size;
    if (m->n == 0)
        return 0;
    void *p = mmap(NULL, m->n, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED)
        return errno;
    madvise(p, m->n, MADV_SEQUENTIAL);
    m->p = p;
    return 0;
}

int mapped_open(struct mapped *m, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    *m = (struct mapped){0};
    if (fd < 0)
        return errno;
    int failed = map(m, fd);
    close(fd);
    return failed;
}

void mapped_close(struct mapped *m)
{
    if (m->p)
        munmap(m->p, m->n);
    *m = (struct mapped){0};
}

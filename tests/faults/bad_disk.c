/* A disk that fails, and one whose power can be cut: loaded before the C library into a server whose files are under the
 * folder BAD_DISK_ROOT.
 *
 * BAD_DISK_CONTROL names a file of four 64-bit numbers that the test changes while the server runs: an errno for writes,
 * for syncs, for opening files to write, and how many bytes more fit (-1: any number).
 * BAD_DISK_JOURNAL names the file in which stands, line by line, what a power cut must know:
 *     S inode size    that much of the file is on disk      T inode size    it was cut to that size
 *     D               the folders' names are on disk        C path          a new name
 *     R old new kept  renamed; what stood there is `kept`   U path kept     removed; it is `kept`
 * (`kept` is "-" where nothing stood there.) test_log_power.py takes back what was not synced. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 4096

enum { WRITE_ERROR, SYNC_ERROR, OPEN_ERROR, BYTES_LEFT, CONTROLS };

static volatile int64_t *control;
static const char *journal;
static const char *root;
static unsigned kept_count;
static bool ours[FILES_MAX]; /* by descriptor */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int (*real_open)(const char *, int, ...);
static int (*real_close)(int);
static ssize_t (*real_write)(int, const void *, size_t);
static int (*real_fsync)(int), (*real_fdatasync)(int);
static int (*real_ftruncate)(int, off_t);
static int (*real_rename)(const char *, const char *);
static int (*real_unlink)(const char *);

__attribute__((constructor)) static void begin(void)
{
    const char *control_path = getenv("BAD_DISK_CONTROL"),
               *journal_path = getenv("BAD_DISK_JOURNAL");
    *(void **)&real_open = dlsym(RTLD_NEXT, "open");
    *(void **)&real_close = dlsym(RTLD_NEXT, "close");
    *(void **)&real_write = dlsym(RTLD_NEXT, "write");
    *(void **)&real_fsync = dlsym(RTLD_NEXT, "fsync");
    *(void **)&real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    *(void **)&real_ftruncate = dlsym(RTLD_NEXT, "ftruncate");
    *(void **)&real_rename = dlsym(RTLD_NEXT, "rename");
    *(void **)&real_unlink = dlsym(RTLD_NEXT, "unlink");
    root = getenv("BAD_DISK_ROOT");
    int fd = control_path ? real_open(control_path, O_RDWR) : -1;
    if (fd >= 0) {
        control = mmap(NULL, CONTROLS * sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        real_close(fd);
    }
    journal = journal_path;
}

static void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *fmt, ...)
{
    char line[1024];
    va_list ap;
    /* Opened anew: a child of the server closes what it has. */
    int fd = journal ? real_open(journal, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644) : -1;
    if (fd < 0)
        return;
    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    ssize_t ignored = real_write(fd, line, (size_t)n);
    (void)ignored;
    real_close(fd);
}

static bool within(const char *path)
{
    char full[1024], folder[512];
    if (!root || !path)
        return false;
    if (path[0] == '/')
        return strncmp(path, root, strlen(root)) == 0;
    if (!getcwd(folder, sizeof folder))
        return false;
    snprintf(full, sizeof full, "%s/%s", folder, path);
    return strncmp(full, root, strlen(root)) == 0;
}

static bool is_ours(int fd)
{
    return fd >= 0 && fd < FILES_MAX && ours[fd];
}

static int failed(int which)
{
    return control ? (int)control[which] : 0;
}

int open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    if (flags & (O_CREAT | O_TMPFILE)) {
        va_list ap;
        va_start(ap, flags);
        mode = va_arg(ap, mode_t);
        va_end(ap);
    }
    bool mine = within(path), writes = (flags & O_ACCMODE) != O_RDONLY;
    if (mine && writes && failed(OPEN_ERROR)) {
        errno = failed(OPEN_ERROR);
        return -1;
    }
    bool fresh = mine && flags & O_CREAT && access(path, F_OK) != 0;
    int fd = real_open(path, flags, mode);
    if (fd >= 0 && fd < FILES_MAX)
        ours[fd] = mine;
    if (fd >= 0 && fresh)
        note("C %s\n", path);
    return fd;
}

int close(int fd)
{
    if (is_ours(fd))
        ours[fd] = false;
    return real_close(fd);
}

ssize_t write(int fd, const void *p, size_t n)
{
    if (!is_ours(fd) || !control)
        return real_write(fd, p, n);
    if (failed(WRITE_ERROR)) {
        errno = failed(WRITE_ERROR);
        return -1;
    }
    int64_t left = control[BYTES_LEFT];
    if (left == 0) {
        errno = ENOSPC;
        return -1;
    }
    if (left > 0 && (int64_t)n > left)
        n = (size_t)left; /* half of it goes out first, as on a real disk */
    ssize_t done = real_write(fd, p, n);
    if (left > 0 && done > 0)
        control[BYTES_LEFT] = left - done;
    return done;
}

static int sync_file(int fd, int (*real)(int))
{
    struct stat st;
    if (!is_ours(fd))
        return real(fd);
    if (failed(SYNC_ERROR)) {
        errno = failed(SYNC_ERROR);
        return -1;
    }
    fstat(fd, &st); /* what comes while it syncs does not count */
    if (S_ISDIR(st.st_mode))
        note("D\n");
    else
        note("S %llu %llu\n", (unsigned long long)st.st_ino, (unsigned long long)st.st_size);
    return 0; /* no test cuts real power: the wait is spared */
}

int fsync(int fd)
{
    return sync_file(fd, real_fsync);
}

int fdatasync(int fd)
{
    return sync_file(fd, real_fdatasync);
}

int ftruncate(int fd, off_t size)
{
    struct stat st;
    int result = real_ftruncate(fd, size);
    if (result == 0 && is_ours(fd) && fstat(fd, &st) == 0)
        note("T %llu %llu\n", (unsigned long long)st.st_ino, (unsigned long long)size);
    return result;
}

/* Another name for what stands at `path`, in `kept`. */
static void keep(const char *path, char *kept, size_t room)
{
    if (!journal || access(path, F_OK) != 0) {
        snprintf(kept, room, "-");
        return;
    }
    pthread_mutex_lock(&lock);
    snprintf(kept, room, "%s.kept.%d.%u", journal, (int)getpid(), kept_count++);
    pthread_mutex_unlock(&lock);
    if (link(path, kept) != 0)
        snprintf(kept, room, "-");
}

int rename(const char *from, const char *to)
{
    char kept[512];
    if (!within(to))
        return real_rename(from, to);
    keep(to, kept, sizeof kept);
    int result = real_rename(from, to);
    if (result == 0)
        note("R %s %s %s\n", from, to, kept);
    return result;
}

int unlink(const char *path)
{
    char kept[512];
    if (!within(path))
        return real_unlink(path);
    keep(path, kept, sizeof kept);
    int result = real_unlink(path);
    if (result == 0)
        note("U %s %s\n", path, kept);
    return result;
}

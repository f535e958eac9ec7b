#include "commands/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "internal.h"

#define MEASURE_EVERY_US 1000000
#define NICENESS         5

/* ---- lifetime --------------------------------------------------------------------------------- */

void child_init(struct child *c)
{
    void *shared =
        mmap(NULL, sizeof *c->progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        abort();
    c->progress = shared;
    pthread_mutex_init(&c->lock, NULL);
}

pid_t child_kill(struct child *c)
{
    pthread_mutex_lock(&c->lock);
    pid_t pid = c->reaped ? 0 : atomic_exchange(&c->pid, 0);
    if (pid) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    pthread_mutex_unlock(&c->lock);
    return pid;
}

void child_release(struct child *c)
{
    child_kill(c);
    munmap(c->progress, sizeof *c->progress);
    pthread_mutex_destroy(&c->lock);
}

/* ---- forking ---------------------------------------------------------------------------------- */

static uint64_t count_keys(struct keyspace *ks)
{
    uint64_t keys = 0;
    for (unsigned db = 0; db < DB_COUNT; db++)
        keys += keyspace_size(ks, db);
    return keys;
}

static void begin(struct engine *e, enum child_job job)
{
    struct child *c = &e->child;
    memset(c->progress, 0, sizeof *c->progress);
    atomic_store(&c->keys_total, count_keys(e->ks));
    atomic_store(&c->started_at_ms, clock_wall_ms());
    atomic_store(&c->job, (int)job);
}

/* Where processors are short, requests come first. */
static void lower_priority(void)
{
    errno = 0;
    if (nice(NICENESS) == -1 && errno != 0)
        return; /* it runs as it is */
}

pid_t child_fork(struct engine *e, enum child_job job)
{
    struct child *c = &e->child;
    begin(e, job);
    uint64_t began_us = clock_mono_us();
    pid_t parent = getpid(), pid = fork();
    int failed = errno;
    if (pid == 0) {
        /* One that outlived the program could put its old file in the place of the next one's. */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(EXIT_FAILURE);
        /* Sockets are the parent's alone. */
        close_range(STDERR_FILENO + 1, ~0u, 0);
        lower_priority();
        return 0;
    }
    atomic_store(&c->fork_us, clock_mono_us() - began_us);
    if (pid > 0) {
        atomic_fetch_add(&c->forks, 1);
        atomic_store(&c->pid, pid);
    }
    errno = failed;
    return pid;
}

/* ---- in the child ----------------------------------------------------------------------------- */

/* The number behind `name` in a file of /proc, in KiB; 0 where it is not there. No memory is allocated. */
static uint64_t proc_kib(const char *path, const char *name)
{
    char text[4096];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    const char *at = strstr(text, name);
    return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

void child_measure(struct child *c)
{
    struct child_progress *p = c->progress;
    uint64_t bytes = proc_kib("/proc/self/smaps_rollup", "Private_Dirty:") * 1024;
    atomic_store(&p->cow_bytes, bytes);
    atomic_store(&p->cow_at_us, clock_mono_us());
    if (bytes > atomic_load(&p->cow_peak_bytes))
        atomic_store(&p->cow_peak_bytes, bytes);
}

void child_wrote(struct child *c, uint64_t keys)
{
    struct child_progress *p = c->progress;
    atomic_fetch_add(&p->keys, keys);
    if (clock_mono_us() - atomic_load(&p->cow_at_us) > MEASURE_EVERY_US)
        child_measure(c);
}

/* ---- in the parent ---------------------------------------------------------------------------- */

bool child_ended(struct child *c, enum child_job job, bool *ok)
{
    int status = 0;
    pthread_mutex_lock(&c->lock);
    pid_t pid = atomic_load(&c->pid);
    c->reaped = child_runs(c, job) && waitpid(pid, &status, WNOHANG) == pid;
    pthread_mutex_unlock(&c->lock);
    if (!c->reaped)
        return false;
    *ok = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
    atomic_store(&c->last_cow_bytes[job], atomic_load(&c->progress->cow_bytes));
    return true;
}

void child_done(struct child *c)
{
    pthread_mutex_lock(&c->lock);
    c->reaped = false;
    atomic_store(&c->pid, 0);
    pthread_mutex_unlock(&c->lock);
}

void child_info_lines(struct child *c, struct buf *out)
{
    const struct child_progress *p = c->progress;
    bool on = atomic_load(&c->pid) != 0; /* else all is 0 */
    uint64_t total = on ? atomic_load(&c->keys_total) : 0, keys = on ? atomic_load(&p->keys) : 0;
    uint64_t at_us = on ? atomic_load(&p->cow_at_us) : 0, now_us = clock_mono_us();
    buf_printf(out,
               "current_cow_peak:%llu\r\ncurrent_cow_size:%llu\r\ncurrent_cow_size_age:%llu\r\n",
               on ? (unsigned long long)atomic_load(&p->cow_peak_bytes) : 0,
               on ? (unsigned long long)atomic_load(&p->cow_bytes) : 0,
               at_us && at_us < now_us ? (unsigned long long)(now_us - at_us) / 1000000 : 0);
    buf_printf(out,
               "current_fork_perc:%.2f\r\ncurrent_save_keys_processed:%llu\r\n"
               "current_save_keys_total:%llu\r\n",
               total ? (double)keys / (double)total * 100 : 0.0, (unsigned long long)keys,
               (unsigned long long)total);
}

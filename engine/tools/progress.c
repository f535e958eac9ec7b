#include "tools/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

#define BAR_WIDTH   30
#define DRAW_US     100000
#define LINE_US     5000000
#define US_A_SECOND 1000000

void progress_begin(struct progress *p, uint64_t done)
{
    *p = (struct progress){.terminal = isatty(STDERR_FILENO), .began_at = done};
    p->began_us = p->told_us = clock_mono_us();
}

static void draw(struct progress *p, uint64_t done, uint64_t total)
{
    uint64_t took_us = clock_mono_us() - p->began_us, now = done - p->began_at;
    uint64_t rate = took_us ? now * US_A_SECOND / took_us : 0;
    char bar[BAR_WIDTH + 1];
    uint64_t full = total ? (done < total ? done : total) * BAR_WIDTH / total : 0;
    for (uint64_t i = 0; i < BAR_WIDTH; i++)
        bar[i] = i < full ? '#' : '.';
    bar[BAR_WIDTH] = '\0';
    if (p->terminal)
        fprintf(stderr, "\r[%s] ", bar);
    fprintf(stderr, "%" PRIu64 " of %" PRIu64 " keys, %" PRIu64 " a second", done, total, rate);
    if (rate && total > done)
        fprintf(stderr, ", %" PRIu64 " s to go", (total - done) / rate);
    fputs(p->terminal ? "\033[K" : "\n", stderr);
    fflush(stderr);
    p->drawn = true;
}

void progress_tell(struct progress *p, uint64_t done, uint64_t total)
{
    uint64_t now_us = clock_mono_us();
    if (now_us - p->told_us < (p->terminal ? DRAW_US : LINE_US))
        return;
    p->told_us = now_us;
    draw(p, done, total);
}

void progress_end(struct progress *p, uint64_t done, uint64_t total)
{
    if (!p->terminal)
        return;
    draw(p, done, total);
    fputc('\n', stderr);
}

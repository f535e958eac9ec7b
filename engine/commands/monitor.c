#include "commands/monitor.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/mem.h"
#include "commands/exec.h"
#include "commands/session.h"
#include "internal.h"

void monitor_init(struct monitor *m)
{
    *m = (struct monitor){0};
    pthread_mutex_init(&m->lock, NULL);
}

void monitor_release(struct monitor *m)
{
    mem_free(m->sessions);
    pthread_mutex_destroy(&m->lock);
}

bool command_argument_is_secret(const struct command *cmd, const struct bytes *argv, int i)
{
    if (strcmp(cmd->row->name, "auth") == 0)
        return i > 0;
    if (strcmp(cmd->row->name, "hello") == 0)
        return (i > 1 && bytes_is(argv[i - 1], "AUTH")) || (i > 2 && bytes_is(argv[i - 2], "AUTH"));
    if (strcmp(cmd->row->name, "config|set") == 0)
        return i > 2 && bytes_is(argv[i - 1], "requirepass");
    return false;
}

/* A word in quotes, with escapes as redis-cli writes them. */
static void add_quoted(struct buf *out, struct bytes s)
{
    static const char from[] = "\\\"\n\r\t\a\b", to[] = "\\\"nrtab";
    buf_add_char(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        const char *at = s.p[i] ? strchr(from, s.p[i]) : NULL;
        if (at) {
            buf_add_char(out, '\\');
            buf_add_char(out, to[at - from]);
        } else if (isprint((unsigned char)s.p[i])) {
            buf_add_char(out, s.p[i]);
        } else {
            buf_printf(out, "\\x%02x", (unsigned char)s.p[i]);
        }
    }
    buf_add_char(out, '"');
}

static void compose(const struct exec *x, uint64_t now_us, struct buf *out)
{
    buf_printf(out, "+%llu.%06llu [%u %s]", (unsigned long long)now_us / 1000000,
               (unsigned long long)now_us % 1000000, x->db, x->session->addr);
    for (int i = 0; i < x->argc; i++) {
        buf_add_char(out, ' ');
        add_quoted(out, command_argument_is_secret(x->cmd, x->argv, i) ? BYTES("(redacted)")
                                                                       : x->argv[i]);
    }
    buf_add(out, "\r\n", 2);
}

void monitor_feed(struct monitor *m, const struct exec *x, uint64_t now_us)
{
    struct buf line;
    if (x->cmd->flags & (CMD_SKIP_MONITOR | CMD_ADMIN))
        return;
    buf_init(&line);
    compose(x, now_us, &line);
    pthread_mutex_lock(&m->lock);
    for (size_t i = 0; i < m->n; i++) {
        struct message *msg = message_new(MESSAGE_MONITOR, SUB_CHANNEL, (struct bytes){0},
                                          (struct bytes){0}, buf_bytes(&line));
        msg->session_id = m->sessions[i]->id;
        mailbox_post(m->sessions[i]->mailbox, msg);
        message_unref(msg);
    }
    pthread_mutex_unlock(&m->lock);
    buf_release(&line);
}

void monitor_leave(struct monitor *m, struct session *s)
{
    if (!s->monitor)
        return;
    pthread_mutex_lock(&m->lock);
    for (size_t i = 0; i < m->n; i++) {
        if (m->sessions[i] == s) {
            m->sessions[i] = m->sessions[--m->n];
            break;
        }
    }
    atomic_store(&m->watchers, (uint32_t)m->n);
    pthread_mutex_unlock(&m->lock);
    s->monitor = false;
}

static void cmd_monitor(struct exec *x)
{
    struct monitor *m = &x->engine->monitor;
    if (!x->session->mailbox) {
        reply_error(x->reply, ERROR_NOT_ALLOWED);
        return;
    }
    if (!x->session->monitor) {
        pthread_mutex_lock(&m->lock);
        if (m->n == m->cap) {
            m->cap = m->cap ? m->cap * 2 : 4;
            m->sessions = mem_realloc(m->sessions, m->cap * sizeof(struct session *));
        }
        m->sessions[m->n++] = x->session;
        atomic_store(&m->watchers, (uint32_t)m->n);
        pthread_mutex_unlock(&m->lock);
        x->session->monitor = true;
    }
    reply_ok(x->reply);
}

const struct command_row monitor_commands[] = {
    {"monitor", cmd_monitor, 1, "admin,noscript,loading,stale,stateful", "", "", "1.0.0", "server",
     "", "Shows every command that the server runs."},
    {0},
};

#include "net/memcached_sasl.h"

#include <string.h>

#include "engine.h"
#include "net/loop.h"

#define MECHANISM_MAX 32

/* ---- PLAIN ------------------------------------------------------------------------------------ */

struct plain {
    struct bytes acts_as, user, password;
};

/* The bytes before the first NUL, which are cut off with it. False: there is none. */
static bool cut(struct bytes *rest, struct bytes *part)
{
    const char *nul = rest->n ? memchr(rest->p, '\0', rest->n) : NULL;
    if (!nul)
        return false;
    *part = bytes_of(rest->p, (size_t)(nul - rest->p));
    *rest = bytes_of(nul + 1, rest->n - part->n - 1);
    return true;
}

/* [whom to act as] NUL user NUL password; nobody may act as another. */
static bool split(struct bytes message, struct plain *to)
{
    to->password = message;
    return cut(&to->password, &to->acts_as) && cut(&to->password, &to->user) &&
           (to->acts_as.n == 0 || bytes_eq(to->acts_as, to->user));
}

/* ---- requests --------------------------------------------------------------------------------- */

static void says(struct conn *c, const struct memcached_frame *f, enum memcached_status status)
{
    memcached_binary_status(&c->out, f, status);
}

static void says_text(struct conn *c, const struct memcached_frame *f, struct bytes text)
{
    memcached_binary_respond(&c->out, f, &(struct memcached_response){.value = text});
}

/* The message of an AUTH or of a STEP. */
static void judge(struct conn *c, const struct memcached_frame *f, bool *begun)
{
    struct plain who;
    if (!split(f->value, &who) || !session_authenticate(c->session, who.user, who.password)) {
        says(c, f, BINARY_AUTH_ERROR);
        return;
    }
    *begun = false;
    says_text(c, f, BYTES("Authenticated"));
}

static void run_auth(struct conn *c, const struct memcached_frame *f, bool *begun)
{
    bool known = bytes_is(f->key, "PLAIN");
    *begun = known && f->value.n == 0;
    if (*begun)
        says(c, f, BINARY_AUTH_CONTINUE);
    else if (known)
        judge(c, f, begun);
    else
        says(c, f, BINARY_AUTH_ERROR);
}

static void run_step(struct conn *c, const struct memcached_frame *f, bool *begun)
{
    if (*begun)
        judge(c, f, begun);
    else
        says(c, f, BINARY_AUTH_ERROR);
}

static bool has_password(const struct conn *c)
{
    return !config_is_empty(engine_config(c->loop->engine), CONFIG_REQUIREPASS);
}

enum memcached_status memcached_sasl_too_large(const struct conn *c)
{
    return has_password(c) ? BINARY_OUT_OF_MEMORY : BINARY_UNKNOWN_COMMAND;
}

void memcached_sasl_run(struct conn *c, const struct memcached_frame *f, bool *begun)
{
    if (!has_password(c)) {
        says(c, f, BINARY_UNKNOWN_COMMAND);
        return;
    }
    if (f->key.n > MECHANISM_MAX) {
        says(c, f, BINARY_INVALID);
        return;
    }
    c->session->authenticated = false;
    if (f->opcode == BINARY_SASL_LIST)
        says_text(c, f, BYTES("PLAIN"));
    else if (f->opcode == BINARY_SASL_AUTH)
        run_auth(c, f, begun);
    else
        run_step(c, f, begun);
}

#include "http/call.h"

#include "http/problem.h"

void call_start(struct request *r, const char *command)
{
    r->argc = 0;
    call_word(r, command);
}

void call_arg(struct request *r, struct bytes arg)
{
    if (r->argc == r->argv_cap) {
        r->argv_cap = r->argv_cap ? r->argv_cap * 2 : 16;
        r->argv = mem_realloc(r->argv, (size_t)r->argv_cap * sizeof *r->argv);
    }
    r->argv[r->argc++] = arg;
}

void call_word(struct request *r, const char *word)
{
    call_arg(r, bytes_str(word));
}

void call_int(struct request *r, int64_t v)
{
    char *text = arena_alloc(&r->arena, NUM_INT_MAX);
    call_arg(r, bytes_of(text, num_format_int(text, v)));
}

void call_double(struct request *r, double v)
{
    char *text = arena_alloc(&r->arena, NUM_DOUBLE_MAX);
    call_arg(r, bytes_of(text, num_format_double(text, v)));
}

const struct reply_node *call_try(struct request *r)
{
    capture_clear(&r->reply);
    if (engine_execute(request_session(r), r->argv, r->argc, &r->reply.base) == ENGINE_DONE)
        return r->reply.nodes;
    problem(r, "paused", "commands are paused");
    return NULL;
}

const struct reply_node *call_run(struct request *r)
{
    const struct reply_node *node = call_try(r);
    if (!node || node->kind != NODE_ERROR)
        return node;
    problem_engine(r, node->code, call_text(r, node));
    return NULL;
}

const struct reply_node *call_field(const struct request *r, const char *name)
{
    const struct capture *c = &r->reply;
    struct bytes wanted = bytes_str(name);
    if (c->n == 0 || (c->nodes[0].kind != NODE_MAP && c->nodes[0].kind != NODE_ARRAY))
        return NULL;
    size_t at = 1;
    for (size_t i = 0; i + 1 < c->nodes[0].count; i += 2) {
        bool found = bytes_eq(capture_text(c, &c->nodes[at]), wanted);
        at = capture_skip(c, at);
        if (found)
            return c->nodes[at].kind == NODE_NULL ? NULL : &c->nodes[at];
        at = capture_skip(c, at);
    }
    return NULL;
}

bool call_int_of(const struct request *r, const struct reply_node *node, int64_t *out)
{
    if (node->kind == NODE_INT) {
        *out = node->integer;
        return true;
    }
    return node->kind == NODE_BULK && num_parse_int(call_text(r, node), out);
}

bool call_double_of(const struct request *r, const struct reply_node *node, double *out)
{
    if (node->kind == NODE_DOUBLE)
        *out = node->real;
    else if (node->kind == NODE_INT)
        *out = (double)node->integer;
    else
        return node->kind == NODE_BULK && num_parse_double(call_text(r, node), out);
    return true;
}

/* ATR.SPAGE key SCAN cursor [MATCH pattern] [COUNT count]
 * ATR.SPAGE key MEMBERS member [member ...]
 *
 * Members of a set in one atomic step: null where the key is missing, else a map of
 *   total     how many members the set has
 *   members   those of the page, or those of the named ones that are there, in the order named
 *   cursor    what to go on with, as SSCAN's; "0" at the end, and with MEMBERS */
#include "commands/cursor.h"
#include "commands/set_args.h"

#define DEFAULT_COUNT 10

struct page {
    struct reply *reply;
    struct bytes match; /* p NULL: every member */
    int64_t count;
    uint64_t cursor;
    size_t n; /* replied */
};

static void reply_matching(const struct set_item *item, void *ctx)
{
    struct page *p = ctx;
    if (p->match.p && !bytes_glob(p->match, item->member, false))
        return;
    reply_bulk(p->reply, item->member);
    p->n++;
}

static bool parse_scan(struct exec *x, struct page *p)
{
    struct option o[] = {{.word = "MATCH", .takes = 1}, {.word = "COUNT", .takes = 1}, {0}};
    if (!cursor_parse(x->argv[3], &p->cursor)) {
        reply_errorf(x->reply, ERROR_GENERIC, "invalid cursor");
        return false;
    }
    if (!exec_options(x, 4, o) || (o[1].at && !exec_int_in(x, o[1].at + 1, 1, INT64_MAX,
                                                           "count must be positive", &p->count)))
        return false;
    if (o[0].at)
        p->match = x->argv[o[0].at + 1];
    return true;
}

static void reply_named(struct exec *x, const struct set *s, struct page *p)
{
    for (int i = 3; i < x->argc; i++) {
        if (set_has(s, x->argv[i])) {
            reply_bulk(x->reply, x->argv[i]);
            p->n++;
        }
    }
}

static void reply_page(struct exec *x, const struct set *s, struct page *p, bool scan)
{
    char text[NUM_INT_MAX];
    reply_map(x->reply, 3);
    reply_text(x->reply, "total");
    reply_int(x->reply, (int64_t)set_length(s));
    reply_text(x->reply, "members");
    size_t mark = reply_begin(x->reply);
    if (scan)
        p->cursor = set_scan(s, p->cursor, (size_t)p->count, reply_matching, p);
    else
        reply_named(x, s, p);
    reply_end(x->reply, mark, REPLY_ARRAY, p->n);
    reply_text(x->reply, "cursor");
    reply_bulk(x->reply, bytes_of(text, num_format_uint(text, p->cursor)));
}

static void cmd_atr_spage(struct exec *x)
{
    struct page p = {.reply = x->reply, .count = DEFAULT_COUNT};
    struct set *s;
    bool scan = exec_is(x, 2, "SCAN");
    if (!scan && !exec_is(x, 2, "MEMBERS")) {
        reply_error(x->reply, ERROR_SYNTAX);
        return;
    }
    if ((scan && !parse_scan(x, &p)) || !set_read(x, 0, &s))
        return;
    if (s)
        reply_page(x, s, &p, scan);
    else
        reply_null(x->reply);
}

const struct command_row set_page_commands[] = {
    {"atr.spage", cmd_atr_spage, -4, "readonly", SET_ACL, "@1:0/1:RO+ACCESS", "0.1.0", SET_GROUP,
     "key (SCAN cursor [MATCH pattern] [COUNT count] | MEMBERS member ...)",
     "Returns members of a set and how many it has."},
    {0},
};

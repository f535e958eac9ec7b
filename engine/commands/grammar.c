#include "commands/grammar.h"

#include <ctype.h>

#include "base/mem.h"

struct parser {
    const char *p;
    bool broken;
};

static struct argument *new_argument(enum argument_type type)
{
    struct argument *a = mem_calloc(sizeof *a);
    a->type = type;
    return a;
}

static void add_part(struct argument *to, struct argument *part)
{
    to->parts = mem_realloc(to->parts, (to->nparts + 1) * sizeof(struct argument *));
    to->parts[to->nparts++] = part;
}

void grammar_free(struct argument *a)
{
    if (!a)
        return;
    for (size_t i = 0; i < a->nparts; i++)
        grammar_free(a->parts[i]);
    mem_free(a->parts);
    mem_free(a);
}

static void skip_blanks(struct parser *ps)
{
    while (*ps->p == ' ')
        ps->p++;
}

static bool is_token(struct bytes word)
{
    bool letter = false;
    for (size_t i = 0; i < word.n; i++) {
        if (islower((unsigned char)word.p[i]))
            return false;
        letter |= isupper((unsigned char)word.p[i]) != 0;
    }
    return letter || (word.n == 1 && !isalnum((unsigned char)word.p[0]));
}

static struct bytes read_word(struct parser *ps)
{
    const char *from = ps->p;
    while (*ps->p && !strchr(" []()|", *ps->p))
        ps->p++;
    return bytes_of(from, (size_t)(ps->p - from));
}

static struct argument *sequence(struct parser *ps, const char *ends);

/* A group up to its closing bracket. */
static struct argument *group(struct parser *ps, char close)
{
    const char ends[] = {'|', close, '\0'};
    struct argument *choice = new_argument(ARG_ONEOF);
    for (;;) {
        add_part(choice, sequence(ps, ends));
        if (*ps->p != '|')
            break;
        ps->p++;
    }
    if (*ps->p == close)
        ps->p++;
    else
        ps->broken = true;
    if (choice->nparts > 1)
        return choice;
    struct argument *only = choice->parts[0];
    mem_free(choice->parts);
    mem_free(choice);
    return only;
}

/* A token may stand before the value that it introduces. */
static struct argument *word_argument(struct parser *ps)
{
    struct bytes word = read_word(ps);
    struct argument *a = new_argument(ARG_VALUE);
    a->name = word;
    if (!is_token(word))
        return a;
    a->token = word;
    a->type = ARG_TOKEN;
    struct parser ahead = *ps;
    skip_blanks(&ahead);
    struct bytes next = read_word(&ahead);
    if (next.n && !is_token(next) && !bytes_eq(next, BYTES("..."))) {
        a->type = ARG_VALUE;
        a->name = next;
        *ps = ahead;
    }
    return a;
}

static struct argument *one(struct parser *ps)
{
    struct argument *a;
    char c = *ps->p;
    if (c != '[' && c != '(')
        return word_argument(ps);
    ps->p++;
    a = group(ps, c == '[' ? ']' : ')');
    a->optional |= c == '[';
    return a;
}

/* Elements up to one of `ends` or the text's end. One element stands for itself, several for a block. */
static struct argument *sequence(struct parser *ps, const char *ends)
{
    struct argument *block = new_argument(ARG_BLOCK);
    for (skip_blanks(ps); *ps->p && !strchr(ends, *ps->p); skip_blanks(ps)) {
        if (strchr("])|", *ps->p)) {
            ps->broken = true;
            ps->p++;
        } else if (strncmp(ps->p, "...", 3) == 0) {
            ps->p += 3;
            if (block->nparts)
                block->parts[block->nparts - 1]->multiple = true;
        } else {
            add_part(block, one(ps));
        }
    }
    if (block->nparts != 1 || !*ends)
        return block;
    struct argument *only = block->parts[0];
    mem_free(block->parts);
    mem_free(block);
    return only;
}

struct argument *grammar_parse(const char *text)
{
    struct parser ps = {.p = text};
    struct argument *a = sequence(&ps, "");
    if (!ps.broken)
        return a;
    grammar_free(a);
    return NULL;
}

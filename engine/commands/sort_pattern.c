#include "commands/sort_pattern.h"

#include <string.h>

#include "types/hash.h"

bool sort_pattern_names_keys(struct bytes pattern)
{
    return pattern.n && memchr(pattern.p, '*', pattern.n) != NULL;
}

static struct bytes keep(struct exec *x, struct bytes s)
{
    char *p = exec_alloc(x, s.n);
    if (s.n)
        memcpy(p, s.p, s.n);
    return bytes_of(p, s.n);
}

/* Cuts "name->field" behind the asterisk; the field is empty where there is none. */
static struct bytes cut_field(struct bytes *pattern, size_t star)
{
    const char *from = pattern->p + star + 1;
    const char *arrow = memmem(from, pattern->n - star - 1, "->", 2);
    if (!arrow || arrow + 2 == pattern->p + pattern->n)
        return bytes_of("", 0);
    struct bytes field = bytes_of(arrow + 2, (size_t)(pattern->p + pattern->n - arrow - 2));
    pattern->n = (size_t)(arrow - pattern->p);
    return field;
}

static struct bytes substitute(struct exec *x, struct bytes pattern, size_t star,
                               struct bytes element)
{
    size_t n = pattern.n - 1 + element.n;
    char *p = exec_alloc(x, n);
    memcpy(p, pattern.p, star);
    if (element.n)
        memcpy(p + star, element.p, element.n);
    memcpy(p + star + element.n, pattern.p + star + 1, pattern.n - star - 1);
    return bytes_of(p, n);
}

bool sort_pattern_value(struct exec *x, struct bytes pattern, struct bytes element,
                        struct bytes *value)
{
    char scratch[NUM_INT_MAX];
    struct hash_item item;
    if (bytes_eq(pattern, BYTES("#"))) {
        *value = element;
        return true;
    }
    const char *star = pattern.n ? memchr(pattern.p, '*', pattern.n) : NULL;
    if (!star)
        return false;
    size_t at = (size_t)(star - pattern.p);
    struct bytes field = cut_field(&pattern, at);
    struct keyref k = keyspace_ref(x->ks, substitute(x, pattern, at, element));
    struct entry *e = keyspace_find_locked(x->ks, x->db, &k, x->now_ms);
    if (!e || e->type != (field.n ? TYPE_HASH : TYPE_STRING))
        return false;
    if (!field.n)
        *value = keep(x, entry_string(e, scratch));
    else if (hash_get(entry_object(e), field, x->now_ms, &item))
        *value = keep(x, item.value);
    else
        return false;
    return true;
}

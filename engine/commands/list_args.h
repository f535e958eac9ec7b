/* What the list commands share. */
#ifndef ATRIUM_COMMANDS_LIST_ARGS_H
#define ATRIUM_COMMANDS_LIST_ARGS_H

#include "commands/exec.h"
#include "types/list.h"

/* list-max-listpack-size. */
int list_limit(const struct exec *x);

/* The list under key k, NULL where missing; false: WRONGTYPE has been answered. */
bool list_read(struct exec *x, unsigned k, struct list **l);
bool list_write(struct exec *x, unsigned k, struct list **l);
/* The same; a missing one is put there. It gets an element before the command ends. */
bool list_make(struct exec *x, unsigned k, struct list **l);

/* Can arguments [from, argc) be elements? False: the error has been answered. */
bool list_elements_fit(struct exec *x, int from);
/* LEFT or RIGHT at argument i; false: the error has been answered. */
bool list_parse_end(struct exec *x, int i, enum list_end *end);

/* After elements were removed: the event (none where NULL), and the key goes with its last element.
 */
void list_removed(struct exec *x, unsigned k, struct list *l, const char *event);
static inline const char *list_pop_event(enum list_end end)
{
    return end == LIST_HEAD ? "lpop" : "rpop";
}
static inline const char *list_push_event(enum list_end end)
{
    return end == LIST_HEAD ? "lpush" : "rpush";
}

/* Up to n elements from that end, as an array, and removes them; the list has some. */
void list_reply_popped(struct exec *x, unsigned k, struct list *l, enum list_end end, size_t n);

#define LIST_ACL   "list"
#define LIST_GROUP "list"

#endif

/* What the hub knows of mailboxes beyond pubsub.h: the roster of sessions behind each name.
 *
 * Thread rule: roster functions in the owner's thread; mailbox_position in any. */
#ifndef ATRIUM_PUBSUB_MAILBOX_H
#define ATRIUM_PUBSUB_MAILBOX_H

#include "pubsub/pubsub.h"

/* How many messages have been posted so far. Under the lock of a name, no message to that name
 * comes in between. */
uint64_t mailbox_position(struct mailbox *m);

/* The session gets the messages to that name which were posted at or after `since`; flags: enum subscribe_flag. */
void mailbox_enrol(struct mailbox *m, enum sub_kind kind, struct bytes name, struct session *s,
                   uint64_t since, unsigned flags);
/* It gets none that are posted from `until` on, though others of this mailbox may; expel it after a drain. */
void mailbox_retire(struct mailbox *m, enum sub_kind kind, struct bytes name, struct session *s,
                    uint64_t until);
void mailbox_expel(struct mailbox *m, enum sub_kind kind, struct bytes name, struct session *s);

#endif

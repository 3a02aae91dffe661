/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <uv.h>

#include "base/err.h"
#include "base/list.h"

/*
 * Work that other threads hand to the thread of an event loop: a new connection for a worker, a new
 * set of tokens, the order to stop. Rare things only; readings travel through rings.
 *
 * A letter is embedded in what it carries. `deliver` runs once, in order of posting, on the loop's
 * thread, and from then on owns the letter.
 */
struct letter {
    struct list link;
    void (*deliver)(struct letter *letter);
};

struct mailbox {
    uv_async_t wakeup;
    pthread_mutex_t lock;
    struct list letters;    /* posted; under the lock */
    struct list delivering; /* taken from there; the loop's thread only */
    bool is_closed;
    void (*closed)(struct mailbox *mailbox);
};

enum {
    MAILBOX_E_CLOSED = 1, /* the letter is still the sender's */
};

/* 0 or a negated errno. Keeps the loop running until it is closed. */
MUST_USE int mailbox_init(struct mailbox *mailbox, uv_loop_t *loop);

/* Any thread. Takes the letter. */
MUST_USE int mailbox_post(struct mailbox *mailbox, struct letter *letter);

/*
 * The loop's thread. Delivers what is still there, takes nothing more, and lets the loop end.
 * `closed` runs when the loop has let go of it; NULL is fine.
 */
void mailbox_close(struct mailbox *mailbox, void (*closed)(struct mailbox *mailbox));

/* After the loop has closed its handles. */
void mailbox_fini(struct mailbox *mailbox);

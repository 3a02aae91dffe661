/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mailbox.h"

/* A letter may close the mailbox and so come back here: what it finds queues behind the others. */
static void mailbox_deliver_all(struct mailbox *mailbox) {
    pthread_mutex_lock(&mailbox->lock);
    list_move_all(&mailbox->delivering, &mailbox->letters);
    pthread_mutex_unlock(&mailbox->lock);
    for (struct list *node; (node = list_pop(&mailbox->delivering));) {
        struct letter *letter = CONTAINER_OF(node, struct letter, link);
        letter->deliver(letter);
    }
}

static void mailbox_on_wakeup(uv_async_t *wakeup) {
    mailbox_deliver_all(CONTAINER_OF(wakeup, struct mailbox, wakeup));
}

int mailbox_init(struct mailbox *mailbox, uv_loop_t *loop) {
    list_init(&mailbox->letters);
    list_init(&mailbox->delivering);
    mailbox->is_closed = false;
    int r = pthread_mutex_init(&mailbox->lock, NULL);
    if (r)
        return -r;
    r = uv_async_init(loop, &mailbox->wakeup, mailbox_on_wakeup);
    if (r)
        pthread_mutex_destroy(&mailbox->lock);
    return r;
}

int mailbox_post(struct mailbox *mailbox, struct letter *letter) {
    pthread_mutex_lock(&mailbox->lock);
    bool closed = mailbox->is_closed;
    if (!closed) {
        list_append(&mailbox->letters, &letter->link);
        /* Under the lock, so that the handle cannot be closed in between. */
        uv_async_send(&mailbox->wakeup);
    }
    pthread_mutex_unlock(&mailbox->lock);
    return closed ? MAILBOX_E_CLOSED : 0;
}

static void mailbox_on_closed(uv_handle_t *handle) {
    struct mailbox *mailbox = CONTAINER_OF(handle, struct mailbox, wakeup);
    if (mailbox->closed)
        mailbox->closed(mailbox);
}

void mailbox_close(struct mailbox *mailbox, void (*closed)(struct mailbox *mailbox)) {
    mailbox->closed = closed;
    pthread_mutex_lock(&mailbox->lock);
    mailbox->is_closed = true;
    pthread_mutex_unlock(&mailbox->lock);
    mailbox_deliver_all(mailbox);
    uv_close((uv_handle_t *)&mailbox->wakeup, mailbox_on_closed);
}

void mailbox_fini(struct mailbox *mailbox) {
    pthread_mutex_destroy(&mailbox->lock);
}

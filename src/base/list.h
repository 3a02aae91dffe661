/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>

#include "base/err.h"

/*
 * A doubly linked list whose links lie inside the objects. The head is a node too; an empty list
 * and an object outside any list point at themselves, so unlinking twice is harmless.
 */
struct list {
    struct list *next;
    struct list *prev;
};

static inline void list_init(struct list *node) {
    node->next = node->prev = node;
}

static inline bool list_is_empty(const struct list *head) {
    return head->next == head;
}

/* Links `node`, which is in no list, at the end. */
static inline void list_append(struct list *head, struct list *node) {
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

static inline void list_unlink(struct list *node) {
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* Moves all of `from` to the end of `to`. */
static inline void list_move_all(struct list *to, struct list *from) {
    if (list_is_empty(from))
        return;
    from->next->prev = to->prev;
    from->prev->next = to;
    to->prev->next = from->next;
    to->prev = from->prev;
    list_init(from);
}

/* Unlinks and gives the first node, or NULL. */
static inline struct list *list_pop(struct list *head) {
    if (list_is_empty(head))
        return NULL;
    struct list *first = head->next;
    list_unlink(first);
    return first;
}

/* The loop's body may unlink and free the current node. */
#define LIST_FOR_EACH(node, head)                                                     \
    for (struct list *node = (head)->next, *node##_next = node->next; node != (head); \
         node = node##_next, node##_next = node->next)

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "collector/caller.h"
#include "collector/limits.h"
#include "store/store.h"

/*
 * What the three calls that write have in common: taking readings, waiting until they are kept,
 * ending with what became of them.
 *
 *     take: decode, rules, rights -> the store's port        (a broken rule: verdict)
 *     settled: so many are kept   -> `progress`              (refused by the store: verdict)
 *     nothing pending and the client has sent all, or there is a verdict -> `complete` or the
 * verdict's status
 *
 * The verdict is about the first bad reading of the call. After it nothing more is taken, and what
 * came before it is still waited for, so that the status can say how many readings are kept.
 */
struct writing;

struct writing_ops {
    /* `n` more readings are kept, in order. May be NULL. */
    void (*progress)(struct writing *writing, uint64_t n);

    /* All that the client sent is kept: answer. */
    void (*complete)(struct writing *writing);
};

struct writing {
    struct store_writer writer;
    const struct writing_ops *ops;
    struct grpc_call *call;
    struct caller caller;
    struct list held; /* in collector_worker.held while the store is full */

    uint64_t n_taken;    /* readings handed to the store: also the index of the next one */
    uint64_t accepted;   /* kept, repeats included */
    uint64_t duplicates; /* of these */
    bool has_all;        /* the client has sent its last */
    bool is_stream;      /* words name the reading's index */
    bool is_refused;     /* by the store: the verdict says so */

    enum grpc_status verdict; /* GRPC_OK: none yet */
    struct err_text why;

    /* The last id that passed rule and right: a stream's readings mostly have the same. */
    uint8_t checked_len;
    uint8_t checked_id[COLLECTOR_MAX_SENSOR_ID];
};

/* In the handler's `started`. */
void writing_init(struct writing *writing, struct grpc_call *call, const struct writing_ops *ops,
                  bool is_stream);

/* In its `ended`. */
void writing_fini(struct writing *writing);

/* Takes one message: 0, or GRPC_E_HOLD when the store has no room; then it is given again later.
 * `temperature` may be NULL. */
MUST_USE int writing_take(struct writing *writing, struct bytes message, double *temperature);

/* The client has sent all. */
void writing_half_close(struct writing *writing);

/* What the client sends from here on cannot be read: ends the call with that status behind what was
 * taken. */
void writing_break(struct writing *writing, enum grpc_status status, const struct err_text *why);

/* For a unary call: it does not wait for room; it ends. */
void writing_refuse_full(struct writing *writing);

/* The store has room again: gives every held call its message once more. */
void writing_resume_held(struct list *held);

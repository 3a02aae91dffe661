/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "collector/worker.h"

/*
 * Reads that may take long: one piece of work for a call at a time, in libuv's worker pool. The
 * call stays in memory until the work is done; `done` runs on the call's worker, also when the call
 * is over by then.
 */
struct background {
    uv_work_t request;
    struct grpc_call *call;
    void (*work)(
        struct background *background); /* in the pool: touches nothing of the call but its own */
    void (*done)(struct background *background);
    bool is_running;
};

/* Starts it; it is not running. When that cannot be, the call is finished with RESOURCE_EXHAUSTED
 * and `done` does not run. */
void background_start(struct background *background, struct grpc_call *call);

/* Ends the call of a read that has failed with `r`, a negated errno: DATA_LOSS for damage
 * (-EBADMSG). `what` says which read. */
void background_finish_failed(struct grpc_call *call, const char *what, int r);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <pthread.h>

#include "base/histogram.h"
#include "base/mailbox.h"
#include "cli/bench_readings.h"
#include "cli/bench_settings.h"
#include "grpc/channel.h"

/*
 * A thread of the benchmark: its loop, its connections and their streams. It is told to begin a
 * phase, ends it by itself, and reports when every call of it has ended, so that what was counted
 * is exact: nothing is on its way any more.
 *
 *     IDLE -> RUNNING -> DRAINING -> IDLE (reported)
 *
 * Everything but what is said here runs on its own thread.
 */
struct bench_phase {
    enum bench_kind kind;
    uint64_t duration_ns; /* 0: it fills sensors; each stream makes one call for all of its own */
    double rate;          /* of operations a second, all threads together; 0: closed loop */
    uint64_t readings_per_call; /* fill: of each sensor */
};

/* What one phase came to. */
struct bench_counts {
    uint64_t began_ns;
    uint64_t last_answer_ns;
    uint64_t calls;                      /* that ended well */
    uint64_t readings;                   /* sent and acknowledged; server-stream: received */
    uint64_t kept;                       /* of these, what the server must hold */
    uint64_t failed;                     /* calls */
    uint64_t unstarted;                  /* open loop: due, and no stream was free to the end */
    uint64_t sent_bytes, received_bytes; /* of messages, with their prefixes */
};

enum bench_state {
    BENCH_IDLE,
    BENCH_RUNNING,
    BENCH_DRAINING, /* starts nothing more */
};

/* One stream: a place for a call at a time. */
struct bench_slot {
    struct list idle; /* in the worker's `idle`: open loop, waits for its turn */
    struct bench_worker *worker;
    struct grpc_channel *channel;
    struct bench_source source;
    struct grpc_client_call *call; /* NULL: none */
    uint64_t intended_ns;          /* when the operation should have started */
    uint64_t n_in_call;            /* readings of the call so far */
    uint64_t n_for_call;
    uint64_t n_read;  /* server-stream: calls */
    bool is_cut;      /* the phase is over: the call ends early */
    bool is_answered; /* chat: the last reading */
};

struct bench_worker {
    /* set before the start */
    const struct bench_settings *settings;
    const struct bench_readings *readings;
    const struct grpc_channel_options *access;
    uint64_t index;
    struct mailbox *owner; /* where the report goes */
    void (*reported)(struct letter *letter);
    void *user;

    /* the owner's while the worker is idle, after a report */
    struct bench_counts counts;
    struct histogram latencies;
    enum grpc_status failure; /* of the first call that failed in the phase */
    struct err_text why;

    /* private */
    pthread_t thread;
    struct net_loop loop;
    struct mailbox mailbox;
    struct letter begin, stop, quit, report;
    struct grpc_channel **channels;
    size_t n_channels;
    struct bench_slot *slots;
    size_t n_slots;
    struct list idle;
    enum bench_state state;
    bool is_overdue;
    bool has_quit;
    struct bench_phase phase;
    size_t n_calls;          /* that are open */
    uint64_t n_scheduled;    /* open loop: operations that have started */
    double interval_ns;      /* between two of this thread */
    uv_timer_t phase_timer;  /* its end, then the end of patience */
    uv_poll_t schedule_poll; /* of a timerfd: libuv's own timers know only milliseconds */
    int schedule_fd;
};

/* Makes its connections' channels and starts the thread. 0 or a negated errno; then nothing is
 * left. */
MUST_USE int bench_worker_start(struct bench_worker *worker);

/* From the owner's thread: begins a phase; it is reported once. */
void bench_worker_begin(struct bench_worker *worker, const struct bench_phase *phase);

/* Ends the phase that runs early. Once. */
void bench_worker_stop(struct bench_worker *worker);

/* Drops whatever runs. Once, the last; no report comes any more. */
void bench_worker_quit(struct bench_worker *worker);

/* After bench_worker_quit(): waits for the thread and frees. */
void bench_worker_join(struct bench_worker *worker);

/* ---- for the calls, on the worker's thread ---- */

/* The operation was answered: its latency counts. */
void bench_slot_answered(struct bench_slot *slot);

/* The slot is free: it goes on with the next operation. */
void bench_slot_next(struct bench_slot *slot);

/* The call has failed; `bench_slot_next` follows. */
void bench_slot_failed(struct bench_slot *slot, enum grpc_status status, const char *text);

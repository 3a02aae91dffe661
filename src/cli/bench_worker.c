/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Closed loop: a stream starts its next operation when the last one was answered. Open loop: the
 * n-th operation is due at a time that was fixed before; it starts then if a stream is free, else
 * as soon as one is, and its latency counts from when it was due. A server that stalls is charged
 * for all that should have happened meanwhile (no coordinated omission), also for what had not even
 * started when the phase ended.
 *
 * What the loop's end costs is bounded: DRAIN_S after the end of a phase calls are cancelled, and
 * count as failed.
 */
#include "cli/bench_worker.h"

#include <assert.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "cli/bench_calls.h"

/* How long calls may go on after a phase; sensors are filled before it in FILL_S at the most. */
enum {
    DRAIN_S = 10,
    FILL_S = 600,
};

/* A server that fails so many calls is not worth measuring, and a loop of failures must end. */
#define MAX_FAILED 100

/* ---- the schedule of an open loop ---- */

/* Threads take turns: each has every n-th operation. */
static uint64_t next_due_ns(const struct bench_worker *worker) {
    double turn = (double)worker->index / (double)worker->settings->n_threads;
    double after_ns = ((double)worker->n_scheduled + turn) * worker->interval_ns;
    return worker->counts.began_ns + (uint64_t)after_ns;
}

static void set_schedule_timer(struct bench_worker *worker, uint64_t at_ns) {
    struct itimerspec at = {
        .it_value = {(time_t)(at_ns / NS_PER_S), (long)(at_ns % NS_PER_S)},
    };
    timerfd_settime(worker->schedule_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

/* Starts what is due, as far as there are streams for it. */
static void run_schedule(struct bench_worker *worker) {
    uint64_t now_ns = clock_monotonic_ns();
    while (worker->state == BENCH_RUNNING && !list_is_empty(&worker->idle)) {
        uint64_t due_ns = next_due_ns(worker);
        if (due_ns > now_ns) {
            set_schedule_timer(worker, due_ns);
            return;
        }
        struct bench_slot *slot = CONTAINER_OF(list_pop(&worker->idle), struct bench_slot, idle);
        worker->n_scheduled++;
        slot->intended_ns = due_ns;
        bench_slot_begin(slot);
    }
}

static void on_schedule(uv_poll_t *poll, int status, int events) {
    struct bench_worker *worker = CONTAINER_OF(poll, struct bench_worker, schedule_poll);
    uint64_t n_expired;
    (void)status, (void)events;
    if (read(worker->schedule_fd, &n_expired, sizeof(n_expired)) > 0)
        run_schedule(worker);
}

/* What was due and never started has waited until now, at least. */
static void count_unstarted(struct bench_worker *worker, uint64_t now_ns) {
    for (uint64_t due_ns; (due_ns = next_due_ns(worker)) < now_ns; worker->n_scheduled++) {
        histogram_record(&worker->latencies, now_ns - due_ns);
        worker->counts.unstarted++;
    }
}

/* ---- a phase ---- */

static void end_when_quiet(struct bench_worker *worker) {
    if (worker->state != BENCH_DRAINING || worker->n_calls > 0)
        return;
    worker->state = BENCH_IDLE;
    uv_timer_stop(&worker->phase_timer);
    int r = mailbox_post(worker->owner, &worker->report);
    (void)r; /* closed: nobody wants to know any more */
}

static void on_overdue(uv_timer_t *timer) {
    struct bench_worker *worker = CONTAINER_OF(timer, struct bench_worker, phase_timer);
    worker->is_overdue = true;
    for (size_t i = 0; i < worker->n_slots; i++)
        if (worker->slots[i].call)
            grpc_client_call_cancel(worker->slots[i].call);
}

static void drain(struct bench_worker *worker) {
    if (worker->state != BENCH_RUNNING)
        return;
    if (worker->phase.rate > 0)
        run_schedule(worker);
    worker->state = BENCH_DRAINING;
    if (worker->phase.rate > 0)
        count_unstarted(worker, clock_monotonic_ns());
    uv_timer_start(&worker->phase_timer, on_overdue, DRAIN_S * 1000, 0);
    for (size_t i = 0; i < worker->n_slots; i++) {
        list_unlink(&worker->slots[i].idle);
        bench_slot_cut(&worker->slots[i]);
    }
    end_when_quiet(worker);
}

static void on_phase_end(uv_timer_t *timer) {
    drain(CONTAINER_OF(timer, struct bench_worker, phase_timer));
}

static void start_closed_loop(struct bench_worker *worker) {
    for (size_t i = 0; i < worker->n_slots; i++) {
        worker->slots[i].intended_ns = clock_monotonic_ns();
        bench_slot_begin(&worker->slots[i]);
    }
}

static void start_open_loop(struct bench_worker *worker) {
    const struct bench_settings *settings = worker->settings;
    worker->interval_ns = (double)(NS_PER_S * settings->n_threads) / worker->phase.rate;
    worker->n_scheduled = 0;
    for (size_t i = 0; i < worker->n_slots; i++)
        list_append(&worker->idle, &worker->slots[i].idle);
    run_schedule(worker);
}

static void on_begin(struct letter *letter) {
    struct bench_worker *worker = CONTAINER_OF(letter, struct bench_worker, begin);
    bool is_fill = worker->phase.duration_ns == 0;
    memset(&worker->latencies, 0, sizeof(worker->latencies));
    worker->counts = (struct bench_counts){.began_ns = clock_monotonic_ns()};
    worker->state = BENCH_RUNNING;
    worker->is_overdue = false;
    net_loop_renew(&worker->loop);
    uv_update_time(&worker->loop.uv);
    if (is_fill)
        uv_timer_start(&worker->phase_timer, on_overdue, FILL_S * 1000, 0);
    else
        uv_timer_start(&worker->phase_timer, on_phase_end, worker->phase.duration_ns / NS_PER_MS,
                       0);
    if (worker->phase.rate > 0)
        start_open_loop(worker);
    else
        start_closed_loop(worker);
    if (is_fill)
        worker->state = BENCH_DRAINING; /* each stream has its one operation */
    end_when_quiet(worker);
}

static void on_stop(struct letter *letter) {
    drain(CONTAINER_OF(letter, struct bench_worker, stop));
}

/* ---- what the calls tell ---- */

void bench_slot_answered(struct bench_slot *slot) {
    struct bench_worker *worker = slot->worker;
    uint64_t now_ns = clock_monotonic_ns();
    histogram_record(&worker->latencies, now_ns - slot->intended_ns);
    worker->counts.last_answer_ns = now_ns;
}

void bench_slot_next(struct bench_slot *slot) {
    struct bench_worker *worker = slot->worker;
    if (worker->has_quit)
        return;
    if (worker->state != BENCH_RUNNING) {
        end_when_quiet(worker);
    } else if (worker->phase.rate > 0) {
        list_append(&worker->idle, &slot->idle);
        run_schedule(worker);
    } else {
        slot->intended_ns = clock_monotonic_ns();
        bench_slot_begin(slot);
    }
}

void bench_slot_failed(struct bench_slot *slot, enum grpc_status status, const char *text) {
    struct bench_worker *worker = slot->worker;
    if (worker->counts.failed++ == 0) {
        worker->failure = status;
        err_say(&worker->why, "%s",
                worker->is_overdue ? "no answer came in time after the end of the load" : text);
    }
    if (worker->counts.failed == MAX_FAILED)
        drain(worker);
    bench_slot_next(slot);
}

/* ---- life ---- */

static void on_quit(struct letter *letter) {
    struct bench_worker *worker = CONTAINER_OF(letter, struct bench_worker, quit);
    worker->has_quit = true;
    for (size_t i = 0; i < worker->n_channels; i++)
        grpc_channel_close(worker->channels[i]);
    uv_close((uv_handle_t *)&worker->phase_timer, NULL);
    uv_close((uv_handle_t *)&worker->schedule_poll, NULL);
    mailbox_close(&worker->mailbox, NULL);
    net_loop_close(&worker->loop);
}

static void *thread_main(void *user) {
    struct bench_worker *worker = user;
    net_loop_run(&worker->loop);
    return NULL;
}

static void add_slot(struct bench_worker *worker, size_t channel, uint64_t stream) {
    const struct bench_settings *settings = worker->settings;
    uint64_t connection = worker->index + channel * settings->n_threads;
    struct bench_slot *slot = &worker->slots[worker->n_slots++];
    *slot = (struct bench_slot){.worker = worker, .channel = worker->channels[channel]};
    list_init(&slot->idle);
    bench_source_init(&slot->source, worker->readings, connection * settings->n_streams + stream,
                      settings->n_connections * settings->n_streams);
}

/* Every n-th connection is this thread's. 0 or a negated errno. */
static int make_slots(struct bench_worker *worker) {
    const struct bench_settings *settings = worker->settings;
    size_t n = (settings->n_connections - worker->index - 1) / settings->n_threads + 1;
    worker->channels = mem_new_array(struct grpc_channel *, n);
    worker->slots = mem_new_array(struct bench_slot, n * settings->n_streams);
    if (!worker->channels || !worker->slots)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        int r = grpc_channel_new(&worker->loop, worker->access, &worker->channels[i]);
        if (r)
            return r;
        worker->n_channels++;
        for (uint64_t k = 0; k < settings->n_streams; k++)
            add_slot(worker, i, k);
    }
    return 0;
}

static void free_worker(struct bench_worker *worker) {
    mailbox_fini(&worker->mailbox);
    net_loop_fini(&worker->loop);
    close(worker->schedule_fd);
    mem_freep(&worker->channels);
    mem_freep(&worker->slots);
}

/* The loop with its handles. 0 or a negated errno; then nothing is left. */
static int make_loop(struct bench_worker *worker) {
    worker->schedule_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (worker->schedule_fd < 0)
        return -errno;
    int r = net_loop_init(&worker->loop, NULL, NULL);
    if (r) {
        close(worker->schedule_fd);
        return r;
    }
    r = mailbox_init(&worker->mailbox, &worker->loop.uv);
    if (r) {
        net_loop_close(&worker->loop);
        net_loop_run(&worker->loop);
        net_loop_fini(&worker->loop);
        close(worker->schedule_fd);
        return r;
    }
    uv_timer_init(&worker->loop.uv, &worker->phase_timer);
    uv_poll_init(&worker->loop.uv, &worker->schedule_poll, worker->schedule_fd);
    uv_poll_start(&worker->schedule_poll, UV_READABLE, on_schedule);
    return 0;
}

int bench_worker_start(struct bench_worker *worker) {
    list_init(&worker->idle);
    worker->begin.deliver = on_begin;
    worker->stop.deliver = on_stop;
    worker->quit.deliver = on_quit;
    worker->report.deliver = worker->reported;
    int r = make_loop(worker);
    if (r)
        return r;
    r = make_slots(worker);
    if (r == 0)
        r = thread_start(&worker->thread, "bench", thread_main, worker);
    if (r == 0)
        return 0;
    on_quit(&worker->quit);
    net_loop_run(&worker->loop);
    free_worker(worker);
    return r;
}

static void post(struct bench_worker *worker, struct letter *letter) {
    int r = mailbox_post(&worker->mailbox, letter);
    assert(r == 0);
    (void)r;
}

void bench_worker_begin(struct bench_worker *worker, const struct bench_phase *phase) {
    worker->phase = *phase;
    post(worker, &worker->begin);
}

void bench_worker_stop(struct bench_worker *worker) {
    post(worker, &worker->stop);
}

void bench_worker_quit(struct bench_worker *worker) {
    post(worker, &worker->quit);
}

void bench_worker_join(struct bench_worker *worker) {
    pthread_join(worker->thread, NULL);
    free_worker(worker);
}

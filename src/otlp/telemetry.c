/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The telemetry thread: a loop on which the senders' sockets live. After each of its turns, and
 * when something is due, exporters and SDK are turned:
 *
 *     RUNNING --stop--> FLUSHING --flushed, or the limit--> CLOSED
 *
 * Before the thread runs and after it has ended, all is the caller's; in between only `stop_at_ns`,
 * the handle that wakes it and what the SDK offers to any thread are touched from outside.
 *
 * The thread ends within the limit, with one exception: a name that is being looked up cannot be
 * taken back from the resolver. Then it is left behind, asleep, with its memory: the program is
 * about to end. It ends by _exit(2), behind a flush: exit(3) comes to a destructor of libuv, which
 * waits for the resolver.
 */
#include "otlp/telemetry.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/wakeup.h"
#include "net/loop.h"
#include "otel/console.h"
#include "otel/log_bridge.h"
#include "otlp/exporter.h"
#include "otlp/limits.h"

enum telemetry_state {
    TELEMETRY_RUNNING,
    TELEMETRY_FLUSHING,
    TELEMETRY_CLOSED,
};

struct otlp_telemetry {
    enum telemetry_state state;
    struct otel_sdk *sdk;
    struct otlp_exporter *exporters[OTEL_N_SIGNALS]; /* the SDK's; NULL: not over OTLP */
    struct net_loop loop;
    struct wakeup waker;
    uv_timer_t timer;
    pthread_t thread;
    bool has_thread;
    unsigned n_flushes_begun;
    uv_mutex_t lock; /* for what follows */
    uv_cond_t changed;
    uint64_t stop_at_ns;                       /* 0: not yet */
    unsigned n_flushes_wanted, n_flushes_done; /* of otlp_telemetry_flush() */
    bool has_ended;                            /* the thread has nothing left to do */
};

/* What the others want, as of one moment. */
struct orders {
    uint64_t stop_at_ns;
    unsigned n_flushes;
};

/* ---- turns ---- */

static uint64_t sooner(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static uint64_t turn_exporters(struct otlp_telemetry *telemetry, uint64_t now_ns) {
    uint64_t due_ns = UINT64_MAX;
    for (size_t i = 0; i < OTEL_N_SIGNALS; i++)
        if (telemetry->exporters[i])
            due_ns = sooner(due_ns, otlp_exporter_turn(telemetry->exporters[i], now_ns));
    return due_ns;
}

static void telemetry_close(struct otlp_telemetry *telemetry) {
    telemetry->state = TELEMETRY_CLOSED;
    otel_sdk_cancel(telemetry->sdk);
    otel_sdk_free(STEAL(telemetry->sdk));
    wakeup_close(&telemetry->waker);
    uv_close((uv_handle_t *)&telemetry->timer, NULL);
    net_loop_close(&telemetry->loop);
}

static void telemetry_turn(struct otlp_telemetry *telemetry);

static void on_timer(uv_timer_t *timer) {
    telemetry_turn(timer->data);
}

static void wait_until(struct otlp_telemetry *telemetry, uint64_t due_ns) {
    uint64_t now_ns = telemetry->loop.now_ns;
    uv_timer_stop(&telemetry->timer);
    if (due_ns == UINT64_MAX)
        return;
    uint64_t wait_ms = due_ns > now_ns ? (due_ns - now_ns) / NS_PER_MS + 1 : 0;
    uv_timer_start(&telemetry->timer, on_timer, wait_ms, 0);
}

/* Exporters twice: what they have ended makes room for what the SDK then sends. */
static uint64_t turn_all(struct otlp_telemetry *telemetry, uint64_t now_ns) {
    (void)turn_exporters(telemetry, now_ns);
    uint64_t due_ns = otel_sdk_turn(telemetry->sdk, now_ns);
    return sooner(due_ns, turn_exporters(telemetry, now_ns));
}

static struct orders take_orders(struct otlp_telemetry *telemetry) {
    uv_mutex_lock(&telemetry->lock);
    struct orders orders = {telemetry->stop_at_ns, telemetry->n_flushes_wanted};
    uv_mutex_unlock(&telemetry->lock);
    return orders;
}

static void say_flushed(struct otlp_telemetry *telemetry, unsigned n_flushes) {
    uv_mutex_lock(&telemetry->lock);
    telemetry->n_flushes_done = n_flushes;
    uv_cond_signal(&telemetry->changed);
    uv_mutex_unlock(&telemetry->lock);
}

/* What is wanted anew begins with a flush. */
static void obey(struct otlp_telemetry *telemetry, const struct orders *orders, uint64_t now_ns) {
    if (telemetry->state != TELEMETRY_RUNNING)
        return;
    if (orders->stop_at_ns)
        telemetry->state = TELEMETRY_FLUSHING;
    if (orders->stop_at_ns || orders->n_flushes != telemetry->n_flushes_begun)
        otel_sdk_flush(telemetry->sdk, now_ns);
    telemetry->n_flushes_begun = orders->n_flushes;
}

static void telemetry_turn(struct otlp_telemetry *telemetry) {
    if (telemetry->state == TELEMETRY_CLOSED)
        return;
    net_loop_renew(&telemetry->loop);
    uint64_t now_ns = telemetry->loop.now_ns;
    const struct orders orders = take_orders(telemetry);
    obey(telemetry, &orders, now_ns);
    uint64_t due_ns = turn_all(telemetry, now_ns);
    bool is_flushed = otel_sdk_is_flushed(telemetry->sdk);
    bool is_ending = telemetry->state == TELEMETRY_FLUSHING;
    if (is_flushed)
        say_flushed(telemetry, orders.n_flushes);
    if (is_ending && (now_ns >= orders.stop_at_ns || is_flushed))
        telemetry_close(telemetry);
    else
        wait_until(telemetry, is_ending ? sooner(due_ns, orders.stop_at_ns) : due_ns);
}

static void on_turn_ended(void *user) {
    telemetry_turn(user);
}

/* The turn that ends with this does it all. */
static void on_wake(struct wakeup *waker) {
    (void)waker;
}

static void wake(void *user) {
    struct otlp_telemetry *telemetry = user;
    if (telemetry->has_thread)
        wakeup_send(&telemetry->waker);
}

static void *run(void *user) {
    struct otlp_telemetry *telemetry = user;
    otel_log_bridge_skip_this_thread();
    telemetry_turn(telemetry);
    net_loop_run(&telemetry->loop);
    net_loop_fini(&telemetry->loop);
    uv_mutex_lock(&telemetry->lock);
    telemetry->has_ended = true;
    uv_cond_signal(&telemetry->changed);
    uv_mutex_unlock(&telemetry->lock);
    return NULL;
}

/* ---- starting ---- */

/* 0 or a negated errno with words. */
static int exporter_new(struct otlp_telemetry *telemetry, const struct otel_otlp_settings *settings,
                        enum otel_signal signal, struct err_text *why) {
    struct otlp_exporter_options options = {
        .signal = signal, .settings = settings, .changed = wake, .user = telemetry};
    int r = otlp_sender_new(&telemetry->loop, settings, signal, &options.sender, why);
    if (r)
        return r;
    r = random_bytes(&options.seed, sizeof(options.seed));
    if (r == 0)
        r = otlp_exporter_new(&options, &telemetry->exporters[signal]);
    if (r == 0)
        return 0;
    options.sender->ops->free(options.sender);
    err_say(why, "%s", strerror(-r));
    return r;
}

/* The exporter of a signal; NULL, with a line in the log: its settings cannot be used. */
static struct otel_exporter *make_exporter(struct otlp_telemetry *telemetry,
                                           const struct otel_settings *settings,
                                           enum otel_signal signal) {
    struct otel_exporter *made = NULL;
    struct err_text why;
    int r = 0;
    if (settings->exporters[signal] == OTEL_EXPORT_CONSOLE) {
        r = otel_console_new(signal, stdout, &made);
        err_say(&why, "%s", strerror(-r));
    } else if (settings->exporters[signal] == OTEL_EXPORT_OTLP) {
        r = exporter_new(telemetry, &settings->otlp[signal], signal, &why);
        made = r ? NULL : otlp_exporter_base(telemetry->exporters[signal]);
    }
    if (r)
        log_warn("telemetry: no %s are exported: %s", otlp_signal_words[signal], why.text);
    return made;
}

static void make_exporters(struct otlp_telemetry *telemetry, const struct otel_settings *settings,
                           struct otel_sdk_options *options) {
    for (unsigned i = 0; i < OTEL_N_SIGNALS && !settings->is_disabled; i++) {
        options->exporters[i] = make_exporter(telemetry, settings, (enum otel_signal)i);
        telemetry->has_thread |= options->exporters[i] != NULL;
    }
}

static void free_exporters(const struct otel_sdk_options *options) {
    for (size_t i = 0; i < OTEL_N_SIGNALS; i++)
        if (options->exporters[i])
            options->exporters[i]->ops->free(options->exporters[i]);
}

static void telemetry_free(struct otlp_telemetry *telemetry) {
    uv_cond_destroy(&telemetry->changed);
    uv_mutex_destroy(&telemetry->lock);
    mem_free(telemetry);
}

static void telemetry_freep(struct otlp_telemetry **telemetry) {
    if (*telemetry)
        telemetry_free(*telemetry);
}

/* NULL without memory. */
static struct otlp_telemetry *telemetry_new(void) {
    struct otlp_telemetry *telemetry = mem_new(struct otlp_telemetry);
    if (!telemetry)
        return NULL;
    /* Neither takes memory of its own on Linux, and so neither fails. */
    uv_mutex_init(&telemetry->lock);
    uv_cond_init(&telemetry->changed);
    return telemetry;
}

/* The SDK, or what was to be given to it, is freed; the loop's handles are closed. */
static void abandon(struct otlp_telemetry *telemetry) {
    wakeup_close(&telemetry->waker);
    uv_close((uv_handle_t *)&telemetry->timer, NULL);
    net_loop_close(&telemetry->loop);
    net_loop_run(&telemetry->loop);
    net_loop_fini(&telemetry->loop);
    telemetry_free(telemetry);
}

/* 0 or a negated errno. Takes the resource. */
static int make_sdk(struct otlp_telemetry *telemetry,
                    const struct otlp_telemetry_options *options) {
    struct otel_sdk_options of_sdk = {.settings = options->settings,
                                      .resource = options->resource,
                                      .wake = wake,
                                      .user = telemetry,
                                      .now_ns = telemetry->loop.now_ns};
    make_exporters(telemetry, options->settings, &of_sdk);
    int r = otel_sdk_new(&of_sdk, &telemetry->sdk);
    if (r == 0)
        return 0;
    free_exporters(&of_sdk);
    otel_resource_free(options->resource);
    return err_trace(r);
}

static void init_handles(struct otlp_telemetry *telemetry) {
    uv_timer_init(&telemetry->loop.uv, &telemetry->timer);
    telemetry->timer.data = telemetry;
}

/* The loop and the handle that wakes it. 0 or a negated errno. */
static int make_loop(struct otlp_telemetry *telemetry) {
    int r = net_loop_init(&telemetry->loop, on_turn_ended, telemetry);
    if (r)
        return err_trace(r);
    r = wakeup_init(&telemetry->waker, &telemetry->loop.uv, on_wake);
    if (r == 0) {
        init_handles(telemetry);
        return 0;
    }
    net_loop_close(&telemetry->loop);
    net_loop_run(&telemetry->loop);
    net_loop_fini(&telemetry->loop);
    return err_trace(r);
}

int otlp_telemetry_start(const struct otlp_telemetry_options *options,
                         struct otlp_telemetry **out) {
    struct otlp_telemetry *telemetry = telemetry_new();
    int r = telemetry ? make_loop(telemetry) : -ENOMEM;
    if (r) {
        telemetry_freep(&telemetry);
        otel_resource_free(options->resource);
        return r;
    }
    telemetry->state = TELEMETRY_CLOSED; /* until its thread runs */
    r = make_sdk(telemetry, options);
    if (r == 0 && telemetry->has_thread) {
        telemetry->state = TELEMETRY_RUNNING;
        r = thread_start(&telemetry->thread, "telemetry", run, telemetry);
    }
    if (r) {
        telemetry->state = TELEMETRY_CLOSED;
        otel_sdk_free(STEAL(telemetry->sdk));
        abandon(telemetry);
        return r;
    }
    *out = telemetry;
    return 0;
}

struct otel_sdk *otlp_telemetry_sdk(const struct otlp_telemetry *telemetry) {
    return telemetry ? telemetry->sdk : NULL;
}

/* ---- flushing and stopping ---- */

/* With the lock held. False: that moment is over. */
static bool wait_for_change(struct otlp_telemetry *telemetry, uint64_t last_ns) {
    uint64_t now_ns = clock_monotonic_ns();
    if (now_ns >= last_ns)
        return false;
    (void)uv_cond_timedwait(&telemetry->changed, &telemetry->lock, last_ns - now_ns);
    return true;
}

/* Whether the thread has ended, at the latest at that moment. */
static bool wait_for_end(struct otlp_telemetry *telemetry, uint64_t last_ns) {
    uv_mutex_lock(&telemetry->lock);
    while (!telemetry->has_ended && wait_for_change(telemetry, last_ns))
        continue;
    bool has_ended = telemetry->has_ended;
    uv_mutex_unlock(&telemetry->lock);
    return has_ended;
}

static void end_without_destructors(int status, void *unused) {
    (void)unused;
    fflush(NULL);
    _exit(status);
}

static void leave_behind(struct otlp_telemetry *telemetry) {
    pthread_detach(telemetry->thread);
    (void)!on_exit(end_without_destructors, NULL); /* without memory the end waits */
}

/* The lock is held over both: a thread that knows of the stop may have closed the handle that wakes
 * it, and its loop, before it was woken. */
static void tell_to_stop(struct otlp_telemetry *telemetry, uint64_t stop_at_ns) {
    uv_mutex_lock(&telemetry->lock);
    telemetry->stop_at_ns = stop_at_ns;
    wakeup_send(&telemetry->waker);
    uv_mutex_unlock(&telemetry->lock);
}

void otlp_telemetry_flush(struct otlp_telemetry *telemetry, uint64_t limit_ns) {
    if (!telemetry || !telemetry->has_thread)
        return;
    uint64_t last_ns = clock_monotonic_ns() + limit_ns;
    uv_mutex_lock(&telemetry->lock);
    unsigned wanted = ++telemetry->n_flushes_wanted;
    wakeup_send(&telemetry->waker);
    while (telemetry->n_flushes_done != wanted && wait_for_change(telemetry, last_ns))
        continue;
    uv_mutex_unlock(&telemetry->lock);
}

bool otlp_telemetry_stop(struct otlp_telemetry *telemetry, uint64_t limit_ns) {
    if (!telemetry)
        return true;
    if (!telemetry->has_thread) {
        otel_sdk_free(telemetry->sdk);
        abandon(telemetry);
        return true;
    }
    uint64_t stop_at_ns = clock_monotonic_ns() + limit_ns;
    tell_to_stop(telemetry, stop_at_ns);
    if (!wait_for_end(telemetry, stop_at_ns + OTLP_STOP_GRACE_MS * NS_PER_MS)) {
        leave_behind(telemetry);
        return false;
    }
    pthread_join(telemetry->thread, NULL);
    telemetry_free(telemetry);
    return true;
}

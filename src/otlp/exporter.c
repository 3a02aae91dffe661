/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy of the export; what each answer means is verdict.c.
 *
 * - A request is encoded once and sent until it is delivered, refused or too late. The back-off is
 *   that of a connection (grpc/backoff.h): 1 s, times 1.6, with jitter, and anew for each batch.
 * - A receiver that says how long to stay away is believed, up to OTLP_MAX_WAIT_S, for the batches
 *   that follow too: they wait for that moment, or for their own deadline.
 * - When the next attempt would come too late, the batch is given up at once.
 * - What does not fit into a request is halved until it does, down to a single item. Metrics are
 * not cut: a collection is one.
 *
 * What is lost, and why, is in the outcome: the SDK counts it and tells the log. Here only what no
 * outcome holds is logged: what a receiver wants to tell though it took all, at most once in
 * OTLP_WARNING_LINE_S.
 */
#include "otlp/exporter.h"

#include <assert.h>
#include <inttypes.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "grpc/backoff.h"
#include "otlp/encode.h"
#include "otlp/hint.h"
#include "otlp/limits.h"
#include "otlp/verdict.h"

enum exporter_state {
    EXPORTER_IDLE,
    EXPORTER_WAITING,
    EXPORTER_SENDING,
};

struct otlp_exporter {
    struct otel_exporter base;
    struct otel_exporter_ops ops;
    enum otel_signal signal;
    struct otlp_sender *sender;
    const struct otel_otlp_settings *settings;
    struct random jitter;
    void (*changed)(void *user);
    void *user;

    enum exporter_state state;
    struct otel_batch batch; /* what is left of it */
    struct otel_export *export;
    size_t n_part; /* items in `request`; 0: it has to be encoded */
    struct buf request;
    unsigned n_failed;           /* attempts with `request`, in a row */
    uint64_t due_ns;             /* WAITING: the next attempt; SENDING: the end of this one */
    uint64_t stay_away_until_ns; /* as the receiver asked for */

    size_t n_rejected;      /* of the batch so far */
    const char *error_type; /* of the last that went wrong; NULL: nothing has */
    uint64_t now_ns;        /* of the last that happened */
    struct err_text words;  /* about it */
    uint64_t warned_at_ns;
};

const char *const otlp_signal_words[OTEL_N_SIGNALS] = {
    [OTEL_TRACES] = "spans", [OTEL_METRICS] = "metrics", [OTEL_LOGS] = "log records"};

/* ---- words ---- */

static void exporter_remember(struct otlp_exporter *exporter, const struct otlp_verdict *verdict) {
    exporter->error_type = verdict->error_type;
    exporter->words = verdict->words;
}

/* Some receivers say the same for each batch. */
static void exporter_pass_on(struct otlp_exporter *exporter, const struct otlp_verdict *verdict,
                             uint64_t now_ns) {
    uint64_t told_ns = exporter->warned_at_ns;
    if (told_ns && now_ns - told_ns < OTLP_WARNING_LINE_S * NS_PER_S)
        return;
    exporter->warned_at_ns = now_ns;
    log_warn("telemetry: the receiver of %s says: %s", otlp_signal_words[exporter->signal],
             verdict->words.text);
}

/* ---- the end of a batch ---- */

static void exporter_done(struct otlp_exporter *exporter, uint64_t now_ns) {
    const struct otel_export_outcome outcome = {
        .n_rejected = exporter->n_rejected,
        .error_type = exporter->error_type,
        .words = exporter->error_type && exporter->words.text[0] ? exporter->words.text : NULL,
    };
    exporter->state = EXPORTER_IDLE;
    if (exporter->request.cap > OTLP_KEPT_REQUEST)
        buf_release(&exporter->request);
    otel_export_done(STEAL(exporter->export), &outcome, now_ns);
}

/* All that is left is lost. */
static void exporter_lose_rest(struct otlp_exporter *exporter, uint64_t now_ns) {
    exporter->n_rejected += exporter->batch.n;
    exporter_done(exporter, now_ns);
}

/* ---- parts ---- */

/* The first `n_part` items are through; the rest is due at once. */
static void exporter_end_part(struct otlp_exporter *exporter, uint64_t now_ns) {
    struct otel_batch *batch = &exporter->batch;
    batch->n -= exporter->n_part;
    if (batch->n == 0) {
        exporter_done(exporter, now_ns);
        return;
    }
    if (batch->encoded)
        batch->encoded += exporter->n_part;
    else if (batch->signal == OTEL_TRACES)
        batch->spans += exporter->n_part;
    else
        batch->logs += exporter->n_part;
    exporter->n_part = 0;
    exporter->n_failed = 0;
    exporter->state = EXPORTER_WAITING;
    exporter->due_ns = now_ns;
}

static void exporter_lose_part(struct otlp_exporter *exporter, uint64_t now_ns) {
    exporter->n_rejected += exporter->n_part;
    exporter_end_part(exporter, now_ns);
}

/* As many items as a request takes. 0, BUF_E_FULL (not even one fits; it is the part) or -ENOMEM.
 */
static int exporter_encode(struct otlp_exporter *exporter) {
    struct otel_batch part = exporter->batch;
    for (;;) {
        buf_reset(&exporter->request);
        int r = otlp_encode(&part, &exporter->request);
        exporter->n_part = part.n;
        if (r != BUF_E_FULL || part.n <= 1 || part.signal == OTEL_METRICS)
            return r;
        part.n = (part.n + 1) / 2;
    }
}

/* ---- attempts ---- */

/* An attempt has failed and may be made again. */
static void exporter_back_off(struct otlp_exporter *exporter, const struct otlp_verdict *verdict,
                              uint64_t now_ns) {
    uint64_t wait_ns = grpc_backoff_ns(++exporter->n_failed, random_unit(&exporter->jitter));
    if (verdict->has_wait) {
        uint64_t most_ns = OTLP_MAX_WAIT_S * NS_PER_S;
        wait_ns = verdict->wait_ns < most_ns ? verdict->wait_ns : most_ns;
        exporter->stay_away_until_ns = now_ns + wait_ns;
    }
    if (now_ns + wait_ns >= exporter->batch.deadline_ns) {
        exporter_lose_rest(exporter, now_ns);
        return;
    }
    log_debug("telemetry: %s: %s; sent again in %" PRIu64 " ms",
              otlp_signal_words[exporter->signal], verdict->words.text, wait_ns / NS_PER_MS);
    exporter->state = EXPORTER_WAITING;
    exporter->due_ns = now_ns + wait_ns;
}

static void exporter_delivered(struct otlp_exporter *exporter, const struct otlp_verdict *verdict,
                               uint64_t now_ns) {
    uint64_t n = verdict->n_rejected;
    size_t n_rejected = n < exporter->n_part ? (size_t)n : exporter->n_part;
    exporter->n_rejected += n_rejected;
    if (n_rejected == 0 && verdict->words.text[0])
        exporter_pass_on(exporter, verdict, now_ns);
    /* What a retry has mended is no error of the batch; what an earlier part lost is. */
    if (n_rejected || exporter->n_rejected == 0)
        exporter_remember(exporter, verdict);
    exporter_end_part(exporter, now_ns);
}

static void exporter_take(struct otlp_exporter *exporter, const struct otlp_verdict *verdict,
                          uint64_t now_ns) {
    if (verdict->course == OTLP_DELIVERED) {
        exporter_delivered(exporter, verdict, now_ns);
        return;
    }
    exporter_remember(exporter, verdict);
    otlp_hint_add(&(struct otlp_failure){exporter->settings, verdict->error_type},
                  &exporter->words);
    if (verdict->course == OTLP_TRY_AGAIN)
        exporter_back_off(exporter, verdict, now_ns);
    else
        exporter_lose_part(exporter, now_ns);
}

static void on_answer(void *user, const struct otlp_answer *answer, uint64_t now_ns) {
    struct otlp_exporter *exporter = user;
    struct otlp_verdict verdict;
    assert(exporter->state == EXPORTER_SENDING);
    exporter->now_ns = now_ns;
    otlp_judge(answer, &verdict);
    exporter_take(exporter, &verdict, now_ns);
    if (exporter->changed)
        exporter->changed(exporter->user);
}

/* 0, or the request cannot be made, and what was to be in it is lost. */
static int exporter_prepare(struct otlp_exporter *exporter, uint64_t now_ns) {
    struct otlp_verdict verdict = {.course = OTLP_GIVE_UP};
    int r = exporter->n_part ? 0 : exporter_encode(exporter);
    if (r == 0)
        return 0;
    if (r == BUF_E_FULL)
        err_say(&verdict.words, "a request of %zu would be over %zu bytes", exporter->n_part,
                exporter->request.max);
    else
        err_say(&verdict.words, "memory ran out");
    verdict.error_type = r == BUF_E_FULL ? "too_large" : "out_of_memory";
    exporter_take(exporter, &verdict, now_ns);
    return r;
}

/* Settings without a limit give it as long as its batch has. */
static uint64_t attempt_time(const struct otlp_exporter *exporter, uint64_t now_ns) {
    uint64_t most_ns = OTLP_MAX_ATTEMPT_S * NS_PER_S;
    uint64_t timeout_ns = exporter->settings->timeout_ns;
    uint64_t left_ns = exporter->batch.deadline_ns - now_ns;
    if (timeout_ns > 0 && timeout_ns < most_ns)
        most_ns = timeout_ns;
    return left_ns < most_ns ? left_ns : most_ns;
}

static void exporter_attempt(struct otlp_exporter *exporter, uint64_t now_ns) {
    if (exporter_prepare(exporter, now_ns))
        return;
    const struct otlp_request request = {
        .message = buf_bytes(&exporter->request),
        .timeout_ns = attempt_time(exporter, now_ns),
        .answered = on_answer,
        .user = exporter,
    };
    exporter->state = EXPORTER_SENDING;
    exporter->due_ns = now_ns + request.timeout_ns + OTLP_GRACE_MS * NS_PER_MS;
    exporter->sender->ops->send(exporter->sender, &request);
}

static void exporter_time_out(struct otlp_exporter *exporter, uint64_t now_ns) {
    struct otlp_verdict verdict = {.course = OTLP_TRY_AGAIN, .error_type = "timeout"};
    exporter->sender->ops->cancel(exporter->sender);
    err_say(&verdict.words, "no answer in time");
    exporter_take(exporter, &verdict, now_ns);
}

/* The deadline has passed while it waited. */
static void exporter_expire(struct otlp_exporter *exporter, uint64_t now_ns) {
    if (!exporter->error_type) {
        exporter->error_type = "timeout";
        err_say(&exporter->words, "the receiver asked to be left alone for longer");
    }
    exporter_lose_rest(exporter, now_ns);
}

/* An attempt has been given no more time than there is. */
static uint64_t exporter_due(const struct otlp_exporter *exporter) {
    uint64_t deadline_ns = exporter->batch.deadline_ns;
    bool is_late = exporter->state == EXPORTER_WAITING && exporter->due_ns > deadline_ns;
    return is_late ? deadline_ns : exporter->due_ns;
}

uint64_t otlp_exporter_turn(struct otlp_exporter *exporter, uint64_t now_ns) {
    exporter->now_ns = now_ns;
    while (exporter->state != EXPORTER_IDLE) {
        if (now_ns < exporter_due(exporter))
            return exporter_due(exporter);
        if (exporter->state == EXPORTER_SENDING)
            exporter_time_out(exporter, now_ns);
        else if (now_ns >= exporter->batch.deadline_ns)
            exporter_expire(exporter, now_ns);
        else
            exporter_attempt(exporter, now_ns);
    }
    return UINT64_MAX;
}

/* ---- as the SDK sees it ---- */

static struct otlp_exporter *exporter_of(struct otel_exporter *base) {
    return CONTAINER_OF(base, struct otlp_exporter, base);
}

/* The turn that follows sends it. Metrics are encoded now: they are lent for this call only. */
static void exporter_send(struct otel_exporter *base, const struct otel_batch *batch,
                          struct otel_export *export, uint64_t now_ns) {
    struct otlp_exporter *exporter = exporter_of(base);
    assert(exporter->state == EXPORTER_IDLE && batch->signal == exporter->signal && batch->n > 0);
    exporter->batch = *batch;
    exporter->export = export;
    exporter->n_part = 0;
    exporter->n_failed = 0;
    exporter->n_rejected = 0;
    exporter->error_type = NULL;
    exporter->now_ns = now_ns;
    exporter->state = EXPORTER_WAITING;
    exporter->due_ns =
        exporter->stay_away_until_ns > now_ns ? exporter->stay_away_until_ns : now_ns;
    if (batch->signal == OTEL_METRICS) {
        (void)exporter_prepare(exporter, now_ns);
        exporter->batch.metrics = NULL;
    }
}

static void exporter_cancel(struct otel_exporter *base) {
    struct otlp_exporter *exporter = exporter_of(base);
    if (exporter->state == EXPORTER_IDLE)
        return;
    if (exporter->state == EXPORTER_SENDING)
        exporter->sender->ops->cancel(exporter->sender);
    if (!exporter->error_type) {
        exporter->error_type = "cancelled";
        err_say(&exporter->words, "given up before there was an answer");
    }
    exporter_lose_rest(exporter, exporter->now_ns);
}

static void exporter_free(struct otel_exporter *base) {
    struct otlp_exporter *exporter = exporter_of(base);
    assert(exporter->state == EXPORTER_IDLE);
    exporter->sender->ops->free(exporter->sender);
    buf_fini(&exporter->request);
    mem_free(exporter);
}

int otlp_exporter_new(const struct otlp_exporter_options *options, struct otlp_exporter **out) {
    struct otlp_exporter *exporter = mem_new(struct otlp_exporter);
    if (!exporter)
        return err_trace(-ENOMEM);
    exporter->ops = (struct otel_exporter_ops){
        .component_type = options->sender->ops->component_types[options->signal],
        .send = exporter_send,
        .cancel = exporter_cancel,
        .free = exporter_free,
        .encoder = &otlp_encoder,
    };
    exporter->base.ops = &exporter->ops;
    exporter->signal = options->signal;
    exporter->sender = options->sender;
    exporter->settings = options->settings;
    exporter->changed = options->changed;
    exporter->user = options->user;
    random_init(&exporter->jitter, options->seed);
    buf_init(&exporter->request, options->sender->ops->max_request);
    *out = exporter;
    return 0;
}

struct otel_exporter *otlp_exporter_base(struct otlp_exporter *exporter) {
    return &exporter->base;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop turns until `is_over`: by the answer, or by the timer, which is a little later than the
 * sender's own timeout, so that it is the sender who says why. Afterwards the loop runs on until
 * the sender's handles are closed.
 */
#include "otlp/probe.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/random.h"
#include "otel/exporter.h"
#include "otlp/encode.h"
#include "otlp/hint.h"
#include "otlp/limits.h"
#include "otlp/verdict.h"

#define ITEM_NAME "thermograph.doctor"

struct probe {
    const struct otlp_probe_options *options;
    struct otlp_probe_outcome *outcome;
    struct net_loop loop;
    struct otlp_sender *sender;
    struct buf request;
    uv_timer_t timer;
    uint64_t started_ns;
    bool is_over;
};

/* ---- the item ---- */

static struct otel_scope scope_of_items(void) {
    return (struct otel_scope){.name = bytes_str("thermograph"),
                               .version = bytes_str(THERMOGRAPH_VERSION)};
}

static int encode_span(const struct otel_resource *resource, struct buf *request) {
    const struct otel_scope scope = scope_of_items();
    uint64_t now_ns = clock_wall_ns();
    struct otel_span_data span = {
        .scope = &scope,
        .context = {.flags = OTEL_FLAG_SAMPLED | OTEL_FLAG_RANDOM},
        .kind = OTEL_KIND_INTERNAL,
        .name = bytes_str(ITEM_NAME),
        .start_ns = now_ns,
        .end_ns = now_ns,
    };
    const struct otel_span_data *const spans[] = {&span};
    int r = random_bytes(&span.context.trace_id, sizeof(span.context.trace_id));
    if (r == 0)
        r = random_bytes(&span.context.span_id, sizeof(span.context.span_id));
    if (r)
        return err_trace(r);
    const struct otel_batch batch = {
        .signal = OTEL_TRACES, .resource = resource, .spans = spans, .n = 1};
    return otlp_encode(&batch, request);
}

static int encode_metric(const struct otel_resource *resource, struct buf *request) {
    const struct otel_scope scope = scope_of_items();
    uint64_t now_ns = clock_wall_ns();
    const struct otel_point point = {.start_ns = now_ns, .time_ns = now_ns, .integer = 1};
    const struct otel_metric metric = {
        .name = ITEM_NAME,
        .unit = "1",
        .description = "Sent by `thermograph doctor' to see whether it arrives",
        .kind = OTEL_GAUGE,
        .is_integer = true,
        .points = &point,
        .n_points = 1,
    };
    const struct otel_scope_metrics of_scope = {&scope, &metric, 1};
    const struct otel_metrics metrics = {resource, &of_scope, 1, 1};
    const struct otel_batch batch = {
        .signal = OTEL_METRICS, .resource = resource, .n = 1, .metrics = &metrics};
    return otlp_encode(&batch, request);
}

static int encode_log(const struct otel_resource *resource, struct buf *request) {
    const struct otel_scope scope = scope_of_items();
    uint64_t now_ns = clock_wall_ns();
    const struct otel_log_data log = {
        .scope = &scope,
        .time_ns = now_ns,
        .observed_ns = now_ns,
        .severity = OTEL_INFO,
        .severity_text = bytes_str("INFO"),
        .body = otel_str("sent by `thermograph doctor' to see whether it arrives"),
        .event_name = bytes_str(ITEM_NAME),
    };
    const struct otel_log_data *const logs[] = {&log};
    const struct otel_batch batch = {
        .signal = OTEL_LOGS, .resource = resource, .logs = logs, .n = 1};
    return otlp_encode(&batch, request);
}

/* 0 or a negated errno: what one item takes is always within the limit of a request. */
static int encode_item(struct probe *probe) {
    static int (*const encode[OTEL_N_SIGNALS])(const struct otel_resource *, struct buf *) = {
        [OTEL_TRACES] = encode_span, [OTEL_METRICS] = encode_metric, [OTEL_LOGS] = encode_log};
    int r = encode[probe->options->signal](probe->options->resource, &probe->request);
    return r > 0 ? -E2BIG : r;
}

/* ---- the answer ---- */

static void probe_end(struct probe *probe, enum otlp_probe_result result, const char *error_type) {
    const struct otlp_failure failure = {probe->options->settings, error_type};
    if (result == OTLP_PROBE_FAILED)
        otlp_hint_add(&failure, &probe->outcome->words);
    probe->outcome->result = result;
    probe->outcome->error_type = error_type;
    probe->outcome->took_ns = clock_monotonic_ns() - probe->started_ns;
    probe->is_over = true;
}

static void on_answer(void *user, const struct otlp_answer *answer, uint64_t now_ns) {
    struct probe *probe = user;
    struct otlp_verdict verdict;
    (void)now_ns;
    otlp_judge(answer, &verdict);
    probe->outcome->words = verdict.words;
    bool is_delivered = verdict.course == OTLP_DELIVERED;
    enum otlp_probe_result of_delivered =
        verdict.n_rejected ? OTLP_PROBE_REJECTED : OTLP_PROBE_ACCEPTED;
    probe_end(probe, is_delivered ? of_delivered : OTLP_PROBE_FAILED, verdict.error_type);
}

static void on_late(uv_timer_t *timer) {
    struct probe *probe = timer->data;
    if (probe->is_over)
        return;
    probe->sender->ops->cancel(probe->sender);
    err_say(&probe->outcome->words, "no answer in time");
    probe_end(probe, OTLP_PROBE_FAILED, "timeout");
}

static void probe_send(struct probe *probe) {
    uint64_t timeout_ns = probe->options->timeout_ns;
    const struct otlp_request request = {
        .message = buf_bytes(&probe->request),
        .timeout_ns = timeout_ns,
        .answered = on_answer,
        .user = probe,
    };
    uv_timer_init(&probe->loop.uv, &probe->timer);
    probe->timer.data = probe;
    uv_timer_start(&probe->timer, on_late, timeout_ns / NS_PER_MS + OTLP_GRACE_MS, 0);
    probe->sender->ops->send(probe->sender, &request);
    while (!probe->is_over)
        uv_run(&probe->loop.uv, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&probe->timer, NULL);
}

/* Without a sender there is nothing to wait for, and the words are about the settings. */
static int probe_run(struct probe *probe) {
    const struct otlp_probe_options *options = probe->options;
    int r = encode_item(probe);
    if (r)
        return r;
    r = otlp_sender_new(&probe->loop, options->settings, options->signal, &probe->sender,
                        &probe->outcome->words);
    if (r == -ENOMEM)
        return r;
    if (r) {
        probe_end(probe, OTLP_PROBE_UNUSABLE, NULL);
        return 0;
    }
    probe_send(probe);
    probe->sender->ops->free(probe->sender);
    return 0;
}

int otlp_probe(const struct otlp_probe_options *options, struct otlp_probe_outcome *outcome) {
    struct probe probe = {
        .options = options, .outcome = outcome, .started_ns = clock_monotonic_ns()};
    *outcome = (struct otlp_probe_outcome){0};
    int r = net_loop_init(&probe.loop, NULL, NULL);
    if (r)
        return err_trace(r);
    buf_init(&probe.request, OTLP_MAX_REQUEST);
    r = probe_run(&probe);
    net_loop_close(&probe.loop);
    net_loop_run(&probe.loop);
    net_loop_fini(&probe.loop);
    buf_fini(&probe.request);
    return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The exporter between a sender that answers what a test wants and an SDK that only listens. Time
 * is a number. */
#include "otlp/exporter.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "otlp/limits.h"
#include "proto/wire.h"
#include "samples.h"
#include "unit.h"

#define S     NS_PER_S
#define GRACE (OTLP_GRACE_MS * NS_PER_MS)

/* ---- the sender ---- */

struct fake {
    struct otlp_sender base;
    struct otlp_sender_ops ops;
    unsigned n_sent, n_cancelled, n_freed;
    struct otlp_request request;
    bool is_busy;
    const struct otlp_answer *answers_at_once;
};

static struct fake fake;
static uint64_t now_ns;

static void fake_send(struct otlp_sender *sender, const struct otlp_request *request) {
    (void)sender;
    assert_false(fake.is_busy);
    fake.n_sent++;
    fake.request = *request;
    fake.is_busy = !fake.answers_at_once;
    if (fake.answers_at_once)
        request->answered(request->user, fake.answers_at_once, now_ns);
}

static void fake_cancel(struct otlp_sender *sender) {
    (void)sender;
    assert_true(fake.is_busy);
    fake.is_busy = false;
    fake.n_cancelled++;
}

static void fake_free(struct otlp_sender *sender) {
    (void)sender;
    assert_false(fake.is_busy);
    fake.n_freed++;
}

static void answer(const struct otlp_answer *with) {
    assert_true(fake.is_busy);
    fake.is_busy = false;
    fake.request.answered(fake.request.user, with, now_ns);
}

static void answer_grpc(enum grpc_status status, const char *text) {
    answer(&(struct otlp_answer){.kind = OTLP_ANSWER_GRPC, .code = (int)status, .text = text});
}

/* ---- the SDK ---- */

struct otel_export {
    unsigned n_done;
    size_t n_rejected;
    const char *error_type;
    char words[512];
    const struct otel_batch *next; /* sent from inside */
};

static struct otel_export export;
static struct otlp_exporter *exporter;

void otel_export_done(struct otel_export *done, const struct otel_export_outcome *outcome,
                      uint64_t at_ns) {
    assert_int_equal(at_ns, now_ns);
    done->n_done++;
    done->n_rejected = outcome->n_rejected;
    done->error_type = outcome->error_type;
    snprintf(done->words, sizeof(done->words), "%s", outcome->words ? outcome->words : "");
    const struct otel_batch *next = STEAL(done->next);
    if (next) {
        struct otel_exporter *base = otlp_exporter_base(exporter);
        base->ops->send(base, next, &export, now_ns);
    }
}

/* ---- the log ---- */

static char lines[4096];

static void keep_line(enum log_level level, const char *line, size_t len) {
    (void)level;
    size_t n = strlen(lines);
    snprintf(lines + n, sizeof(lines) - n, "%.*s", (int)len, line);
}

/* Of the outcome. */
static void assert_words(const char *words) {
    assert_string_equal(export.words, words);
}

static unsigned n_lines(void) {
    unsigned n = 0;
    for (const char *at = lines; (at = strchr(at, '\n')); at++)
        n++;
    return n;
}

/* ---- setting up ---- */

static unsigned n_changes;
static struct otel_otlp_settings settings = {
    .protocol = OTEL_PROTOCOL_GRPC, .endpoint = "http://localhost:4317", .timeout_ns = 10 * S};

static void count_change(void *user) {
    (void)user;
    n_changes++;
}

static void make(enum otel_signal signal, size_t max_request) {
    fake = (struct fake){.ops = {.component_types = {"spans", "metrics", "logs"},
                                 .max_request = max_request,
                                 .send = fake_send,
                                 .cancel = fake_cancel,
                                 .free = fake_free}};
    fake.base.ops = &fake.ops;
    export = (struct otel_export){0};
    lines[0] = '\0';
    n_changes = 0;
    now_ns = 1000 * S;
    const struct otlp_exporter_options options = {.signal = signal,
                                                  .sender = &fake.base,
                                                  .settings = &settings,
                                                  .changed = count_change,
                                                  .seed = 1};
    assert_int_equal(otlp_exporter_new(&options, &exporter), 0);
}

static int setup(void **state) {
    (void)state;
    log_redirect(keep_line);
    make(OTEL_TRACES, OTLP_MAX_REQUEST);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    struct otel_exporter *base = otlp_exporter_base(exporter);
    base->ops->free(base);
    assert_int_equal(fake.n_freed, 1);
    log_redirect(NULL);
    return 0;
}

static struct otel_batch batch_of(const struct otel_batch *sample) {
    struct otel_batch batch = *sample;
    batch.deadline_ns = now_ns + 30 * S;
    return batch;
}

static void send_batch(const struct otel_batch *batch) {
    struct otel_exporter *base = otlp_exporter_base(exporter);
    base->ops->send(base, batch, &export, now_ns);
    (void)otlp_exporter_turn(exporter, now_ns);
}

static void send_traces(void) {
    const struct otel_batch batch = batch_of(sample_traces());
    send_batch(&batch);
}

/* Lets the time go to the next moment at which something is due. */
static void pass(void) {
    uint64_t due_ns = otlp_exporter_turn(exporter, now_ns);
    assert_true(due_ns > now_ns && due_ns < UINT64_MAX);
    now_ns = due_ns;
    (void)otlp_exporter_turn(exporter, now_ns);
}

static void assert_done(size_t n_rejected, const char *error_type) {
    assert_int_equal(export.n_done, 1);
    assert_int_equal(export.n_rejected, n_rejected);
    if (error_type)
        assert_string_equal(export.error_type, error_type);
    else
        assert_null(export.error_type);
    assert_true(otlp_exporter_turn(exporter, now_ns) == UINT64_MAX);
}

/* ---- what goes well ---- */

static void test_a_batch_is_delivered_with_one_request(void **state) {
    (void)state;
    assert_string_equal(otlp_exporter_base(exporter)->ops->component_type, "spans");
    send_traces();
    assert_int_equal(fake.n_sent, 1);
    assert_true(fake.request.timeout_ns == 10 * S);
    assert_true(fake.request.message.len > 100);
    assert_true(otlp_exporter_turn(exporter, now_ns) == now_ns + 10 * S + GRACE);
    assert_int_equal(n_changes, 0);
    answer_grpc(GRPC_OK, "");
    assert_int_equal(n_changes, 1);
    assert_done(0, NULL);
    assert_words("");
    assert_string_equal(lines, "");
}

static void test_a_sender_may_answer_at_once_and_the_sdk_send_from_inside(void **state) {
    (void)state;
    static const struct otlp_answer ok = {.kind = OTLP_ANSWER_HTTP, .code = 200};
    const struct otel_batch next = batch_of(sample_traces());
    fake.answers_at_once = &ok;
    export.next = &next;
    send_traces();
    assert_int_equal(export.n_done, 2);
    assert_int_equal(fake.n_sent, 2);
}

static void test_an_attempt_gets_no_more_time_than_its_batch_has(void **state) {
    (void)state;
    struct otel_batch batch = batch_of(sample_traces());
    batch.deadline_ns = now_ns + 3 * S;
    send_batch(&batch);
    assert_true(fake.request.timeout_ns == 3 * S);
    answer_grpc(GRPC_OK, "");
    assert_done(0, NULL);
}

static void test_without_a_timeout_an_attempt_has_all_the_time_of_its_batch(void **state) {
    (void)state;
    struct otel_exporter *base = otlp_exporter_base(exporter);
    base->ops->free(base);
    settings.timeout_ns = 0;
    make(OTEL_TRACES, OTLP_MAX_REQUEST);
    struct otel_batch batch = batch_of(sample_traces());
    send_batch(&batch);
    assert_true(fake.request.timeout_ns == 30 * S);
    answer_grpc(GRPC_OK, "");
    export = (struct otel_export){0};
    batch.deadline_ns = UINT64_MAX;
    send_batch(&batch);
    assert_true(fake.request.timeout_ns == OTLP_MAX_ATTEMPT_S * S);
    answer_grpc(GRPC_OK, "");
    assert_done(0, NULL);
    settings.timeout_ns = 10 * S;
}

/* ---- what is tried again ---- */

static void test_unavailable_is_tried_again_and_recovers(void **state) {
    (void)state;
    send_traces();
    answer_grpc(GRPC_UNAVAILABLE, "cannot connect to there port 4317: connection refused");
    uint64_t failed_ns = now_ns;
    pass();
    assert_true(now_ns - failed_ns >= 8 * S / 10 && now_ns - failed_ns <= 12 * S / 10);
    assert_int_equal(fake.n_sent, 2);
    answer_grpc(GRPC_OK, "");
    assert_done(0, NULL);
    assert_words("");
}

static void test_waits_grow_until_the_deadline_and_then_all_is_lost(void **state) {
    (void)state;
    uint64_t begin_ns = now_ns, last_wait_ns = 0;
    send_traces();
    for (;;) {
        answer_grpc(GRPC_UNAVAILABLE, "connection refused");
        if (export.n_done)
            break;
        uint64_t failed_ns = now_ns;
        pass();
        assert_true(now_ns - failed_ns > last_wait_ns);
        last_wait_ns = now_ns - failed_ns;
    }
    assert_in_range(fake.n_sent, 5, 8);
    assert_true(now_ns - begin_ns < 30 * S);
    assert_done(3, "UNAVAILABLE");
    assert_words("UNAVAILABLE: connection refused (is a Collector listening there? "
                 "OTEL_EXPORTER_OTLP_ENDPOINT says where)");
}

struct row {
    enum otlp_answer_kind kind;
    int code;
    bool is_retried;
    const char *error_type;
};

static void check_row(const struct row *row) {
    make(OTEL_TRACES, OTLP_MAX_REQUEST);
    send_traces();
    answer(&(struct otlp_answer){.kind = row->kind, .code = row->code});
    assert_int_equal(export.n_done, !row->is_retried);
    if (row->is_retried) {
        pass();
        assert_int_equal(fake.n_sent, 2);
        answer_grpc(GRPC_OK, "");
        assert_done(0, NULL);
    } else {
        assert_done(3, row->error_type);
    }
    struct otel_exporter *base = otlp_exporter_base(exporter);
    base->ops->free(base);
}

static void test_each_code_is_tried_again_or_given_up_as_the_specification_says(void **state) {
    static const struct row rows[] = {
        {OTLP_ANSWER_GRPC, GRPC_CANCELLED, true, NULL},
        {OTLP_ANSWER_GRPC, GRPC_UNKNOWN, false, "UNKNOWN"},
        {OTLP_ANSWER_GRPC, GRPC_INVALID_ARGUMENT, false, "INVALID_ARGUMENT"},
        {OTLP_ANSWER_GRPC, GRPC_DEADLINE_EXCEEDED, true, NULL},
        {OTLP_ANSWER_GRPC, GRPC_NOT_FOUND, false, "NOT_FOUND"},
        {OTLP_ANSWER_GRPC, GRPC_ALREADY_EXISTS, false, "ALREADY_EXISTS"},
        {OTLP_ANSWER_GRPC, GRPC_PERMISSION_DENIED, false, "PERMISSION_DENIED"},
        {OTLP_ANSWER_GRPC, GRPC_RESOURCE_EXHAUSTED, false, "RESOURCE_EXHAUSTED"},
        {OTLP_ANSWER_GRPC, GRPC_FAILED_PRECONDITION, false, "FAILED_PRECONDITION"},
        {OTLP_ANSWER_GRPC, GRPC_ABORTED, true, NULL},
        {OTLP_ANSWER_GRPC, GRPC_OUT_OF_RANGE, true, NULL},
        {OTLP_ANSWER_GRPC, GRPC_UNIMPLEMENTED, false, "UNIMPLEMENTED"},
        {OTLP_ANSWER_GRPC, GRPC_INTERNAL, false, "INTERNAL"},
        {OTLP_ANSWER_GRPC, GRPC_UNAVAILABLE, true, NULL},
        {OTLP_ANSWER_GRPC, GRPC_DATA_LOSS, true, NULL},
        {OTLP_ANSWER_GRPC, GRPC_UNAUTHENTICATED, false, "UNAUTHENTICATED"},
        {OTLP_ANSWER_HTTP, 301, false, "3xx"},
        {OTLP_ANSWER_HTTP, 400, false, "400"},
        {OTLP_ANSWER_HTTP, 401, false, "401"},
        {OTLP_ANSWER_HTTP, 404, false, "404"},
        {OTLP_ANSWER_HTTP, 408, false, "408"},
        {OTLP_ANSWER_HTTP, 413, false, "413"},
        {OTLP_ANSWER_HTTP, 418, false, "4xx"},
        {OTLP_ANSWER_HTTP, 429, true, NULL},
        {OTLP_ANSWER_HTTP, 500, false, "500"},
        {OTLP_ANSWER_HTTP, 502, true, NULL},
        {OTLP_ANSWER_HTTP, 503, true, NULL},
        {OTLP_ANSWER_HTTP, 504, true, NULL},
        {OTLP_ANSWER_HTTP, 507, false, "5xx"},
        {OTLP_NO_ANSWER, 0, true, NULL},
    };
    (void)state;
    struct otel_exporter *base = otlp_exporter_base(exporter);
    base->ops->free(base);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check_row(&rows[i]);
    make(OTEL_TRACES, OTLP_MAX_REQUEST);
}

static void test_a_connection_closed_by_tls_or_in_mid_answer_is_tried_again(void **state) {
    (void)state;
    send_traces();
    answer(&(struct otlp_answer){.kind = OTLP_NO_ANSWER, .text = "certificate verify failed"});
    pass();
    answer(&(struct otlp_answer){.kind = OTLP_NO_ANSWER});
    pass();
    answer_grpc(GRPC_OK, "");
    assert_int_equal(fake.n_sent, 3);
    assert_done(0, NULL);
}

/* ---- a receiver that says how long to stay away ---- */

/* google.rpc.Status with RetryInfo: retry in `seconds`. */
static struct bytes retry_info(uint8_t seconds) {
    static uint8_t status[64];
    static const char type[] = "type.googleapis.com/google.rpc.RetryInfo"; /* 40 bytes */
    uint8_t *at = status;
    memcpy(at,
           "\x08\x08\x12\x04"
           "full\x1A\x30\x0A\x28",
           12);
    memcpy(at + 12, type, 40);
    memcpy(at + 52, "\x12\x04\x0A\x02\x08", 5);
    at[57] = seconds;
    return bytes_of(status, 58);
}

static void test_resource_exhausted_with_retry_info_waits_as_it_says(void **state) {
    (void)state;
    uint64_t begin_ns = now_ns;
    send_traces();
    answer(&(struct otlp_answer){
        .kind = OTLP_ANSWER_GRPC, .code = GRPC_RESOURCE_EXHAUSTED, .body = retry_info(7)});
    pass();
    assert_true(now_ns == begin_ns + 7 * S);
    answer_grpc(GRPC_OK, "");
    assert_done(0, NULL);
}

static void test_429_with_retry_after_waits_as_it_says(void **state) {
    (void)state;
    uint64_t begin_ns = now_ns;
    send_traces();
    answer(&(struct otlp_answer){.kind = OTLP_ANSWER_HTTP, .code = 429, .retry_after_ns = 12 * S});
    pass();
    assert_true(now_ns == begin_ns + 12 * S);
    answer(&(struct otlp_answer){.kind = OTLP_ANSWER_HTTP, .code = 200});
    assert_done(0, NULL);
}

static void test_a_wait_past_the_deadline_loses_the_batch_and_holds_the_next(void **state) {
    (void)state;
    uint64_t begin_ns = now_ns;
    send_traces();
    answer(&(struct otlp_answer){.kind = OTLP_ANSWER_HTTP, .code = 503, .retry_after_ns = 40 * S});
    assert_done(3, "503");
    export = (struct otel_export){0};
    now_ns += 20 * S;
    send_traces();
    assert_int_equal(fake.n_sent, 1);
    pass();
    assert_true(now_ns == begin_ns + 40 * S);
    assert_int_equal(fake.n_sent, 2);
    answer_grpc(GRPC_OK, "");
    assert_done(0, NULL);
}

static void test_a_receiver_that_says_a_day_is_asked_again_after_minutes(void **state) {
    (void)state;
    send_traces();
    answer(
        &(struct otlp_answer){.kind = OTLP_ANSWER_HTTP, .code = 429, .retry_after_ns = 86400 * S});
    export = (struct otel_export){0};
    now_ns += OTLP_MAX_WAIT_S * S;
    send_traces();
    assert_int_equal(fake.n_sent, 2);
    answer_grpc(GRPC_OK, "");
    assert_done(0, NULL);
}

static void test_a_batch_whose_deadline_passes_while_it_stays_away_is_lost(void **state) {
    (void)state;
    send_traces();
    answer(&(struct otlp_answer){.kind = OTLP_ANSWER_HTTP, .code = 429, .retry_after_ns = 100 * S});
    export = (struct otel_export){0};
    send_traces();
    pass();
    assert_int_equal(fake.n_sent, 1);
    assert_done(3, "timeout");
}

/* ---- what is never sent again ---- */

static void test_partial_success_is_counted_and_never_sent_again(void **state) {
    (void)state;
    send_traces();
    answer(&(struct otlp_answer){.kind = OTLP_ANSWER_GRPC,
                                 .body = bytes_of("\x0A\x0A\x08\x02\x12\x06old ts", 12)});
    assert_int_equal(fake.n_sent, 1);
    assert_done(2, "rejected");
    assert_words("old ts");
    assert_string_equal(lines, "");
}

static void test_partial_success_claims_no_more_than_there_was(void **state) {
    (void)state;
    send_traces();
    answer(&(struct otlp_answer){.kind = OTLP_ANSWER_GRPC,
                                 .body = bytes_of("\x0A\x03\x08\xE8\x07", 5)});
    assert_done(3, "rejected");
}

static void test_a_warning_without_rejections_is_told_at_most_once_a_minute(void **state) {
    (void)state;
    for (unsigned i = 0; i < 61; i++) {
        export = (struct otel_export){0};
        send_traces();
        answer(&(struct otlp_answer){.kind = OTLP_ANSWER_GRPC,
                                     .body = bytes_of("\x0A\x05\x12\x03use", 7)});
        assert_done(0, NULL);
        now_ns += S;
    }
    assert_int_equal(n_lines(), 2);
    assert_non_null(strstr(lines, "telemetry: the receiver of spans says: use\n"));
}

static void test_an_answer_that_is_no_message_counts_by_its_status(void **state) {
    (void)state;
    send_traces();
    answer(&(struct otlp_answer){
        .kind = OTLP_ANSWER_HTTP, .code = 200, .body = bytes_str("{\"partialSuccess\":{}}")});
    assert_done(0, NULL);
}

static void test_a_permanent_error_is_told_with_the_words_of_its_body(void **state) {
    (void)state;
    send_traces();
    answer(&(struct otlp_answer){
        .kind = OTLP_ANSWER_HTTP, .code = 400, .body = bytes_of("\x08\x03\x12\x08no such!", 12)});
    assert_done(3, "400");
    assert_words("HTTP status 400: no such!");
}

/* ---- deadlines ---- */

static void test_a_sender_that_hangs_is_given_up_and_tried_again(void **state) {
    (void)state;
    uint64_t begin_ns = now_ns;
    send_traces();
    pass();
    assert_true(now_ns == begin_ns + 10 * S + GRACE);
    assert_int_equal(fake.n_cancelled, 1);
    pass();
    assert_int_equal(fake.n_sent, 2);
    pass();
    assert_int_equal(fake.n_cancelled, 2);
    pass();
    pass();
    assert_true(now_ns <= begin_ns + 30 * S + GRACE);
    assert_done(3, "timeout");
    assert_words("no answer in time (OTEL_EXPORTER_OTLP_TIMEOUT gives it more time)");
}

static void test_cancelling_ends_it_in_every_state(void **state) {
    (void)state;
    struct otel_exporter *base = otlp_exporter_base(exporter);
    base->ops->cancel(base);
    send_traces();
    base->ops->cancel(base);
    assert_int_equal(fake.n_cancelled, 1);
    assert_done(3, "cancelled");
    export = (struct otel_export){0};
    send_traces();
    answer_grpc(GRPC_UNAVAILABLE, "no route");
    base->ops->cancel(base);
    assert_int_equal(fake.n_cancelled, 1);
    assert_done(3, "UNAVAILABLE");
    assert_words("UNAVAILABLE: no route");
}

/* ---- sizes and memory ---- */

/* One span at a time: it takes that many requests, and what is rejected adds up. */
static void test_a_batch_too_large_for_one_request_goes_out_in_several(void **state) {
    (void)state;
    const struct otel_span_data *const spans[] = {
        sample_traces()->spans[1], sample_traces()->spans[2], sample_traces()->spans[1]};
    struct otel_batch batch = batch_of(sample_traces());
    batch.spans = spans;
    struct otel_exporter *base = otlp_exporter_base(exporter);
    base->ops->free(base);
    make(OTEL_TRACES, 200);
    send_batch(&batch);
    answer_grpc(GRPC_OK, "");
    (void)otlp_exporter_turn(exporter, now_ns);
    answer(
        &(struct otlp_answer){.kind = OTLP_ANSWER_GRPC, .body = bytes_of("\x0A\x02\x08\x01", 4)});
    (void)otlp_exporter_turn(exporter, now_ns);
    answer_grpc(GRPC_OK, "");
    assert_int_equal(fake.n_sent, 3);
    assert_done(1, "rejected");
}

/* How it comes from an SDK: of items that are written each goes out once, in its turn. */
static void test_written_items_too_many_for_one_request_go_out_in_several(void **state) {
    (void)state;
    enum {
        N = 3,
        ITEM = 1000,
    };
    static char texts[N][ITEM];
    struct otel_encoded items[N];
    const struct otel_encoded *encoded[N];
    struct otel_batch batch = batch_of(sample_logs());
    for (size_t i = 0; i < N; i++) {
        memset(texts[i], '1' + (int)i, ITEM);
        items[i] = (struct otel_encoded){batch.logs[0]->scope, bytes_of(texts[i], ITEM)};
        encoded[i] = &items[i];
    }
    batch.logs = NULL;
    batch.encoded = encoded;
    batch.n = N;
    struct otel_exporter *base = otlp_exporter_base(exporter);
    base->ops->free(base);
    make(OTEL_LOGS, 2 * ITEM);
    send_batch(&batch);
    for (size_t i = 0; i < N; i++) {
        struct bytes sent = fake.request.message;
        for (size_t k = 0; k < N; k++)
            assert_int_equal(memmem(sent.data, sent.len, texts[k], ITEM) != NULL, i == k);
        answer_grpc(GRPC_OK, "");
        (void)otlp_exporter_turn(exporter, now_ns);
    }
    assert_int_equal(fake.n_sent, N);
    assert_done(0, NULL);
}

static void test_a_span_too_large_for_any_request_is_lost_and_the_rest_is_not(void **state) {
    (void)state;
    struct otel_exporter *base = otlp_exporter_base(exporter);
    base->ops->free(base);
    make(OTEL_TRACES, 512);
    send_traces();
    (void)otlp_exporter_turn(exporter, now_ns);
    while (fake.is_busy) {
        answer_grpc(GRPC_OK, "");
        (void)otlp_exporter_turn(exporter, now_ns);
    }
    assert_done(1, "too_large");
    assert_words("a request of 1 would be over 512 bytes");
}

static void test_metrics_too_large_for_a_request_are_lost_whole(void **state) {
    (void)state;
    struct otel_exporter *base = otlp_exporter_base(exporter);
    base->ops->free(base);
    make(OTEL_METRICS, 64);
    const struct otel_batch batch = batch_of(sample_metrics());
    send_batch(&batch);
    assert_int_equal(fake.n_sent, 0);
    assert_done(7, "too_large");
}

static void test_without_memory_a_batch_is_lost_and_nothing_else(void **state) {
    (void)state;
    fail_alloc_at(1);
    send_traces();
    fail_alloc_off();
    assert_done(3, "out_of_memory");
    export = (struct otel_export){0};
    send_traces();
    answer_grpc(GRPC_OK, "");
    assert_done(0, NULL);
    struct otlp_exporter *none = NULL;
    const struct otlp_exporter_options options = {.sender = &fake.base};
    fail_alloc_at(1);
    int r = otlp_exporter_new(&options, &none);
    fail_alloc_off();
    assert_int_equal(r, -ENOMEM);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_batch_is_delivered_with_one_request),
        TEST(test_a_sender_may_answer_at_once_and_the_sdk_send_from_inside),
        TEST(test_without_a_timeout_an_attempt_has_all_the_time_of_its_batch),
        TEST(test_an_attempt_gets_no_more_time_than_its_batch_has),
        TEST(test_unavailable_is_tried_again_and_recovers),
        TEST(test_waits_grow_until_the_deadline_and_then_all_is_lost),
        TEST(test_each_code_is_tried_again_or_given_up_as_the_specification_says),
        TEST(test_a_connection_closed_by_tls_or_in_mid_answer_is_tried_again),
        TEST(test_resource_exhausted_with_retry_info_waits_as_it_says),
        TEST(test_429_with_retry_after_waits_as_it_says),
        TEST(test_a_wait_past_the_deadline_loses_the_batch_and_holds_the_next),
        TEST(test_a_receiver_that_says_a_day_is_asked_again_after_minutes),
        TEST(test_a_batch_whose_deadline_passes_while_it_stays_away_is_lost),
        TEST(test_partial_success_is_counted_and_never_sent_again),
        TEST(test_partial_success_claims_no_more_than_there_was),
        TEST(test_a_warning_without_rejections_is_told_at_most_once_a_minute),
        TEST(test_an_answer_that_is_no_message_counts_by_its_status),
        TEST(test_a_permanent_error_is_told_with_the_words_of_its_body),
        TEST(test_a_sender_that_hangs_is_given_up_and_tried_again),
        TEST(test_cancelling_ends_it_in_every_state),
        TEST(test_a_batch_too_large_for_one_request_goes_out_in_several),
        TEST(test_written_items_too_many_for_one_request_go_out_in_several),
        TEST(test_a_span_too_large_for_any_request_is_lost_and_the_rest_is_not),
        TEST(test_metrics_too_large_for_a_request_are_lost_whole),
        TEST(test_without_memory_a_batch_is_lost_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

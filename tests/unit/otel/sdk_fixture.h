/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "otel/sdk.h"
#include "unit.h"

/*
 * An SDK with exporters that do what a test wants, and time that the test moves on. The settings
 * are small: batches of 4, queues of 8, 1 s of delay.
 */
enum fixture_mode {
    FIXTURE_TAKES, /* at once */
    FIXTURE_HOLDS, /* until fixture_answer() */
    FIXTURE_FAILS, /* at once */
};

struct fixture_exporter {
    struct otel_exporter base;
    enum fixture_mode mode;
    const struct otel_batch *batch; /* held */
    struct otel_export *export;
    uint64_t sent_at_ns;
    size_t n_exports, n_items; /* that were sent */
    size_t largest;
    size_t n_cancelled;
    void (*meanwhile)(void *user); /* runs inside the next send only; NULL: nothing does */
    void *user;
};

struct fixture {
    struct otel_settings settings;
    struct otel_resource *resource; /* NULL; the SDK takes it */
    struct otel_sdk *sdk;
    struct fixture_exporter exporters[OTEL_N_SIGNALS];
    struct otel_tracer *tracer;
    struct otel_logger *logger;
    uint64_t now_ns;
    _Atomic size_t n_woken;
};

extern const struct otel_scope fixture_scope;

/* The settings, which a test may change before fixture_open(). */
void fixture_init(struct fixture *fixture);
void fixture_open(struct fixture *fixture);
void fixture_close(struct fixture *fixture);

/* Both, and a cmocka set-up and tear-down; traces and logs are held. */
int fixture_set_up(void **state);
int fixture_tear_down(void **state);
#define ON_SDK(test) cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)

/* Turns it now, and `ns` later. */
uint64_t fixture_turn(struct fixture *fixture);
uint64_t fixture_pass(struct fixture *fixture, uint64_t ns);

/* What is held has been sent; but for `n_rejected`. */
void fixture_answer(struct fixture *fixture, enum otel_signal signal, size_t n_rejected,
                    const char *error_type);

/* Flushes, and gives the one batch that is then held. */
const struct otel_batch *fixture_batch(struct fixture *fixture, enum otel_signal signal);

/* The only span, or record, of it. */
const struct otel_span_data *fixture_span(struct fixture *fixture);
const struct otel_log_data *fixture_log(struct fixture *fixture);

/* Starts a root, or a child of `parent`. */
void fixture_start(struct fixture *fixture, struct otel_span *span,
                   const struct otel_context *parent);
/* Starts and ends `n` roots. */
void fixture_spans(struct fixture *fixture, size_t n);

/* To the end of a thread of its own; fixture_span_of() starts and ends one root there. */
void fixture_on_a_thread(void *(*run)(void *), void *arg);
void *fixture_span_of(void *fixture);

/* The value of a key, OTEL_EMPTY if there is none. */
struct otel_value fixture_value(const struct otel_kept_attributes *kept, const char *key);
#define assert_text(value, wanted)                         \
    do {                                                   \
        const struct otel_value got_ = (value);            \
        assert_int_equal(got_.type, OTEL_TEXT);            \
        assert_true(bytes_equal_str(got_.text, (wanted))); \
    } while (0)

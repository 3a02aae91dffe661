/* SPDX-License-Identifier: Apache-2.0 */
/* Spans and log records of an exporter with an encoder; this one writes text:
 *
 *     name{key=value;...}[event:key=value;...][>link:...] and how many were dropped of each
 */
#include "otel/written.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>

#include "otel/limits.h"
#include "otel/prepared.h"
#include "sdk_fixture.h"

/* ---- an encoder ---- */

static bool is_broken; /* nothing finds room */

static int put(struct buf *out, struct bytes text) {
    return is_broken ? BUF_E_FULL : buf_append(out, text);
}

static int put_attribute(struct bytes key, const struct otel_value *value, struct buf *out) {
    char number[24] = "";
    if (value->type == OTEL_INTEGER)
        snprintf(number, sizeof(number), "%" PRId64, value->integer);
    int r = put(out, key);
    if (r == 0)
        r = put(out, bytes_str("="));
    if (r == 0)
        r = put(out, value->type == OTEL_TEXT ? value->text : bytes_str(number));
    for (uint32_t i = 0; r == 0 && value->type == OTEL_TEXTS && i < value->n; i++)
        r = put(out, value->texts[i]);
    return r ? r : put(out, bytes_str(";"));
}

static int put_attributes(const struct otel_kept_attributes *kept, struct otel_lent lent,
                          struct buf *out) {
    int r = 0;
    for (struct otel_kept_attribute *at = kept->first; r == 0 && at; at = at->next)
        r = put_attribute(at->attribute.key, &at->attribute.value, out);
    for (size_t i = 0; r == 0 && i < lent.n; i++)
        r = put_attribute(lent.attributes[i].key, &lent.attributes[i].value, out);
    for (uint32_t i = 0; r == 0 && i < kept->n_dropped; i++)
        r = put(out, bytes_str("-"));
    return r;
}

static int put_event(const struct otel_event *event, struct otel_lent lent, struct buf *out) {
    int r = put(out, bytes_str("["));
    if (r == 0)
        r = put(out, event->name);
    if (r == 0)
        r = put(out, bytes_str(":"));
    if (r == 0)
        r = put_attributes(&event->attributes, lent, out);
    return r ? r : put(out, bytes_str("]"));
}

static int put_link(const struct otel_link *link, struct otel_lent lent, struct buf *out) {
    const struct otel_event event = {.name = bytes_of(link->context.trace_id.bytes, 1),
                                     .attributes = link->attributes};
    return put_event(&event, lent, out);
}

static int put_list(const struct buf *list, uint32_t n_dropped, struct buf *out) {
    int r = put(out, buf_bytes(list));
    for (uint32_t i = 0; r == 0 && i < n_dropped; i++)
        r = put(out, bytes_str("-"));
    return r;
}

static int put_span(const struct otel_span_data *span, struct buf *out) {
    int r = put(out, span->name);
    if (r == 0)
        r = put(out, bytes_str("{"));
    if (r == 0)
        r = put_list(&span->written_attributes, span->attributes.n_dropped, out);
    if (r == 0)
        r = put(out, bytes_str("}"));
    if (r == 0)
        r = put_list(&span->written_events, span->n_dropped_events, out);
    return r ? r : put_list(&span->written_links, span->n_dropped_links, out);
}

static int put_log(const struct otel_log_data *log, struct buf *out) {
    return put(out, log->body.text);
}

static bool has_key(struct bytes attribute, struct bytes key) {
    return attribute.len > key.len && attribute.data[key.len] == '=' &&
           memcmp(attribute.data, key.data, key.len) == 0;
}

static bool find(struct bytes attributes, struct bytes key, struct bytes *found) {
    const uint8_t *end;
    for (struct bytes rest = attributes; rest.len; rest = bytes_from(rest, found->len)) {
        end = memchr(rest.data, ';', rest.len);
        *found = bytes_of(rest.data, (size_t)(end - rest.data) + 1);
        if (has_key(*found, key))
            return true;
    }
    return false;
}

static const struct otel_encoder encoder = {.attribute = put_attribute,
                                            .event = put_event,
                                            .link = put_link,
                                            .span = put_span,
                                            .log = put_log,
                                            .find = find};

static void open_with(struct fixture *fixture, struct otel_limit_settings limits) {
    static struct otel_exporter_ops ops;
    fixture_init(fixture);
    fixture->settings.span_limits = limits;
    ops = *fixture->exporters[OTEL_TRACES].base.ops;
    ops.encoder = &encoder;
    for (unsigned i = 0; i < OTEL_N_SIGNALS; i++)
        fixture->exporters[i].base.ops = &ops;
    fixture_open(fixture);
}

static const struct otel_limit_settings no_limits = {128, SIZE_MAX, 128, 128, 128, 128};

static int set_up(void **state) {
    static struct fixture fixture;
    is_broken = false;
    open_with(&fixture, no_limits);
    *state = &fixture;
    return 0;
}
#define ENCODED(test) cmocka_unit_test_setup_teardown(test, set_up, fixture_tear_down)

static struct bytes sent(struct fixture *fixture, enum otel_signal signal) {
    const struct otel_batch *batch = fixture_batch(fixture, signal);
    assert_int_equal(batch->n, 1);
    return batch->encoded[0]->bytes;
}

static void assert_sent(struct fixture *fixture, struct otel_span *span, const char *wanted) {
    otel_span_end(span, 0);
    assert_true(bytes_equal_str(sent(fixture, OTEL_TRACES), wanted));
}

static const struct otel_link_to link_to = {{{{'L'}}, {{2}}, .flags = 0}, NULL, 0};

/* ---- what is written ---- */

static void test_all_that_was_said_is_written_in_its_order(void **state) {
    const struct otel_attribute two[] = {otel_attribute("x", otel_integer(1)),
                                         otel_attribute("y", otel_str("two"))};
    struct otel_span span;
    fixture_start(*state, &span, NULL);
    otel_span_set(&span, "a", otel_str("text"));
    otel_span_event(&span, "first", 1, two, 2);
    otel_span_link(&span, &link_to);
    otel_span_set(&span, "b", otel_integer(2));
    otel_span_event(&span, "second", 2, NULL, 0);
    otel_span_rename(&span, bytes_str("renamed"));
    assert_sent(*state, &span, "renamed{a=text;b=2;}[first:x=1;y=two;][second:][L:]");
}

static void test_its_scope_goes_with_it(void **state) {
    fixture_spans(*state, 1);
    const struct otel_batch *batch = fixture_batch(*state, OTEL_TRACES);
    assert_true(bytes_equal_str(batch->encoded[0]->scope->name, "test"));
}

static void test_log_records_are_written_too(void **state) {
    struct fixture *fixture = *state;
    otel_logger_emit(fixture->logger, &(struct otel_log_record){.body = otel_str("a line")});
    assert_true(bytes_equal_str(sent(fixture, OTEL_LOGS), "a line"));
}

static void test_a_log_record_is_written_whole_however_long_it_is(void **state) {
    static char text[10000];
    struct fixture *fixture = *state;
    memset(text, 'x', sizeof(text));
    for (size_t len = 1; len <= sizeof(text); len = 3 * len + 100) {
        const struct otel_log_record record = {.body = otel_text(bytes_of(text, len))};
        otel_logger_emit(fixture->logger, &record);
        assert_true(bytes_equal(sent(fixture, OTEL_LOGS), bytes_of(text, len)));
        fixture_answer(fixture, OTEL_LOGS, 0, NULL);
    }
}

static void test_an_attribute_set_again_keeps_its_place_whatever_its_size(void **state) {
    struct otel_span span;
    fixture_start(*state, &span, NULL);
    otel_span_set(&span, "first", otel_str("as long as the next"));
    otel_span_set(&span, "last", otel_integer(1));
    otel_span_set(&span, "first", otel_str("short"));
    otel_span_set(&span, "last", otel_str("longer than it was before"));
    otel_span_set(&span, "new", otel_integer(3));
    otel_span_set(&span, "first", otel_str("longer than what it was at first"));
    assert_sent(*state, &span,
                "work{first=longer than what it was at first;"
                "last=longer than it was before;new=3;}");
}

static void test_every_key_is_found_again(void **state) {
    struct otel_span span;
    char key[8], wanted[1024];
    int at = snprintf(wanted, sizeof(wanted), "work{");
    fixture_start(*state, &span, NULL);
    for (int i = 0; i < 2 * 100; i++) {
        snprintf(key, sizeof(key), "k%d", i % 100);
        otel_span_set(&span, key, otel_integer(i % 100));
    }
    for (int i = 0; i < 100; i++)
        at += snprintf(wanted + at, sizeof(wanted) - (size_t)at, "k%d=%d;", i, i);
    snprintf(wanted + at, sizeof(wanted) - (size_t)at, "}");
    assert_sent(*state, &span, wanted);
}

static void test_a_span_that_lives_for_ever_takes_no_memory_for_ever(void **state) {
    static char text[20000];
    struct otel_span span;
    memset(text, 'x', sizeof(text));
    fixture_start(*state, &span, NULL);
    for (size_t i = 0; i < 50000; i++)
        otel_span_set(&span, "progress", otel_text(bytes_of(text, i % sizeof(text))));
    otel_span_end(&span, 0);
    assert_int_equal(sent(*state, OTEL_TRACES).len,
                     strlen("work{progress=;}") + 49999 % sizeof(text));
}

static void start_with_large(struct fixture *fixture, struct otel_span *span, char *text,
                             size_t len) {
    memset(text, 'x', len);
    fixture_start(fixture, span, NULL);
    otel_span_set(span, "large", otel_text(bytes_of(text, len)));
}

/* Over one block after the other, and larger than any. */
static void test_what_is_larger_than_a_block_is_written_whole(void **state) {
    static char text[100000];
    struct otel_span span;
    start_with_large(*state, &span, text, sizeof(text));
    for (int i = 0; i < 100; i++)
        otel_span_event(&span, "an event of usual length", 0, NULL, 0);
    otel_span_end(&span, 0);
    assert_int_equal(sent(*state, OTEL_TRACES).len,
                     strlen("work{large=;}") + sizeof(text) +
                         100 * strlen("[an event of usual length:]"));
}

/* There are no blocks for twice as much, as is asked for first. */
static void test_what_nearly_fills_the_largest_block_is_written_whole(void **state) {
    static char text[5 << 20];
    struct otel_span span;
    start_with_large(*state, &span, text, sizeof(text));
    otel_span_set(&span, "small", otel_integer(1));
    otel_span_end(&span, 0);
    assert_int_equal(sent(*state, OTEL_TRACES).len, strlen("work{large=;small=1;}") + sizeof(text));
}

static void
test_what_is_larger_than_the_largest_block_is_dropped_and_the_span_is_not(void **state) {
    static char text[9 << 20];
    struct otel_span span;
    start_with_large(*state, &span, text, sizeof(text));
    otel_span_set(&span, "small", otel_integer(1));
    assert_sent(*state, &span, "work{small=1;-}");
}

/* ---- limits ---- */

static void test_what_is_over_a_limit_is_counted(void **state) {
    const struct otel_attribute two[] = {otel_attribute("x", otel_integer(1)),
                                         otel_attribute("y", otel_integer(2))};
    struct fixture fixture;
    struct otel_span span;
    (void)state;
    open_with(&fixture, (struct otel_limit_settings){2, SIZE_MAX, 1, 1, 1, 1});
    fixture_start(&fixture, &span, NULL);
    otel_span_set(&span, "a", otel_integer(1));
    otel_span_set(&span, "b", otel_integer(2));
    otel_span_set(&span, "c", otel_integer(3));
    otel_span_set(&span, "a", otel_integer(4));
    otel_span_set(&span, "", otel_integer(5));
    for (int i = 0; i < 2; i++) {
        otel_span_event(&span, "e", 0, two, 2);
        otel_span_link(&span, &link_to);
    }
    assert_sent(&fixture, &span, "work{a=4;b=2;--}[e:x=1;-]-[L:]-");
    fixture_close(&fixture);
}

static void test_texts_are_cut_at_their_limit_wherever_they_are(void **state) {
    const struct bytes texts[] = {bytes_str("one"), bytes_str("two")};
    const struct otel_attribute long_one = otel_attribute("e", otel_str("long"));
    struct fixture fixture;
    struct otel_span span;
    (void)state;
    open_with(&fixture, (struct otel_limit_settings){128, 2, 128, 128, 128, 128});
    fixture_start(&fixture, &span, NULL);
    otel_span_set(&span, "text", otel_str("\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"));
    otel_span_set(&span, "texts", (struct otel_value){.type = OTEL_TEXTS, .n = 2, .texts = texts});
    otel_span_event(&span, "long name", 0, &long_one, 1);
    assert_sent(&fixture, &span,
                "work{text=\xe2\x82\xac\xe2\x82\xac;texts=ontw;}[long name:e=lo;]");
    fixture_close(&fixture);
}

/* A cut array is a copy that is needed only until it is written, or left out. */
static void test_arrays_that_are_cut_for_ever_take_no_memory_for_ever(void **state) {
    static char text[2000];
    const size_t n = OTEL_MAX_THREAD_BYTES / 10000;
    struct bytes texts[10];
    struct fixture fixture;
    struct otel_span span;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        texts[i] = bytes_of(memset(text, 'x', sizeof(text)), sizeof(text));
    const struct otel_value value = {.type = OTEL_TEXTS, .n = ARRAY_LEN(texts), .texts = texts};
    open_with(&fixture, (struct otel_limit_settings){1, 1000, 9, 9, 9, 9});
    fixture_start(&fixture, &span, NULL);
    for (size_t i = 0; i < n; i++) {
        otel_span_set(&span, "set", value);
        otel_span_set(&span, "over the limit", value);
    }
    otel_span_end(&span, 0);
    assert_int_equal(sent(&fixture, OTEL_TRACES).len,
                     strlen("work{set=;}") + 10 * 1000 + n * strlen("-"));
    fixture_close(&fixture);
}

static void test_a_key_twice_in_an_event_is_there_once(void **state) {
    const struct otel_attribute same[] = {otel_attribute("x", otel_integer(1)),
                                          otel_attribute("", otel_integer(2)),
                                          otel_attribute("x", otel_integer(3))};
    struct otel_span span;
    fixture_start(*state, &span, NULL);
    otel_span_event(&span, "e", 0, same, ARRAY_LEN(same));
    assert_sent(*state, &span, "work{}[e:x=3;-]");
}

/* ---- what was prepared ---- */

static const struct otel_attribute method[] = {
    {{(const uint8_t *)"m", 1}, {.type = OTEL_TEXT, .text = {(const uint8_t *)"Get", 3}}},
    {{(const uint8_t *)"s", 1}, {.type = OTEL_TEXT, .text = {(const uint8_t *)"system", 6}}},
};
static const struct otel_attribute ends[] = {
    {{(const uint8_t *)"address", 7}, {.type = OTEL_TEXT, .text = {(const uint8_t *)"::1", 3}}},
    {{(const uint8_t *)"port", 4}, {.type = OTEL_INTEGER, .integer = 80}},
};

/* With `method` and `second`, both prepared, and the one attribute `own`. */
static void start_prepared(struct fixture *fixture, const struct otel_attribute *second, size_t n,
                           struct otel_span *span) {
    const struct otel_attribute own = otel_attribute("own", otel_integer(1));
    struct otel_prepared *one = otel_prepared_new(fixture->tracer, method, ARRAY_LEN(method));
    struct otel_prepared *other = otel_prepared_new(fixture->tracer, second, n);
    const struct otel_prepared *const prepared[] = {one, other};
    const struct otel_span_options options = {.name = bytes_str("work"),
                                              .parent = &otel_context_none,
                                              .prepared = prepared,
                                              .n_prepared = ARRAY_LEN(prepared),
                                              .attributes = &own,
                                              .n_attributes = 1};
    otel_span_start(fixture->tracer, &options, span);
    otel_prepared_free(one);
    otel_prepared_free(other);
}

static void test_what_was_prepared_is_written_as_if_it_were_said(void **state) {
    struct otel_span span;
    start_prepared(*state, ends, ARRAY_LEN(ends), &span);
    otel_span_set(&span, "port", otel_str("a longer one"));
    otel_span_set(&span, "m", otel_str("Put"));
    assert_sent(*state, &span, "work{m=Put;s=system;address=::1;port=a longer one;own=1;}");
}

static void test_a_key_that_was_prepared_twice_is_there_once(void **state) {
    const struct otel_attribute again[] = {otel_attribute("new", otel_integer(2)),
                                           otel_attribute("s", otel_str("other"))};
    struct otel_span span;
    start_prepared(*state, again, ARRAY_LEN(again), &span);
    assert_sent(*state, &span, "work{m=Get;s=other;new=2;own=1;}");
}

static void test_limits_hold_for_what_was_prepared(void **state) {
    static const struct {
        size_t n, length;
        const char *wanted;
    } cases[] = {{3, SIZE_MAX, "work{m=Get;s=system;address=::1;--}"},
                 {1, SIZE_MAX, "work{m=Get;----}"},
                 {128, 3, "work{m=Get;s=sys;address=::1;port=80;own=1;}"}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture fixture;
        struct otel_span span;
        open_with(&fixture, (struct otel_limit_settings){cases[i].n, cases[i].length, 9, 9, 9, 9});
        start_prepared(&fixture, ends, ARRAY_LEN(ends), &span);
        assert_sent(&fixture, &span, cases[i].wanted);
        fixture_close(&fixture);
    }
}

/* More than a span's first place holds, and more than is prepared at all. */
static void test_what_was_prepared_is_written_whole_however_long_it_is(void **state) {
    static char text[OTEL_MAX_PREPARED_BYTES];
    memset(text, 'x', sizeof(text));
    for (size_t len = 1; len <= sizeof(text); len *= 2) {
        const struct otel_attribute large = otel_attribute("l", otel_text(bytes_of(text, len)));
        struct otel_span span;
        start_prepared(*state, &large, 1, &span);
        otel_span_end(&span, 0);
        assert_int_equal(sent(*state, OTEL_TRACES).len,
                         strlen("work{m=Get;s=system;l=;own=1;}") + len);
        fixture_answer(*state, OTEL_TRACES, 0, NULL);
    }
}

static void test_each_allocation_of_a_prepared_one_may_fail(void **state) {
    struct fixture *fixture = *state;
    struct otel_prepared *prepared = NULL;
    for (size_t n = 1; !prepared; n++) {
        fail_alloc_at(n);
        prepared = otel_prepared_new(fixture->tracer, ends, ARRAY_LEN(ends));
        assert_int_equal(prepared != NULL, fail_alloc_count() < n);
        fail_alloc_off();
    }
    otel_prepared_free(prepared);
}

/* ---- no room ---- */

static size_t n_lost(struct fixture *fixture) {
    struct otel_losses losses;
    otel_sdk_losses(fixture->sdk, &losses);
    return losses.n_spans;
}

static void test_a_span_that_cannot_be_written_is_counted_and_takes_no_place(void **state) {
    struct fixture *fixture = *state;
    is_broken = true;
    fixture_spans(fixture, 100);
    assert_int_equal(n_lost(fixture), 100);
    is_broken = false;
    fixture_spans(fixture, 8); /* a full queue */
    assert_int_equal(n_lost(fixture), 100);
    fixture_spans(fixture, 1);
    assert_int_equal(n_lost(fixture), 101);
}

static void test_what_cannot_be_written_is_dropped_and_the_span_is_not(void **state) {
    struct otel_span span;
    fixture_start(*state, &span, NULL);
    is_broken = true;
    otel_span_set(&span, "a", otel_integer(1));
    otel_span_event(&span, "e", 0, NULL, 0);
    otel_span_link(&span, &link_to);
    is_broken = false;
    otel_span_set(&span, "a", otel_integer(2));
    assert_sent(*state, &span, "work{a=2;-}--");
}

static void flush(struct fixture *fixture) {
    otel_sdk_flush(fixture->sdk, fixture->now_ns);
    while (!otel_sdk_is_flushed(fixture->sdk))
        fixture_turn(fixture);
}

/* Each is begun in a block that is not large enough, of 512 bytes or more. */
static void test_the_block_that_was_too_small_is_used_again(void **state) {
    static char text[1000];
    const size_t n = 2 * OTEL_MAX_THREAD_BYTES / 512;
    struct fixture *fixture = *state;
    struct otel_losses losses;
    fixture->exporters[OTEL_LOGS].mode = FIXTURE_TAKES;
    for (size_t i = 0; i < n; i++) {
        const struct otel_log_record record = {.body = otel_text(bytes_of(text, sizeof(text)))};
        otel_logger_emit(fixture->logger, &record);
        if (i % 4 == 3)
            flush(fixture);
    }
    otel_sdk_losses(fixture->sdk, &losses);
    assert_int_equal(losses.n_logs, 0);
    assert_int_equal(fixture->exporters[OTEL_LOGS].n_items, n);
}

static void record_large(struct fixture *fixture) {
    static char text[3000];
    struct otel_span span;
    memset(text, 'x', sizeof(text));
    fixture_start(fixture, &span, NULL);
    for (int i = 0; i < 3; i++) {
        otel_span_set(&span, "a", otel_text(bytes_of(text, 1000 * (size_t)(i + 1))));
        otel_span_event(&span, "event", 0, NULL, 0);
        otel_span_link(&span, &link_to);
    }
    otel_span_end(&span, 0);
}

static void test_each_allocation_may_fail(void **state) {
    bool has_failed = true;
    (void)state;
    for (size_t n = 1; has_failed; n++) {
        struct fixture fixture;
        open_with(&fixture, no_limits);
        fail_alloc_at(n);
        record_large(&fixture);
        has_failed = fail_alloc_count() >= n;
        fail_alloc_off();
        assert_in_range(n_lost(&fixture), 0, has_failed);
        if (n_lost(&fixture) == 0)
            assert_true(sent(&fixture, OTEL_TRACES).len > 0);
        fixture_close(&fixture);
    }
}

static void test_a_warm_thread_asks_the_heap_for_nothing(void **state) {
    struct fixture *fixture = *state;
    for (int i = 0; i < 100; i++)
        record_large(fixture);
    fixture_batch(fixture, OTEL_TRACES); /* as much as there ever is: a full queue and a batch */
    for (int i = 0; i < 100; i++)
        record_large(fixture);
    fail_alloc_at(SIZE_MAX);
    for (int i = 0; i < 100; i++)
        record_large(fixture);
    assert_int_equal(fail_alloc_count(), 0);
    fail_alloc_off();
}

/* ---- other threads ---- */

static void *record_many(void *arg) {
    for (int i = 0; i < 20000; i++) {
        struct otel_span span;
        fixture_start(arg, &span, &otel_context_none);
        otel_span_set(&span, "a", otel_integer(1));
        otel_span_event(&span, "event", 0, NULL, 0);
        otel_span_end(&span, 0);
    }
    return NULL;
}

static void test_what_threads_record_is_exported_or_counted_as_dropped(void **state) {
    struct fixture *fixture = *state;
    pthread_t threads[3];
    fixture->exporters[OTEL_TRACES].mode = FIXTURE_TAKES;
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, record_many, fixture), 0);
    for (int i = 0; i < 20000; i++)
        fixture_turn(fixture);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    flush(fixture);
    assert_true(fixture->exporters[OTEL_TRACES].n_items > 0);
    assert_int_equal(fixture->exporters[OTEL_TRACES].n_items + n_lost(fixture), 3 * 20000);
}

struct shared {
    struct fixture *fixture;
    const struct otel_prepared *prepared;
};

static void start_shared(const struct shared *shared, struct otel_span *span) {
    const struct otel_span_options options = {.name = bytes_str("work"),
                                              .parent = &otel_context_none,
                                              .prepared = &shared->prepared,
                                              .n_prepared = 1};
    otel_span_start(shared->fixture->tracer, &options, span);
}

static void *change_many(void *arg) {
    for (int i = 0; i < 2000; i++) {
        struct otel_span span;
        start_shared(arg, &span);
        otel_span_set(&span, "m", otel_str("No"));
        otel_span_end(&span, 0);
    }
    return NULL;
}

static void test_threads_share_what_was_prepared_and_each_span_has_a_copy(void **state) {
    struct fixture *fixture = *state;
    struct otel_prepared *prepared = otel_prepared_new(fixture->tracer, method, ARRAY_LEN(method));
    struct shared shared = {fixture, prepared};
    struct otel_span span;
    pthread_t threads[3];
    start_shared(&shared, &span);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, change_many, &shared), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    otel_prepared_free(prepared);
    fixture->exporters[OTEL_TRACES].mode = FIXTURE_TAKES;
    flush(fixture);
    fixture->exporters[OTEL_TRACES].mode = FIXTURE_HOLDS;
    assert_sent(fixture, &span, "work{m=Get;s=system;}");
}

struct handed {
    struct fixture *fixture;
    struct otel_span span;
};

static void *begin(void *arg) {
    struct handed *handed = arg;
    fixture_start(handed->fixture, &handed->span, NULL);
    return NULL;
}

/* There is nowhere to write it. */
static void test_a_span_that_ends_on_a_thread_without_a_shard_is_counted(void **state) {
    struct handed handed = {.fixture = *state};
    fixture_on_a_thread(begin, &handed);
    for (int i = 1; i < OTEL_MAX_THREADS; i++)
        fixture_on_a_thread(fixture_span_of, *state);
    size_t before = n_lost(*state);
    otel_span_end(&handed.span, 0);
    assert_int_equal(n_lost(*state), before + 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ENCODED(test_all_that_was_said_is_written_in_its_order),
        ENCODED(test_its_scope_goes_with_it),
        ENCODED(test_log_records_are_written_too),
        ENCODED(test_a_log_record_is_written_whole_however_long_it_is),
        ENCODED(test_an_attribute_set_again_keeps_its_place_whatever_its_size),
        ENCODED(test_every_key_is_found_again),
        ENCODED(test_a_span_that_lives_for_ever_takes_no_memory_for_ever),
        ENCODED(test_what_is_larger_than_a_block_is_written_whole),
        ENCODED(test_what_nearly_fills_the_largest_block_is_written_whole),
        ENCODED(test_what_is_larger_than_the_largest_block_is_dropped_and_the_span_is_not),
        ENCODED(test_what_is_over_a_limit_is_counted),
        ENCODED(test_texts_are_cut_at_their_limit_wherever_they_are),
        ENCODED(test_arrays_that_are_cut_for_ever_take_no_memory_for_ever),
        ENCODED(test_a_key_twice_in_an_event_is_there_once),
        ENCODED(test_what_was_prepared_is_written_as_if_it_were_said),
        ENCODED(test_a_key_that_was_prepared_twice_is_there_once),
        ENCODED(test_limits_hold_for_what_was_prepared),
        ENCODED(test_what_was_prepared_is_written_whole_however_long_it_is),
        ENCODED(test_each_allocation_of_a_prepared_one_may_fail),
        ENCODED(test_a_span_that_cannot_be_written_is_counted_and_takes_no_place),
        ENCODED(test_what_cannot_be_written_is_dropped_and_the_span_is_not),
        ENCODED(test_the_block_that_was_too_small_is_used_again),
        ENCODED(test_each_allocation_may_fail),
        ENCODED(test_a_warm_thread_asks_the_heap_for_nothing),
        ENCODED(test_what_threads_record_is_exported_or_counted_as_dropped),
        ENCODED(test_threads_share_what_was_prepared_and_each_span_has_a_copy),
        ENCODED(test_a_span_that_ends_on_a_thread_without_a_shard_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

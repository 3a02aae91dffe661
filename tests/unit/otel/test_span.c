/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/span.h"

#include <stdio.h>

#include "base/clock.h"
#include "sdk_fixture.h"

/* ---- ids and parents ---- */

static void test_a_root_has_new_random_ids(void **state) {
    struct otel_span a, b;
    fixture_start(*state, &a, NULL);
    fixture_start(*state, &b, NULL);
    assert_true(otel_span_context_is_valid(&a.context.span));
    assert_int_equal(a.context.span.flags, OTEL_FLAG_SAMPLED | OTEL_FLAG_RANDOM);
    assert_memory_not_equal(&a.context.span.trace_id, &b.context.span.trace_id, 16);
    assert_memory_not_equal(&a.context.span.span_id, &b.context.span.span_id, 8);
    otel_span_end(&a, 0);
    const struct otel_span_data *data = fixture_span(*state);
    assert_memory_equal(&data->context.trace_id, &a.context.span.trace_id, 16);
    assert_memory_equal(&data->parent, &(struct otel_span_id){{0}}, 8);
    assert_false(data->has_remote_parent);
    assert_true(bytes_equal_str(data->scope->name, "test"));
    otel_span_end(&b, 0);
}

/* Of another process, with all that a context may carry. */
static struct otel_context remote_context(uint8_t flags) {
    return (struct otel_context){.span = {.trace_id = {{7}},
                                          .span_id = {{8}},
                                          .flags = flags,
                                          .is_remote = true,
                                          .trace_state = bytes_str("a=1")},
                                 .baggage = (const void *)"never looked at"};
}

static void assert_hands_on(const struct otel_context *child, const struct otel_context *parent,
                            uint8_t flags) {
    assert_memory_equal(&child->span.trace_id, &parent->span.trace_id, 16);
    assert_int_equal(child->span.flags, flags);
    assert_false(child->span.is_remote);
    assert_true(bytes_equal_str(child->span.trace_state, "a=1"));
    assert_ptr_equal(child->baggage, parent->baggage);
}

static void test_a_child_is_in_its_parents_trace(void **state) {
    const struct otel_context remote = remote_context(OTEL_FLAG_SAMPLED | 0x80);
    struct otel_span span;
    fixture_start(*state, &span, &remote);
    assert_hands_on(&span.context, &remote, OTEL_FLAG_SAMPLED);
    otel_span_end(&span, 0);
    const struct otel_span_data *data = fixture_span(*state);
    assert_memory_equal(&data->parent, &remote.span.span_id, 8);
    assert_true(data->has_remote_parent);
    assert_true(bytes_equal_str(data->context.trace_state, "a=1"));
    assert_ptr_not_equal(data->context.trace_state.data, remote.span.trace_state.data);
}

static void test_the_current_context_is_the_parent_unless_another_is_named(void **state) {
    struct otel_span outer, inner, root;
    struct otel_attached attached;
    fixture_start(*state, &outer, NULL);
    otel_context_attach(&attached, &outer.context);
    fixture_start(*state, &inner, NULL);
    fixture_start(*state, &root, &otel_context_none);
    otel_context_detach(&attached);
    assert_memory_equal(&inner.context.span.trace_id, &outer.context.span.trace_id, 16);
    assert_memory_not_equal(&root.context.span.trace_id, &outer.context.span.trace_id, 16);
    otel_span_end(&inner, 0);
    otel_span_end(&root, 0);
    otel_span_end(&outer, 0);
}

static void test_a_span_may_become_its_own_parent(void **state) {
    struct otel_span span;
    fixture_start(*state, &span, NULL);
    const struct otel_span_context first = span.context.span;
    otel_span_end(&span, 0);
    fixture_start(*state, &span, &span.context);
    otel_span_end(&span, 0);
    const struct otel_batch *batch = fixture_batch(*state, OTEL_TRACES);
    assert_int_equal(batch->n, 2);
    assert_memory_equal(&batch->spans[1]->context.trace_id, &first.trace_id, 16);
    assert_memory_equal(&batch->spans[1]->parent, &first.span_id, 8);
}

static void test_a_span_not_sampled_has_ids_and_takes_nothing(void **state) {
    struct fixture *fixture = *state;
    const struct otel_context parent = {.span = {{{7}}, {{8}}, .flags = 0}};
    struct otel_span span;
    fixture_start(fixture, &span, &parent);
    assert_false(otel_span_is_recorded(&span));
    assert_true(otel_span_context_is_valid(&span.context.span));
    assert_memory_equal(&span.context.span.trace_id, &parent.span.trace_id, 16);
    assert_memory_not_equal(&span.context.span.span_id, &parent.span.span_id, 8);
    assert_false(otel_span_context_is_sampled(&span.context.span));
    otel_span_set(&span, "key", otel_integer(1));
    otel_span_event(&span, "event", 0, NULL, 0);
    otel_span_status(&span, OTEL_STATUS_ERROR, bytes_str("no"));
    otel_span_end(&span, 0);
    otel_sdk_flush(fixture->sdk, 0);
    fixture_turn(fixture);
    assert_int_equal(fixture->exporters[OTEL_TRACES].n_exports, 0);
}

/* On a thread that has no shard yet, then on one that has. */
static void test_a_child_not_sampled_hands_on_what_its_parent_carries(void **state) {
    const struct otel_context remote = remote_context(OTEL_FLAG_RANDOM | 0x80);
    for (int i = 0; i < 2; i++) {
        struct otel_span span;
        memset(&span, 0xff, sizeof(span));
        fixture_start(*state, &span, &remote);
        assert_hands_on(&span.context, &remote, OTEL_FLAG_RANDOM);
    }
}

static void test_a_span_not_sampled_may_become_its_own_parent(void **state) {
    const struct otel_baggage *baggage = (const void *)"never looked at";
    struct otel_span span = {
        .context = {.span = {{{7}}, {{8}}, .trace_state = bytes_str("a=1")}, .baggage = baggage}};
    const struct otel_span_context first = span.context.span;
    for (int i = 0; i < 2; i++)
        fixture_start(*state, &span, &span.context);
    assert_memory_equal(&span.context.span.trace_id, &first.trace_id, 16);
    assert_memory_not_equal(&span.context.span.span_id, &first.span_id, 8);
    assert_true(bytes_equal_str(span.context.span.trace_state, "a=1"));
    assert_ptr_equal(span.context.baggage, baggage);
}

/* A trace state belongs to a trace, baggage does not. */
static void check_root(struct fixture *fixture, uint8_t flags) {
    const struct otel_baggage *baggage = (const void *)"never looked at";
    const struct otel_context no_span = {.span = {.flags = 0xff, .trace_state = bytes_str("a=1")},
                                         .baggage = baggage};
    for (int i = 0; i < 2; i++) {
        struct otel_span span;
        fixture_start(fixture, &span, &no_span);
        assert_true(otel_span_context_is_valid(&span.context.span));
        assert_int_equal(span.context.span.flags, flags);
        assert_int_equal(span.context.span.trace_state.len, 0);
        assert_ptr_equal(span.context.baggage, baggage);
        otel_span_end(&span, 0);
    }
}

static void test_a_root_has_the_baggage_it_was_started_with(void **state) {
    struct fixture fixture;
    (void)state;
    for (int is_off = 0; is_off < 2; is_off++) {
        fixture_init(&fixture);
        fixture.settings.sampler.kind = is_off ? OTEL_ALWAYS_OFF : OTEL_ALWAYS_ON;
        fixture_open(&fixture);
        check_root(&fixture, is_off ? OTEL_FLAG_RANDOM : OTEL_FLAG_RANDOM | OTEL_FLAG_SAMPLED);
        fixture_close(&fixture);
    }
}

static void test_without_a_tracer_the_context_is_the_parents(void **state) {
    const struct otel_context parent = {.span = {{{7}}, {{8}}, .flags = OTEL_FLAG_SAMPLED}};
    const struct otel_span_options options = {.name = bytes_str("x"), .parent = &parent};
    struct otel_span span;
    (void)state;
    otel_span_start(NULL, &options, &span);
    assert_memory_equal(&span.context.span.span_id, &parent.span.span_id, 8);
    assert_false(otel_span_is_recorded(&span));
    otel_span_set(&span, "key", otel_integer(1));
    otel_span_rename(&span, bytes_str("y"));
    otel_span_link(&span, &(struct otel_link_to){.context = parent.span});
    otel_span_end(&span, 0);
}

/* ---- what is said when it is asked for ---- */

struct said {
    struct otel_span_description base;
    struct otel_attribute attribute;
    int n_times;
};

static void say(struct otel_span_description *base, struct otel_span_options *options) {
    struct said *said = CONTAINER_OF(base, struct said, base);
    said->attribute = otel_attribute("a", otel_integer(7));
    said->n_times++;
    options->name = bytes_str("said");
    options->attributes = &said->attribute;
    options->n_attributes = 1;
}

static void start_said(struct fixture *fixture, struct said *said, struct otel_span *span) {
    const struct otel_span_options options = {.description = &said->base, .kind = OTEL_KIND_SERVER};
    *said = (struct said){.base = {say}};
    otel_span_start(fixture->tracer, &options, span);
}

static void test_a_description_is_asked_for_once_by_a_span_that_is_sampled(void **state) {
    struct said said;
    struct otel_span span;
    start_said(*state, &said, &span);
    otel_span_end(&span, 0);
    assert_int_equal(said.n_times, 1);
    const struct otel_span_data *data = fixture_span(*state);
    assert_true(bytes_equal_str(data->name, "said"));
    assert_int_equal(data->kind, OTEL_KIND_SERVER);
    assert_int_equal(data->attributes.n, 1);
}

static void test_a_description_is_not_asked_for_by_a_span_that_is_not_sampled(void **state) {
    struct fixture fixture;
    struct said said;
    struct otel_span span;
    (void)state;
    fixture_init(&fixture);
    fixture.settings.sampler.kind = OTEL_ALWAYS_OFF;
    fixture_open(&fixture);
    start_said(&fixture, &said, &span);
    assert_int_equal(said.n_times, 0);
    assert_true(otel_span_context_is_valid(&span.context.span));
    fixture_close(&fixture);
}

static bool wants_seven(void *user, const struct otel_sampling *sampling) {
    size_t *n_asked = user;
    const struct otel_span_options *options = sampling->options;
    ++*n_asked;
    return options->n_attributes == 1 && options->attributes->value.integer == 7;
}

static void test_a_sampler_of_the_programs_own_sees_what_is_said(void **state) {
    struct fixture fixture;
    struct said said;
    struct otel_span sampled, dropped;
    size_t n_asked = 0;
    (void)state;
    fixture_init(&fixture);
    fixture.settings.sampler =
        (struct otel_sampler){.kind = OTEL_SAMPLED_BY, .is_sampled = wants_seven, .user = &n_asked};
    fixture_open(&fixture);
    start_said(&fixture, &said, &sampled);
    fixture_start(&fixture, &dropped, NULL);
    assert_int_equal(said.n_times, 1);
    assert_int_equal(n_asked, 2);
    assert_true(otel_span_is_recorded(&sampled));
    assert_false(otel_span_is_recorded(&dropped));
    assert_int_equal(dropped.context.span.flags, OTEL_FLAG_RANDOM);
    otel_span_end(&sampled, 0);
    fixture_close(&fixture);
}

enum {
    MANY_SDKS = 10, /* more than a thread remembers its shards of */
};

struct distracted {
    struct fixture own, others[MANY_SDKS];
    bool is_sampled;
};

/* Uses so many other SDKs that this thread loses its shard of the one that asks. */
static bool uses_others(void *user, const struct otel_sampling *sampling) {
    struct distracted *distracted = user;
    (void)sampling;
    for (size_t i = 0; i < MANY_SDKS; i++)
        fixture_spans(&distracted->others[i], 1);
    fixture_turn(&distracted->own);
    return distracted->is_sampled;
}

static void test_a_sampler_of_the_programs_own_may_use_any_number_of_sdks(void **state) {
    static struct distracted distracted;
    struct otel_span span;
    (void)state;
    fixture_init(&distracted.own);
    distracted.own.settings.sampler = (struct otel_sampler){
        .kind = OTEL_SAMPLED_BY, .is_sampled = uses_others, .user = &distracted};
    fixture_open(&distracted.own);
    for (size_t i = 0; i < MANY_SDKS; i++) {
        fixture_init(&distracted.others[i]);
        fixture_open(&distracted.others[i]);
    }
    for (int i = 0; i < 2; i++) {
        distracted.is_sampled = i;
        fixture_start(&distracted.own, &span, NULL);
        assert_int_equal(otel_span_is_recorded(&span), i);
        otel_span_end(&span, 0);
    }
    fixture_span(&distracted.own);
    for (size_t i = 0; i < MANY_SDKS; i++)
        fixture_close(&distracted.others[i]);
    fixture_close(&distracted.own);
}

/* ---- what is recorded ---- */

static void test_all_that_was_said_is_in_the_data(void **state) {
    struct fixture *fixture = *state;
    const struct otel_attribute attribute = otel_attribute("a", otel_integer(1));
    const struct otel_link_to link = {
        {{{1}}, {{2}}, .trace_state = bytes_str("x=y")}, &attribute, 1};
    const struct otel_span_options options = {.name = bytes_str("first name"),
                                              .kind = OTEL_KIND_SERVER,
                                              .start_ns = 5,
                                              .attributes = &attribute,
                                              .n_attributes = 1,
                                              .links = &link,
                                              .n_links = 1};
    struct otel_span span;
    otel_span_start(fixture->tracer, &options, &span);
    otel_span_set(&span, "b", otel_str("text"));
    otel_span_rename(&span, bytes_str("a second name"));
    otel_span_event(&span, "event", 7, &attribute, 1);
    otel_span_status(&span, OTEL_STATUS_ERROR, bytes_str("it broke"));
    otel_span_end(&span, 9);
    const struct otel_span_data *data = fixture_span(fixture);
    assert_true(bytes_equal_str(data->name, "a second name"));
    assert_int_equal(data->kind, OTEL_KIND_SERVER);
    assert_int_equal(data->start_ns, 5);
    assert_int_equal(data->end_ns, 9);
    assert_int_equal(data->attributes.n, 2);
    assert_int_equal(fixture_value(&data->attributes, "a").integer, 1);
    assert_text(fixture_value(&data->attributes, "b"), "text");
    assert_int_equal(data->n_events, 1);
    assert_true(bytes_equal_str(data->first_event->name, "event"));
    assert_int_equal(data->first_event->time_ns, 7);
    assert_int_equal(data->first_event->attributes.n, 1);
    assert_int_equal(data->n_links, 1);
    assert_true(bytes_equal_str(data->first_link->context.trace_state, "x=y"));
    assert_int_equal(data->first_link->attributes.n, 1);
    assert_int_equal(data->status, OTEL_STATUS_ERROR);
    assert_true(bytes_equal_str(data->status_text, "it broke"));
}

static void test_times_are_the_clocks_where_none_are_given(void **state) {
    struct otel_span span;
    uint64_t before_ns = clock_wall_ns();
    fixture_start(*state, &span, NULL);
    otel_span_event(&span, "event", 0, NULL, 0);
    otel_span_end(&span, 0);
    const struct otel_span_data *data = fixture_span(*state);
    assert_true(data->start_ns >= before_ns && data->start_ns <= clock_wall_ns());
    assert_true(data->end_ns >= data->start_ns);
    assert_true(data->first_event->time_ns >= before_ns);
    assert_int_equal(data->kind, OTEL_KIND_INTERNAL);
}

static void test_a_span_started_in_the_future_does_not_end_before_that(void **state) {
    struct fixture *fixture = *state;
    const struct otel_span_options options = {.start_ns = UINT64_MAX - 1};
    struct otel_span span;
    otel_span_start(fixture->tracer, &options, &span);
    otel_span_end(&span, 0);
    assert_int_equal(fixture_span(fixture)->end_ns, UINT64_MAX - 1);
}

/* A clock that was set back is also that of a caller who says when the span ends. */
static void test_an_end_before_the_start_is_the_start(void **state) {
    struct fixture *fixture = *state;
    const struct otel_span_options options = {.start_ns = 9};
    struct otel_span span;
    otel_span_start(fixture->tracer, &options, &span);
    otel_span_end(&span, 8);
    assert_int_equal(fixture_span(fixture)->end_ns, 9);
}

static void test_ok_is_final_and_its_text_does_not_count(void **state) {
    struct otel_span span;
    fixture_start(*state, &span, NULL);
    otel_span_status(&span, OTEL_STATUS_ERROR, bytes_str("first"));
    otel_span_status(&span, OTEL_STATUS_UNSET, bytes_str("nothing"));
    otel_span_status(&span, OTEL_STATUS_OK, bytes_str("fine"));
    otel_span_status(&span, OTEL_STATUS_ERROR, bytes_str("second"));
    otel_span_end(&span, 0);
    const struct otel_span_data *data = fixture_span(*state);
    assert_int_equal(data->status, OTEL_STATUS_OK);
    assert_int_equal(data->status_text.len, 0);
}

static void test_after_its_end_a_span_takes_nothing_more(void **state) {
    struct otel_span span;
    fixture_start(*state, &span, NULL);
    otel_span_end(&span, 0);
    assert_false(otel_span_is_recorded(&span));
    assert_true(otel_span_context_is_valid(&span.context.span));
    otel_span_set(&span, "late", otel_integer(1));
    otel_span_event(&span, "late", 0, NULL, 0);
    otel_span_rename(&span, bytes_str("late"));
    otel_span_status(&span, OTEL_STATUS_OK, bytes_str(""));
    otel_span_end(&span, 0);
    const struct otel_span_data *data = fixture_span(*state);
    assert_int_equal(data->attributes.n, 0);
    assert_int_equal(data->n_events, 0);
    assert_true(bytes_equal_str(data->name, "work"));
}

static void test_a_link_to_nothing_is_left_out_unless_it_says_something(void **state) {
    const struct otel_attribute attribute = otel_attribute("a", otel_integer(1));
    struct otel_span span;
    fixture_start(*state, &span, NULL);
    otel_span_link(&span, &(struct otel_link_to){0});
    otel_span_link(&span, &(struct otel_link_to){.attributes = &attribute, .n_attributes = 1});
    otel_span_link(&span, &(struct otel_link_to){.context = {.trace_state = bytes_str("a=b")}});
    otel_span_end(&span, 0);
    const struct otel_span_data *data = fixture_span(*state);
    assert_int_equal(data->n_links, 2);
    assert_int_equal(data->n_dropped_links, 0);
}

/* ---- limits ---- */

static void open_with_limits(struct fixture *fixture, struct otel_limit_settings limits) {
    fixture_init(fixture);
    fixture->settings.span_limits = limits;
    fixture_open(fixture);
}

static void test_what_is_over_a_limit_is_counted(void **state) {
    const struct otel_attribute two[] = {otel_attribute("a", otel_integer(1)),
                                         otel_attribute("b", otel_integer(2))};
    const struct otel_link_to link = {{{{1}}, {{2}}, .flags = 0}, two, 2};
    struct fixture fixture;
    struct otel_span span;
    (void)state;
    open_with_limits(&fixture, (struct otel_limit_settings){2, SIZE_MAX, 2, 1, 1, 0});
    fixture_start(&fixture, &span, NULL);
    otel_span_set(&span, "a", otel_integer(1));
    otel_span_set(&span, "b", otel_integer(2));
    otel_span_set(&span, "c", otel_integer(3));
    otel_span_set(&span, "a", otel_integer(4));
    for (int i = 0; i < 5; i++) {
        otel_span_event(&span, "event", 0, two, 2);
        otel_span_link(&span, &link);
    }
    otel_span_end(&span, 0);
    const struct otel_span_data *data = fixture_span(&fixture);
    assert_int_equal(data->attributes.n, 2);
    assert_int_equal(data->attributes.n_dropped, 1);
    assert_int_equal(fixture_value(&data->attributes, "a").integer, 4);
    assert_int_equal(data->n_events, 2);
    assert_int_equal(data->n_dropped_events, 3);
    assert_int_equal(data->first_event->attributes.n, 1);
    assert_int_equal(data->first_event->attributes.n_dropped, 1);
    assert_int_equal(data->n_links, 1);
    assert_int_equal(data->n_dropped_links, 4);
    assert_int_equal(data->first_link->attributes.n_dropped, 2);
    fixture_close(&fixture);
}

static void test_a_span_that_lives_for_ever_takes_no_memory_for_ever(void **state) {
    static char text[20000];
    struct otel_span span;
    memset(text, 'x', sizeof(text));
    fixture_start(*state, &span, NULL);
    for (size_t i = 0; i < 50000; i++) {
        otel_span_set(&span, "progress", otel_text(bytes_of(text, i % sizeof(text))));
        otel_span_rename(&span, bytes_of(text, i % sizeof(text)));
        otel_span_status(&span, OTEL_STATUS_ERROR, bytes_of(text, i % sizeof(text)));
    }
    otel_span_end(&span, 0);
    const struct otel_span_data *data = fixture_span(*state);
    assert_int_equal(data->attributes.n_dropped, 0);
    assert_int_equal(fixture_value(&data->attributes, "progress").text.len, 49999 % sizeof(text));
    assert_int_equal(data->name.len, 49999 % sizeof(text));
}

/* A span with as many attributes as there is memory for: the rest is dropped, the span is not. */
static void test_a_span_takes_no_more_than_its_threads_memory(void **state) {
    static char text[1 << 20];
    struct fixture fixture;
    struct otel_span span;
    char key[16];
    (void)state;
    fixture_init(&fixture);
    fixture_open(&fixture);
    fixture_start(&fixture, &span, NULL);
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof(key), "key%d", i);
        otel_span_set(&span, key, otel_text(bytes_of(text, sizeof(text))));
    }
    otel_span_event(&span, "small", 0, NULL, 0);
    otel_span_end(&span, 0);
    const struct otel_span_data *data = fixture_span(&fixture);
    assert_in_range(data->attributes.n, 3, 15);
    assert_int_equal(data->attributes.n + data->attributes.n_dropped, 100);
    assert_int_equal(data->n_events, 1);
    fixture_close(&fixture);
}

/* ---- memory ---- */

static void record_one(struct fixture *fixture) {
    struct otel_span span;
    fixture_start(fixture, &span, NULL);
    otel_span_set(&span, "a", otel_str("some text"));
    otel_span_set(&span, "b", otel_integer(1));
    otel_span_set(&span, "c", otel_number(1.5));
    otel_span_set(&span, "d", otel_boolean(true));
    otel_span_event(&span, "event", 0, NULL, 0);
    otel_span_end(&span, 0);
}

static void test_a_warm_thread_asks_the_heap_for_nothing(void **state) {
    struct fixture *fixture = *state;
    for (int i = 0; i < 100; i++)
        record_one(fixture);
    fixture_batch(fixture, OTEL_TRACES); /* as much as there ever is: a full queue and a batch */
    for (int i = 0; i < 100; i++)
        record_one(fixture);
    fail_alloc_at(SIZE_MAX);
    for (int i = 0; i < 1000; i++)
        record_one(fixture);
    assert_int_equal(fail_alloc_count(), 0);
    fail_alloc_off();
}

static void test_a_span_not_sampled_allocates_nothing(void **state) {
    const struct otel_context parent = {.span = {{{7}}, {{8}}, .flags = 0}};
    struct otel_span span;
    fixture_start(*state, &span, NULL);
    otel_span_end(&span, 0);
    fail_alloc_at(SIZE_MAX);
    for (int i = 0; i < 1000; i++) {
        fixture_start(*state, &span, &parent);
        otel_span_set(&span, "a", otel_str("text"));
        otel_span_end(&span, 0);
    }
    assert_int_equal(fail_alloc_count(), 0);
    fail_alloc_off();
}

static void record_large(struct fixture *fixture, struct otel_span *span) {
    static char text[3000];
    char key[16];
    fixture_start(fixture, span, NULL);
    for (int i = 0; i < 8; i++) {
        snprintf(key, sizeof(key), "key%d", i);
        otel_span_set(span, key, otel_text(bytes_of(text, sizeof(text))));
        otel_span_event(span, "event", 0, NULL, 0);
        otel_span_link(span, &(struct otel_link_to){.context = {{{1}}, {{2}}, .flags = 0}});
    }
}

/* The caller's work goes on whatever fails, its context is valid, and what is missing is counted.
 */
static void test_each_allocation_may_fail(void **state) {
    for (size_t n = 1;; n++) {
        struct fixture fixture;
        struct otel_losses losses;
        struct otel_span span;
        fixture_init(&fixture);
        fixture_open(&fixture);
        fail_alloc_at(n);
        record_large(&fixture, &span);
        bool has_failed = fail_alloc_count() >= n;
        assert_true(otel_span_context_is_valid(&span.context.span));
        assert_true(otel_span_context_is_sampled(&span.context.span));
        bool is_recorded = otel_span_is_recorded(&span);
        otel_span_end(&span, 0);
        fail_alloc_off();
        otel_sdk_losses(fixture.sdk, &losses);
        assert_int_equal(losses.n_spans, is_recorded ? 0 : 1);
        if (is_recorded) {
            const struct otel_span_data *data = fixture_span(&fixture);
            assert_int_equal(data->attributes.n + data->attributes.n_dropped, 8);
            assert_int_equal(data->n_events + data->n_dropped_events, 8);
            assert_int_equal(data->n_links + data->n_dropped_links, 8);
        }
        fixture_close(&fixture);
        if (!has_failed)
            break;
    }
    (void)state;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_SDK(test_a_root_has_new_random_ids),
        ON_SDK(test_a_child_is_in_its_parents_trace),
        ON_SDK(test_the_current_context_is_the_parent_unless_another_is_named),
        ON_SDK(test_a_span_may_become_its_own_parent),
        ON_SDK(test_a_span_not_sampled_has_ids_and_takes_nothing),
        ON_SDK(test_a_child_not_sampled_hands_on_what_its_parent_carries),
        ON_SDK(test_a_span_not_sampled_may_become_its_own_parent),
        cmocka_unit_test(test_a_root_has_the_baggage_it_was_started_with),
        cmocka_unit_test(test_without_a_tracer_the_context_is_the_parents),
        ON_SDK(test_a_description_is_asked_for_once_by_a_span_that_is_sampled),
        cmocka_unit_test(test_a_description_is_not_asked_for_by_a_span_that_is_not_sampled),
        cmocka_unit_test(test_a_sampler_of_the_programs_own_sees_what_is_said),
        cmocka_unit_test(test_a_sampler_of_the_programs_own_may_use_any_number_of_sdks),
        ON_SDK(test_all_that_was_said_is_in_the_data),
        ON_SDK(test_times_are_the_clocks_where_none_are_given),
        ON_SDK(test_a_span_started_in_the_future_does_not_end_before_that),
        ON_SDK(test_an_end_before_the_start_is_the_start),
        ON_SDK(test_ok_is_final_and_its_text_does_not_count),
        ON_SDK(test_after_its_end_a_span_takes_nothing_more),
        ON_SDK(test_a_link_to_nothing_is_left_out_unless_it_says_something),
        cmocka_unit_test(test_what_is_over_a_limit_is_counted),
        ON_SDK(test_a_span_that_lives_for_ever_takes_no_memory_for_ever),
        cmocka_unit_test(test_a_span_takes_no_more_than_its_threads_memory),
        ON_SDK(test_a_warm_thread_asks_the_heap_for_nothing),
        ON_SDK(test_a_span_not_sampled_allocates_nothing),
        cmocka_unit_test(test_each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

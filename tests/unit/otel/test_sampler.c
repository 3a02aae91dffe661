/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/sampler.h"

#include "base/random.h"
#include "unit.h"

static bool is_sampled(const struct otel_sampler *sampler, const struct otel_context *parent,
                       struct otel_trace_id id) {
    const struct otel_sampling sampling = {.parent = parent, .trace_id = id};
    return otel_sampler_is_sampled(sampler, &sampling);
}

static struct otel_context parent_with(uint8_t flags) {
    return (struct otel_context){.span = {{{1}}, {{1}}, .flags = flags}};
}

static void test_always_on_and_always_off_do_not_look(void **state) {
    const struct otel_sampler on = {.kind = OTEL_ALWAYS_ON}, off = {.kind = OTEL_ALWAYS_OFF};
    const struct otel_context sampled = parent_with(OTEL_FLAG_SAMPLED), not = parent_with(0);
    (void)state;
    assert_true(is_sampled(&on, &not, (struct otel_trace_id){{1}}));
    assert_false(is_sampled(&off, &sampled, (struct otel_trace_id){{1}}));
}

static void test_a_parent_decides_where_it_is_asked(void **state) {
    const struct otel_sampler on = {.kind = OTEL_ALWAYS_ON, .is_parent_based = true};
    const struct otel_sampler off = {.kind = OTEL_ALWAYS_OFF, .is_parent_based = true};
    const struct otel_context sampled = parent_with(OTEL_FLAG_SAMPLED), not = parent_with(0);
    (void)state;
    assert_true(is_sampled(&off, &sampled, (struct otel_trace_id){{1}}));
    assert_false(is_sampled(&on, &not, (struct otel_trace_id){{1}}));
    assert_true(is_sampled(&on, &otel_context_none, (struct otel_trace_id){{1}}));
    assert_false(is_sampled(&off, &otel_context_none, (struct otel_trace_id){{1}}));
}

static void test_a_ratio_takes_that_share_of_random_ids(void **state) {
    enum {
        N = 100000
    };
    const struct otel_sampler tenth = {.kind = OTEL_TRACE_ID_RATIO, .ratio = 0.1};
    const struct otel_sampler half = {.kind = OTEL_TRACE_ID_RATIO, .ratio = 0.5};
    struct random random;
    size_t n = 0;
    (void)state;
    random_init(&random, 1);
    for (int i = 0; i < N; i++) {
        struct otel_trace_id id;
        uint64_t words[2] = {random_u64(&random), random_u64(&random)};
        memcpy(id.bytes, words, sizeof(words));
        bool is_in = is_sampled(&tenth, &otel_context_none, id);
        n += is_in;
        assert_true(!is_in || is_sampled(&half, &otel_context_none, id));
        assert_int_equal(is_in, is_sampled(&tenth, &otel_context_none, id));
    }
    assert_in_range(n, N / 10 - 500, N / 10 + 500);
}

static void test_a_ratio_of_one_takes_all_and_of_zero_none(void **state) {
    const struct otel_sampler all = {.kind = OTEL_TRACE_ID_RATIO, .ratio = 1};
    const struct otel_sampler none = {.kind = OTEL_TRACE_ID_RATIO, .ratio = 0};
    struct otel_trace_id least = {{1}}, most;
    (void)state;
    memset(most.bytes, 0xff, sizeof(most.bytes));
    assert_true(is_sampled(&all, &otel_context_none, least));
    assert_true(is_sampled(&all, &otel_context_none, most));
    assert_false(is_sampled(&none, &otel_context_none, least));
    assert_false(is_sampled(&none, &otel_context_none, most));
}

/* R >= T of the probability sampler: only the last seven bytes count. */
static void test_a_ratio_looks_at_the_last_seven_bytes(void **state) {
    const struct otel_sampler half = {.kind = OTEL_TRACE_ID_RATIO, .ratio = 0.5};
    (void)state;
    assert_true(is_sampled(&half, &otel_context_none, (struct otel_trace_id){{[9] = 0x80}}));
    assert_false(is_sampled(&half, &otel_context_none,
                            (struct otel_trace_id){{[0] = 0xff, [8] = 0xff, [9] = 0x7f}}));
}

static bool by_name(void *user, const struct otel_sampling *sampling) {
    return bytes_equal_str(sampling->options->name, user);
}

static void test_a_programs_own_function_decides(void **state) {
    char wanted[] = "wanted";
    const struct otel_sampler sampler = {
        .kind = OTEL_SAMPLED_BY, .is_sampled = by_name, .user = wanted};
    const struct otel_span_options yes = {.name = bytes_str("wanted")}, no = {.name = {0}};
    struct otel_sampling sampling = {.parent = &otel_context_none, .options = &yes};
    (void)state;
    assert_true(otel_sampler_is_sampled(&sampler, &sampling));
    sampling.options = &no;
    assert_false(otel_sampler_is_sampled(&sampler, &sampling));
}

static void described(const struct otel_sampler *sampler, const char *wanted) {
    char text[96];
    otel_sampler_describe(sampler, text, sizeof(text));
    assert_string_equal(text, wanted);
}

static void test_descriptions_are_the_specifications(void **state) {
    (void)state;
    described(&(struct otel_sampler){.kind = OTEL_ALWAYS_ON}, "AlwaysOnSampler");
    described(&(struct otel_sampler){.kind = OTEL_ALWAYS_OFF}, "AlwaysOffSampler");
    described(&(struct otel_sampler){.kind = OTEL_TRACE_ID_RATIO, .ratio = 0.0001},
              "TraceIdRatioBased{0.000100}");
    described(&(struct otel_sampler){.kind = OTEL_TRACE_ID_RATIO, .ratio = 1},
              "TraceIdRatioBased{1.000000}");
    described(&(struct otel_sampler){.kind = OTEL_TRACE_ID_RATIO, .ratio = 1e-9},
              "TraceIdRatioBased{1e-09}");
    described(&(struct otel_sampler){.kind = OTEL_ALWAYS_ON, .is_parent_based = true},
              "ParentBased{root:AlwaysOnSampler}");
    described(&(struct otel_sampler){OTEL_TRACE_ID_RATIO, true, 0.25, NULL, NULL},
              "ParentBased{root:TraceIdRatioBased{0.250000}}");
}

static void test_a_description_is_cut(void **state) {
    const struct otel_sampler sampler = {.kind = OTEL_ALWAYS_ON};
    char text[9];
    (void)state;
    otel_sampler_describe(&sampler, text, sizeof(text));
    assert_string_equal(text, "AlwaysOn");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_always_on_and_always_off_do_not_look),
        cmocka_unit_test(test_a_parent_decides_where_it_is_asked),
        cmocka_unit_test(test_a_ratio_takes_that_share_of_random_ids),
        cmocka_unit_test(test_a_ratio_of_one_takes_all_and_of_zero_none),
        cmocka_unit_test(test_a_ratio_looks_at_the_last_seven_bytes),
        cmocka_unit_test(test_a_programs_own_function_decides),
        cmocka_unit_test(test_descriptions_are_the_specifications),
        cmocka_unit_test(test_a_description_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

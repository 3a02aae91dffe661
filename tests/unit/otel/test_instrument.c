/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/instrument.h"

#include "base/log.h"
#include "metered.h"
#include "otel/limits.h"

static int n_lines;

static void count_line(enum log_level level, const char *line, size_t len) {
    assert_int_equal(level, LOG_WARN);
    (void)line, (void)len;
    n_lines++;
}

static int set_up_logged(void **state) {
    n_lines = 0;
    log_redirect(count_line);
    return set_up_metered(state);
}

static int tear_down_logged(void **state) {
    log_redirect(NULL);
    return tear_down_metered(state);
}

static int try(struct metered *metered, const struct otel_instrument_options *options) {
    struct otel_instrument *instrument = (void *)1;
    int r = otel_instrument_new(metered->meter, options, &instrument);
    assert_true((r == 0) == (instrument != NULL));
    return r;
}

static int try_name(struct metered *metered, const char *name) {
    const struct otel_instrument_options options = {.kind = OTEL_COUNTER, .name = name};
    return try(metered, &options);
}

static int try_unit(struct metered *metered, const char *name, const char *unit) {
    const struct otel_instrument_options options = {
        .kind = OTEL_COUNTER, .name = name, .unit = unit};
    return try(metered, &options);
}

static void test_names_keep_to_the_specifications_syntax(void **state) {
    static const char *const good[] = {"a", "Z9", "rpc.server/call_duration-x"};
    static const char *const bad[] = {"",    "9a",  "_a",        ".a", "a b",
                                      "a:b", "a\n", "a\xc3\xa4", "a%s"};
    char name[OTEL_MAX_NAME + 2];
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_int_equal(try_name(*state, good[i]), 0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(try_name(*state, bad[i]), -EINVAL);
    assert_int_equal(try_name(*state, NULL), -EINVAL);
    memset(name, 'n', sizeof(name));
    name[OTEL_MAX_NAME + 1] = '\0';
    assert_int_equal(try_name(*state, name), -EINVAL);
    assert_int_equal(n_lines, ARRAY_LEN(bad) + 2);
    name[OTEL_MAX_NAME] = '\0';
    assert_int_equal(try_name(*state, name), 0);
    assert_int_equal(n_lines, ARRAY_LEN(bad) + 2);
}

static void test_units_are_ascii_and_short(void **state) {
    char unit[OTEL_MAX_UNIT + 2];
    assert_int_equal(try_unit(*state, "a", NULL), 0);
    assert_int_equal(try_unit(*state, "a", ""), 0);
    assert_int_equal(try_unit(*state, "b", "{call}/s"), 0);
    assert_int_equal(try_unit(*state, "c", "\xc2\xb5s"), -EINVAL);
    assert_int_equal(try_unit(*state, "c", "s\n"), -EINVAL);
    memset(unit, 'u', sizeof(unit));
    unit[OTEL_MAX_UNIT + 1] = '\0';
    assert_int_equal(try_unit(*state, "c", unit), -EINVAL);
    unit[OTEL_MAX_UNIT] = '\0';
    assert_int_equal(try_unit(*state, "c", unit), 0);
    assert_int_equal(n_lines, 3);
}

static void test_the_same_instrument_is_made_once_in_whatever_case(void **state) {
    struct metered *metered = *state;
    struct otel_instrument *first = instrument_of(metered, "Calls", OTEL_COUNTER, true);
    assert_ptr_equal(instrument_of(metered, "calls", OTEL_COUNTER, true), first);
    assert_ptr_equal(instrument_of(metered, "CALLS", OTEL_COUNTER, true), first);
    assert_string_equal(first->name, "Calls");
    assert_int_equal(n_lines, 0);
}

static void test_histograms_are_of_numbers_whatever_is_said(void **state) {
    struct otel_instrument *first = instrument_of(*state, "h", OTEL_HISTOGRAM, false);
    assert_ptr_equal(instrument_of(*state, "h", OTEL_HISTOGRAM, true), first);
}

static void test_another_one_of_a_name_is_refused_and_said_once(void **state) {
    struct metered *metered = *state;
    const struct otel_instrument_options others[] = {
        {.kind = OTEL_UP_DOWN_COUNTER, .is_integer = true, .name = "n", .unit = "s"},
        {.kind = OTEL_COUNTER, .name = "n", .unit = "s"},
        {.kind = OTEL_COUNTER, .is_integer = true, .name = "N", .unit = "ms"},
        {.kind = OTEL_COUNTER, .is_integer = true, .name = "n"},
    };
    const struct otel_instrument_options options = {
        .kind = OTEL_COUNTER, .is_integer = true, .name = "n", .unit = "s"};
    assert_int_equal(try(metered, &options), 0);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_int_equal(try(metered, &others[i]), -EINVAL);
    assert_int_equal(n_lines, 1);
    assert_int_equal(try(metered, &options), 0);
}

static void test_bounds_over_the_limit_are_replaced(void **state) {
    struct metered *metered = *state;
    static double bounds[OTEL_MAX_BOUNDS + 1];
    for (size_t i = 0; i < ARRAY_LEN(bounds); i++)
        bounds[i] = (double)i;
    struct otel_instrument_options options = {
        .kind = OTEL_HISTOGRAM, .name = "a", .bounds = bounds, .n_bounds = OTEL_MAX_BOUNDS};
    struct otel_instrument *instrument;
    assert_int_equal(otel_instrument_new(metered->meter, &options, &instrument), 0);
    otel_series_record(series_of(instrument), OTEL_MAX_BOUNDS - 1, NULL);
    const struct otel_histogram_data *data = &only_point(collect(metered), "a")->histogram;
    assert_int_equal(data->n_bounds, OTEL_MAX_BOUNDS);
    assert_int_equal(data->counts[OTEL_MAX_BOUNDS - 1], 1);
    end(metered);
    assert_int_equal(n_lines, 0);
    options.name = "b";
    options.n_bounds++;
    assert_int_equal(otel_instrument_new(metered->meter, &options, &instrument), 0);
    assert_int_equal(instrument->shape.n_bounds, 15);
    assert_int_equal(n_lines, 1);
}

static void test_a_failing_allocation_leaves_no_half_series(void **state) {
    struct otel_instrument *instrument = instrument_of(*state, "n", OTEL_COUNTER, true);
    const struct otel_attribute attribute = otel_attribute("k", otel_integer(1));
    struct otel_series *series = NULL;
    for (size_t n = 1; !series; n++) {
        fail_alloc_at(n);
        series = otel_series_of(instrument, &attribute, 1);
        fail_alloc_off();
    }
    assert_ptr_equal(otel_series_of(instrument, &attribute, 1), series);
    assert_int_equal(instrument->n_series, 1);
}

static void test_a_failing_allocation_leaves_no_half_instrument(void **state) {
    struct metered *metered = *state;
    const struct otel_instrument_options options = {.kind = OTEL_HISTOGRAM, .name = "h"};
    for (size_t n = 1;; n++) {
        fail_alloc_at(n);
        int r = try(metered, &options);
        fail_alloc_off();
        if (r == 0)
            break;
        assert_int_equal(r, -ENOMEM);
    }
    assert_int_equal(try(metered, &options), 0);
}

#define ON_LOGGED(test) cmocka_unit_test_setup_teardown(test, set_up_logged, tear_down_logged)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_LOGGED(test_names_keep_to_the_specifications_syntax),
        ON_LOGGED(test_units_are_ascii_and_short),
        ON_LOGGED(test_the_same_instrument_is_made_once_in_whatever_case),
        ON_LOGGED(test_histograms_are_of_numbers_whatever_is_said),
        ON_LOGGED(test_another_one_of_a_name_is_refused_and_said_once),
        ON_LOGGED(test_bounds_over_the_limit_are_replaced),
        ON_LOGGED(test_a_failing_allocation_leaves_no_half_series),
        ON_LOGGED(test_a_failing_allocation_leaves_no_half_instrument),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

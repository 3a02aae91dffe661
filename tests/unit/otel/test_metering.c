/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/metering.h"

#include <math.h>
#include <stdio.h>

#include "metered.h"
#include "otel/limits.h"

/* ---- counters ---- */

static void test_a_counter_is_exported_as_it_was_made(void **state) {
    struct metered *metered = *state;
    const struct otel_instrument_options options = {
        .kind = OTEL_COUNTER,
        .is_integer = true,
        .name = "calls",
        .unit = "{call}",
        .description = "calls ended",
    };
    struct otel_instrument *instrument;
    assert_int_equal(otel_instrument_new(metered->meter, &options, &instrument), 0);
    otel_series_add(series_of(instrument), 3);
    const struct otel_metrics *metrics = collect(metered);
    assert_int_equal(metrics->n_scopes, 1);
    assert_int_equal(metrics->n_points, 1);
    assert_true(bytes_equal_str(metrics->scopes->scope->name, "test"));
    assert_true(bytes_equal_str(metrics->scopes->scope->version, "1"));
    const struct otel_metric *metric = metrics->scopes->metrics;
    assert_string_equal(metric->name, "calls");
    assert_string_equal(metric->unit, "{call}");
    assert_string_equal(metric->description, "calls ended");
    assert_int_equal(metric->kind, OTEL_COUNTER);
    assert_true(metric->is_integer);
    assert_int_equal(metric->points->start_ns, 1000);
    assert_int_equal(metric->points->time_ns, 2000);
    assert_int_equal(metric->points->integer, 3);
    assert_int_equal(metric->points->n_attributes, 0);
    end(metered);
}

static void test_counters_go_on_from_collection_to_collection(void **state) {
    struct otel_series *series = series_of(instrument_of(*state, "n", OTEL_COUNTER, true));
    otel_series_add(series, 3);
    assert_int_equal(integer_now(*state, "n"), 3);
    assert_int_equal(integer_now(*state, "n"), 3);
    otel_series_add(series, 4);
    assert_int_equal(integer_now(*state, "n"), 7);
}

static void test_what_would_make_a_counter_fall_or_is_no_number_is_ignored(void **state) {
    struct otel_series *integers = series_of(instrument_of(*state, "i", OTEL_COUNTER, true));
    struct otel_series *numbers = series_of(instrument_of(*state, "f", OTEL_COUNTER, false));
    otel_series_add(integers, 5);
    otel_series_add(integers, -1);
    otel_series_add_number(integers, 1.5);
    otel_series_add_number(numbers, 0.5);
    otel_series_add_number(numbers, -1);
    otel_series_add_number(numbers, NAN);
    otel_series_add_number(numbers, INFINITY);
    otel_series_add(numbers, 2);
    assert_int_equal(integer_now(*state, "i"), 5);
    assert_true(number_now(*state, "f") == 2.5);
}

static void test_an_up_down_counter_falls_too(void **state) {
    struct otel_series *series = series_of(instrument_of(*state, "n", OTEL_UP_DOWN_COUNTER, true));
    otel_series_add(series, 5);
    otel_series_add(series, -7);
    assert_int_equal(integer_now(*state, "n"), -2);
}

static void test_a_series_is_not_exported_before_its_first_measurement(void **state) {
    struct metered *metered = *state;
    struct otel_series *series = series_of(instrument_of(metered, "n", OTEL_COUNTER, true));
    series_of(instrument_of(metered, "h", OTEL_HISTOGRAM, false));
    otel_series_add(series, -1);
    const struct otel_metrics *metrics = collect(metered);
    assert_int_equal(metrics->n_points, 0);
    assert_int_equal(metrics->n_scopes, 0);
    end(metered);
    otel_series_add(series, 0);
    assert_int_equal(integer_now(metered, "n"), 0);
}

static void test_a_measurement_of_another_kind_is_ignored(void **state) {
    struct metered *metered = *state;
    struct otel_series *counter = series_of(instrument_of(metered, "n", OTEL_COUNTER, true));
    struct otel_series *gauge = series_of(instrument_of(metered, "g", OTEL_GAUGE, true));
    struct otel_series *histogram = series_of(instrument_of(metered, "h", OTEL_HISTOGRAM, false));
    otel_series_record(counter, 1, NULL);
    otel_series_set(counter, 1);
    otel_series_add(gauge, 1);
    otel_series_record(gauge, 1, NULL);
    otel_series_add(histogram, 1);
    otel_series_set_number(histogram, 1);
    assert_int_equal(collect(metered)->n_points, 0);
    end(metered);
}

static void test_nothing_does_nothing(void **state) {
    struct otel_instrument *instrument = (void *)1;
    const struct otel_instrument_options options = {.kind = OTEL_COUNTER, .name = "n"};
    const struct otel_scope scope = {0};
    (void)state;
    assert_null(otel_metering_meter(NULL, &scope));
    assert_int_equal(otel_instrument_new(NULL, &options, &instrument), 0);
    assert_null(instrument);
    assert_null(otel_series_of(NULL, NULL, 0));
    assert_int_equal(otel_meter_observe(NULL, NULL, NULL), 0);
    otel_meter_forget(NULL, NULL, NULL);
    otel_series_add(NULL, 1);
    otel_series_add_number(NULL, 1);
    otel_series_set(NULL, 1);
    otel_series_set_number(NULL, 1);
    otel_series_record(NULL, 1, NULL);
    otel_metering_free(NULL);
}

/* ---- gauges and histograms ---- */

static void test_a_gauge_has_the_last_value(void **state) {
    struct otel_series *integers = series_of(instrument_of(*state, "i", OTEL_GAUGE, true));
    struct otel_series *numbers = series_of(instrument_of(*state, "f", OTEL_GAUGE, false));
    otel_series_set(integers, 5);
    otel_series_set(integers, -7);
    otel_series_set_number(numbers, 0.5);
    otel_series_set_number(numbers, -1.5);
    otel_series_set_number(numbers, NAN);
    assert_int_equal(integer_now(*state, "i"), -7);
    assert_true(number_now(*state, "f") == -1.5);
}

static void test_a_histogram_counts_in_the_specifications_buckets(void **state) {
    static const double bounds[] = {0,   5,   10,   25,   50,   75,   100,  250,
                                    500, 750, 1000, 2500, 5000, 7500, 10000};
    struct metered *metered = *state;
    struct otel_series *series = series_of(instrument_of(metered, "h", OTEL_HISTOGRAM, false));
    otel_series_record(series, 0, NULL);
    otel_series_record(series, 5, NULL);
    otel_series_record(series, 5.5, NULL);
    otel_series_record(series, 1e9, NULL);
    otel_series_record(series, NAN, NULL);
    otel_series_record(series, -INFINITY, NULL);
    const struct otel_histogram_data *data = &only_point(collect(metered), "h")->histogram;
    assert_int_equal(data->n_bounds, ARRAY_LEN(bounds));
    assert_memory_equal(data->bounds, bounds, sizeof(bounds));
    assert_int_equal(data->count, 4);
    assert_true(data->sum == 1e9 + 10.5);
    assert_true(data->min == 0);
    assert_true(data->max == 1e9);
    for (size_t i = 0; i <= ARRAY_LEN(bounds); i++)
        assert_int_equal(data->counts[i], i < 3 || i == 15);
    end(metered);
}

static void test_a_histogram_has_its_own_bounds_if_they_are_valid(void **state) {
    static const struct {
        double bounds[3];
        size_t n;
        size_t n_taken;
    } cases[] = {
        {{1, 2, 3}, 3, 3}, {{-1, 0.5}, 2, 2},      {{0}, 0, 0},    {{1, 1, 2}, 3, 15},
        {{2, 1}, 2, 15},   {{1, INFINITY}, 2, 15}, {{NAN}, 1, 15},
    };
    struct metered *metered = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char name[] = {(char)('a' + i), '\0'};
        struct otel_instrument *instrument;
        const struct otel_instrument_options options = {.kind = OTEL_HISTOGRAM,
                                                        .name = name,
                                                        .bounds = cases[i].bounds,
                                                        .n_bounds = cases[i].n};
        assert_int_equal(otel_instrument_new(metered->meter, &options, &instrument), 0);
        otel_series_record(series_of(instrument), 7, NULL);
        const struct otel_histogram_data *data = &only_point(collect(metered), name)->histogram;
        assert_int_equal(data->n_bounds, cases[i].n_taken);
        assert_int_equal(data->count, 1);
        end(metered);
    }
}

/* ---- several at once ---- */

static uint64_t count_now(struct metered *metered, const char *name) {
    const struct otel_metric *metric = metric_named(collect(metered), name);
    uint64_t count = metric ? metric->points->histogram.count : 0;
    end(metered);
    return count;
}

static void test_values_recorded_at_once_count_each_in_its_series(void **state) {
    struct metered *metered = *state;
    const struct otel_recorded recorded[] = {
        {series_of(instrument_of(metered, "a", OTEL_HISTOGRAM, false)), 1},
        {series_of(instrument_of(metered, "b", OTEL_HISTOGRAM, false)), 20},
    };
    for (int i = 0; i < 3; i++)
        otel_series_record_all(recorded, ARRAY_LEN(recorded), NULL);
    otel_series_record_all(NULL, 0, NULL);
    const struct otel_metrics *metrics = collect(metered);
    assert_int_equal(only_point(metrics, "a")->histogram.count, 3);
    assert_int_equal(only_point(metrics, "a")->histogram.counts[1], 3);
    assert_true(only_point(metrics, "b")->histogram.sum == 60);
    end(metered);
}

static void test_of_values_recorded_at_once_those_that_do_not_fit_are_ignored(void **state) {
    struct metered *metered = *state;
    struct otel_series *histogram = series_of(instrument_of(metered, "h", OTEL_HISTOGRAM, false));
    struct otel_series *counter = series_of(instrument_of(metered, "n", OTEL_COUNTER, false));
    const struct otel_recorded recorded[] = {
        {NULL, 1}, {histogram, NAN}, {counter, 1}, {histogram, INFINITY}, {histogram, 2},
    };
    otel_series_record_all(recorded, ARRAY_LEN(recorded), NULL);
    assert_int_equal(count_now(metered, "h"), 1);
    assert_null(metric_named(collect(metered), "n"));
    end(metered);
}

static void test_values_recorded_at_once_may_be_of_several_meterings(void **state) {
    struct metered *metered = *state, other;
    metered_open(&other, OTEL_EXEMPLARS_OFF);
    struct otel_series *here = series_of(instrument_of(metered, "h", OTEL_HISTOGRAM, false));
    struct otel_series *there = series_of(instrument_of(&other, "h", OTEL_HISTOGRAM, false));
    const struct otel_recorded recorded[] = {{here, 1}, {there, 1}, {here, 1}};
    for (int i = 0; i < 2; i++)
        otel_series_record_all(recorded, ARRAY_LEN(recorded), NULL);
    assert_int_equal(count_now(metered, "h"), 4);
    assert_int_equal(count_now(&other, "h"), 2);
    otel_metering_free(other.metering);
}

/* ---- order and identity ---- */

static void test_meters_of_one_scope_are_one(void **state) {
    struct metered *metered = *state;
    const struct otel_scope same = {.name = bytes_str("test"), .version = bytes_str("1")};
    const struct otel_scope newer = {.name = bytes_str("test"), .version = bytes_str("2")};
    const struct otel_scope other = {
        .name = bytes_str("test"), .version = bytes_str("1"), .schema_url = bytes_str("u")};
    assert_ptr_equal(otel_metering_meter(metered->metering, &same), metered->meter);
    assert_ptr_not_equal(otel_metering_meter(metered->metering, &newer), metered->meter);
    assert_ptr_not_equal(otel_metering_meter(metered->metering, &other), metered->meter);
}

static void test_a_scope_may_be_empty(void **state) {
    struct metered *metered = *state;
    const struct otel_scope scope = {0};
    struct metered nameless = {metered->metering, otel_metering_meter(metered->metering, &scope)};
    assert_non_null(nameless.meter);
    otel_series_add(series_of(instrument_of(&nameless, "n", OTEL_COUNTER, true)), 1);
    const struct otel_metrics *metrics = collect(metered);
    assert_int_equal(metrics->n_scopes, 1);
    assert_int_equal(metrics->scopes->scope->name.len, 0);
    end(metered);
}

static void test_meters_have_names_of_their_own(void **state) {
    struct metered *metered = *state;
    const struct otel_scope scope = {.name = bytes_str("other")};
    struct metered other = {metered->metering, otel_metering_meter(metered->metering, &scope)};
    otel_series_add(series_of(instrument_of(metered, "n", OTEL_COUNTER, true)), 1);
    otel_series_add_number(series_of(instrument_of(&other, "n", OTEL_COUNTER, false)), 0.5);
    const struct otel_metrics *metrics = collect(metered);
    assert_int_equal(metrics->n_scopes, 2);
    assert_int_equal(metrics->scopes[0].metrics->points->integer, 1);
    assert_true(metrics->scopes[1].metrics->points->number == 0.5);
    end(metered);
}

static void test_scopes_metrics_and_points_come_in_the_order_of_their_making(void **state) {
    struct metered *metered = *state;
    const struct otel_scope scope = {.name = bytes_str("a")};
    struct metered second = {metered->metering, otel_metering_meter(metered->metering, &scope)};
    struct otel_instrument *z = instrument_of(metered, "z", OTEL_COUNTER, true);
    struct otel_instrument *b = instrument_of(&second, "b", OTEL_COUNTER, true);
    struct otel_instrument *y = instrument_of(metered, "y", OTEL_COUNTER, true);
    struct otel_series *late = series_with(z, "k", 9);
    otel_series_add(series_of(y), 1);
    otel_series_add(series_of(b), 1);
    otel_series_add(series_with(z, "k", 1), 1);
    otel_series_add(late, 1);
    const struct otel_metrics *metrics = collect(metered);
    assert_int_equal(metrics->n_scopes, 2);
    assert_true(bytes_equal_str(metrics->scopes[0].scope->name, "test"));
    assert_true(bytes_equal_str(metrics->scopes[1].scope->name, "a"));
    assert_int_equal(metrics->scopes[0].n_metrics, 2);
    assert_string_equal(metrics->scopes[0].metrics[0].name, "z");
    assert_string_equal(metrics->scopes[0].metrics[1].name, "y");
    assert_int_equal(metrics->scopes[0].metrics[0].points[0].attributes->value.integer, 9);
    assert_int_equal(metrics->scopes[0].metrics[0].points[1].attributes->value.integer, 1);
    assert_int_equal(metrics->n_points, 4);
    end(metered);
}

static void test_the_order_of_attributes_does_not_matter(void **state) {
    struct otel_instrument *instrument = instrument_of(*state, "n", OTEL_COUNTER, true);
    const struct otel_attribute one[] = {otel_attribute("b", otel_str("x")),
                                         otel_attribute("a", otel_integer(1))};
    const struct otel_attribute two[] = {otel_attribute("a", otel_integer(2)),
                                         otel_attribute("a", otel_integer(1)),
                                         otel_attribute("b", otel_str("x"))};
    struct otel_series *series = otel_series_of(instrument, one, 2);
    assert_ptr_equal(otel_series_of(instrument, two, 3), series);
    otel_series_add(series, 1);
    const struct otel_point *point = only_point(collect(*state), "n");
    assert_int_equal(point->n_attributes, 2);
    assert_true(bytes_equal_str(point->attributes[0].key, "a"));
    assert_true(bytes_equal_str(point->attributes[1].key, "b"));
    assert_true(bytes_equal_str(point->attributes[1].value.text, "x"));
    end(*state);
}

/* ---- limits ---- */

static void test_series_over_the_limit_are_one(void **state) {
    struct metered *metered = *state;
    struct otel_instrument *instrument = instrument_of(metered, "n", OTEL_COUNTER, true);
    struct otel_series *first = series_with(instrument, "k", 0);
    for (int i = 0; i < OTEL_MAX_SERIES + 10; i++)
        otel_series_add(series_with(instrument, "k", i), 1);
    assert_ptr_equal(series_with(instrument, "k", OTEL_MAX_SERIES - 1),
                     series_with(instrument, "k", OTEL_MAX_SERIES + 1));
    assert_ptr_equal(series_with(instrument, "k", 0), first);
    const struct otel_metric *metric = metric_named(collect(metered), "n");
    assert_int_equal(metric->n_points, OTEL_MAX_SERIES);
    const struct otel_point *overflow = &metric->points[OTEL_MAX_SERIES - 1];
    assert_int_equal(overflow->n_attributes, 1);
    assert_true(bytes_equal_str(overflow->attributes->key, "otel.metric.overflow"));
    assert_int_equal(overflow->attributes->value.type, OTEL_BOOLEAN);
    assert_true(overflow->attributes->value.boolean);
    assert_int_equal(overflow->integer, 11);
    end(metered);
}

static void test_instruments_and_meters_are_bounded(void **state) {
    struct metered *metered = *state;
    char name[16];
    struct otel_instrument *instrument;
    struct otel_instrument_options options = {.kind = OTEL_COUNTER, .name = name};
    for (int i = 0; i < OTEL_MAX_INSTRUMENTS; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        assert_int_equal(otel_instrument_new(metered->meter, &options, &instrument), 0);
    }
    options.name = "more";
    assert_int_equal(otel_instrument_new(metered->meter, &options, &instrument), -ENOBUFS);
    assert_null(instrument);
    for (int i = 1; i < OTEL_MAX_SCOPES; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        const struct otel_scope scope = {.name = bytes_str(name)};
        assert_non_null(otel_metering_meter(metered->metering, &scope));
    }
    const struct otel_scope more = {.name = bytes_str("more")};
    assert_null(otel_metering_meter(metered->metering, &more));
}

/* ---- memory ---- */

static void measure_all(struct otel_series *series[5]) {
    const struct otel_recorded recorded = {series[4], 7};
    otel_series_add(series[0], 1);
    otel_series_add_number(series[1], 0.5);
    otel_series_record(series[2], 7, NULL);
    otel_series_set(series[3], 7);
    otel_series_record_all(&recorded, 1, NULL);
}

static void test_once_warm_nothing_is_allocated(void **state) {
    struct metered *metered = *state;
    struct otel_series *series[] = {
        series_of(instrument_of(metered, "a", OTEL_COUNTER, true)),
        series_of(instrument_of(metered, "b", OTEL_UP_DOWN_COUNTER, false)),
        series_of(instrument_of(metered, "c", OTEL_HISTOGRAM, false)),
        series_of(instrument_of(metered, "d", OTEL_GAUGE, true)),
        series_of(instrument_of(metered, "e", OTEL_HISTOGRAM, false)),
    };
    measure_all(series);
    collect(metered);
    end(metered);
    fail_alloc_off();
    for (int i = 0; i < 1000; i++)
        measure_all(series);
    collect(metered);
    end(metered);
    assert_int_equal(fail_alloc_count(), 0);
    assert_int_equal(integer_now(metered, "a"), 1001);
}

/* A measurement finds no memory for its cell, and counts all the same. */
static void test_a_failing_allocation_loses_no_measurement(void **state) {
    struct metered *metered = *state;
    struct otel_series *series[] = {
        series_of(instrument_of(metered, "a", OTEL_COUNTER, true)),
        series_of(instrument_of(metered, "b", OTEL_UP_DOWN_COUNTER, false)),
        series_of(instrument_of(metered, "c", OTEL_HISTOGRAM, false)),
        series_of(instrument_of(metered, "d", OTEL_GAUGE, true)),
        series_of(instrument_of(metered, "e", OTEL_HISTOGRAM, false)),
    };
    int n = 0;
    for (size_t failing = 1; failing < 12; failing++, n++) {
        fail_alloc_at(failing);
        measure_all(series);
        fail_alloc_off();
    }
    const struct otel_metrics *metrics = collect(metered);
    assert_int_equal(only_point(metrics, "a")->integer, n);
    assert_true(only_point(metrics, "b")->number == n / 2.0);
    assert_int_equal(only_point(metrics, "c")->histogram.count, n);
    assert_int_equal(only_point(metrics, "d")->integer, 7);
    assert_int_equal(only_point(metrics, "e")->histogram.count, n);
    end(metered);
}

static int make_all(void) {
    struct otel_metering *metering;
    struct otel_instrument *instrument;
    const struct otel_metrics *metrics;
    const struct otel_metering_options options = {.exemplars = OTEL_EXEMPLARS_ON};
    const struct otel_scope scope = {.name = bytes_str("s")};
    const struct otel_instrument_options histogram = {.kind = OTEL_HISTOGRAM, .name = "h"};
    int r = otel_metering_new(&options, &metering);
    if (r)
        return r;
    struct otel_meter *meter = otel_metering_meter(metering, &scope);
    r = meter ? otel_instrument_new(meter, &histogram, &instrument) : -ENOMEM;
    struct otel_series *series = r ? NULL : otel_series_of(instrument, NULL, 0);
    otel_series_record(series, 1, NULL);
    if (!r)
        r = series ? otel_metering_collect(metering, 1, &metrics) : -ENOMEM;
    if (!r)
        otel_metering_end(metering);
    otel_metering_free(metering);
    return r;
}

static void test_each_failing_allocation_is_an_ordinary_error(void **state) {
    (void)state;
    for (size_t n = 1, n_good = 0; n_good < 5; n++) {
        fail_alloc_at(n);
        int r = make_all();
        fail_alloc_off();
        assert_true(r == 0 || r == -ENOMEM);
        n_good = r ? 0 : n_good + 1;
    }
}

static void test_a_collection_that_fails_loses_nothing(void **state) {
    struct metered *metered = *state;
    const struct otel_metrics *metrics;
    struct otel_series *series = series_of(instrument_of(metered, "n", OTEL_COUNTER, true));
    otel_series_add(series, 5);
    size_t n = 1;
    for (;; n++) {
        fail_alloc_at(n);
        int r = otel_metering_collect(metered->metering, 2000, &metrics);
        fail_alloc_off();
        if (r == 0)
            break;
        assert_int_equal(r, -ENOMEM);
        otel_series_add(series, 1);
    }
    assert_true(n > 1);
    assert_int_equal(only_point(metrics, "n")->integer, 5 + n - 1);
    end(metered);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_METERED(test_a_counter_is_exported_as_it_was_made),
        ON_METERED(test_counters_go_on_from_collection_to_collection),
        ON_METERED(test_what_would_make_a_counter_fall_or_is_no_number_is_ignored),
        ON_METERED(test_an_up_down_counter_falls_too),
        ON_METERED(test_a_series_is_not_exported_before_its_first_measurement),
        ON_METERED(test_a_measurement_of_another_kind_is_ignored),
        cmocka_unit_test(test_nothing_does_nothing),
        ON_METERED(test_a_gauge_has_the_last_value),
        ON_METERED(test_a_histogram_counts_in_the_specifications_buckets),
        ON_METERED(test_a_histogram_has_its_own_bounds_if_they_are_valid),
        ON_METERED(test_values_recorded_at_once_count_each_in_its_series),
        ON_METERED(test_of_values_recorded_at_once_those_that_do_not_fit_are_ignored),
        ON_METERED(test_values_recorded_at_once_may_be_of_several_meterings),
        ON_METERED(test_meters_of_one_scope_are_one),
        ON_METERED(test_a_scope_may_be_empty),
        ON_METERED(test_meters_have_names_of_their_own),
        ON_METERED(test_scopes_metrics_and_points_come_in_the_order_of_their_making),
        ON_METERED(test_the_order_of_attributes_does_not_matter),
        ON_METERED(test_series_over_the_limit_are_one),
        ON_METERED(test_instruments_and_meters_are_bounded),
        ON_METERED(test_once_warm_nothing_is_allocated),
        ON_METERED(test_a_failing_allocation_loses_no_measurement),
        cmocka_unit_test(test_each_failing_allocation_is_an_ordinary_error),
        ON_METERED(test_a_collection_that_fails_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

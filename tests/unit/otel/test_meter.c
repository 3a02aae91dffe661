/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/meter.h"

#include <math.h>
#include <pthread.h>

#include "base/thread.h"
#include "metered.h"
#include "otel/limits.h"

/* What an observer of the tests reports: `n` series from `first` on, each with its own number. */
struct reporting {
    struct otel_instrument *instrument;
    int64_t first, n;
    int n_calls;
};

static void report(void *user, struct otel_observations *out) {
    struct reporting *reporting = user;
    reporting->n_calls++;
    for (int64_t i = reporting->first; i < reporting->first + reporting->n; i++) {
        const struct otel_attribute attribute = otel_attribute("k", otel_integer(i));
        otel_observe(out, reporting->instrument, i, &attribute, 1);
    }
}

static size_t n_points_of(struct metered *metered, const char *name) {
    const struct otel_metric *metric = metric_named(collect(metered), name);
    size_t n = metric ? metric->n_points : 0;
    end(metered);
    return n;
}

static void test_an_observer_reports_at_each_collection(void **state) {
    struct metered *metered = *state;
    struct reporting reporting = {instrument_of(metered, "n", OTEL_COUNTER, true), 5, 1, 0};
    assert_int_equal(otel_meter_observe(metered->meter, report, &reporting), 0);
    assert_int_equal(integer_now(metered, "n"), 5);
    assert_int_equal(integer_now(metered, "n"), 5);
    reporting.first = 7;
    const struct otel_point *point = only_point(collect(metered), "n");
    assert_int_equal(point->integer, 7);
    assert_int_equal(point->start_ns, 1000);
    end(metered);
    assert_int_equal(reporting.n_calls, 3);
}

static void test_what_is_not_reported_is_not_exported_and_forgotten(void **state) {
    struct metered *metered = *state;
    struct reporting reporting = {instrument_of(metered, "g", OTEL_GAUGE, true), 0, 10, 0};
    assert_int_equal(otel_meter_observe(metered->meter, report, &reporting), 0);
    assert_int_equal(n_points_of(metered, "g"), 10);
    reporting.first = 8;
    reporting.n = 3;
    const struct otel_metrics *metrics = collect(metered);
    assert_int_equal(metric_named(metrics, "g")->n_points, 3);
    assert_int_equal(point_with(metrics, "g", 10)->integer, 10);
    end(metered);
    assert_int_equal(reporting.instrument->n_series, 3);
    reporting.n = 0;
    assert_int_equal(n_points_of(metered, "g"), 0);
}

static void test_the_limit_is_for_one_observation(void **state) {
    struct metered *metered = *state;
    struct reporting reporting = {instrument_of(metered, "g", OTEL_GAUGE, true), 0, 1500, 0};
    assert_int_equal(otel_meter_observe(metered->meter, report, &reporting), 0);
    for (int i = 0; i < 5; i++, reporting.first += 1500) {
        const struct otel_metrics *metrics = collect(metered);
        assert_int_equal(metric_named(metrics, "g")->n_points, 1500);
        assert_non_null(point_with(metrics, "g", reporting.first + 1499));
        end(metered);
    }
}

static void test_observations_over_the_limit_are_one(void **state) {
    struct metered *metered = *state;
    struct reporting reporting = {instrument_of(metered, "n", OTEL_COUNTER, true), 1,
                                  OTEL_MAX_SERIES + 1, 0};
    assert_int_equal(otel_meter_observe(metered->meter, report, &reporting), 0);
    for (int i = 0; i < 2; i++) {
        const struct otel_metric *metric = metric_named(collect(metered), "n");
        assert_int_equal(metric->n_points, OTEL_MAX_SERIES);
        const struct otel_point *overflow = &metric->points[OTEL_MAX_SERIES - 1];
        assert_true(bytes_equal_str(overflow->attributes->key, "otel.metric.overflow"));
        assert_int_equal(overflow->integer, OTEL_MAX_SERIES + OTEL_MAX_SERIES + 1);
        end(metered);
    }
}

static void report_twice(void *user, struct otel_observations *out) {
    const struct otel_attribute one[] = {otel_attribute("a", otel_integer(1)),
                                         otel_attribute("b", otel_integer(2))};
    const struct otel_attribute same[] = {one[1], one[0]};
    otel_observe_number(out, user, 0.5, one, 2);
    otel_observe_number(out, user, 0.25, same, 2);
}

static void test_of_attributes_reported_twice_the_last_counts(void **state) {
    struct metered *metered = *state;
    struct otel_instrument *counter = instrument_of(metered, "n", OTEL_COUNTER, false);
    struct otel_instrument *gauge = instrument_of(metered, "g", OTEL_GAUGE, false);
    assert_int_equal(otel_meter_observe(metered->meter, report_twice, counter), 0);
    assert_int_equal(otel_meter_observe(metered->meter, report_twice, gauge), 0);
    assert_true(number_now(metered, "n") == 0.25);
    assert_true(number_now(metered, "g") == 0.25);
}

static void report_nonsense(void *user, struct otel_observations *out) {
    struct metered *metered = user;
    otel_observe(out, instrument_of(metered, "counter", OTEL_COUNTER, true), -1, NULL, 0);
    otel_observe_number(out, instrument_of(metered, "integers", OTEL_GAUGE, true), 1, NULL, 0);
    otel_observe_number(out, instrument_of(metered, "gauge", OTEL_GAUGE, false), NAN, NULL, 0);
    otel_observe(out, instrument_of(metered, "histogram", OTEL_HISTOGRAM, false), 1, NULL, 0);
    otel_observe(out, NULL, 1, NULL, 0);
    otel_observe_number(out, NULL, 1, NULL, 0);
}

/* It makes instruments too: nothing is locked that an observer needs. */
static void test_what_cannot_be_observed_is_ignored(void **state) {
    struct metered *metered = *state;
    assert_int_equal(otel_meter_observe(metered->meter, report_nonsense, metered), 0);
    assert_int_equal(collect(metered)->n_points, 0);
    end(metered);
}

static void test_who_is_forgotten_is_not_called_any_more(void **state) {
    struct metered *metered = *state;
    struct otel_instrument *instrument = instrument_of(metered, "n", OTEL_COUNTER, true);
    struct reporting one = {instrument, 1, 1, 0}, other = {instrument, 2, 1, 0};
    assert_int_equal(otel_meter_observe(metered->meter, report, &one), 0);
    assert_int_equal(otel_meter_observe(metered->meter, report, &other), 0);
    assert_int_equal(n_points_of(metered, "n"), 2);
    otel_meter_forget(metered->meter, report, &one);
    assert_int_equal(integer_now(metered, "n"), 2);
    assert_int_equal(one.n_calls, 1);
    assert_int_equal(other.n_calls, 2);
}

static void test_a_failing_allocation_fails_the_collection_and_the_next_one_has_all(void **state) {
    struct metered *metered = *state;
    const struct otel_metrics *metrics;
    struct reporting reporting = {instrument_of(metered, "n", OTEL_COUNTER, true), 1, 20, 0};
    fail_alloc_at(1);
    assert_int_equal(otel_meter_observe(metered->meter, report, &reporting), -ENOMEM);
    fail_alloc_off();
    assert_int_equal(otel_meter_observe(metered->meter, report, &reporting), 0);
    for (size_t n = 1, n_good = 0; n_good < 5; n++) {
        fail_alloc_at(n);
        int r = otel_metering_collect(metered->metering, 1, &metrics);
        fail_alloc_off();
        n_good = r ? 0 : n_good + 1;
        if (r) {
            assert_int_equal(r, -ENOMEM);
            continue;
        }
        assert_int_equal(metric_named(metrics, "n")->n_points, 20);
        end(metered);
    }
}

/* ---- collections of two threads ---- */

static void *collect_often(void *arg) {
    struct metered *metered = arg;
    for (int i = 0; i < 200; i++) {
        assert_int_equal(only_point(collect(metered), "n")->integer, 5);
        end(metered);
    }
    return NULL;
}

static void test_collections_take_turns(void **state) {
    struct metered *metered = *state;
    struct reporting reporting = {instrument_of(metered, "n", OTEL_COUNTER, true), 5, 1, 0};
    struct reporting fleeting = {instrument_of(metered, "m", OTEL_COUNTER, true), 5, 1, 0};
    pthread_t thread;
    assert_int_equal(otel_meter_observe(metered->meter, report, &reporting), 0);
    assert_int_equal(thread_start(&thread, "collects", collect_often, metered), 0);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(otel_meter_observe(metered->meter, report, &fleeting), 0);
        otel_meter_forget(metered->meter, report, &fleeting);
    }
    collect_often(metered);
    pthread_join(thread, NULL);
    assert_int_equal(reporting.n_calls, 400);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_METERED(test_an_observer_reports_at_each_collection),
        ON_METERED(test_what_is_not_reported_is_not_exported_and_forgotten),
        ON_METERED(test_the_limit_is_for_one_observation),
        ON_METERED(test_observations_over_the_limit_are_one),
        ON_METERED(test_of_attributes_reported_twice_the_last_counts),
        ON_METERED(test_what_cannot_be_observed_is_ignored),
        ON_METERED(test_who_is_forgotten_is_not_called_any_more),
        ON_METERED(test_a_failing_allocation_fails_the_collection_and_the_next_one_has_all),
        ON_METERED(test_collections_take_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

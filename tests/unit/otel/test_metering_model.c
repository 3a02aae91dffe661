/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random operations against a plain model: instruments of all kinds, series by attributes in random
 * order, measured here, on threads that come and go, with memory that fails now and then; and after
 * each few of them a collection, of which every point is compared. Values are whole numbers, so
 * that sums are exact in whatever order.
 */
#include "otel/metering.h"

#include <pthread.h>

#include "base/random.h"
#include "base/thread.h"
#include "metered.h"

enum {
    N_KINDS = 8, /* the last one is observed */
    OBSERVED = N_KINDS - 1,
    N_SETS = 8, /* of three attributes each combination */
    N_OPERATIONS = 4000,
    MAX_BOUNDS = 20,
};

struct expected {
    bool is_there;
    double sum, min, max, last;
    uint64_t count;
    uint64_t counts[MAX_BOUNDS + 1];
};

struct kind {
    const char *name;
    enum otel_instrument_kind kind;
    bool is_integer;
    size_t n_bounds; /* 0: the default ones */
    struct otel_instrument *instrument;
    struct expected expected[N_SETS];
};

struct model {
    struct metered *metered;
    struct random random;
    struct kind kinds[N_KINDS];
};

static const double bounds[MAX_BOUNDS] = {-50, -7, -1, 0,  1,  2,  3,  4,  5,  6,
                                          7,   8,  9,  10, 11, 12, 13, 14, 15, 60};

static const struct kind kinds[N_KINDS] = {
    {"counter", OTEL_COUNTER, true, 0, NULL, {{0}}},
    {"number.counter", OTEL_COUNTER, false, 0, NULL, {{0}}},
    {"up.down", OTEL_UP_DOWN_COUNTER, true, 0, NULL, {{0}}},
    {"gauge", OTEL_GAUGE, true, 0, NULL, {{0}}},
    {"number.gauge", OTEL_GAUGE, false, 0, NULL, {{0}}},
    {"histogram.few", OTEL_HISTOGRAM, false, 3, NULL, {{0}}},
    {"histogram.many", OTEL_HISTOGRAM, false, MAX_BOUNDS, NULL, {{0}}},
    {"observed", OTEL_UP_DOWN_COUNTER, false, 0, NULL, {{0}}},
};

static void make_instruments(struct model *model) {
    memcpy(model->kinds, kinds, sizeof(kinds));
    for (size_t i = 0; i < N_KINDS; i++) {
        struct kind *kind = &model->kinds[i];
        const struct otel_instrument_options options = {
            .kind = kind->kind,
            .is_integer = kind->is_integer,
            .name = kind->name,
            .bounds = kind->n_bounds ? bounds : NULL,
            .n_bounds = kind->n_bounds,
        };
        assert_int_equal(otel_instrument_new(model->metered->meter, &options, &kind->instrument),
                         0);
    }
}

/* ---- attributes ---- */

/* The attributes that the bits of `set` name, in random order, some of them twice. */
static size_t attributes_of(struct model *model, size_t set, struct otel_attribute out[6]) {
    const struct otel_attribute all[] = {otel_attribute("a", otel_integer(1)),
                                         otel_attribute("bb", otel_str("x")),
                                         otel_attribute("c", otel_boolean(true))};
    size_t n = 0, first = random_below(&model->random, 3);
    for (size_t i = 0; i < 3; i++) {
        size_t which = (first + i) % 3;
        if (!(set >> which & 1))
            continue;
        if (random_below(&model->random, 4) == 0)
            out[n++] = (struct otel_attribute){all[which].key, otel_number(0.5)};
        out[n++] = all[which];
    }
    return n;
}

static size_t set_of(const struct otel_point *point) {
    size_t set = 0;
    for (size_t i = 0; i < point->n_attributes; i++) {
        assert_int_not_equal(point->attributes[i].value.type, OTEL_NUMBER);
        set |= (size_t)1 << (point->attributes[i].key.data[0] - 'a');
    }
    return set;
}

/* ---- measuring ---- */

struct measuring_job {
    const struct kind *kind;
    struct otel_series *series;
    int64_t value;
};

static void *measure(void *arg) {
    const struct measuring_job *job = arg;
    double number = (double)job->value;
    if (job->kind->kind == OTEL_HISTOGRAM)
        otel_series_record(job->series, number, NULL);
    else if (job->kind->kind == OTEL_GAUGE && job->kind->is_integer)
        otel_series_set(job->series, job->value);
    else if (job->kind->kind == OTEL_GAUGE)
        otel_series_set_number(job->series, number);
    else if (job->kind->is_integer)
        otel_series_add(job->series, job->value);
    else
        otel_series_add_number(job->series, number);
    return NULL;
}

static void expect(const struct kind *kind, struct expected *expected, double value) {
    if (kind->kind == OTEL_COUNTER && value < 0)
        return;
    if (!expected->is_there)
        *expected = (struct expected){.is_there = true, .min = value, .max = value};
    expected->sum += value;
    expected->last = value;
    expected->min = value < expected->min ? value : expected->min;
    expected->max = value > expected->max ? value : expected->max;
    expected->count++;
    size_t bucket = 0;
    while (bucket < kind->n_bounds && value > bounds[bucket])
        bucket++;
    expected->counts[bucket]++;
}

static void measure_something(struct model *model) {
    struct kind *kind = &model->kinds[random_below(&model->random, OBSERVED)];
    size_t set = random_below(&model->random, N_SETS);
    struct otel_attribute attributes[6];
    size_t n = attributes_of(model, set, attributes);
    struct measuring_job job = {kind, otel_series_of(kind->instrument, attributes, n),
                                (int64_t)random_below(&model->random, 101) - 20};
    pthread_t thread;
    assert_non_null(job.series);
    expect(kind, &kind->expected[set], (double)job.value);
    if (random_below(&model->random, 8) == 0) {
        assert_int_equal(thread_start(&thread, "measures", measure, &job), 0);
        pthread_join(thread, NULL);
        return;
    }
    if (random_below(&model->random, 8) == 0)
        fail_alloc_at(1 + random_below(&model->random, 3));
    measure(&job);
    fail_alloc_off();
}

/* ---- comparing ---- */

static void observe(void *user, struct otel_observations *out) {
    struct model *model = user;
    struct kind *kind = &model->kinds[OBSERVED];
    memset(kind->expected, 0, sizeof(kind->expected));
    for (size_t i = random_below(&model->random, 10); i > 0; i--) {
        size_t set = random_below(&model->random, N_SETS);
        struct otel_attribute attributes[6];
        size_t n = attributes_of(model, set, attributes);
        double value = (double)random_below(&model->random, 100) - 50;
        otel_observe_number(out, kind->instrument, value, attributes, n);
        kind->expected[set] = (struct expected){.is_there = true, .sum = value};
    }
}

static void compare_histogram(const struct otel_histogram_data *data,
                              const struct expected *expected) {
    assert_int_equal(data->count, expected->count);
    assert_true(data->sum == expected->sum);
    assert_true(data->min == expected->min);
    assert_true(data->max == expected->max);
    for (size_t i = 0; i <= data->n_bounds; i++)
        assert_int_equal(data->counts[i], expected->counts[i]);
}

static void compare_point(const struct kind *kind, const struct otel_point *point,
                          const struct expected *expected) {
    double wanted = kind->kind == OTEL_GAUGE ? expected->last : expected->sum;
    assert_true(expected->is_there);
    if (kind->kind == OTEL_HISTOGRAM)
        compare_histogram(&point->histogram, expected);
    else if (kind->is_integer)
        assert_int_equal(point->integer, (int64_t)wanted);
    else
        assert_true(point->number == wanted);
}

static void compare_kind(const struct otel_metrics *metrics, const struct kind *kind) {
    const struct otel_metric *metric = metric_named(metrics, kind->name);
    size_t n = 0, seen = 0;
    for (size_t i = 0; i < N_SETS; i++)
        n += kind->expected[i].is_there;
    assert_int_equal(metric ? metric->n_points : 0, n);
    for (size_t i = 0; i < n; i++) {
        size_t set = set_of(&metric->points[i]);
        assert_false(seen >> set & 1);
        seen |= (size_t)1 << set;
        compare_point(kind, &metric->points[i], &kind->expected[set]);
    }
}

static void collect_and_compare(struct model *model) {
    const struct otel_metrics *metrics;
    bool fails = random_below(&model->random, 4) == 0;
    fail_alloc_at(fails ? 1 + random_below(&model->random, 6) : 0);
    int r = otel_metering_collect(model->metered->metering, 2000, &metrics);
    fail_alloc_off();
    if (r) {
        assert_true(fails && r == -ENOMEM);
        return;
    }
    for (size_t i = 0; i < N_KINDS; i++)
        compare_kind(metrics, &model->kinds[i]);
    end(model->metered);
}

static void test_random_operations_do_what_the_model_does(void **state) {
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct metered metered;
        struct model model = {.metered = &metered};
        (void)state;
        metered_open(&metered, OTEL_EXEMPLARS_ON);
        random_init(&model.random, seed);
        make_instruments(&model);
        assert_int_equal(otel_meter_observe(metered.meter, observe, &model), 0);
        for (int i = 0; i < N_OPERATIONS; i++) {
            measure_something(&model);
            if (random_below(&model.random, 20) == 0)
                collect_and_compare(&model);
        }
        otel_metering_free(metered.metering);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_operations_do_what_the_model_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

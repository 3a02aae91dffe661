/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ordered index, over enough sensors for many blocks, added in random and in ascending order;
 * what a walk gives is compared with a scan over all ids.
 */
#include "store/names.h"

#include <stdio.h>

#include "base/glob.h"
#include "base/random.h"
#include "store/series.h"
#include "unit.h"

enum {
    N_SENSORS = 5000
};

struct catalog {
    struct budget budget;
    struct names names;
    struct series *series[N_SENSORS]; /* in order of their ids */
};

/* Ids in order, with common starts: a, a0, a00, ..., and some outside ASCII. */
static void make_id(char id[32], int i) {
    static const char *const kinds[] = {"boiler-", "boiler-room-", "fridge/", "\xc3\xa9t\xc3\xa9-"};
    snprintf(id, 32, "%s%05d", kinds[i * 4 / N_SENSORS], i);
}

static void catalog_init(struct catalog *catalog, bool is_shuffled) {
    *catalog = (struct catalog){0};
    struct random random;
    random_init(&random, 5);
    static int order[N_SENSORS];
    assert_int_equal(names_init(&catalog->names, N_SENSORS), 0);
    for (int i = 0; i < N_SENSORS; i++)
        order[i] = i;
    for (int i = N_SENSORS - 1; i > 0 && is_shuffled; i--) {
        int other = (int)random_below(&random, (uint64_t)i + 1), kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
    for (int i = 0; i < N_SENSORS; i++) {
        char id[32];
        struct series **series = &catalog->series[order[i]];
        make_id(id, order[i]);
        assert_int_equal(series_new(bytes_str(id), &catalog->budget, series), 0);
        assert_int_equal(names_add(&catalog->names, &(*series)->id, &catalog->budget), 0);
    }
}

static void catalog_fini(struct catalog *catalog) {
    for (int i = 0; i < N_SENSORS; i++)
        series_free(catalog->series[i], &catalog->budget);
    names_fini(&catalog->names, &catalog->budget);
    assert_int_equal(budget_used(&catalog->budget), 0);
}

static bool is_after(struct bytes id, struct bytes after) {
    size_t len = id.len < after.len ? id.len : after.len;
    int order = memcmp(id.data, after.data, len);
    return order > 0 || (order == 0 && id.len > after.len);
}

static void check_walk(struct catalog *catalog, const char *pattern, const char *allowed,
                       const char *after) {
    struct store_filter filter = {bytes_str(pattern), bytes_str(allowed)};
    struct names_walk walk;
    names_walk_init(&walk, &catalog->names, &filter, bytes_str(after));
    for (int i = 0; i < N_SENSORS; i++) {
        struct bytes id = series_id(catalog->series[i]);
        if (glob_matches(filter.pattern, id) && glob_matches(filter.allowed, id) &&
            is_after(id, bytes_str(after)))
            assert_ptr_equal(names_walk_next(&walk), &catalog->series[i]->id);
    }
    assert_null(names_walk_next(&walk));
    assert_null(names_walk_next(&walk));
}

static void check_all_walks(bool is_shuffled) {
    static struct catalog catalog;
    static const char *const patterns[] = {
        "*",         "boiler-*", "boiler-0*", "boiler-room-*", "*9",      "fridge/0??5?", "b*room*",
        "\xc3\xa9*", "z*",       "",          "fridge/02500",  "fridge/", "boiler-00000", "?*",
    };
    static const char *const afters[] = {"",    "a", "boiler-00511", "boiler-room-", "fridge/02500",
                                         "\xff"};
    catalog_init(&catalog, is_shuffled);
    for (size_t p = 0; p < ARRAY_LEN(patterns); p++)
        for (size_t q = 0; q < ARRAY_LEN(patterns); q++)
            for (size_t a = 0; a < ARRAY_LEN(afters); a++)
                check_walk(&catalog, patterns[p], patterns[q], afters[a]);
    catalog_fini(&catalog);
}

static void test_walk_gives_what_matches_in_order(void **state) {
    (void)state;
    check_all_walks(true);
}

static void test_ascending_ids_give_the_same_walks_and_full_blocks(void **state) {
    (void)state;
    check_all_walks(false);
    static struct catalog catalog;
    catalog_init(&catalog, false);
    assert_int_equal(catalog.names.n_blocks, (N_SENSORS + 511) / 512);
    catalog_fini(&catalog);
}

static void test_find_gives_the_one_or_none(void **state) {
    (void)state;
    static struct catalog catalog;
    struct names empty;
    catalog_init(&catalog, true);
    for (int i = 0; i < N_SENSORS; i++)
        assert_ptr_equal(names_find(&catalog.names, series_id(catalog.series[i])),
                         &catalog.series[i]->id);
    assert_null(names_find(&catalog.names, bytes_str("boiler-")));
    assert_null(names_find(&catalog.names, bytes_str("")));
    assert_null(names_find(&catalog.names, bytes_str("\xff")));
    catalog_fini(&catalog);
    assert_int_equal(names_init(&empty, 1), 0);
    assert_null(names_find(&empty, bytes_str("boiler")));
    names_fini(&empty, &catalog.budget);
}

/* A pattern's start is sought: what lies elsewhere is not looked at. */
static void test_literal_start_of_a_pattern_is_sought(void **state) {
    (void)state;
    static struct catalog catalog;
    struct store_filter filter = {bytes_str("fridge/0250*"), bytes_str("f*")};
    struct names_walk walk;
    catalog_init(&catalog, true);
    names_walk_init(&walk, &catalog.names, &filter, bytes_str(""));
    assert_ptr_equal(names_walk_next(&walk), &catalog.series[2500]->id);
    assert_int_equal(walk.at, 1);
    catalog_fini(&catalog);
}

static void test_sensors_beyond_the_limit_are_refused(void **state) {
    (void)state;
    struct budget budget = {0};
    struct names names;
    struct series *series[3];
    assert_int_equal(names_init(&names, 2), 0);
    for (int i = 0; i < 3; i++) {
        char id[32];
        make_id(id, i);
        assert_int_equal(series_new(bytes_str(id), &budget, &series[i]), 0);
        assert_int_equal(names_add(&names, &series[i]->id, &budget), i < 2 ? 0 : NAMES_E_FULL);
    }
    assert_null(names_find(&names, series_id(series[2])));
    for (int i = 0; i < 3; i++)
        series_free(series[i], &budget);
    names_fini(&names, &budget);
}

static void test_failing_allocation_adds_nothing(void **state) {
    (void)state;
    struct budget budget = {0};
    struct names names;
    static struct series *series[1200];
    assert_int_equal(names_init(&names, N_SENSORS), 0);
    for (int i = 0; i < 1200; i++) {
        char id[32];
        make_id(id, i * 7 % 1200);
        assert_int_equal(series_new(bytes_str(id), &budget, &series[i]), 0);
        fail_alloc_at(1 + (size_t)i % 2);
        int r = names_add(&names, &series[i]->id, &budget);
        fail_alloc_off();
        if (r == 0)
            continue;
        assert_int_equal(r, -ENOMEM);
        assert_null(names_find(&names, series_id(series[i])));
        assert_int_equal(names_add(&names, &series[i]->id, &budget), 0);
    }
    for (int i = 0; i < 1200; i++)
        assert_ptr_equal(names_find(&names, series_id(series[i])), &series[i]->id);
    for (int i = 0; i < 1200; i++)
        series_free(series[i], &budget);
    names_fini(&names, &budget);
    assert_int_equal(budget_used(&budget), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_walk_gives_what_matches_in_order),
        cmocka_unit_test(test_ascending_ids_give_the_same_walks_and_full_blocks),
        cmocka_unit_test(test_find_gives_the_one_or_none),
        cmocka_unit_test(test_literal_start_of_a_pattern_is_sought),
        cmocka_unit_test(test_sensors_beyond_the_limit_are_refused),
        cmocka_unit_test(test_failing_allocation_adds_nothing),
    };
    return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}

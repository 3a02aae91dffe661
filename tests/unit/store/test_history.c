/* SPDX-License-Identifier: Apache-2.0 */
/* Open chunks and sealings of one sensor, whatever comes in and whenever it is sealed. */
#include "store/history.h"

#include "base/random.h"
#include "unit.h"

enum {
    N_READINGS = 20000,
};

/* Where the mains end that were sealed up to now, and what of the lates is not before it. */
static void look_at(const struct sealing *sealing, struct stats_instant *end) {
    if (sealing->main)
        *end = sealing->main->stats.last;
    if (sealing->late)
        assert_true(stats_instant_compare(sealing->late->stats.last, *end) < 0);
}

/* Merging relies on it: a late reading always has a main chunk to go into. */
static void test_what_is_sealed_late_is_before_the_end_of_the_mains(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct history *history;
        struct random random;
        struct stats_instant end = {INT64_MIN, 0};
        size_t n_lates = 0;
        random_init(&random, seed);
        assert_int_equal(history_new(0, bytes_str("attic"), &history), 0);
        for (uint64_t i = 0; i < N_READINGS; i++) {
            struct history_place place;
            struct kept reading = {{(int64_t)random_below(&random, 1 + i / 4), 0}, i, 20.5};
            assert_int_equal(history_append(history, &reading, i, &place), 0);
            if (place.sealing)
                look_at(place.sealing, &end);
            stats_add(&place.chunk->stats, reading.time, reading.temperature);
            if (random_below(&random, 1 + 500 * (seed % 3)) > 0)
                continue;
            const struct sealing *sealing = history_seal(history);
            n_lates += sealing->late != NULL;
            look_at(sealing, &end);
        }
        assert_true(n_lates > 0 || seed % 3 > 0);
        history_free(history);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_sealed_late_is_before_the_end_of_the_mains),
    };
    return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Looking for repeats when the sets of more chunks are asked for than may be kept. */
#include "store/seen.h"

#include "sealed_fixture.h"
#include "store/chunk.h"
#include "unit.h"

enum {
    N_CHUNKS = 20,
    N_EACH = 500,
    LIMIT = 64 * 1024, /* a few sets */
};

static struct kept reading_of(uint64_t i) {
    return (struct kept){{(int64_t)i, 0}, i + 1, 20.5};
}

/* Sealed mains of the sensor 0, a second between readings. */
static void add_chunks(struct sealed_box *box, struct history *history) {
    for (uint64_t i = 0; i < N_CHUNKS; i++) {
        struct chunk chunk = {0};
        struct sealed_head head = {.rank = i + 1};
        for (uint64_t j = 0; j < N_EACH; j++) {
            struct kept reading = reading_of(i * N_EACH + j);
            assert_int_equal(chunk_append(&chunk, &reading), 0);
            stats_add(&head.stats, reading.time, reading.temperature);
        }
        box_add(box, &head, chunk_bytes(&chunk, chunk_end(&chunk)));
        chunk_fini(&chunk);
        stats_merge(&history->sealed, &head.stats);
    }
}

static void test_sets_stay_under_their_limit_and_answer_right(void **state) {
    (void)state;
    struct sealed_box box;
    struct history *history;
    struct seen *seen;
    size_t n_shrunk = 0;
    box_init(&box, NULL);
    assert_int_equal(history_new(0, bytes_str("attic"), &history), 0);
    stats_init(&history->sealed);
    add_chunks(&box, history);
    assert_int_equal(seen_new(box.sealed, LIMIT, &seen), 0);
    for (uint64_t i = 0; i < 3 * N_CHUNKS; i++) {
        struct kept reading = reading_of(i * 7 % N_CHUNKS * N_EACH + i);
        size_t before = seen_bytes(seen);
        bool has;
        assert_int_equal(seen_has(seen, history, &reading, &has), 0);
        assert_true(has);
        reading.sequence = 0xffffffff;
        assert_int_equal(seen_has(seen, history, &reading, &has), 0);
        assert_false(has);
        assert_true(seen_bytes(seen) > 0 && seen_bytes(seen) <= LIMIT);
        n_shrunk += seen_bytes(seen) <= before;
    }
    assert_true(n_shrunk > N_CHUNKS); /* the limit was hit */
    seen_free(seen);
    history_free(history);
    box_fini(&box);
}

/* It may be there: nothing is said, and nothing stays behind. */
static void test_a_set_beyond_the_limit_is_no_answer(void **state) {
    (void)state;
    struct sealed_box box;
    struct history *history;
    struct seen *seen;
    struct kept reading = reading_of(1);
    bool has;
    box_init(&box, NULL);
    assert_int_equal(history_new(0, bytes_str("attic"), &history), 0);
    stats_init(&history->sealed);
    add_chunks(&box, history);
    assert_int_equal(seen_new(box.sealed, 1024, &seen), 0);
    assert_int_equal(seen_has(seen, history, &reading, &has), -ENOMEM);
    assert_int_equal(seen_bytes(seen), 0);
    seen_free(seen);
    history_free(history);
    box_fini(&box);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sets_stay_under_their_limit_and_answer_right),
        cmocka_unit_test(test_a_set_beyond_the_limit_is_no_answer),
    };
    return cmocka_run_group_tests_name("seen", tests, NULL, NULL);
}

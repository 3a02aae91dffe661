/* SPDX-License-Identifier: Apache-2.0 */
#include "grpc/framing.h"

#include "base/mem.h"
#include "base/random.h"
#include "grpc/limits.h"
#include "unit.h"

enum {
    N_MESSAGES = 7
};

/* The messages of a body; what comes out is compared with them. */
static const struct {
    size_t len;
    bool is_compressed;
} messages[N_MESSAGES] = {{0, false}, {1, true},   {3, false}, {20, true},
                          {0, true},  {10, false}, {2, false}};

static uint8_t content(size_t message, size_t i) {
    return (uint8_t)(message * 31 + i);
}

static size_t write_body(uint8_t *body) {
    size_t n = 0;
    for (size_t m = 0; m < N_MESSAGES; m++) {
        grpc_framing_write_prefix(body + n, messages[m].is_compressed, messages[m].len);
        n += GRPC_PREFIX_SIZE;
        for (size_t i = 0; i < messages[m].len; i++)
            body[n++] = content(m, i);
    }
    return n;
}

static void assert_message(const struct grpc_message *message, size_t m) {
    assert_in_range(m, 0, N_MESSAGES - 1);
    assert_int_equal(message->is_compressed, messages[m].is_compressed);
    assert_int_equal(message->bytes.len, messages[m].len);
    for (size_t i = 0; i < message->bytes.len; i++)
        assert_int_equal(message->bytes.data[i], content(m, i));
}

/* Takes all messages of a piece, which is given in memory of its own so that a read past its end
 * shows. */
static void take(struct grpc_framing *framing, struct bytes piece, size_t *n_messages) {
    struct grpc_message message;
    uint8_t *copy = mem_alloc(piece.len);
    memcpy(copy, piece.data, piece.len);
    struct bytes rest = bytes_of(copy, piece.len);
    int r;
    while ((r = grpc_framing_next(framing, &rest, &message)) == 0)
        assert_message(&message, (*n_messages)++);
    assert_int_equal(r, GRPC_FRAMING_E_MORE);
    assert_int_equal(rest.len, 0);
    mem_free(copy);
}

static void test_a_body_cut_at_every_two_positions_gives_the_same_messages(void **state) {
    (void)state;
    uint8_t body[256];
    size_t len = write_body(body);
    for (size_t a = 0; a <= len; a++) {
        for (size_t b = a; b <= len; b++) {
            struct grpc_framing framing;
            size_t n = 0;
            grpc_framing_init(&framing);
            take(&framing, bytes_of(body, a), &n);
            take(&framing, bytes_of(body + a, b - a), &n);
            take(&framing, bytes_of(body + b, len - b), &n);
            assert_int_equal(n, N_MESSAGES);
            assert_false(grpc_framing_is_inside(&framing));
            grpc_framing_fini(&framing);
        }
    }
}

static void test_single_bytes_and_random_cuts_give_the_same_messages(void **state) {
    (void)state;
    uint8_t body[256];
    struct random random;
    size_t len = write_body(body);
    random_init(&random, 5);
    for (uint64_t max = 1; max < 60; max++) {
        struct grpc_framing framing;
        size_t n = 0, at = 0;
        grpc_framing_init(&framing);
        while (at < len) {
            size_t cut = 1 + random_below(&random, max);
            cut = cut < len - at ? cut : len - at;
            take(&framing, bytes_of(body + at, cut), &n);
            at += cut;
        }
        assert_int_equal(n, N_MESSAGES);
        grpc_framing_fini(&framing);
    }
}

static void test_a_body_that_stops_inside_a_message_is_known(void **state) {
    (void)state;
    uint8_t body[GRPC_PREFIX_SIZE + 3] = {0, 0, 0, 0, 3, 1, 2, 3};
    for (size_t len = 0; len <= sizeof(body); len++) {
        struct grpc_framing framing;
        struct grpc_message message;
        struct bytes piece = bytes_of(body, len);
        grpc_framing_init(&framing);
        while (grpc_framing_next(&framing, &piece, &message) == 0)
            continue;
        assert_int_equal(grpc_framing_is_inside(&framing), len > 0 && len < sizeof(body));
        grpc_framing_fini(&framing);
    }
}

static void test_a_message_in_one_piece_is_not_copied(void **state) {
    (void)state;
    static const uint8_t body[] = {0, 0, 0, 0, 2, 'o', 'k'};
    struct grpc_framing framing;
    struct grpc_message message;
    struct bytes piece = bytes_of(body, sizeof(body));
    fail_alloc_off();
    grpc_framing_init(&framing);
    assert_int_equal(grpc_framing_next(&framing, &piece, &message), 0);
    assert_ptr_equal(message.bytes.data, body + GRPC_PREFIX_SIZE);
    assert_int_equal(fail_alloc_count(), 0);
    grpc_framing_fini(&framing);
}

/* The prefix alone, in one piece and byte by byte. */
static void assert_prefix(const uint8_t prefix[GRPC_PREFIX_SIZE], int expected) {
    for (size_t cut = 0; cut < GRPC_PREFIX_SIZE; cut++) {
        struct grpc_framing framing;
        struct grpc_message message;
        struct bytes first = bytes_of(prefix, cut);
        struct bytes rest = bytes_of(prefix + cut, GRPC_PREFIX_SIZE - cut);
        grpc_framing_init(&framing);
        assert_int_equal(grpc_framing_next(&framing, &first, &message), GRPC_FRAMING_E_MORE);
        assert_int_equal(grpc_framing_next(&framing, &rest, &message), expected);
        grpc_framing_fini(&framing);
    }
}

static void test_bad_prefixes_are_refused(void **state) {
    (void)state;
    uint8_t prefix[GRPC_PREFIX_SIZE];
    grpc_framing_write_prefix(prefix, false, GRPC_MAX_MESSAGE);
    assert_prefix(prefix, GRPC_FRAMING_E_MORE);
    grpc_framing_write_prefix(prefix, true, GRPC_MAX_MESSAGE + 1);
    assert_prefix(prefix, GRPC_FRAMING_E_TOO_LARGE);
    assert_prefix((const uint8_t[]){0, 0xff, 0xff, 0xff, 0xff}, GRPC_FRAMING_E_TOO_LARGE);
    assert_prefix((const uint8_t[]){2, 0, 0, 0, 0}, GRPC_FRAMING_E_BAD_FLAG);
    assert_prefix((const uint8_t[]){0x80, 0, 0, 0, 0}, GRPC_FRAMING_E_BAD_FLAG);
    assert_prefix((const uint8_t[]){'P', 'O', 'S', 'T', ' '}, GRPC_FRAMING_E_BAD_FLAG);
}

static void test_exactly_the_largest_message_passes(void **state) {
    (void)state;
    enum {
        PIECE = 16384
    };
    struct grpc_framing framing;
    struct grpc_message message;
    uint8_t prefix[GRPC_PREFIX_SIZE];
    static const uint8_t zeros[PIECE];
    struct bytes piece = bytes_of(prefix, sizeof(prefix));
    grpc_framing_write_prefix(prefix, false, GRPC_MAX_MESSAGE);
    grpc_framing_init(&framing);
    assert_int_equal(grpc_framing_next(&framing, &piece, &message), GRPC_FRAMING_E_MORE);
    for (size_t n = 0; n < GRPC_MAX_MESSAGE; n += PIECE) {
        int expected = n + PIECE < GRPC_MAX_MESSAGE ? GRPC_FRAMING_E_MORE : 0;
        piece = bytes_of(zeros, PIECE);
        assert_int_equal(grpc_framing_next(&framing, &piece, &message), expected);
    }
    assert_int_equal(message.bytes.len, GRPC_MAX_MESSAGE);
    grpc_framing_fini(&framing);
}

static void test_no_memory_is_an_error(void **state) {
    (void)state;
    struct grpc_framing framing;
    struct grpc_message message;
    struct bytes piece = bytes_of("\0\0\0", 3);
    grpc_framing_init(&framing);
    fail_alloc_at(1);
    assert_int_equal(grpc_framing_next(&framing, &piece, &message), -ENOMEM);
    fail_alloc_off();
    grpc_framing_fini(&framing);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_body_cut_at_every_two_positions_gives_the_same_messages),
        cmocka_unit_test(test_single_bytes_and_random_cuts_give_the_same_messages),
        cmocka_unit_test(test_a_body_that_stops_inside_a_message_is_known),
        cmocka_unit_test(test_a_message_in_one_piece_is_not_copied),
        cmocka_unit_test(test_bad_prefixes_are_refused),
        cmocka_unit_test(test_exactly_the_largest_message_passes),
        cmocka_unit_test(test_no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

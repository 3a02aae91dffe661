/* SPDX-License-Identifier: Apache-2.0 */
#include "grpc/compression.h"

#include "base/mem.h"
#include "base/random.h"
#include "grpc/limits.h"
#include "unit.h"

/* Bytes that gzip can make about five times shorter. */
static void fill(uint8_t *bytes, size_t n, uint64_t seed) {
    struct random random;
    random_init(&random, seed);
    for (size_t i = 0; i < n; i++)
        bytes[i] = i % 16 ? (uint8_t)i : (uint8_t)random_u64(&random);
}

static void pack(struct bytes plain, struct buf *packed) {
    buf_init(packed, 2 * GRPC_MAX_MESSAGE);
    assert_int_equal(grpc_gzip(plain, packed), 0);
}

static int unpack(struct bytes packed, struct buf *plain) {
    buf_init(plain, GRPC_MAX_MESSAGE);
    return grpc_gunzip(packed, plain);
}

static void assert_unpack_fails(struct bytes packed, int expected) {
    struct buf plain;
    assert_int_equal(unpack(packed, &plain), expected);
    buf_fini(&plain);
}

static void assert_comes_back(struct bytes plain) {
    struct buf packed, back;
    pack(plain, &packed);
    assert_int_equal(unpack(buf_bytes(&packed), &back), 0);
    assert_true(bytes_equal(buf_bytes(&back), plain));
    buf_fini(&packed);
    buf_fini(&back);
}

static void test_messages_of_all_sizes_come_back(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 2, 100, 16383, 16384, 16385, 32768, 100000};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        uint8_t *plain = mem_alloc(sizes[i]);
        fill(plain, sizes[i], i);
        assert_comes_back(bytes_of(plain, sizes[i]));
        mem_free(plain);
    }
    assert_comes_back((struct bytes){0});
}

static void test_exactly_the_largest_message_comes_back_and_one_more_is_refused(void **state) {
    (void)state;
    struct buf packed;
    uint8_t *plain = mem_alloc(GRPC_MAX_MESSAGE + 1);
    fill(plain, GRPC_MAX_MESSAGE + 1, 1);
    assert_comes_back(bytes_of(plain, GRPC_MAX_MESSAGE));
    pack(bytes_of(plain, GRPC_MAX_MESSAGE + 1), &packed);
    assert_unpack_fails(buf_bytes(&packed), GRPC_COMPRESSION_E_TOO_LARGE);
    buf_fini(&packed);
    mem_free(plain);
}

static void test_a_bomb_is_stopped_at_what_it_may_have(void **state) {
    (void)state;
    struct buf packed, plain;
    uint8_t *zeros = mem_zalloc(GRPC_MAX_MESSAGE, 1);
    pack(bytes_of(zeros, GRPC_MAX_MESSAGE), &packed);
    assert_true(buf_len(&packed) * GRPC_MAX_INFLATE_RATIO < GRPC_MAX_MESSAGE);
    assert_int_equal(unpack(buf_bytes(&packed), &plain), GRPC_COMPRESSION_E_TOO_LARGE);
    assert_true(plain.cap <= 4 * buf_len(&packed) * GRPC_MAX_INFLATE_RATIO);
    buf_fini(&plain);
    buf_fini(&packed);
    mem_free(zeros);
}

static void test_a_small_message_may_grow_whatever_the_ratio(void **state) {
    (void)state;
    uint8_t *zeros = mem_zalloc(2 * GRPC_INFLATE_FREE, 1);
    struct buf packed;
    assert_comes_back(bytes_of(zeros, GRPC_INFLATE_FREE));
    pack(bytes_of(zeros, 2 * GRPC_INFLATE_FREE), &packed);
    assert_unpack_fails(buf_bytes(&packed), GRPC_COMPRESSION_E_TOO_LARGE);
    buf_fini(&packed);
    mem_free(zeros);
}

static void test_a_message_cut_anywhere_is_corrupt(void **state) {
    (void)state;
    uint8_t plain[1000];
    struct buf packed;
    fill(plain, sizeof(plain), 2);
    pack(bytes_of(plain, sizeof(plain)), &packed);
    for (size_t len = 0; len < buf_len(&packed); len++)
        assert_unpack_fails(bytes_of(buf_bytes(&packed).data, len), GRPC_COMPRESSION_E_CORRUPT);
    buf_fini(&packed);
}

static void test_anything_behind_a_message_is_corrupt(void **state) {
    (void)state;
    struct buf packed;
    pack(bytes_str("warm"), &packed);
    size_t len = buf_len(&packed);
    assert_int_equal(buf_append(&packed, bytes_of("\0", 1)), 0);
    assert_unpack_fails(buf_bytes(&packed), GRPC_COMPRESSION_E_CORRUPT);
    struct buf twice;
    buf_init(&twice, 1000);
    for (int i = 0; i < 2; i++)
        assert_int_equal(buf_append(&twice, bytes_of(buf_bytes(&packed).data, len)), 0);
    assert_unpack_fails(buf_bytes(&twice), GRPC_COMPRESSION_E_CORRUPT);
    buf_fini(&twice);
    buf_fini(&packed);
}

/* Header bytes that say nothing (time, operating system) may change; the content may not. */
static void test_a_damaged_message_is_corrupt_or_the_same(void **state) {
    (void)state;
    uint8_t plain[300];
    struct buf packed;
    fill(plain, sizeof(plain), 3);
    pack(bytes_of(plain, sizeof(plain)), &packed);
    for (size_t i = 0; i < buf_len(&packed) * 8; i++) {
        struct buf out;
        packed.data[packed.start + i / 8] ^= (uint8_t)(1 << i % 8);
        int r = unpack(buf_bytes(&packed), &out);
        assert_true(r != 0 || bytes_equal(buf_bytes(&out), bytes_of(plain, sizeof(plain))));
        assert_true(r == 0 || i / 8 >= 10 || i / 8 < 4);
        packed.data[packed.start + i / 8] ^= (uint8_t)(1 << i % 8);
        buf_fini(&out);
    }
    buf_fini(&packed);
}

static void test_what_is_not_gzip_is_corrupt(void **state) {
    (void)state;
    assert_unpack_fails((struct bytes){0}, GRPC_COMPRESSION_E_CORRUPT);
    assert_unpack_fails(bytes_str("plain words"), GRPC_COMPRESSION_E_CORRUPT);
    assert_unpack_fails(bytes_of("\x78\x9c\x03\0\0\0\0\1", 8), GRPC_COMPRESSION_E_CORRUPT);
}

static void test_encodings_are_read(void **state) {
    (void)state;
    assert_int_equal(grpc_encoding_parse((struct bytes){0}), GRPC_IDENTITY);
    assert_int_equal(grpc_encoding_parse(bytes_str("identity")), GRPC_IDENTITY);
    assert_int_equal(grpc_encoding_parse(bytes_str("gzip")), GRPC_GZIP);
    static const char *const unknown[] = {"", "GZIP", "deflate", "gzip ", "gzip,identity", "x"};
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
        assert_int_equal(grpc_encoding_parse(bytes_str(unknown[i])), GRPC_ENCODING_UNKNOWN);
}

static void test_gzip_is_found_in_lists(void **state) {
    (void)state;
    static const char *const with[] = {"gzip",  "identity,gzip", "identity, gzip , deflate",
                                       "gzip,", ",gzip",         " gzip "};
    static const char *const without[] = {"",       ",",     "identity", "gzip2", "identity;gzip",
                                          "x-gzip", "gz ip", ",,,"};
    for (size_t i = 0; i < ARRAY_LEN(with); i++)
        assert_true(grpc_encoding_accepts_gzip(bytes_str(with[i])));
    for (size_t i = 0; i < ARRAY_LEN(without); i++)
        assert_false(grpc_encoding_accepts_gzip(bytes_str(without[i])));
    assert_false(grpc_encoding_accepts_gzip((struct bytes){0}));
}

static void test_no_memory_and_no_room_are_told_apart(void **state) {
    (void)state;
    struct buf packed, out;
    pack(bytes_str("some warmth"), &packed);
    buf_init(&out, 1000);
    fail_alloc_at(1);
    assert_int_equal(grpc_gunzip(buf_bytes(&packed), &out), -ENOMEM);
    fail_alloc_at(1);
    assert_int_equal(grpc_gzip(bytes_str("some warmth"), &out), -ENOMEM);
    fail_alloc_off();
    buf_fini(&out);
    buf_init(&out, 5);
    assert_int_equal(grpc_gzip(bytes_str("some warmth"), &out), BUF_E_FULL);
    assert_int_equal(grpc_gunzip(buf_bytes(&packed), &out), GRPC_COMPRESSION_E_TOO_LARGE);
    buf_fini(&out);
    buf_fini(&packed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_of_all_sizes_come_back),
        cmocka_unit_test(test_exactly_the_largest_message_comes_back_and_one_more_is_refused),
        cmocka_unit_test(test_a_bomb_is_stopped_at_what_it_may_have),
        cmocka_unit_test(test_a_small_message_may_grow_whatever_the_ratio),
        cmocka_unit_test(test_a_message_cut_anywhere_is_corrupt),
        cmocka_unit_test(test_anything_behind_a_message_is_corrupt),
        cmocka_unit_test(test_a_damaged_message_is_corrupt_or_the_same),
        cmocka_unit_test(test_what_is_not_gzip_is_corrupt),
        cmocka_unit_test(test_encodings_are_read),
        cmocka_unit_test(test_gzip_is_found_in_lists),
        cmocka_unit_test(test_no_memory_and_no_room_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

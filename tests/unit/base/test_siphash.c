/* SPDX-License-Identifier: Apache-2.0 */
#include "base/siphash.h"

#include "base/err.h"
#include "unit.h"

/*
 * The hash of the bytes 0, 1, ... n-1 under the key 0, 1, ... 15, for n from 0 on. The values are
 * of an implementation in Python that was held against CPython's own hash(), which is SipHash-1-3.
 */
static const uint64_t expected[] = {
    0xabac0158050fc4dc, 0xc9f49bf37d57ca93, 0x82cb9b024dc7d44d, 0x8bf80ab8e7ddf7fb,
    0xcf75576088d38328, 0xdef9d52f49533b67, 0xc50d2b50c59f22a7, 0xd3927d989bb11140,
    0x369095118d299a8e, 0x25a48eb36c063de4, 0x79de85ee92ff097f, 0x70c118c1f94dc352,
    0x78a384b157b4d9a2, 0x306f760c1229ffa7, 0x605aa111c0f95d34, 0xd320d86d2a519956,
    0xcc4fdd1a7d908b66, 0x9cf2689063dbd80c, 0x8ffc389cb473e63e, 0xf21f9de58d297d1c,
    0xc0dc2f46a6cce040, 0xb992abfe2b45f844, 0x7ffe7b9ba320872e, 0x525a0e7fdae6c123,
};

static void test_known_answers_of_every_length(void **state) {
    (void)state;
    static const uint64_t key[2] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    uint8_t input[ARRAY_LEN(expected)];
    for (size_t n = 0; n < ARRAY_LEN(expected); n++) {
        input[n] = (uint8_t)n;
        assert_int_equal(siphash13(key, bytes_of(input, n)), expected[n]);
    }
}

/* PYTHONHASHSEED=0 python3 -c 'print(hash(b"boiler-1"))', as an unsigned number. */
static void test_agrees_with_cpython_under_its_zero_key(void **state) {
    (void)state;
    static const uint64_t key[2] = {0, 0};
    assert_int_equal(siphash13(key, bytes_str("a")), 0x407448d2b89b1813);
    assert_int_equal(siphash13(key, bytes_str("boiler-1")), 0xbb7468c2e9495544);
    assert_int_equal(siphash13(key, bytes_str("0123456789abcdef0")), 0xf738bb4f30801228);
}

static void test_no_input_needs_no_memory(void **state) {
    (void)state;
    static const uint64_t key[2] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    assert_int_equal(siphash13(key, bytes_of(NULL, 0)), expected[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers_of_every_length),
        cmocka_unit_test(test_agrees_with_cpython_under_its_zero_key),
        cmocka_unit_test(test_no_input_needs_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

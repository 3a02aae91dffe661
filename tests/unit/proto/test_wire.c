/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire.h"

#include "base/mem.h"
#include "base/random.h"
#include "unit.h"

/* Reads the one field that `raw` must hold. */
static struct wire_field only_field(const char *raw, size_t len) {
    struct bytes rest = bytes_of(raw, len);
    struct wire_field field, end;
    assert_int_equal(wire_next(&rest, &field), 0);
    assert_int_equal(wire_next(&rest, &end), WIRE_E_END);
    return field;
}

#define ONLY_FIELD(raw) only_field(raw, sizeof(raw) - 1)

static void test_each_wire_type_is_read(void **state) {
    (void)state;
    struct wire_field field = ONLY_FIELD("\x08\xAC\x02");
    assert_int_equal(field.id, 1);
    assert_int_equal(field.type, WIRE_VARINT);
    assert_int_equal(field.number, 300);

    field = ONLY_FIELD("\x11\x01\x02\x03\x04\x05\x06\x07\x08");
    assert_int_equal(field.id, 2);
    assert_int_equal(field.type, WIRE_FIXED64);
    assert_int_equal(field.number, 0x0807060504030201);

    field = ONLY_FIELD("\x1A\x03"
                       "abc");
    assert_int_equal(field.type, WIRE_BYTES);
    assert_true(bytes_equal_str(field.bytes, "abc"));

    field = ONLY_FIELD("\x25\x01\x02\x03\x04");
    assert_int_equal(field.type, WIRE_FIXED32);
    assert_int_equal(field.number, 0x04030201);

    field = ONLY_FIELD("\xF8\xFF\xFF\xFF\x0F\x01");
    assert_int_equal(field.id, (1 << 29) - 1);
}

static void test_a_group_is_skipped_whole(void **state) {
    (void)state;
    struct wire_field field = ONLY_FIELD("\x0B\x08\x01\x13\x1A\x01"
                                         "a\x14\x0C");
    assert_int_equal(field.type, WIRE_GROUP_START);
    assert_int_equal(field.id, 1);
}

static void test_groups_nest_a_hundred_deep_and_no_deeper(void **state) {
    (void)state;
    uint8_t raw[202];
    for (size_t depth = 100; depth <= 101; depth++) {
        memset(raw, 0x0B, depth);
        memset(raw + depth, 0x0C, depth);
        struct bytes rest = bytes_of(raw, 2 * depth);
        struct wire_field field;
        assert_int_equal(wire_next(&rest, &field), depth == 100 ? 0 : WIRE_E_MALFORMED);
    }
}

static void test_what_is_no_protobuf_is_malformed(void **state) {
    (void)state;
    static const struct {
        const char *raw;
        size_t len;
    } cases[] = {
        {"\x08", 1},                                              /* no value */
        {"\x08\x80", 2},                                          /* varint without an end */
        {"\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 12}, /* of eleven bytes */
        {"\x11\x01\x02\x03\x04\x05\x06\x07", 8},                  /* fixed64 cut short */
        {"\x25\x01\x02\x03", 4},                                  /* fixed32 cut short */
        {"\x0A\x04"
         "abc",
         5}, /* bytes cut short */
        {"\x0A\xFF\xFF\xFF\xFF\x0F"
         "abc",
         9},                                                  /* a length of 4 GiB */
        {"\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 11}, /* a length of 2^64 - 1 */
        {"\x00\x01", 2},                                      /* field 0 */
        {"\x0E\x01", 2},                                      /* wire type 6 */
        {"\x0F\x01", 2},                                      /* wire type 7 */
        {"\x0C", 1},                                          /* end of no group */
        {"\x0B\x08\x01", 3},                                  /* group without an end */
        {"\x0B\x14", 2},                                      /* end of another group */
        {"\x0B\x00\x01\x0C", 4},                              /* field 0 in a group */
        {"\xF8\xFF\xFF\xFF\x1F\x01", 6},                      /* tag above 32 bits */
        {"\x88\x80\x80\x80\x80\x00\x01", 7},                  /* tag of six bytes */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bytes rest = bytes_of(cases[i].raw, cases[i].len);
        struct wire_field field;
        if (wire_next(&rest, &field) != WIRE_E_MALFORMED)
            fail_msg("case %zu is taken", i);
    }
}

static void test_an_empty_message_has_no_field(void **state) {
    (void)state;
    struct bytes rest = bytes_of(NULL, 0);
    struct wire_field field;
    assert_int_equal(wire_next(&rest, &field), WIRE_E_END);
}

static void test_varints_round_trip_at_every_size(void **state) {
    (void)state;
    for (unsigned bits = 0; bits <= 64; bits++) {
        uint64_t value = bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
        uint8_t raw[16];
        uint8_t *end = wire_put_varint(wire_put_tag(raw, 1, WIRE_VARINT), value);
        assert_int_equal(end - raw, 1 + wire_varint_size(value));
        assert_int_equal(wire_varint_size(value), bits <= 7 ? 1 : (bits + 6) / 7);
        assert_int_equal(only_field((const char *)raw, (size_t)(end - raw)).number, value);
    }
}

static bool lies_within(struct bytes inner, struct bytes outer) {
    return inner.len == 0 ||
           (inner.data >= outer.data && inner.data + inner.len <= outer.data + outer.len);
}

/* In a block of just their size, so that a sanitizer sees a byte read past the end. */
static size_t read_to_the_end(const uint8_t *raw, size_t len) {
    CLEANUP(mem_freep) uint8_t *exact = mem_alloc(len);
    assert_non_null(exact);
    memcpy(exact, raw, len);
    struct bytes whole = bytes_of(exact, len), rest = whole;
    struct wire_field field;
    size_t n_fields = 0;
    for (;; n_fields++) {
        size_t before = rest.len;
        if (wire_next(&rest, &field))
            return n_fields;
        assert_true(rest.len < before);
        assert_true(lies_within(rest, whole));
        assert_true(lies_within(field.bytes, whole));
    }
}

static void test_random_bytes_never_lead_past_the_end(void **state) {
    (void)state;
    struct random random;
    size_t n_fields = 0;
    random_init(&random, 21);
    for (int i = 0; i < 50000; i++) {
        uint8_t raw[64];
        size_t len = random_below(&random, sizeof(raw));
        for (size_t k = 0; k < len; k++) /* mostly small bytes: tags and lengths that make sense */
            raw[k] = (uint8_t)random_below(&random, random_below(&random, 4) ? 32 : 256);
        n_fields += read_to_the_end(raw, len);
    }
    assert_true(n_fields > 20000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_wire_type_is_read),
        cmocka_unit_test(test_a_group_is_skipped_whole),
        cmocka_unit_test(test_groups_nest_a_hundred_deep_and_no_deeper),
        cmocka_unit_test(test_what_is_no_protobuf_is_malformed),
        cmocka_unit_test(test_an_empty_message_has_no_field),
        cmocka_unit_test(test_varints_round_trip_at_every_size),
        cmocka_unit_test(test_random_bytes_never_lead_past_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

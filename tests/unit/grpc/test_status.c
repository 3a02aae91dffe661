/* SPDX-License-Identifier: Apache-2.0 */
#include "grpc/status.h"

#include <stdio.h>

#include "base/random.h"
#include "http2/session.h"
#include "unit.h"

static void test_every_code_has_its_name(void **state) {
    (void)state;
    static const char *const names[] = {
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    };
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        char number[8];
        snprintf(number, sizeof(number), "%u", i);
        assert_string_equal(grpc_status_name((enum grpc_status)i), names[i]);
        assert_int_equal(grpc_status_parse(bytes_str(number)), i);
    }
    assert_string_equal(grpc_status_name((enum grpc_status)17), "UNKNOWN");
    assert_string_equal(grpc_status_name((enum grpc_status) - 1), "UNKNOWN");
}

static void test_what_is_no_code_counts_as_unknown(void **state) {
    (void)state;
    static const char *const bad[] = {"", "17", "99", "-1", "+1", " 1", "1 ", "0x1", "a", "100"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(grpc_status_parse(bytes_str(bad[i])), GRPC_UNKNOWN);
    assert_int_equal(grpc_status_parse((struct bytes){0}), GRPC_UNKNOWN);
}

static void test_resets_map_as_the_specification_says(void **state) {
    (void)state;
    static const enum grpc_status expected[] = {
        [H2_NO_ERROR] = GRPC_INTERNAL,
        [H2_PROTOCOL_ERROR] = GRPC_INTERNAL,
        [H2_INTERNAL_ERROR] = GRPC_INTERNAL,
        [H2_FLOW_CONTROL_ERROR] = GRPC_INTERNAL,
        [H2_SETTINGS_TIMEOUT] = GRPC_INTERNAL,
        [H2_STREAM_CLOSED] = GRPC_INTERNAL,
        [H2_FRAME_SIZE_ERROR] = GRPC_INTERNAL,
        [H2_REFUSED_STREAM] = GRPC_UNAVAILABLE,
        [H2_CANCEL] = GRPC_CANCELLED,
        [H2_COMPRESSION_ERROR] = GRPC_INTERNAL,
        [H2_CONNECT_ERROR] = GRPC_INTERNAL,
        [H2_ENHANCE_YOUR_CALM] = GRPC_RESOURCE_EXHAUSTED,
        [H2_INADEQUATE_SECURITY] = GRPC_PERMISSION_DENIED,
        [H2_HTTP_1_1_REQUIRED] = GRPC_INTERNAL,
    };
    for (uint32_t i = 0; i < ARRAY_LEN(expected); i++)
        assert_int_equal(grpc_status_of_h2_error(i), expected[i]);
    assert_int_equal(grpc_status_of_h2_error(1000), GRPC_INTERNAL);
    assert_int_equal(grpc_status_of_h2_error(H2_CONNECTION_LOST), GRPC_UNAVAILABLE);
}

static void test_http_statuses_map_as_the_specification_says(void **state) {
    (void)state;
    static const struct {
        const char *http;
        enum grpc_status status;
    } rows[] = {
        {"400", GRPC_INTERNAL},      {"401", GRPC_UNAUTHENTICATED}, {"403", GRPC_PERMISSION_DENIED},
        {"404", GRPC_UNIMPLEMENTED}, {"429", GRPC_UNAVAILABLE},     {"502", GRPC_UNAVAILABLE},
        {"503", GRPC_UNAVAILABLE},   {"504", GRPC_UNAVAILABLE},     {"500", GRPC_UNKNOWN},
        {"200", GRPC_UNKNOWN},       {"415", GRPC_UNKNOWN},         {"", GRPC_UNKNOWN},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(grpc_status_of_http(bytes_str(rows[i].http)), rows[i].status);
}

/* ---- the message ---- */

static void assert_decodes_to(struct bytes coded, struct bytes plain) {
    struct buf out;
    buf_init(&out, 4096);
    assert_int_equal(grpc_status_message_decode(coded, &out), 0);
    assert_true(bytes_equal(buf_bytes(&out), plain));
    buf_fini(&out);
}

static void test_each_byte_is_coded_unless_printable(void **state) {
    (void)state;
    for (unsigned i = 0; i < 256; i++) {
        uint8_t byte = (uint8_t)i;
        char expected[8];
        struct buf out;
        bool is_plain = i >= ' ' && i <= '~' && i != '%';
        snprintf(expected, sizeof(expected), is_plain ? "%c" : "%%%02X", i);
        buf_init(&out, 16);
        assert_int_equal(grpc_status_message_encode(bytes_of(&byte, 1), &out), 0);
        assert_true(bytes_equal_str(buf_bytes(&out), expected));
        assert_decodes_to(buf_bytes(&out), bytes_of(&byte, 1));
        buf_fini(&out);
    }
}

static void test_random_bytes_come_back_from_their_coded_form(void **state) {
    (void)state;
    struct random random;
    random_init(&random, 1);
    for (int round = 0; round < 300; round++) {
        uint8_t bytes[64];
        struct buf coded;
        size_t n = random_below(&random, sizeof(bytes) + 1);
        for (size_t i = 0; i < n; i++)
            bytes[i] = (uint8_t)random_u64(&random);
        buf_init(&coded, 3 * sizeof(bytes));
        assert_int_equal(grpc_status_message_encode(bytes_of(bytes, n), &coded), 0);
        assert_decodes_to(buf_bytes(&coded), bytes_of(bytes, n));
        buf_fini(&coded);
    }
}

static void test_a_bad_escape_is_taken_as_it_stands(void **state) {
    (void)state;
    static const struct {
        const char *coded, *plain;
    } rows[] = {
        {"100%", "100%"}, {"%4", "%4"},     {"%zz", "%zz"},         {"%%41", "%A"},
        {"%4g1", "%4g1"}, {"a%20b", "a b"}, {"%c3%B6", "\xc3\xb6"}, {"", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_decodes_to(bytes_str(rows[i].coded), bytes_str(rows[i].plain));
}

static void test_a_message_without_room_is_an_outcome(void **state) {
    (void)state;
    struct buf out;
    buf_init(&out, 5);
    assert_int_equal(grpc_status_message_encode(bytes_str("ab"), &out), BUF_E_FULL);
    assert_int_equal(grpc_status_message_decode(bytes_str("abcdef"), &out), BUF_E_FULL);
    fail_alloc_at(1);
    assert_int_equal(grpc_status_message_encode(bytes_str("a"), &out), -ENOMEM);
    fail_alloc_at(1);
    assert_int_equal(grpc_status_message_decode(bytes_str("a"), &out), -ENOMEM);
    fail_alloc_off();
    assert_int_equal(buf_len(&out), 0);
    buf_fini(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_has_its_name),
        cmocka_unit_test(test_what_is_no_code_counts_as_unknown),
        cmocka_unit_test(test_resets_map_as_the_specification_says),
        cmocka_unit_test(test_http_statuses_map_as_the_specification_says),
        cmocka_unit_test(test_each_byte_is_coded_unless_printable),
        cmocka_unit_test(test_random_bytes_come_back_from_their_coded_form),
        cmocka_unit_test(test_a_bad_escape_is_taken_as_it_stands),
        cmocka_unit_test(test_a_message_without_room_is_an_outcome),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

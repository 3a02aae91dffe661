/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/response.h"

#include "base/clock.h"
#include "unit.h"

#define BYTES(literal) bytes_of(literal, sizeof(literal) - 1)

static void test_an_empty_response_rejects_nothing(void **state) {
    (void)state;
    struct otlp_partial partial;
    assert_int_equal(otlp_partial_read(BYTES(""), &partial), 0);
    assert_int_equal(partial.n_rejected, 0);
    assert_int_equal(partial.message.len, 0);
}

static void test_partial_success_is_read_and_unknown_fields_are_passed_over(void **state) {
    (void)state;
    struct otlp_partial partial;
    assert_int_equal(
        otlp_partial_read(BYTES("\x10\x07\x0A\x0B\x08\x05\x12\x03why\x18\x01\x20\x02"), &partial),
        0);
    assert_int_equal(partial.n_rejected, 5);
    assert_true(bytes_equal_str(partial.message, "why"));
}

static void test_a_negative_count_is_none(void **state) {
    (void)state;
    struct otlp_partial partial;
    assert_int_equal(
        otlp_partial_read(BYTES("\x0A\x0B\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"), &partial),
        0);
    assert_int_equal(partial.n_rejected, 0);
}

static void test_what_is_no_message_is_malformed(void **state) {
    (void)state;
    struct otlp_partial partial;
    struct otlp_rpc_status status;
    assert_int_equal(otlp_partial_read(BYTES("\x0A\x05\x08"), &partial), OTLP_E_MALFORMED);
    assert_int_equal(otlp_partial_read(BYTES("\x0A\x01\x08"), &partial), OTLP_E_MALFORMED);
    assert_int_equal(otlp_rpc_status_read(BYTES("<html>"), &status), OTLP_E_MALFORMED);
    assert_int_equal(otlp_rpc_status_read(BYTES("\x1A\x02\x12\x05"), &status), OTLP_E_MALFORMED);
}

#define RETRY_INFO "\x0A\x28type.googleapis.com/google.rpc.RetryInfo"

static void test_retry_info_is_found_among_the_details(void **state) {
    (void)state;
    struct otlp_rpc_status status;
    /* code 8, "full", a detail of another type, then 3.5 s */
    assert_int_equal(otlp_rpc_status_read(BYTES("\x08\x08\x12\x04"
                                                "full\x1A\x07\x0A\x01x\x12\x02\x08\x01"
                                                "\x1A\x36" RETRY_INFO
                                                "\x12\x0A\x0A\x08\x08\x03\x10\x80\xCA\xB5\xEE\x01"),
                                          &status),
                     0);
    assert_true(bytes_equal_str(status.message, "full"));
    assert_true(status.has_retry_info);
    assert_true(status.retry_ns == 3 * NS_PER_S + NS_PER_S / 2);
}

static void test_a_delay_below_zero_or_beyond_reason_does_not_overflow(void **state) {
    (void)state;
    struct otlp_rpc_status status;
    assert_int_equal(
        otlp_rpc_status_read(BYTES("\x1A\x39" RETRY_INFO
                                   "\x12\x0D\x0A\x0B\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"),
                             &status),
        0);
    assert_true(status.has_retry_info && status.retry_ns == 0);
    assert_int_equal(
        otlp_rpc_status_read(
            BYTES("\x1A\x38" RETRY_INFO "\x12\x0C\x0A\x0A\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F"),
            &status),
        0);
    assert_true(status.retry_ns == UINT64_C(3155760000) * NS_PER_S);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_response_rejects_nothing),
        cmocka_unit_test(test_partial_success_is_read_and_unknown_fields_are_passed_over),
        cmocka_unit_test(test_a_negative_count_is_none),
        cmocka_unit_test(test_what_is_no_message_is_malformed),
        cmocka_unit_test(test_retry_info_is_found_among_the_details),
        cmocka_unit_test(test_a_delay_below_zero_or_beyond_reason_does_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/message.h"

#include "proto/sensor.pb-c.h"
#include "proto/thermograph.pb-c.h"
#include "unit.h"

static int unpack_request(struct bytes wire, SensorRequest **request) {
    return message_unpack(&sensor_request__descriptor, wire, (ProtobufCMessage **)request);
}

static void test_what_is_packed_comes_back(void **state) {
    (void)state;
    SensorRequest request = SENSOR_REQUEST__INIT;
    CLEANUP(message_freep) SensorRequest *read = NULL;
    uint8_t wire[100];
    request.sensor_id = (char *)"k\xC3\xBC"
                                "che";
    request.start_time = -5;
    request.newest_first = true;
    size_t size = sensor_request__pack(&request, wire);
    assert_int_equal(unpack_request(bytes_of(wire, size), &read), 0);
    assert_string_equal(read->sensor_id, request.sensor_id);
    assert_int_equal(read->start_time, -5);
    assert_true(read->newest_first);
    assert_int_equal(read->limit, 0);
}

static void test_no_bytes_are_a_message_of_defaults(void **state) {
    (void)state;
    CLEANUP(message_freep) SensorRequest *read = NULL;
    assert_int_equal(unpack_request(bytes_of(NULL, 0), &read), 0);
    assert_string_equal(read->sensor_id, "");
}

static void assert_malformed(const char *raw, size_t len) {
    SensorRequest *read = NULL;
    assert_int_equal(unpack_request(bytes_of(raw, len), &read), MESSAGE_E_MALFORMED);
    assert_null(read);
}

static void test_a_string_with_bad_utf8_is_refused(void **state) {
    (void)state;
    assert_malformed("\x0A\x01\xFF", 3);
    assert_malformed("\x0A\x02\xC0\x80", 4);
    assert_malformed("\x0A\x03\xED\xA0\x80", 5);
}

static void test_a_string_with_a_nul_is_refused_and_not_cut(void **state) {
    (void)state;
    assert_malformed("\x0A\x03"
                     "a\0b",
                     5);
    assert_malformed("\x0A\x01\0", 3);
}

static void test_an_earlier_of_two_strings_is_checked_too(void **state) {
    (void)state;
    assert_malformed("\x0A\x01\xFF\x0A\x01"
                     "a",
                     6);
}

static void test_strings_inside_messages_are_checked(void **state) {
    (void)state;
    static const char good[] = "\x0A\x03\x0A\x01"
                               "a",
                      bad[] = "\x0A\x03\x0A\x01\xFF";
    ProtobufCMessage *read = NULL;
    const ProtobufCMessageDescriptor *type = &thermograph__v1__list_sensors_response__descriptor;
    assert_int_equal(message_unpack(type, bytes_of(bad, 5), &read), MESSAGE_E_MALFORMED);
    assert_int_equal(message_unpack(type, bytes_of(good, 5), &read), 0);
    message_free(read);
}

static void test_unknown_fields_may_hold_anything(void **state) {
    (void)state;
    CLEANUP(message_freep) SensorRequest *read = NULL;
    assert_int_equal(unpack_request(bytes_of("\xA2\x06\x02\xFF\0\x10\x05", 7), &read), 0);
    assert_int_equal(read->start_time, 5);
}

static void test_what_is_no_protobuf_is_refused(void **state) {
    (void)state;
    assert_malformed("\x0A\x05"
                     "a",
                     3);
    assert_malformed("\x10\x80", 2);
    assert_malformed("\x00\x01", 2);
    assert_malformed("hello", 5);
}

static void test_nothing_to_free_is_fine(void **state) {
    (void)state;
    SensorRequest *none = NULL;
    message_free(NULL);
    message_freep(&none);
}

static void test_every_failed_allocation_is_an_ordinary_error(void **state) {
    (void)state;
    static const char wire[] = "\x0A\x08\x0A\x01"
                               "a\x1A\x03\x08\x80\x01\x0A\x03\x0A\x01"
                               "b";
    const ProtobufCMessageDescriptor *type = &thermograph__v1__list_sensors_response__descriptor;
    ProtobufCMessage *read = NULL;
    size_t n = 0;
    int r = -ENOMEM;
    while (r) {
        assert_int_equal(r, -ENOMEM);
        assert_null(read);
        fail_alloc_at(++n);
        r = message_unpack(type, bytes_of(wire, sizeof(wire) - 1), &read);
        fail_alloc_off();
    }
    assert_true(n > 5);
    message_free(read);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_packed_comes_back),
        cmocka_unit_test(test_no_bytes_are_a_message_of_defaults),
        cmocka_unit_test(test_a_string_with_bad_utf8_is_refused),
        cmocka_unit_test(test_a_string_with_a_nul_is_refused_and_not_cut),
        cmocka_unit_test(test_an_earlier_of_two_strings_is_checked_too),
        cmocka_unit_test(test_strings_inside_messages_are_checked),
        cmocka_unit_test(test_unknown_fields_may_hold_anything),
        cmocka_unit_test(test_what_is_no_protobuf_is_refused),
        cmocka_unit_test(test_nothing_to_free_is_fine),
        cmocka_unit_test(test_every_failed_allocation_is_an_ordinary_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

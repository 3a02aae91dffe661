/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/descriptors.h"

#include "proto/wire.h"
#include "unit.h"

/* FileDescriptorSet has its files in field 1, a FileDescriptorProto its name in field 1. */
static struct bytes name_of_file(struct bytes file) {
    struct wire_field field;
    while (wire_next(&file, &field) == 0)
        if (field.id == 1 && field.type == WIRE_BYTES)
            return field.bytes;
    return bytes_of(NULL, 0);
}

static bool is_served(const char *name) {
    struct bytes rest = descriptors_file_set();
    struct wire_field field;
    int r;
    bool found = false;
    while ((r = wire_next(&rest, &field)) == 0) {
        assert_int_equal(field.id, 1);
        found |= bytes_equal_str(name_of_file(field.bytes), name);
    }
    assert_int_equal(r, WIRE_E_END);
    return found;
}

static void test_every_served_file_is_in(void **state) {
    (void)state;
    assert_true(is_served("sensor.proto"));
    assert_true(is_served("thermograph/v1/thermograph.proto"));
    assert_true(is_served("grpc/health/v1/health.proto"));
    assert_true(is_served("grpc/reflection/v1/reflection.proto"));
    assert_true(is_served("grpc/reflection/v1alpha/reflection.proto"));
    assert_false(is_served("other.proto"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_served_file_is_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "grpc/descriptor_index.h"

#include "proto/descriptors.h"
#include "proto/wire.h"
#include "unit.h"

/* A descriptor is made by hand: fields of bytes inside fields of bytes. */
struct wire {
    uint8_t bytes[1024];
    size_t len;
};

static struct bytes wire_bytes(const struct wire *wire) {
    return bytes_of(wire->bytes, wire->len);
}

static void put(struct wire *wire, uint32_t id, struct bytes content) {
    uint8_t *at = wire_put_tag(wire->bytes + wire->len, id, WIRE_BYTES);
    at = wire_put_varint(at, content.len);
    memcpy(at, content.data, content.len);
    wire->len = (size_t)(at - wire->bytes) + content.len;
}

static void put_text(struct wire *wire, uint32_t id, const char *text) {
    put(wire, id, bytes_str(text));
}

/* The ids are those of google/protobuf/descriptor.proto. */
static struct wire named(const char *name) {
    struct wire wire = {.len = 0};
    put_text(&wire, 1, name);
    return wire;
}

static struct wire file_of(const char *name, const char *package, const char *dependency) {
    struct wire file = named(name);
    if (package)
        put_text(&file, 2, package);
    if (dependency)
        put_text(&file, 3, dependency);
    return file;
}

static void add_message(struct wire *file, const char *name) {
    struct wire message = named(name);
    put(file, 4, wire_bytes(&message));
}

/* 0: the set is read, and taken down again. */
static int try_set(const struct wire *set) {
    struct descriptor_index index;
    int r = descriptor_index_init(&index, wire_bytes(set));
    if (r == 0)
        descriptor_index_fini(&index);
    return r;
}

static bool has_symbol(const struct descriptor_index *index, const char *symbol,
                       const char *file_name) {
    const struct descriptor_file *file = descriptor_index_symbol(index, bytes_str(symbol));
    return file && bytes_equal_str(file->name, file_name);
}

static void test_what_is_served_is_found_by_its_full_name(void **state) {
    (void)state;
    static const struct {
        const char *symbol, *file;
    } rows[] = {
        {"SensorService", "sensor.proto"},
        {"SensorService.SendSingleReading", "sensor.proto"},
        {"SensorReading", "sensor.proto"},
        {"thermograph.v1.Thermograph", "thermograph/v1/thermograph.proto"},
        {"thermograph.v1.Thermograph.ListSensors", "thermograph/v1/thermograph.proto"},
        {"grpc.health.v1.Health.Watch", "grpc/health/v1/health.proto"},
        {"grpc.health.v1.HealthCheckResponse.ServingStatus", "grpc/health/v1/health.proto"},
        {"grpc.reflection.v1.ServerReflection", "grpc/reflection/v1/reflection.proto"},
        {"grpc.reflection.v1alpha.ServerReflection", "grpc/reflection/v1alpha/reflection.proto"},
    };
    struct descriptor_index index;
    assert_int_equal(descriptor_index_init(&index, descriptors_file_set()), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_true(has_symbol(&index, rows[i].symbol, rows[i].file));
    static const char *const unknown[] = {"", "Sensor", "SensorService.", ".SensorService", "grpc"};
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
        assert_null(descriptor_index_symbol(&index, bytes_str(unknown[i])));
    assert_non_null(descriptor_index_file(&index, bytes_str("sensor.proto")));
    assert_null(descriptor_index_file(&index, bytes_str("Sensor.proto")));
    descriptor_index_fini(&index);
}

static void test_nested_names_are_known_with_all_their_scopes(void **state) {
    (void)state;
    struct wire inner = named("Inner"), kind = named("Kind"), outer = named("Outer");
    struct wire method = named("Get"), service = named("Service"), set = {.len = 0};
    struct wire file = file_of("a.proto", "pack.age", NULL);
    struct descriptor_index index;
    put(&inner, 4, wire_bytes(&kind));
    put(&outer, 3, wire_bytes(&inner));
    put(&service, 2, wire_bytes(&method));
    put(&file, 4, wire_bytes(&outer));
    put(&file, 5, wire_bytes(&kind));
    put(&file, 6, wire_bytes(&service));
    put(&set, 1, wire_bytes(&file));
    assert_int_equal(descriptor_index_init(&index, wire_bytes(&set)), 0);
    static const char *const symbols[] = {
        "pack.age.Outer", "pack.age.Outer.Inner", "pack.age.Outer.Inner.Kind",
        "pack.age.Kind",  "pack.age.Service",     "pack.age.Service.Get"};
    for (size_t i = 0; i < ARRAY_LEN(symbols); i++)
        assert_true(has_symbol(&index, symbols[i], "a.proto"));
    assert_int_equal(index.symbols.n_objects, ARRAY_LEN(symbols));
    descriptor_index_fini(&index);
}

static void test_the_closure_has_each_file_once_even_in_a_circle(void **state) {
    (void)state;
    struct wire a = file_of("a", NULL, "b"), b = file_of("b", NULL, "c");
    struct wire c = file_of("c", NULL, "a"), d = file_of("d", NULL, "missing"), set = {.len = 0};
    const struct descriptor_file *files[4];
    struct descriptor_index index;
    put_text(&a, 3, "c");
    put(&set, 1, wire_bytes(&a));
    put(&set, 1, wire_bytes(&b));
    put(&set, 1, wire_bytes(&c));
    put(&set, 1, wire_bytes(&d));
    assert_int_equal(descriptor_index_init(&index, wire_bytes(&set)), 0);
    const struct descriptor_file *first = descriptor_index_file(&index, bytes_str("b"));
    assert_int_equal(descriptor_index_closure(&index, first, files), 3);
    assert_ptr_equal(files[0], first);
    first = descriptor_index_file(&index, bytes_str("d"));
    assert_int_equal(descriptor_index_closure(&index, first, files), 1);
    descriptor_index_fini(&index);
}

static void test_sets_that_cannot_be_are_refused(void **state) {
    (void)state;
    struct wire file = file_of("a", NULL, NULL), nameless = {.len = 0}, set = {.len = 0};
    put(&set, 1, wire_bytes(&file));
    assert_int_equal(try_set(&set), 0);
    put(&set, 1, wire_bytes(&file)); /* the same file twice */
    assert_int_equal(try_set(&set), -EINVAL);
    put_text(&nameless, 2, "package");
    set.len = 0;
    put(&set, 1, wire_bytes(&nameless));
    assert_int_equal(try_set(&set), -EINVAL);
    add_message(&file, "M");
    add_message(&file, "M");
    set.len = 0;
    put(&set, 1, wire_bytes(&file));
    assert_int_equal(try_set(&set), -EINVAL);
}

static void test_a_set_cut_anywhere_is_refused_or_whole(void **state) {
    (void)state;
    struct wire file = file_of("a", "p", NULL), set = {.len = 0};
    add_message(&file, "M");
    put(&set, 1, wire_bytes(&file));
    for (size_t len = set.len - 1; len > 0; len--) {
        set.len = len;
        assert_int_equal(try_set(&set), -EINVAL);
    }
    set.len = 0;
    file.len--; /* the message inside is cut, its frame is whole */
    put(&set, 1, wire_bytes(&file));
    assert_int_equal(try_set(&set), -EINVAL);
}

static void test_a_file_that_is_no_message_is_skipped(void **state) {
    (void)state;
    struct wire set = {.bytes = {1 << 3 | WIRE_VARINT, 7}, .len = 2};
    struct descriptor_index index;
    assert_int_equal(descriptor_index_init(&index, wire_bytes(&set)), 0);
    assert_int_equal(index.n_files, 0);
    descriptor_index_fini(&index);
}

static void test_names_have_a_longest_length(void **state) {
    (void)state;
    char name[513] = {0};
    for (size_t len = 511; len <= 512; len++) {
        struct wire file = file_of("a", NULL, NULL), set = {.len = 0};
        memset(name, 'n', len);
        add_message(&file, name);
        put(&set, 1, wire_bytes(&file));
        assert_int_equal(try_set(&set), len < 512 ? 0 : -EINVAL);
    }
}

static void test_each_failing_allocation_is_an_error(void **state) {
    (void)state;
    int r = -ENOMEM;
    for (size_t n = 1; r; n++) {
        struct descriptor_index index;
        fail_alloc_at(n);
        r = descriptor_index_init(&index, descriptors_file_set());
        fail_alloc_off();
        if (r == 0)
            descriptor_index_fini(&index);
        else
            assert_int_equal(r, -ENOMEM);
        assert_true(n < 1000);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_served_is_found_by_its_full_name),
        cmocka_unit_test(test_nested_names_are_known_with_all_their_scopes),
        cmocka_unit_test(test_the_closure_has_each_file_once_even_in_a_circle),
        cmocka_unit_test(test_sets_that_cannot_be_are_refused),
        cmocka_unit_test(test_a_set_cut_anywhere_is_refused_or_whole),
        cmocka_unit_test(test_a_file_that_is_no_message_is_skipped),
        cmocka_unit_test(test_names_have_a_longest_length),
        cmocka_unit_test(test_each_failing_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/prometheus_labels.h"

#include "unit.h"

static void assert_labels(const struct otel_attribute *attributes, size_t n, const char *wanted) {
    struct buf out;
    struct prometheus_text text = {.out = &out};
    buf_init(&out, 1024);
    assert_int_equal(prometheus_put_labels(&text, attributes, n), 0);
    struct bytes got = buf_bytes(&out);
    if (!bytes_equal_str(got, wanted))
        fail_msg("'%.*s' is not '%s'", BYTES_ARGS(got), wanted);
    buf_fini(&out);
}

static void test_labels_are_in_order_of_their_names(void **state) {
    (void)state;
    /* bytewise `a.b` comes before `a0`, and `a_b` after it */
    const struct otel_attribute attributes[] = {
        otel_attribute("a.b", otel_integer(1)),
        otel_attribute("a0", otel_str("x")),
    };
    assert_labels(attributes, 2, "a0=\"x\",a_b=\"1\"");
    assert_labels(attributes, 0, "");
}

static void test_keys_that_become_one_are_joined_in_their_order(void **state) {
    (void)state;
    const struct otel_attribute attributes[] = {
        otel_attribute("a-b", otel_str("1")),
        otel_attribute("a.b", otel_str("2")),
        otel_attribute("a_b", otel_str("3")),
        otel_attribute("c", otel_boolean(false)),
    };
    assert_labels(attributes, 4, "a_b=\"1;2;3\",c=\"false\"");
}

static void test_names_that_the_page_uses_are_put_aside(void **state) {
    (void)state;
    const struct otel_attribute attributes[] = {
        otel_attribute("le", otel_str("1")),
        otel_attribute("length", otel_str("2")),
        otel_attribute("otel.scope.name", otel_str("3")),
    };
    assert_labels(attributes, 3, "exported_le=\"1\",exported_otel_scope_name=\"3\",length=\"2\"");
}

static void test_without_memory_it_says_so(void **state) {
    const struct otel_attribute attribute = otel_attribute("a", otel_str("x"));
    struct buf out;
    (void)state;
    buf_init(&out, 1024);
    for (size_t n = 1; n <= 2; n++) {
        struct prometheus_text text = {.out = &out};
        fail_alloc_at(n);
        int r = prometheus_put_labels(&text, &attribute, 1);
        fail_alloc_off();
        assert_int_equal(r, -ENOMEM);
    }
    buf_fini(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_labels_are_in_order_of_their_names),
        cmocka_unit_test(test_keys_that_become_one_are_joined_in_their_order),
        cmocka_unit_test(test_names_that_the_page_uses_are_put_aside),
        cmocka_unit_test(test_without_memory_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The cases of W3C's own test suite (w3c/trace-context, test/test.py), and some more. */
#include "otel/propagation.h"
#include "unit.h"

#define TRACE  "12345678901234567890123456789012"
#define SPAN   "1234567890123456"
#define PARENT "00-" TRACE "-" SPAN "-01"

static void assert_read(const char *field, uint8_t flags) {
    struct otel_span_context context = {0};
    char trace[33], span[17];
    if (otel_trace_parent_parse(bytes_str(field), &context))
        fail_msg("refused: %s", field);
    otel_trace_id_format(&context.trace_id, trace);
    otel_span_id_format(&context.span_id, span);
    assert_string_equal(trace, TRACE);
    assert_string_equal(span, SPAN);
    assert_int_equal(context.flags, flags);
    assert_true(context.is_remote);
}

static void assert_refused(const char *field) {
    struct otel_span_context context = {0};
    if (otel_trace_parent_parse(bytes_str(field), &context) != OTEL_E_MALFORMED)
        fail_msg("taken: %s", field);
    assert_false(otel_span_context_is_valid(&context));
    assert_false(context.is_remote);
}

static void test_version_0_is_read(void **state) {
    (void)state;
    assert_read(PARENT, OTEL_FLAG_SAMPLED);
    assert_read("00-" TRACE "-" SPAN "-00", 0);
}

static void test_the_random_flag_of_level_2_is_read(void **state) {
    (void)state;
    assert_read("00-" TRACE "-" SPAN "-02", OTEL_FLAG_RANDOM);
    assert_read("00-" TRACE "-" SPAN "-03", OTEL_FLAG_SAMPLED | OTEL_FLAG_RANDOM);
}

static void test_unknown_flags_are_cleared(void **state) {
    (void)state;
    assert_read("00-" TRACE "-" SPAN "-ff", OTEL_FLAG_SAMPLED | OTEL_FLAG_RANDOM);
    assert_read("00-" TRACE "-" SPAN "-08", 0);
}

static void test_version_0_ends_with_its_flags(void **state) {
    (void)state;
    assert_refused(PARENT ".");
    assert_refused(PARENT "-what-the-future-will-be-like");
}

static void test_of_a_higher_version_the_first_four_fields_are_read(void **state) {
    (void)state;
    assert_read("cc-" TRACE "-" SPAN "-01", OTEL_FLAG_SAMPLED);
    assert_read("cc-" TRACE "-" SPAN "-01-what-the-future-will-be-like", OTEL_FLAG_SAMPLED);
    assert_read("01-" TRACE "-" SPAN "-03-", OTEL_FLAG_SAMPLED);
    assert_refused("cc-" TRACE "-" SPAN "-01.what-the-future-will-be-like");
    assert_refused("cc-" TRACE "-" SPAN "-0");
}

static void test_version_ff_is_refused(void **state) {
    (void)state;
    assert_refused("ff-" TRACE "-" SPAN "-01");
    assert_refused("ff-" TRACE "-" SPAN "-01-more");
}

static void test_a_version_that_is_no_byte_is_refused(void **state) {
    (void)state;
    assert_refused(".0-" TRACE "-" SPAN "-01");
    assert_refused("0.-" TRACE "-" SPAN "-01");
    assert_refused("000-" TRACE "-" SPAN "-01");
    assert_refused("0000-" TRACE "-" SPAN "-01");
    assert_refused("0-" TRACE "-" SPAN "-01");
    assert_refused("CC-" TRACE "-" SPAN "-01");
}

static void test_bad_trace_ids_are_refused(void **state) {
    (void)state;
    assert_refused("00-00000000000000000000000000000000-" SPAN "-01");
    assert_refused("00-.2345678901234567890123456789012-" SPAN "-01");
    assert_refused("00-1234567890123456789012345678901.-" SPAN "-01");
    assert_refused("00-123456789012345678901234567890123-" SPAN "-01");
    assert_refused("00-1234567890123456789012345678901-" SPAN "-01");
    assert_refused("00-1234567890123456789012345678901A-" SPAN "-01");
}

static void test_bad_span_ids_are_refused(void **state) {
    (void)state;
    assert_refused("00-" TRACE "-0000000000000000-01");
    assert_refused("00-" TRACE "-.234567890123456-01");
    assert_refused("00-" TRACE "-123456789012345.-01");
    assert_refused("00-" TRACE "-12345678901234567-01");
    assert_refused("00-" TRACE "-123456789012345-01");
    assert_refused("00-" TRACE "-123456789012345A-01");
}

static void test_bad_flags_are_refused(void **state) {
    (void)state;
    assert_refused("00-" TRACE "-" SPAN "-.0");
    assert_refused("00-" TRACE "-" SPAN "-0.");
    assert_refused("00-" TRACE "-" SPAN "-001");
    assert_refused("00-" TRACE "-" SPAN "-1");
    assert_refused("00-" TRACE "-" SPAN "-0A");
}

static void test_other_separators_are_refused(void **state) {
    (void)state;
    assert_refused("00_" TRACE "-" SPAN "-01");
    assert_refused("00-" TRACE "_" SPAN "-01");
    assert_refused("00-" TRACE "-" SPAN "_01");
}

static void test_blanks_around_it_are_passed_over(void **state) {
    (void)state;
    assert_read(" " PARENT, OTEL_FLAG_SAMPLED);
    assert_read("\t" PARENT, OTEL_FLAG_SAMPLED);
    assert_read(PARENT " ", OTEL_FLAG_SAMPLED);
    assert_read(PARENT "\t", OTEL_FLAG_SAMPLED);
    assert_read("\t " PARENT " \t", OTEL_FLAG_SAMPLED);
}

static void test_two_of_them_are_refused(void **state) {
    (void)state;
    assert_refused(PARENT "," PARENT);
    assert_refused("cc-" TRACE "-" SPAN "-01,cc-" TRACE "-" SPAN "-01");
}

static void test_every_shorter_piece_is_refused(void **state) {
    struct otel_span_context context;
    (void)state;
    for (size_t len = 0; len < OTEL_TRACE_PARENT_LEN; len++)
        assert_int_equal(otel_trace_parent_parse(bytes_of(PARENT, len), &context),
                         OTEL_E_MALFORMED);
}

static void test_what_is_written_is_version_0_with_known_flags(void **state) {
    struct otel_span_context context;
    char text[OTEL_TRACE_PARENT_LEN + 1];
    (void)state;
    assert_int_equal(otel_trace_parent_parse(bytes_str(PARENT), &context), 0);
    context.flags = 0xff;
    otel_trace_parent_format(&context, text);
    assert_string_equal(text, "00-" TRACE "-" SPAN "-03");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version_0_is_read),
        cmocka_unit_test(test_the_random_flag_of_level_2_is_read),
        cmocka_unit_test(test_unknown_flags_are_cleared),
        cmocka_unit_test(test_version_0_ends_with_its_flags),
        cmocka_unit_test(test_of_a_higher_version_the_first_four_fields_are_read),
        cmocka_unit_test(test_version_ff_is_refused),
        cmocka_unit_test(test_a_version_that_is_no_byte_is_refused),
        cmocka_unit_test(test_bad_trace_ids_are_refused),
        cmocka_unit_test(test_bad_span_ids_are_refused),
        cmocka_unit_test(test_bad_flags_are_refused),
        cmocka_unit_test(test_other_separators_are_refused),
        cmocka_unit_test(test_blanks_around_it_are_passed_over),
        cmocka_unit_test(test_two_of_them_are_refused),
        cmocka_unit_test(test_every_shorter_piece_is_refused),
        cmocka_unit_test(test_what_is_written_is_version_0_with_known_flags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

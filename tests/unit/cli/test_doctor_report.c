/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor_report.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "unit.h"

static struct doctor_report report;
static char *printed;
static size_t size;

static void begin(enum output_format format) {
    doctor_report_begin(&report, format);
    report.output.file = open_memstream(&printed, &size);
    assert_non_null(report.output.file);
}

/* Whether nothing has failed; what was printed is `printed`. */
static bool end(void) {
    FILE *file = report.output.file;
    bool is_well = doctor_report_end(&report);
    assert_int_equal(fclose(file), 0);
    return is_well;
}

static void assert_printed(const char *wanted) {
    assert_string_equal(printed, wanted);
    mem_free(STEAL(printed));
}

static void test_a_table_has_a_line_for_each_check_and_a_sum(void **state) {
    (void)state;
    begin(OUTPUT_TABLE);
    doctor_report_check(&report, "server.token");
    doctor_report_say(&report, DOCTOR_FAILED, "no such %s", "token");
    doctor_report_not_checked(&report, "server.store", "it needs a token");
    assert_false(end());
    assert_printed("RESULT       CHECK               WORDS\n"
                   "FAILED       server.token        no such token\n"
                   "not checked  server.store        it needs a token\n"
                   "\n1 FAILED: 0 ok, 0 warnings, 1 not checked\n");
}

static void test_json_has_names_for_programs_and_no_sum(void **state) {
    (void)state;
    begin(OUTPUT_JSON);
    doctor_report_not_checked(&report, "server.store", "why");
    assert_true(end());
    assert_printed(
        "{\"result\": \"not_checked\", \"check\": \"server.store\", \"words\": \"why\"}\n");
}

static void test_what_is_logged_is_a_warning_of_the_check_that_runs(void **state) {
    (void)state;
    begin(OUTPUT_CSV);
    doctor_report_check(&report, "files.certificate");
    log_warn("anyone can read %s", "it");
    assert_true(end());
    assert_printed("result,check,words\nwarning,files.certificate,anyone can read it\n");
}

static void test_warnings_are_no_failure(void **state) {
    (void)state;
    begin(OUTPUT_TABLE);
    doctor_report_check(&report, "a");
    doctor_report_say(&report, DOCTOR_OK, "fine");
    doctor_report_say(&report, DOCTOR_WARNING, "hm");
    assert_true(end());
    assert_non_null(strstr(printed, "nothing has failed: 1 ok, 1 warning, 0 not checked\n"));
    mem_free(STEAL(printed));
}

static void test_words_that_are_too_long_are_cut(void **state) {
    (void)state;
    char words[4000];
    memset(words, 'x', sizeof(words));
    words[sizeof(words) - 1] = '\0';
    begin(OUTPUT_TABLE);
    doctor_report_say(&report, DOCTOR_OK, "%s", words);
    assert_true(end());
    assert_in_range(size, 1000, 1300);
    mem_free(STEAL(printed));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_table_has_a_line_for_each_check_and_a_sum),
        cmocka_unit_test(test_json_has_names_for_programs_and_no_sum),
        cmocka_unit_test(test_what_is_logged_is_a_warning_of_the_check_that_runs),
        cmocka_unit_test(test_warnings_are_no_failure),
        cmocka_unit_test(test_words_that_are_too_long_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "unit.h"

static char line[8192];
static size_t line_len;
static enum log_level line_level;
static int n_lines;

static void keep_line(enum log_level level, const char *text, size_t len) {
    assert_true(len < sizeof(line));
    memcpy(line, text, len);
    line[len] = '\0';
    line_len = len;
    line_level = level;
    n_lines++;
}

static int setup(void **state) {
    (void)state;
    n_lines = 0;
    log_redirect(keep_line);
    log_configure(LOG_INFO, LOG_TEXT);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    log_redirect(NULL);
    log_listen(NULL);
    log_add_fields(NULL);
    return 0;
}

/* What follows the time in a line of text, or the message of a line of JSON without its end. */
static const char *message(void) {
    const char *json = strstr(line, "\"message\":\"");
    return json ? json + strlen("\"message\":\"") : line + strlen("12:03:55.120 ");
}

static void test_text_line_has_time_level_and_message(void **state) {
    (void)state;
    log_info("serving on %s", "127.0.0.1:50051");
    assert_int_equal(n_lines, 1);
    assert_int_equal(line_level, LOG_INFO);
    assert_string_equal(message(), "INFO  serving on 127.0.0.1:50051\n");
    assert_true(line[2] == ':' && line[5] == ':' && line[8] == '.' && line[12] == ' ');
}

static void test_json_line_is_one_object(void **state) {
    (void)state;
    log_configure(LOG_INFO, LOG_JSON);
    log_warn("disk is %d %% full", 97);
    assert_string_equal(message(), "disk is 97 % full\"}\n");
    assert_non_null(strstr(line, "\"level\":\"warn\""));
    assert_int_equal(strncmp(line, "{\"time\":\"20", 11), 0);
    assert_non_null(strstr(line, "Z\",\"level\""));
}

static void test_levels_above_the_chosen_one_are_silent(void **state) {
    (void)state;
    log_debug("no");
    assert_int_equal(n_lines, 0);
    log_configure(LOG_ERROR, LOG_TEXT);
    log_warn("no");
    assert_int_equal(n_lines, 0);
    log_error("yes");
    assert_int_equal(n_lines, 1);
}

static void test_json_escapes_what_would_break_it(void **state) {
    (void)state;
    log_configure(LOG_INFO, LOG_JSON);
    log_info("a\"b\\c\nd\te\x01"
             "f\x7F");
    assert_string_equal(message(), "a\\\"b\\\\c\\u000ad\\u0009e\\u0001f\\u007f\"}\n");
}

static void test_text_escapes_what_would_move_a_cursor(void **state) {
    (void)state;
    log_info("a\"b\\c\n\x1B[2J\xC2\x9B"
             "2J");
    assert_string_equal(message(), "INFO  a\"b\\c\\u000a\\u001b[2J\\u009b2J\n");
}

static void test_characters_stay_and_stray_bytes_are_escaped(void **state) {
    (void)state;
    log_info("k\xC3\xBC"
             "che \xFF \xC3( \xE2\x82");
    assert_string_equal(message(), "INFO  k\xC3\xBC"
                                   "che \\u00ff \\u00c3( \\u00e2\\u0082\n");
}

/* Whatever is logged, a line stays bounded, valid UTF-8, and ends as its format asks. */
static void assert_long_line_is_sound(const char *unit, enum log_format format) {
    char text[6000] = "";
    size_t n = strlen(unit);
    for (size_t i = 0; i + n < sizeof(text); i += n)
        memcpy(text + i, unit, n);
    log_configure(LOG_INFO, format);
    for (int lead = 0; lead < 8; lead++) {
        log_info("%.*s%s", lead, "1234567", text);
        assert_in_range(line_len, 1500, 2200);
        assert_true(utf8_is_valid(bytes_of(line, line_len)));
        const char *end = format == LOG_JSON ? "\"}\n" : "\n";
        assert_string_equal(line + line_len - strlen(end), end);
    }
}

static void test_long_lines_are_cut_and_sound(void **state) {
    (void)state;
    static const char *const units[] = {
        "a", "\"", "\\", "\n", "\xC3\xA9", "\xF0\x9F\x94\xA5", "\"\xE2\x82\xAC"};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        assert_long_line_is_sound(units[i], LOG_TEXT);
        assert_long_line_is_sound(units[i], LOG_JSON);
    }
}

static void test_errno_survives(void **state) {
    (void)state;
    errno = ENOSPC;
    log_info("%s", "something");
    assert_int_equal(errno, ENOSPC);
}

/* ---- a listener ---- */

static struct {
    struct log_listener listener;
    char message[4096];
    enum log_level level;
    int n;
} heard;

static void hear(struct log_listener *listener, enum log_level level, struct bytes text) {
    assert_ptr_equal(listener, &heard.listener);
    snprintf(heard.message, sizeof(heard.message), "%.*s", BYTES_ARGS(text));
    heard.level = level;
    heard.n++;
}

static void start_listening(void) {
    heard.listener.hear = hear;
    heard.n = 0;
    log_listen(&heard.listener);
}

static void test_a_listener_hears_the_words_alone(void **state) {
    (void)state;
    start_listening();
    log_configure(LOG_INFO, LOG_JSON);
    log_warn("a \"%s\"\n", "b");
    assert_string_equal(heard.message, "a \"b\"\n");
    assert_int_equal(heard.level, LOG_WARN);
    assert_int_equal(n_lines, 1);
}

static void test_a_listener_hears_no_line_that_is_not_written(void **state) {
    (void)state;
    start_listening();
    log_debug("no");
    assert_int_equal(heard.n, 0);
    log_listen(NULL);
    log_info("no");
    assert_int_equal(heard.n, 0);
}

/* ---- fields ---- */

static size_t n_fields;

static size_t fill(struct log_field fields[LOG_MAX_FIELDS]) {
    fields[0] = (struct log_field){"trace_id", "12345678901234567890123456789012"};
    fields[1] = (struct log_field){"span_id", "1234567890123456"};
    return n_fields;
}

static void test_fields_stand_behind_the_words(void **state) {
    (void)state;
    log_add_fields(fill);
    n_fields = 2;
    log_info("stored");
    assert_string_equal(message(), "INFO  stored trace_id=12345678901234567890123456789012 "
                                   "span_id=1234567890123456\n");
    n_fields = 0;
    log_info("stored");
    assert_string_equal(message(), "INFO  stored\n");
}

static void test_fields_are_members_of_the_object(void **state) {
    (void)state;
    log_add_fields(fill);
    n_fields = 2;
    log_configure(LOG_INFO, LOG_JSON);
    log_info("stored");
    assert_string_equal(message(), "stored\",\"trace_id\":\"12345678901234567890123456789012\","
                                   "\"span_id\":\"1234567890123456\"}\n");
}

static void test_the_longest_line_has_room_for_its_fields(void **state) {
    char text[6000];
    (void)state;
    memset(text, '\n', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    log_add_fields(fill);
    n_fields = 2;
    log_configure(LOG_INFO, LOG_JSON);
    log_info("%s", text);
    assert_in_range(line_len, 1500, 2200);
    assert_non_null(strstr(line, "\"span_id\":\"1234567890123456\"}\n"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_text_line_has_time_level_and_message, setup, teardown),
        cmocka_unit_test_setup_teardown(test_json_line_is_one_object, setup, teardown),
        cmocka_unit_test_setup_teardown(test_levels_above_the_chosen_one_are_silent, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_json_escapes_what_would_break_it, setup, teardown),
        cmocka_unit_test_setup_teardown(test_text_escapes_what_would_move_a_cursor, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_characters_stay_and_stray_bytes_are_escaped, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_long_lines_are_cut_and_sound, setup, teardown),
        cmocka_unit_test_setup_teardown(test_errno_survives, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_listener_hears_the_words_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_listener_hears_no_line_that_is_not_written, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_fields_stand_behind_the_words, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fields_are_members_of_the_object, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_longest_line_has_room_for_its_fields, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

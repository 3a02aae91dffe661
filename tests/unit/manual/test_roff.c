/* SPDX-License-Identifier: Apache-2.0 */
#include "manual/roff.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "unit.h"

static void assert_puts(void (*put)(FILE *out, struct bytes text), const char *text,
                        const char *expected) {
    char *written = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&written, &size);
    put(out, bytes_str(text));
    fclose(out);
    bool is_equal = strcmp(written, expected) == 0;
    if (!is_equal)
        print_error("'%s' is not '%s'\n", written, expected);
    mem_free(written);
    assert_true(is_equal);
}

static void test_what_roff_would_change_is_escaped(void **state) {
    (void)state;
    assert_puts(roff_put, "--a 'b' \\ `c^~\"", "\\-\\-a \\(aqb\\(aq \\e \\(gac\\(ha\\(ti\\(dq");
}

static void test_a_sentence_is_a_line(void **state) {
    (void)state;
    assert_puts(roff_put_words, "One thing. Two things, 1.5 of them. --flag too.",
                "One thing.\nTwo things, 1.5 of them.\n\\-\\-flag too.\n");
    assert_puts(roff_put_words, "a. b", "a. b\n");
}

static void test_a_long_line_is_broken_between_words(void **state) {
    (void)state;
    char word[41], text[130], expected[130];
    memset(word, 'x', 40);
    word[40] = '\0';
    snprintf(text, sizeof(text), "%s %s %s", word, word, word);
    snprintf(expected, sizeof(expected), "%s\n%s\n%s\n", word, word, word);
    assert_puts(roff_put_words, text, expected);
}

static void test_an_empty_line_ends_a_paragraph(void **state) {
    (void)state;
    assert_puts(roff_put_words, "One\n\nTwo\n", "One\n.PP\nTwo\n");
    assert_puts(roff_put_words, "", "");
}

static void test_a_line_that_begins_with_a_dot_is_text(void **state) {
    (void)state;
    assert_puts(roff_put_words, ".hidden", "\\&.hidden\n");
    assert_puts(roff_put_commands, ".hidden\n a -b", ".nf\n\\&.hidden\n a \\-b\n.fi\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_roff_would_change_is_escaped),
        cmocka_unit_test(test_a_sentence_is_a_line),
        cmocka_unit_test(test_a_long_line_is_broken_between_words),
        cmocka_unit_test(test_an_empty_line_ends_a_paragraph),
        cmocka_unit_test(test_a_line_that_begins_with_a_dot_is_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

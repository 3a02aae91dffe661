/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/feed.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "unit.h"

struct reader {
    struct feed feed;
    uv_loop_t loop;
    char text[4096]; /* lines, with | behind each */
    size_t len;
    uint64_t n_lines;
    uint64_t pause_at; /* the line at which to pause; 0: never */
    bool has_ended;
    char why[128];
};

static void on_line(void *user, char *line) {
    struct reader *reader = user;
    size_t room = sizeof(reader->text) - reader->len;
    int n = snprintf(reader->text + reader->len, room, "%s|", line);
    reader->len += (size_t)n < room ? (size_t)n : 0;
    if (++reader->n_lines == reader->pause_at)
        feed_pause(&reader->feed);
}

static void on_ended(void *user, const char *why) {
    struct reader *reader = user;
    reader->has_ended = true;
    snprintf(reader->why, sizeof(reader->why), "%s", why ? why : "");
}

static const struct feed_ops ops = {.line = on_line, .ended = on_ended};

static void reader_open(struct reader *reader, int fd) {
    memset(reader, 0, sizeof(*reader));
    assert_int_equal(uv_loop_init(&reader->loop), 0);
    assert_int_equal(feed_open(&reader->feed, &reader->loop, fd, &ops, reader), 0);
}

static void reader_close(struct reader *reader) {
    feed_close(&reader->feed);
    uv_run(&reader->loop, UV_RUN_DEFAULT);
    feed_fini(&reader->feed);
    assert_int_equal(uv_loop_close(&reader->loop), 0);
}

static int file_of(const void *data, size_t len) {
    char name[] = "/tmp/test-feed-XXXXXX";
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    unlink(name);
    assert_int_equal(write(fd, data, len), len);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static void assert_file_gives(const char *text, const char *lines) {
    struct reader reader;
    reader_open(&reader, file_of(text, strlen(text)));
    uv_run(&reader.loop, UV_RUN_DEFAULT);
    assert_true(reader.has_ended);
    assert_string_equal(reader.why, "");
    assert_string_equal(reader.text, lines);
    reader_close(&reader);
}

static void test_lines_of_a_file(void **state) {
    (void)state;
    assert_file_gives("", "");
    assert_file_gives("a\nb\n", "a|b|");
    assert_file_gives("a\n\nb", "a||b|");
    assert_file_gives("\n", "|");
}

static void test_lines_of_a_pipe_come_as_they_are_written(void **state) {
    (void)state;
    struct reader reader;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    reader_open(&reader, ends[0]);
    assert_int_equal(write(ends[1], "one\ntw", 6), 6);
    while (reader.n_lines < 1)
        uv_run(&reader.loop, UV_RUN_ONCE);
    assert_string_equal(reader.text, "one|");
    assert_int_equal(write(ends[1], "o\nrest", 6), 6);
    close(ends[1]);
    uv_run(&reader.loop, UV_RUN_DEFAULT);
    assert_string_equal(reader.text, "one|two|rest|");
    assert_true(reader.has_ended);
    reader_close(&reader);
}

static void test_pipe_stays_blocking_for_the_others_that_share_it(void **state) {
    (void)state;
    struct reader reader;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    reader_open(&reader, ends[0]);
    assert_int_equal(fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0);
    close(ends[1]);
    reader_close(&reader);
}

static void test_pause_keeps_lines_until_resume(void **state) {
    (void)state;
    struct reader reader;
    reader_open(&reader, file_of("a\nb\nc\n", 6));
    reader.pause_at = 2;
    uv_run(&reader.loop, UV_RUN_DEFAULT);
    assert_string_equal(reader.text, "a|b|");
    assert_false(reader.has_ended);
    feed_resume(&reader.feed);
    uv_run(&reader.loop, UV_RUN_DEFAULT);
    assert_string_equal(reader.text, "a|b|c|");
    assert_true(reader.has_ended);
    reader_close(&reader);
}

static void test_large_file_is_held_in_bounded_memory(void **state) {
    (void)state;
    enum {
        N_LINES = 200000
    };
    struct reader reader;
    char *data = mem_alloc(N_LINES * 10);
    assert_non_null(data);
    for (size_t i = 0; i < N_LINES; i++)
        memcpy(data + i * 10, "123456789\n", 10);
    reader_open(&reader, file_of(data, N_LINES * 10));
    mem_free(data);
    uv_run(&reader.loop, UV_RUN_DEFAULT);
    assert_int_equal(reader.n_lines, N_LINES);
    assert_true(reader.feed.held.cap <= 4 * FEED_MAX_LINE);
    reader_close(&reader);
}

/* A file of one line of `n` bytes. */
static void read_line_of(struct reader *reader, size_t n) {
    char *data = mem_alloc(n + 1);
    assert_non_null(data);
    memset(data, 'x', n);
    data[n] = '\n';
    reader_open(reader, file_of(data, n + 1));
    mem_free(data);
    uv_run(&reader->loop, UV_RUN_DEFAULT);
    assert_true(reader->has_ended);
}

static void test_line_at_the_limit_is_taken_and_a_longer_one_ends_it(void **state) {
    (void)state;
    struct reader reader;
    read_line_of(&reader, FEED_MAX_LINE);
    assert_int_equal(reader.n_lines, 1);
    assert_string_equal(reader.why, "");
    reader_close(&reader);
    read_line_of(&reader, FEED_MAX_LINE + 1);
    assert_int_equal(reader.n_lines, 0);
    assert_string_equal(reader.why, "line 1: longer than 65536 bytes");
    reader_close(&reader);
}

static void test_nul_byte_ends_it(void **state) {
    (void)state;
    struct reader reader;
    reader_open(&reader, file_of("a\nb\0c\nd\n", 8));
    uv_run(&reader.loop, UV_RUN_DEFAULT);
    assert_string_equal(reader.text, "a|");
    assert_string_equal(reader.why, "line 2: a NUL byte: this is no text");
    reader_close(&reader);
}

static void test_failing_read_and_failing_memory_end_it(void **state) {
    (void)state;
    struct reader reader;
    reader_open(&reader, open("/", O_RDONLY | O_DIRECTORY));
    uv_run(&reader.loop, UV_RUN_DEFAULT);
    assert_string_equal(reader.why, "Is a directory");
    reader_close(&reader);
    reader_open(&reader, file_of("a\n", 2));
    fail_alloc_at(1);
    uv_run(&reader.loop, UV_RUN_DEFAULT);
    fail_alloc_off();
    assert_string_equal(reader.why, "Cannot allocate memory");
    reader_close(&reader);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_of_a_file),
        cmocka_unit_test(test_lines_of_a_pipe_come_as_they_are_written),
        cmocka_unit_test(test_pipe_stays_blocking_for_the_others_that_share_it),
        cmocka_unit_test(test_pause_keeps_lines_until_resume),
        cmocka_unit_test(test_large_file_is_held_in_bounded_memory),
        cmocka_unit_test(test_line_at_the_limit_is_taken_and_a_longer_one_ends_it),
        cmocka_unit_test(test_nul_byte_ends_it),
        cmocka_unit_test(test_failing_read_and_failing_memory_end_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

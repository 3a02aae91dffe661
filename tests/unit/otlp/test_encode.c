/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes themselves are compared by Google's protobuf (tests/e2e/test_otlp_bytes.py); here are
 * limits, lengths at their edges, and memory that runs out. */
#include "otlp/encode.h"

#include "otlp/writer.h"
#include "samples.h"
#include "unit.h"

enum {
    PLENTY = 1 << 24
};

static void fill(struct buf *out) {
    uint8_t *at;
    assert_int_equal(buf_reserve(out, 70000, &at), 0);
    memset(at, 'x', 70000);
}

/* One message in one other, with a text of `len` inside, however long its length was expected to
 * be. */
static void check_nesting(size_t len, size_t n_length) {
    static uint8_t text[70000];
    CLEANUP(buf_fini) struct buf out;
    buf_init(&out, PLENTY);
    fill(&out);
    memset(text, 'a', sizeof(text));
    struct otlp_writer writer = {.out = &out};
    struct otlp_open outer = otlp_open(&writer, 1, n_length);
    struct otlp_open inner = otlp_open(&writer, 2, n_length);
    otlp_put_text(&writer, 3, bytes_of(text, len));
    otlp_close(&writer, inner);
    otlp_close(&writer, outer);
    assert_int_equal(writer.error, 0);
    struct bytes rest = buf_bytes(&out);
    for (uint32_t id = 1; id <= 3; id++) {
        struct wire_field field;
        assert_int_equal(wire_next(&rest, &field), 0);
        assert_int_equal(field.id, id);
        assert_int_equal(rest.len, 0);
        rest = field.bytes;
    }
    assert_true(bytes_equal(rest, bytes_of(text, len)));
}

static void test_lengths_are_right_however_long_they_were_expected_to_be(void **state) {
    (void)state;
    static const size_t lengths[] = {1,   120,   123,   124,   125,   126,   127,   128,
                                     129, 16375, 16378, 16379, 16380, 16383, 16384, 70000};
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++)
        for (size_t n_length = 1; n_length <= 4; n_length++)
            check_nesting(lengths[i], n_length);
}

static void assert_text_becomes(const char *text, size_t len, const char *expected) {
    CLEANUP(buf_fini) struct buf out;
    buf_init(&out, PLENTY);
    struct otlp_writer writer = {.out = &out};
    struct wire_field field;
    otlp_put_text(&writer, 1, bytes_of(text, len));
    struct bytes rest = buf_bytes(&out);
    assert_int_equal(wire_next(&rest, &field), 0);
    assert_true(bytes_equal_str(field.bytes, expected));
    assert_int_equal(rest.len, 0);
}

static void test_bytes_that_are_no_utf8_are_mended_wherever_they_are(void **state) {
    (void)state;
#define R "\xEF\xBF\xBD"
    assert_text_becomes("\xFF", 1, R);
    assert_text_becomes("sound \xC3\xA4 text", 13, "sound \xC3\xA4 text");
    assert_text_becomes("cut \xE2\x82", 6, "cut " R R);
    assert_text_becomes("\x80quite long after it", 20, R "quite long after it");
    assert_text_becomes("sixteen bytes..\xC0", 16, "sixteen bytes.." R);
#undef R
}

static void test_a_text_that_grows_past_its_length_when_mended_is_whole(void **state) {
    (void)state;
    char bad[100], mended[301];
    memset(bad, 0xFF, sizeof(bad));
    for (size_t i = 0; i < sizeof(bad); i++)
        memcpy(mended + 3 * i, "\xEF\xBF\xBD", 4);
    assert_text_becomes(bad, sizeof(bad), mended);
}

static void for_each_sample(void (*check)(const struct otel_batch *batch)) {
    check(sample_traces());
    check(sample_metrics());
    check(sample_logs());
}

/* Memory for all but one byte is as good as none at any point. */
static void check_bound(const struct otel_batch *batch) {
    CLEANUP(buf_fini) struct buf whole;
    buf_init(&whole, PLENTY);
    assert_int_equal(otlp_encode(batch, &whole), 0);
    for (size_t max = 0; max < buf_len(&whole); max++) {
        CLEANUP(buf_fini) struct buf out;
        buf_init(&out, max);
        assert_int_equal(otlp_encode(batch, &out), BUF_E_FULL);
        assert_true(buf_len(&out) <= max);
    }
}

static void test_a_request_over_the_bound_is_an_outcome(void **state) {
    (void)state;
    for_each_sample(check_bound);
}

static void check_memory(const struct otel_batch *batch) {
    int r = -ENOMEM;
    for (size_t n = 1; r; n++) {
        CLEANUP(buf_fini) struct buf out;
        buf_init(&out, PLENTY);
        fail_alloc_at(n);
        r = otlp_encode(batch, &out);
        fail_alloc_off();
        assert_true(r == 0 || r == -ENOMEM);
        assert_true(n < 100);
    }
}

static void test_memory_that_runs_out_is_an_error(void **state) {
    (void)state;
    for_each_sample(check_memory);
}

static void test_a_buffer_that_is_large_enough_is_all_the_memory_it_takes(void **state) {
    (void)state;
    CLEANUP(buf_fini) struct buf out;
    buf_init(&out, PLENTY);
    fill(&out);
    fail_alloc_off();
    assert_int_equal(otlp_encode(sample_traces(), &out), 0);
    buf_reset(&out);
    assert_int_equal(otlp_encode(sample_metrics(), &out), 0);
    assert_int_equal(fail_alloc_count(), 0);
}

static void test_an_empty_batch_has_its_resource_only(void **state) {
    (void)state;
    CLEANUP(buf_fini) struct buf out;
    buf_init(&out, PLENTY);
    const struct otel_batch batch = {.signal = OTEL_LOGS};
    assert_int_equal(otlp_encode(&batch, &out), 0);
    assert_true(bytes_equal(buf_bytes(&out), bytes_of("\x0A\x02\x0A\x00", 4)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths_are_right_however_long_they_were_expected_to_be),
        cmocka_unit_test(test_bytes_that_are_no_utf8_are_mended_wherever_they_are),
        cmocka_unit_test(test_a_text_that_grows_past_its_length_when_mended_is_whole),
        cmocka_unit_test(test_a_request_over_the_bound_is_an_outcome),
        cmocka_unit_test(test_memory_that_runs_out_is_an_error),
        cmocka_unit_test(test_a_buffer_that_is_large_enough_is_all_the_memory_it_takes),
        cmocka_unit_test(test_an_empty_batch_has_its_resource_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

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

/* ---- items that were written where they ended ---- */

enum {
    MAX_ITEMS = 8,
};

static void assert_same_request(const struct otel_batch *a, const struct otel_batch *b) {
    CLEANUP(buf_fini) struct buf x, y;
    buf_init(&x, PLENTY);
    buf_init(&y, PLENTY);
    assert_int_equal(otlp_encode(a, &x), 0);
    assert_int_equal(otlp_encode(b, &y), 0);
    assert_true(buf_len(&x) > 0);
    assert_true(bytes_equal(buf_bytes(&x), buf_bytes(&y)));
}

/* `write` appends the batch's `i`-th item; its scope. */
static void check_encoded(const struct otel_batch *batch,
                          const struct otel_scope *(*write)(const struct otel_batch *batch,
                                                            size_t i, struct buf *out)) {
    struct buf items[MAX_ITEMS];
    struct otel_encoded encoded[MAX_ITEMS];
    const struct otel_encoded *all[MAX_ITEMS];
    struct otel_batch of_encoded = *batch;
    assert_in_range(batch->n, 1, MAX_ITEMS);
    for (size_t i = 0; i < batch->n; i++) {
        buf_init(&items[i], PLENTY);
        encoded[i].scope = write(batch, i, &items[i]);
        encoded[i].bytes = buf_bytes(&items[i]);
        all[i] = &encoded[i];
    }
    of_encoded.spans = NULL;
    of_encoded.logs = NULL;
    of_encoded.encoded = all;
    assert_same_request(batch, &of_encoded);
    for (size_t i = 0; i < batch->n; i++)
        buf_fini(&items[i]);
}

static const struct otel_scope *write_span(const struct otel_batch *batch, size_t i,
                                           struct buf *out) {
    assert_int_equal(otlp_encoder.span(batch->spans[i], out), 0);
    return batch->spans[i]->scope;
}

static const struct otel_scope *write_log(const struct otel_batch *batch, size_t i,
                                          struct buf *out) {
    assert_int_equal(otlp_encoder.log(batch->logs[i], out), 0);
    return batch->logs[i]->scope;
}

static void test_items_written_where_they_end_make_the_same_request(void **state) {
    (void)state;
    check_encoded(sample_traces(), write_span);
    check_encoded(sample_logs(), write_log);
}

/* The attributes, events and links of a span as they would have been written one by one; of events
 * the attributes are lent. */
static void write_parts(struct otel_span_data *span) {
    struct otel_attribute lent[64];
    for (struct otel_kept_attribute *at = span->attributes.first; at; at = at->next)
        assert_int_equal(otlp_encoder.attribute(at->attribute.key, &at->attribute.value,
                                                &span->written_attributes),
                         0);
    for (const struct otel_event *at = span->first_event; at; at = at->next) {
        struct otel_event event = *at;
        struct otel_lent of_event = {lent, 0};
        for (struct otel_kept_attribute *k = event.attributes.first; k; k = k->next)
            lent[of_event.n++] = k->attribute;
        event.attributes.first = NULL;
        assert_int_equal(otlp_encoder.event(&event, of_event, &span->written_events), 0);
    }
    for (const struct otel_link *at = span->first_link; at; at = at->next)
        assert_int_equal(otlp_encoder.link(at, (struct otel_lent){0}, &span->written_links), 0);
    span->attributes.first = NULL;
    span->first_event = NULL;
    span->first_link = NULL;
}

static void test_parts_written_one_by_one_make_the_same_request(void **state) {
    (void)state;
    const struct otel_batch *batch = sample_traces();
    struct otel_span_data written = *batch->spans[0];
    const struct otel_span_data *of_data[] = {batch->spans[0]}, *of_written[] = {&written};
    assert_non_null(written.first_event);
    assert_non_null(written.first_link);
    buf_init(&written.written_attributes, PLENTY);
    buf_init(&written.written_events, PLENTY);
    buf_init(&written.written_links, PLENTY);
    write_parts(&written);
    struct otel_batch a = *batch, b = *batch;
    a.n = b.n = 1;
    a.spans = of_data;
    b.spans = of_written;
    assert_same_request(&a, &b);
    buf_fini(&written.written_attributes);
    buf_fini(&written.written_events);
    buf_fini(&written.written_links);
}

static void test_an_attribute_is_found_among_those_that_were_written(void **state) {
    static char text[300];
    const struct otel_attribute all[] = {
        otel_attribute("a.key", otel_integer(7)),
        otel_attribute("long", otel_text(bytes_of(text, sizeof(text)))),
        otel_attribute("last", otel_str("text")),
    };
    size_t ends[ARRAY_LEN(all)], start = 0;
    struct bytes found;
    CLEANUP(buf_fini) struct buf out;
    (void)state;
    memset(text, 'x', sizeof(text));
    buf_init(&out, PLENTY);
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        assert_int_equal(otlp_encoder.attribute(all[i].key, &all[i].value, &out), 0);
        ends[i] = buf_len(&out);
    }
    for (size_t i = 0; i < ARRAY_LEN(all); start = ends[i++]) {
        assert_true(otlp_encoder.find(buf_bytes(&out), all[i].key, &found));
        assert_ptr_equal(found.data, buf_bytes(&out).data + start);
        assert_int_equal(found.len, ends[i] - start);
    }
    assert_false(otlp_encoder.find(buf_bytes(&out), bytes_str("b.key"), &found));
    assert_false(otlp_encoder.find(buf_bytes(&out), bytes_str("a.ke"), &found));
    assert_false(otlp_encoder.find(buf_bytes(&out), bytes_str("a.key.longer"), &found));
    assert_false(otlp_encoder.find(bytes_of(NULL, 0), bytes_str("a.key"), &found));
}

/* Short ones are written in one go, up to the longest whose lengths are single bytes. */
static void test_attributes_are_the_same_however_long_they_are(void **state) {
    static uint8_t text[200];
    (void)state;
    memset(text, 'a', sizeof(text));
    for (size_t len = 0; len < sizeof(text); len++) {
        CLEANUP(buf_fini) struct buf out;
        buf_init(&out, PLENTY);
        struct otlp_writer writer = {.out = &out};
        const struct otel_value value = otel_text(bytes_of(text, len));
        struct wire_field pair, key, any, string;
        otlp_put_attribute(&writer, 9, bytes_str("key"), &value);
        struct bytes rest = buf_bytes(&out);
        assert_int_equal(wire_next(&rest, &pair), 0);
        assert_int_equal(pair.id, 9);
        assert_int_equal(rest.len, 0);
        assert_int_equal(wire_next(&pair.bytes, &key), 0);
        assert_true(bytes_equal_str(key.bytes, "key"));
        assert_int_equal(wire_next(&pair.bytes, &any), 0);
        assert_int_equal(pair.bytes.len, 0);
        assert_int_equal(wire_next(&any.bytes, &string), 0);
        assert_int_equal(any.bytes.len, 0);
        assert_true(bytes_equal(string.bytes, bytes_of(text, len)));
    }
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
        cmocka_unit_test(test_items_written_where_they_end_make_the_same_request),
        cmocka_unit_test(test_parts_written_one_by_one_make_the_same_request),
        cmocka_unit_test(test_an_attribute_is_found_among_those_that_were_written),
        cmocka_unit_test(test_attributes_are_the_same_however_long_they_are),
        cmocka_unit_test(test_an_empty_batch_has_its_resource_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

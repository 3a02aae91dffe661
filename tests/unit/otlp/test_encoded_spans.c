/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said of a span is written as OTLP at once. Here the same is said of a span that is kept
 * as data and encoded as a whole: at random, under several limits, and the bytes have to be the
 * same.
 */
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "otlp/encode.h"
#include "sdk_fixture.h"

enum {
    N_ROUNDS = 1000,
    N_SAID = 60,
    N_KEYS = 24,
    PLENTY = 64 << 20,
};

static struct fixture kept, encoded;

static const struct otel_limit_settings limits[] = {
    {128, SIZE_MAX, 128, 128, 128, 128},
    {8, SIZE_MAX, 4, 3, 2, 1},
    {128, 5, 128, 128, 128, 128},
    {10, 0, 6, 6, 3, 3},
};

static void open_fixture(struct fixture *fixture, const struct otel_limit_settings *under,
                         const struct otel_encoder *encoder) {
    static struct otel_exporter_ops ops[2];
    struct otel_exporter_ops *own = &ops[encoder != NULL];
    fixture_init(fixture);
    fixture->settings.span_limits = *under;
    *own = *fixture->exporters[OTEL_TRACES].base.ops;
    own->encoder = encoder;
    fixture->exporters[OTEL_TRACES].base.ops = own;
    fixture_open(fixture);
}

/* ---- what is said ---- */

static struct bytes make_text(struct random *random) {
    static const char *const pieces[] = {"ascii", "\xe2\x82\xac", "\xff", "\xf0\x9f\x98\x80", ""};
    static char text[2000];
    size_t len = 0, n = random_below(random, 8) ? random_below(random, 6) : 300;
    for (size_t i = 0; i < n; i++) {
        const char *piece = pieces[random_below(random, ARRAY_LEN(pieces))];
        memcpy(text + len, piece, strlen(piece));
        len += strlen(piece);
    }
    return bytes_of(text, len);
}

static struct otel_value make_value(struct random *random) {
    static const struct bytes texts[] = {
        {(const uint8_t *)"one", 3}, {(const uint8_t *)"\xe2\x82\xac\xe2\x82\xac", 6}, {NULL, 0}};
    static const int64_t integers[] = {-1, 0, INT64_MAX};
    switch (random_below(random, 7)) {
    case 0:
        return otel_integer((int64_t)(random_u64(random) >> random_below(random, 64)));
    case 1:
        return otel_number(random_unit(random));
    case 2:
        return otel_boolean(random_below(random, 2));
    case 3:
        return (struct otel_value){
            .type = OTEL_TEXTS, .n = (uint32_t)random_below(random, 4), .texts = texts};
    case 4:
        return (struct otel_value){
            .type = OTEL_INTEGERS, .n = (uint32_t)random_below(random, 4), .integers = integers};
    case 5:
        return (struct otel_value){.type = OTEL_BYTES, .text = make_text(random)};
    default:
        return otel_text(make_text(random));
    }
}

static const char *key_of(size_t i) {
    static char keys[N_KEYS][80];
    if (i > 0)
        snprintf(keys[i], sizeof(keys[i]), "key.%.*zu", (int)(3 * i), i);
    return keys[i]; /* the first is empty */
}

static size_t make_attributes(struct random *random, struct otel_attribute out[]) {
    size_t n = random_below(random, 4) ? random_below(random, 4) : random_below(random, N_KEYS);
    for (size_t i = 0; i < n; i++)
        out[i] = otel_attribute(key_of(random_below(random, N_KEYS)),
                                otel_integer((int64_t)random_below(random, 9)));
    if (n > 0 && random_below(random, 2))
        out[n - 1].value = make_value(random);
    return n;
}

static void say_one(struct random *random, struct otel_span *span) {
    struct otel_attribute attributes[N_KEYS];
    const struct otel_span_context context = {{{1, 2}}, {{3}}, .flags = OTEL_FLAG_SAMPLED};
    size_t n;
    switch (random_below(random, 8)) {
    case 0:
        n = make_attributes(random, attributes);
        otel_span_event(span, key_of(random_below(random, N_KEYS)), 7, attributes, n);
        return;
    case 1:
        n = make_attributes(random, attributes);
        otel_span_link(span, &(struct otel_link_to){context, attributes, n});
        return;
    case 2:
        otel_span_rename(span, make_text(random));
        return;
    case 3:
        otel_span_status(span, OTEL_STATUS_ERROR, make_text(random));
        return;
    default:
        otel_span_set(span, key_of(random_below(random, N_KEYS)), make_value(random));
        return;
    }
}

/* The same for the same seed. */
static void say_all(struct fixture *fixture, uint64_t seed, struct otel_span *span) {
    struct random random;
    struct otel_attribute first[N_KEYS];
    random_init(&random, seed);
    const struct otel_span_options options = {.name = bytes_str("span"),
                                              .parent = &otel_context_none,
                                              .start_ns = 5,
                                              .attributes = first,
                                              .n_attributes = make_attributes(&random, first)};
    otel_span_start(fixture->tracer, &options, span);
    size_t n = random_below(&random, N_SAID);
    for (size_t i = 0; i < n; i++)
        say_one(&random, span);
    otel_span_end(span, 9);
}

/* ---- both ---- */

static void assert_same(uint64_t seed) {
    CLEANUP(buf_fini) struct buf wanted;
    struct otel_span as_data, as_bytes;
    buf_init(&wanted, PLENTY);
    say_all(&kept, seed, &as_data);
    say_all(&encoded, seed, &as_bytes);
    struct otel_span_data data = *fixture_span(&kept);
    data.context.trace_id = as_bytes.context.span.trace_id;
    data.context.span_id = as_bytes.context.span.span_id;
    assert_int_equal(otlp_encoder.span(&data, &wanted), 0);
    const struct otel_batch *batch = fixture_batch(&encoded, OTEL_TRACES);
    assert_int_equal(batch->n, 1);
    if (!bytes_equal(batch->encoded[0]->bytes, buf_bytes(&wanted)))
        fail_msg("seed %llu", (unsigned long long)seed);
    fixture_answer(&kept, OTEL_TRACES, 0, NULL);
    fixture_answer(&encoded, OTEL_TRACES, 0, NULL);
}

static void test_a_span_is_the_same_written_at_once_or_at_its_end(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        open_fixture(&kept, &limits[i], NULL);
        open_fixture(&encoded, &limits[i], &otlp_encoder);
        for (uint64_t seed = 1; seed <= N_ROUNDS; seed++)
            assert_same(seed);
        fixture_close(&kept);
        fixture_close(&encoded);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_span_is_the_same_written_at_once_or_at_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

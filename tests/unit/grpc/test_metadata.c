/* SPDX-License-Identifier: Apache-2.0 */
#include "grpc/metadata.h"

#include <stdio.h>

#include "base/random.h"
#include "unit.h"

static struct h2_field field(const char *name, const char *value) {
    return (struct h2_field){.name = bytes_str(name), .value = bytes_str(value)};
}

static int setup(void **state) {
    struct arena *arena = test_calloc(1, sizeof(*arena));
    arena_init(arena, 65536);
    *state = arena;
    return 0;
}

static int teardown(void **state) {
    arena_fini(*state);
    test_free(*state);
    return 0;
}

/* The entries of one field with that value, as text in `[...]` each. */
static void assert_reads(struct arena *arena, const char *name, const char *value,
                         const char *expected) {
    struct h2_field one = field(name, value);
    struct grpc_entry *entries;
    char text[256] = "";
    size_t n;
    assert_int_equal(grpc_metadata_of_fields(&one, 1, arena, &entries, &n), 0);
    for (size_t i = 0; i < n; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "[%.*s]",
                 BYTES_ARGS(entries[i].value));
    assert_string_equal(text, expected);
}

static void test_only_the_callers_own_fields_are_metadata(void **state) {
    const struct h2_field fields[] = {
        field(":path", "/a"),          field("content-type", "application/grpc"),
        field("te", "trailers"),       field("x-one", "1"),
        field("grpc-timeout", "1S"),   field("user-agent", "me"),
        field("x-two", "a, b"),        field("grpc-anything", "x"),
        field("authorization", "abc"),
    };
    struct grpc_entry *entries;
    size_t n;
    assert_int_equal(grpc_metadata_of_fields(fields, ARRAY_LEN(fields), *state, &entries, &n), 0);
    assert_int_equal(n, 3);
    assert_true(bytes_equal_str(entries[0].key, "x-one"));
    assert_true(bytes_equal_str(entries[1].value, "a, b")); /* text is not split */
    assert_true(bytes_equal_str(entries[2].key, "authorization"));
}

static void test_no_fields_give_no_entries(void **state) {
    struct grpc_entry *entries;
    size_t n = 1;
    assert_int_equal(grpc_metadata_of_fields(NULL, 0, *state, &entries, &n), 0);
    assert_int_equal(n, 0);
}

static void test_the_first_value_of_a_name_is_found(void **state) {
    (void)state;
    const struct h2_field fields[] = {field("a", "1"), field("b", ""), field("a", "2")};
    assert_true(bytes_equal_str(grpc_fields_find(fields, 3, "a"), "1"));
    assert_non_null(grpc_fields_find(fields, 3, "b").data);
    assert_null(grpc_fields_find(fields, 3, "c").data);
    assert_null(grpc_fields_find(NULL, 0, "a").data);
}

static void test_base64_is_read_padded_or_not(void **state) {
    static const struct {
        const char *coded, *plain;
    } rows[] = {
        {"", "[]"},
        {"QQ==", "[A]"},
        {"QQ", "[A]"},
        {"QUI=", "[AB]"},
        {"QUI", "[AB]"},
        {"QUJD", "[ABC]"},
        {"QUJDRA", "[ABCD]"},
        {"QUJD,QQ==,QUI", "[ABC][A][AB]"},
        {"QUJD, QQ , QUI=", "[ABC][A][AB]"},
        {"QQ,", "[A][]"},
        {",", "[][]"},
        {"fn5+", "[~~~]"},
        {"Pz8/", "[???]"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_reads(*state, "x-bin", rows[i].coded, rows[i].plain);
}

static void test_what_is_no_base64_is_left_out(void **state) {
    static const char *const bad[] = {"A",        "QUJDR",      "QU=D",
                                      "====",     "Q===",       "QU-D",
                                      "QU_D",     "QU D",       "QUJD----",
                                      "    ----", "QUJD\tQUJD", "%%%%",
                                      "QUJD=QQ",  "=",          "\x80\x80\x80\x80"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char among[64];
        if (strcmp(bad[i], "=") != 0)
            assert_reads(*state, "x-bin", bad[i], "");
        snprintf(among, sizeof(among), "QQ,%s?,QUI", bad[i]);
        assert_reads(*state, "x-bin", among, "[A][AB]");
    }
}

static void test_a_binary_field_of_grpcs_own_is_found_decoded(void **state) {
    const struct h2_field fields[] = {field("grpc-status-details-bin", "QUI="),
                                      field("b-bin", "A")};
    struct bytes value;
    assert_int_equal(grpc_fields_find_binary(fields, 2, "grpc-status-details-bin", *state, &value),
                     0);
    assert_true(bytes_equal_str(value, "AB"));
    assert_int_equal(grpc_fields_find_binary(fields, 2, "b-bin", *state, &value), 0);
    assert_null(value.data);
    assert_int_equal(grpc_fields_find_binary(fields, 2, "c-bin", *state, &value), 0);
    assert_null(value.data);
}

static void test_a_key_needs_more_than_bin_to_be_binary(void **state) {
    assert_reads(*state, "-bin", "QQ", "[QQ]");
    assert_reads(*state, "a-bin", "QQ", "[A]");
    assert_reads(*state, "a-bim", "QQ", "[QQ]");
}

static void test_random_bytes_come_back(void **state) {
    struct arena *arena = *state;
    struct random random;
    random_init(&random, 11);
    for (int round = 0; round < 300; round++) {
        uint8_t bytes[100];
        struct grpc_entry *entries;
        struct h2_field coded;
        size_t n, len = random_below(&random, sizeof(bytes) + 1);
        for (size_t i = 0; i < len; i++)
            bytes[i] = (uint8_t)random_u64(&random);
        struct grpc_entry entry = {bytes_str("trace-bin"), bytes_of(bytes, len)};
        assert_int_equal(grpc_metadata_to_field(&entry, arena, &coded), 0);
        assert_int_equal(grpc_metadata_of_fields(&coded, 1, arena, &entries, &n), 0);
        assert_int_equal(n, 1);
        assert_true(bytes_equal(entries[0].value, entry.value));
        arena_reset(arena);
    }
}

static void test_many_commas_in_text_cost_nothing(void **state) {
    struct arena *arena = *state;
    char commas[8000];
    memset(commas, ',', sizeof(commas));
    struct h2_field one = {.name = bytes_str("x-list"), .value = bytes_of(commas, sizeof(commas))};
    struct grpc_entry *entries;
    size_t n;
    assert_int_equal(grpc_metadata_of_fields(&one, 1, arena, &entries, &n), 0);
    assert_int_equal(n, 1);
    assert_true(arena->total < 1000);
}

static void test_what_may_not_be_sent_is_refused(void **state) {
    static const struct {
        const char *key, *value;
        int r;
    } rows[] = {
        {"x-site", "cellar", 0},
        {"a.b_c-9", " ~", 0},
        {"x-site", "", 0},
        {"x-bin", "\x01\xff", 0},
        {"", "x", GRPC_METADATA_E_INVALID},
        {"X-Site", "x", GRPC_METADATA_E_INVALID},
        {"x site", "x", GRPC_METADATA_E_INVALID},
        {":path", "x", GRPC_METADATA_E_INVALID},
        {"grpc-status", "0", GRPC_METADATA_E_INVALID},
        {"content-type", "x", GRPC_METADATA_E_INVALID},
        {"te", "x", GRPC_METADATA_E_INVALID},
        {"user-agent", "x", GRPC_METADATA_E_INVALID},
        {"x-site", "a\nb", GRPC_METADATA_E_INVALID},
        {"x-site", "\x7f", GRPC_METADATA_E_INVALID},
        {"x-site", "\xc3\xb6", GRPC_METADATA_E_INVALID},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct grpc_entry entry = {bytes_str(rows[i].key), bytes_str(rows[i].value)};
        struct h2_field out;
        assert_int_equal(grpc_metadata_to_field(&entry, *state, &out), rows[i].r);
    }
}

static void test_a_token_is_kept_out_of_compression_tables(void **state) {
    struct grpc_entry entry = {bytes_str("authorization"), bytes_str("Bearer x")};
    struct h2_field out;
    assert_int_equal(grpc_metadata_to_field(&entry, *state, &out), 0);
    assert_true(out.is_secret);
    entry.key = bytes_str("x-other");
    assert_int_equal(grpc_metadata_to_field(&entry, *state, &out), 0);
    assert_false(out.is_secret);
}

static void test_no_memory_is_an_error(void **state) {
    (void)state;
    struct h2_field one = field("x-bin", "QUJD,QUJD"), out;
    struct grpc_entry *entries, entry = {bytes_str("x-bin"), bytes_str("abc")};
    struct arena none;
    size_t n;
    arena_init(&none, 1000);
    fail_alloc_at(1);
    assert_int_equal(grpc_metadata_of_fields(&one, 1, &none, &entries, &n), -ENOMEM);
    fail_alloc_at(1);
    assert_int_equal(grpc_metadata_to_field(&entry, &none, &out), -ENOMEM);
    fail_alloc_off();
    for (size_t max = 0; max < 70; max++) {
        arena_fini(&none);
        arena_init(&none, max);
        assert_int_equal(grpc_metadata_of_fields(&one, 1, &none, &entries, &n), -ENOMEM);
    }
    for (size_t max = 0; max < 5 + 5; max++) {
        arena_fini(&none);
        arena_init(&none, max);
        assert_int_equal(grpc_metadata_to_field(&entry, &none, &out), -ENOMEM);
    }
    arena_fini(&none);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_only_the_callers_own_fields_are_metadata),
        TEST(test_no_fields_give_no_entries),
        TEST(test_the_first_value_of_a_name_is_found),
        TEST(test_base64_is_read_padded_or_not),
        TEST(test_what_is_no_base64_is_left_out),
        TEST(test_a_key_needs_more_than_bin_to_be_binary),
        TEST(test_a_binary_field_of_grpcs_own_is_found_decoded),
        TEST(test_random_bytes_come_back),
        TEST(test_many_commas_in_text_cost_nothing),
        TEST(test_what_may_not_be_sent_is_refused),
        TEST(test_a_token_is_kept_out_of_compression_tables),
        TEST(test_no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

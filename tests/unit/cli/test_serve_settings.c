/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/serve_settings.h"

#include <string.h>

#include "base/clock.h"
#include "cli/verb.h"
#include "unit.h"

struct setting {
    enum option_id id;
    const char *text;
};

/* Reads the settings that are given, up to the first without a text, with readings in memory unless
 * they say something else. */
static int read_settings(const struct setting *given, struct options *options,
                         struct serve_settings *settings, struct err_text *why) {
    *options = (struct options){.verb = &verb_serve};
    assert_int_equal(options_set(options, OPTION_DATA, SOURCE_FILE, "none"), 0);
    for (; given->text; given++)
        assert_int_equal(options_set(options, given->id, SOURCE_COMMAND_LINE, given->text), 0);
    return serve_settings_read(options, settings, why);
}

static void assert_refused(const struct setting *given, const char *words) {
    struct options options;
    struct serve_settings settings;
    struct err_text why = {""};
    assert_int_equal(read_settings(given, &options, &settings, &why), -EINVAL);
    if (!strstr(why.text, words))
        fail_msg("'%s' does not say '%s'", why.text, words);
    options_fini(&options);
}

static void assert_taken(const struct setting *given) {
    struct options options;
    struct serve_settings settings;
    struct err_text why;
    if (read_settings(given, &options, &settings, &why))
        fail_msg("%s", why.text);
    options_fini(&options);
}

#define ANYONE \
    { OPTION_ALLOW_ANYONE, "true" }

static void test_standard_settings(void **state) {
    (void)state;
    const struct setting given[] = {{OPTION_TOKENS, "tokens.yaml"}, {0}};
    struct options options;
    struct serve_settings settings;
    struct err_text why;
    assert_int_equal(read_settings(given, &options, &settings, &why), 0);
    assert_int_equal(settings.n_addresses, 1);
    assert_string_equal(settings.addresses[0].host, "127.0.0.1");
    assert_int_equal(settings.addresses[0].port, 50051);
    assert_null(settings.cert);
    assert_true(settings.n_workers >= 1);
    assert_int_equal(settings.memory_limit_bytes, 1 << 30);
    assert_int_equal(settings.max_future_s, 86400);
    assert_int_equal(settings.drain_timeout_ns, 10 * NS_PER_S);
    options_fini(&options);
}

static void test_several_addresses(void **state) {
    (void)state;
    const struct setting given[] = {
        ANYONE, {OPTION_LISTEN, "127.0.0.1:1"}, {OPTION_LISTEN, "[::1]:2, localhost:3"}, {0}};
    struct options options;
    struct serve_settings settings;
    struct err_text why;
    assert_int_equal(read_settings(given, &options, &settings, &why), 0);
    assert_int_equal(settings.n_addresses, 3);
    assert_string_equal(settings.addresses[1].host, "::1");
    assert_int_equal(settings.addresses[2].port, 3);
    options_fini(&options);
}

static void test_no_address_is_refused(void **state) {
    (void)state;
    const struct setting empty[] = {ANYONE, {OPTION_LISTEN, ""}, {0}};
    const struct setting commas[] = {ANYONE, {OPTION_LISTEN, " , "}, {0}};
    assert_refused(empty, "--listen: there is no address");
    assert_refused(commas, "--listen: there is no address");
}

static void test_too_many_addresses_are_refused(void **state) {
    (void)state;
    struct setting given[SERVE_MAX_ADDRESSES + 3] = {ANYONE};
    for (size_t i = 1; i <= SERVE_MAX_ADDRESSES; i++)
        given[i] = (struct setting){OPTION_LISTEN, "127.0.0.1:1"};
    assert_taken(given);
    given[SERVE_MAX_ADDRESSES + 1] = (struct setting){OPTION_LISTEN, "127.0.0.1:1"};
    assert_refused(given, "more than 16 addresses");
}

static void test_no_tokens_needs_consent(void **state) {
    (void)state;
    const struct setting none[] = {{0}};
    const struct setting anyone[] = {ANYONE, {0}};
    const struct setting both[] = {ANYONE, {OPTION_TOKENS, "t"}, {0}};
    assert_refused(none, "--allow-anyone");
    assert_taken(anyone);
    assert_refused(both, "contradict");
}

static void test_plaintext_on_the_network_needs_consent(void **state) {
    (void)state;
    static const char *const open[] = {":50051", "0.0.0.0:1", "[::]:1", "192.0.2.1:1",
                                       "127.0.0.1:1,192.0.2.1:1"};
    for (size_t i = 0; i < ARRAY_LEN(open); i++) {
        struct setting given[] = {ANYONE, {OPTION_LISTEN, open[i]}, {0}, {0}, {0}};
        assert_refused(given, "--allow-plaintext-from-network");
        given[2] = (struct setting){OPTION_ALLOW_PLAINTEXT, "true"};
        assert_taken(given);
        given[2] = (struct setting){OPTION_CERT, "c"};
        given[3] = (struct setting){OPTION_KEY, "k"};
        assert_taken(given);
    }
}

static void test_certificate_and_key_belong_together(void **state) {
    (void)state;
    const struct setting cert[] = {ANYONE, {OPTION_CERT, "c"}, {0}};
    const struct setting key[] = {ANYONE, {OPTION_KEY, "k"}, {0}};
    assert_refused(cert, "--key is missing");
    assert_refused(key, "--cert is missing");
}

static void test_where_readings_are_kept_has_to_be_said(void **state) {
    (void)state;
    const struct setting given[] = {ANYONE, {0}};
    struct options options = {.verb = &verb_serve};
    struct serve_settings settings;
    struct err_text why;
    assert_int_equal(options_set(&options, given[0].id, SOURCE_COMMAND_LINE, given[0].text), 0);
    assert_int_equal(serve_settings_read(&options, &settings, &why), -EINVAL);
    assert_non_null(strstr(why.text, "--data DIR, or --data none"));
    options_fini(&options);
    const struct setting named[] = {ANYONE, {OPTION_DATA, "some/folder"}, {0}};
    assert_int_equal(read_settings(named, &options, &settings, &why), 0);
    assert_string_equal(settings.data, "some/folder");
    options_fini(&options);
}

static void test_bad_values_are_refused_by_name(void **state) {
    (void)state;
    static const struct setting bad[] = {
        {OPTION_LISTEN, "nowhere"},      {OPTION_WORKERS, "0"},    {OPTION_WORKERS, "1025"},
        {OPTION_MEMORY_LIMIT, "much"},   {OPTION_MAX_FUTURE, "x"}, {OPTION_MAX_FUTURE, "40000d"},
        {OPTION_DRAIN_TIMEOUT, "never"}, {OPTION_DATA, ""},        {OPTION_JOURNAL_LIMIT, "1023k"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        const struct setting given[] = {ANYONE, bad[i], {0}};
        char place[64] = "--";
        strncat(place, option_name(bad[i].id), sizeof(place) - 3);
        assert_refused(given, place);
    }
}

static void test_the_admin_port_is_closed_unless_told(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool has_admin;
        const char *host;
        uint16_t port;
    } samples[] = {
        {NULL, false, "", 0},
        {"none", false, "", 0},
        {"127.0.0.1:1", true, "127.0.0.1", 1},
        {"[::1]", true, "::1", 9464},
        {":9000", true, "", 9000},
    };
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        const struct setting given[] = {ANYONE, {OPTION_ADMIN, samples[i].text}, {0}};
        struct options options;
        struct serve_settings settings;
        struct err_text why;
        assert_int_equal(read_settings(given, &options, &settings, &why), 0);
        assert_int_equal(settings.has_admin, samples[i].has_admin);
        assert_string_equal(settings.admin.host, samples[i].host);
        assert_int_equal(settings.admin.port, samples[i].port);
        options_fini(&options);
    }
    const struct setting bad[] = {ANYONE, {OPTION_ADMIN, "127.0.0.1:x"}, {0}};
    assert_refused(bad, "--admin: ");
}

static void test_metrics_of_sensors_are_chosen_by_a_pattern(void **state) {
    (void)state;
    const struct setting given[] = {ANYONE, {OPTION_METRICS_SENSORS, "boiler-*"}, {0}};
    struct options options;
    struct serve_settings settings;
    struct err_text why;
    assert_int_equal(read_settings(given, &options, &settings, &why), 0);
    assert_string_equal(settings.metrics_sensors, "boiler-*");
    options_fini(&options);
}

/* With what `--admin` says, or NULL; gives the port, or 0 when it is not opened. */
static uint16_t port_for(const char *admin, enum otel_exporter_kind exporter) {
    const struct setting given[] = {ANYONE, {OPTION_ADMIN, admin}, {0}};
    char host[] = "localhost";
    const struct otel_settings otel = {
        .exporters[OTEL_METRICS] = exporter, .prometheus_host = host, .prometheus_port = 9999};
    struct options options;
    struct serve_settings settings;
    struct err_text why;
    assert_int_equal(read_settings(given, &options, &settings, &why), 0);
    serve_settings_take_prometheus(&settings, &options, &otel);
    options_fini(&options);
    if (settings.has_admin && settings.admin.port == 9999)
        assert_string_equal(settings.admin.host, "localhost");
    return settings.has_admin ? settings.admin.port : 0;
}

static void test_prometheus_as_exporter_opens_the_admin_port(void **state) {
    (void)state;
    assert_int_equal(port_for(NULL, OTEL_EXPORT_PROMETHEUS), 9999);
    assert_int_equal(port_for(NULL, OTEL_EXPORT_OTLP), 0);
    assert_int_equal(port_for("127.0.0.1:1", OTEL_EXPORT_PROMETHEUS), 1);
    assert_int_equal(port_for("none", OTEL_EXPORT_PROMETHEUS), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_standard_settings),
        cmocka_unit_test(test_several_addresses),
        cmocka_unit_test(test_no_address_is_refused),
        cmocka_unit_test(test_too_many_addresses_are_refused),
        cmocka_unit_test(test_no_tokens_needs_consent),
        cmocka_unit_test(test_plaintext_on_the_network_needs_consent),
        cmocka_unit_test(test_certificate_and_key_belong_together),
        cmocka_unit_test(test_where_readings_are_kept_has_to_be_said),
        cmocka_unit_test(test_bad_values_are_refused_by_name),
        cmocka_unit_test(test_the_admin_port_is_closed_unless_told),
        cmocka_unit_test(test_metrics_of_sensors_are_chosen_by_a_pattern),
        cmocka_unit_test(test_prometheus_as_exporter_opens_the_admin_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three things need words of consent: serving without tokens, serving without TLS where other
 * machines can listen in, and keeping readings in memory only.
 */
#include "cli/serve_settings.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "base/clock.h"
#include "store/limits.h"

/* Where OpenTelemetry has the metrics for Prometheus. */
#define ADMIN_DEFAULT_PORT 9464

/* A time further ahead is no clock that is wrong but an option that is. */
#define MAX_FUTURE_LIMIT_S (100 * 366 * UINT64_C(86400))

const enum option_id serve_options[SERVE_N_OPTIONS] = {
    OPTION_LISTEN,       OPTION_CERT,
    OPTION_KEY,          OPTION_TOKENS,
    OPTION_DATA,         OPTION_WORKERS,
    OPTION_MEMORY_LIMIT, OPTION_JOURNAL_LIMIT,
    OPTION_MAX_FUTURE,   OPTION_DRAIN_TIMEOUT,
    OPTION_ALLOW_ANYONE, OPTION_ALLOW_PLAINTEXT,
    OPTION_ADMIN,        OPTION_METRICS_SENSORS,
};

/* The next of a list's values; false at the end. */
static bool take_item(const char **at, struct err_text *item) {
    *at += strspn(*at, ", ");
    size_t len = strcspn(*at, ", ");
    err_say(item, "%.*s", (int)len, *at);
    *at += len;
    return len > 0;
}

int serve_settings_read_listen(const struct options *options, struct serve_settings *settings,
                               struct err_text *why) {
    const char *at = options_text(options, OPTION_LISTEN);
    struct err_text item;
    while (take_item(&at, &item)) {
        if (settings->n_addresses == SERVE_MAX_ADDRESSES) {
            err_say(why, "more than %d addresses", SERVE_MAX_ADDRESSES);
            return options_blame(options, OPTION_LISTEN, why);
        }
        if (net_address_parse(item.text, 0, &settings->addresses[settings->n_addresses++], why))
            return options_blame(options, OPTION_LISTEN, why);
    }
    if (settings->n_addresses > 0)
        return 0;
    err_say(why, "there is no address in it");
    return options_blame(options, OPTION_LISTEN, why);
}

/* Nothing would be gained by less, so it is more likely that something else was meant. */
static int read_journal_limit(const struct options *options, struct serve_settings *settings,
                              struct err_text *why) {
    uint64_t *bytes = &settings->journal_limit_bytes;
    int r = options_size(options, OPTION_JOURNAL_LIMIT, bytes, why);
    if (r || *bytes >= STORE_JOURNAL_LIMIT_MIN_BYTES)
        return r;
    err_say(why, "less than 1M, the least that a journal needs");
    return options_blame(options, OPTION_JOURNAL_LIMIT, why);
}

static int read_numbers(const struct options *options, struct serve_settings *settings,
                        struct err_text *why) {
    struct parse_range range = {1, SERVE_MAX_WORKERS};
    uint64_t n_workers = uv_available_parallelism(), max_future_ns = 0;
    int r = options_count(options, OPTION_WORKERS, range, &n_workers, why);
    if (r == 0)
        r = options_size(options, OPTION_MEMORY_LIMIT, &settings->memory_limit_bytes, why);
    if (r == 0)
        r = read_journal_limit(options, settings, why);
    if (r == 0)
        r = options_duration(options, OPTION_DRAIN_TIMEOUT, &settings->drain_timeout_ns, why);
    if (r == 0)
        r = options_duration(options, OPTION_MAX_FUTURE, &max_future_ns, why);
    settings->n_workers = (unsigned)n_workers;
    settings->max_future_s = max_future_ns / NS_PER_S;
    if (r || settings->max_future_s <= MAX_FUTURE_LIMIT_S)
        return r;
    err_say(why, "more than 100 years");
    return options_blame(options, OPTION_MAX_FUTURE, why);
}

static int read_data(const struct options *options, struct serve_settings *settings,
                     struct err_text *why) {
    const char *data = options_text(options, OPTION_DATA);
    if (!data) {
        err_say(why, "say where readings are to be kept: --data DIR, or --data none for in memory, "
                     "where they are gone when the server ends");
        return -EINVAL;
    }
    settings->data = strcmp(data, "none") == 0 ? NULL : data;
    if (*data)
        return 0;
    err_say(why, "an empty name: give a directory, or none");
    return options_blame(options, OPTION_DATA, why);
}

int serve_settings_read_admin(const struct options *options, struct serve_settings *settings,
                              struct err_text *why) {
    const char *admin = options_text(options, OPTION_ADMIN);
    if (!admin || strcmp(admin, "none") == 0)
        return 0;
    settings->has_admin = true;
    if (net_address_parse(admin, ADMIN_DEFAULT_PORT, &settings->admin, why))
        return options_blame(options, OPTION_ADMIN, why);
    return 0;
}

static int check_tls(const struct options *options, const struct serve_settings *settings,
                     struct err_text *why) {
    bool allows_plaintext = false;
    int r = options_flag(options, OPTION_ALLOW_PLAINTEXT, &allows_plaintext, why);
    if (r)
        return r;
    if (!settings->cert != !settings->key) {
        err_say(why, "--cert and --key belong together; --%s is missing",
                settings->cert ? "key" : "cert");
        return -EINVAL;
    }
    if (settings->cert || allows_plaintext)
        return 0;
    for (size_t i = 0; i < settings->n_addresses; i++) {
        if (net_address_is_loopback(&settings->addresses[i]))
            continue;
        err_say(why,
                "other machines can reach '%s', and without TLS anyone on the way can read and "
                "change everything: give --cert and --key, or --allow-plaintext-from-network",
                settings->addresses[i].host);
        return -EINVAL;
    }
    return 0;
}

static int check_tokens(const struct options *options, const struct serve_settings *settings,
                        struct err_text *why) {
    bool allows_anyone = false;
    int r = options_flag(options, OPTION_ALLOW_ANYONE, &allows_anyone, why);
    if (r)
        return r;
    if (settings->tokens && allows_anyone) {
        err_say(why, "--tokens and --allow-anyone contradict each other; give one of them");
        return -EINVAL;
    }
    if (settings->tokens || allows_anyone)
        return 0;
    err_say(why, "without tokens anyone who can connect may write and read everything: give "
                 "--tokens FILE (`thermograph token create' makes one), or --allow-anyone");
    return -EINVAL;
}

int serve_settings_read(const struct options *options, struct serve_settings *settings,
                        struct err_text *why) {
    *settings = (struct serve_settings){
        .cert = options_text(options, OPTION_CERT),
        .key = options_text(options, OPTION_KEY),
        .tokens = options_text(options, OPTION_TOKENS),
        .metrics_sensors = options_text(options, OPTION_METRICS_SENSORS),
    };
    int r = serve_settings_read_listen(options, settings, why);
    if (r == 0)
        r = read_numbers(options, settings, why);
    if (r == 0)
        r = read_data(options, settings, why);
    if (r == 0)
        r = serve_settings_read_admin(options, settings, why);
    if (r == 0)
        r = check_tls(options, settings, why);
    return r ? r : check_tokens(options, settings, why);
}

void serve_settings_take_prometheus(struct serve_settings *settings, const struct options *options,
                                    const struct otel_settings *otel) {
    if (otel->exporters[OTEL_METRICS] != OTEL_EXPORT_PROMETHEUS ||
        options_given(options, OPTION_ADMIN))
        return;
    settings->has_admin = true;
    settings->admin.port = otel->prometheus_port;
    snprintf(settings->admin.host, sizeof(settings->admin.host), "%s", otel->prometheus_host);
}

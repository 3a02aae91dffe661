/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "cli/options.h"
#include "net/address.h"
#include "otel/settings.h"

/* What a server is told by its options, checked before anything is opened. */

/* Addresses of one server; a machine has a handful. */
#define SERVE_MAX_ADDRESSES 16

/* More threads than this are a typing error. */
#define SERVE_MAX_WORKERS 1024

/* All that it can be told, in the order of the help. */
#define SERVE_N_OPTIONS 14
extern const enum option_id serve_options[SERVE_N_OPTIONS];

struct serve_settings {
    struct net_address addresses[SERVE_MAX_ADDRESSES];
    size_t n_addresses;
    const char *cert; /* NULL: plaintext */
    const char *key;
    const char *tokens; /* NULL: anyone */
    const char *data;   /* NULL: in memory */
    unsigned n_workers;
    uint64_t memory_limit_bytes;
    uint64_t journal_limit_bytes;
    uint64_t max_future_s;
    uint64_t drain_timeout_ns;
    bool has_admin; /* the admin port is to be opened, on `admin` */
    struct net_address admin;
    const char *metrics_sensors; /* a glob; NULL: all, if they are not too many */
};

/* Borrows from the options. 0, or -EINVAL with words. */
MUST_USE int serve_settings_read(const struct options *options, struct serve_settings *settings,
                                 struct err_text *why);

/* Of these --listen and --admin alone, into settings that are zeroed. The same. */
MUST_USE int serve_settings_read_listen(const struct options *options,
                                        struct serve_settings *settings, struct err_text *why);
MUST_USE int serve_settings_read_admin(const struct options *options,
                                       struct serve_settings *settings, struct err_text *why);

/*
 * What the variables of OpenTelemetry say about the admin port: with OTEL_METRICS_EXPORTER of
 * `prometheus` it is opened on OTEL_EXPORTER_PROMETHEUS_HOST and _PORT, unless --admin was given,
 * `none` too. After serve_settings_read() and otel_settings_read(), before the server is put
 * together.
 */
void serve_settings_take_prometheus(struct serve_settings *settings, const struct options *options,
                                    const struct otel_settings *otel);

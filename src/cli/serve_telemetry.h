/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "cli/serve_settings.h"
#include "cli/telemetry.h"
#include "collector/telemetry.h"

/* What a server has beside what every verb has: its calls, its readings, its certificate. */
struct serve_telemetry {
    struct telemetry telemetry;
    struct otlp_grpc_server *calls;       /* NULL: nobody watches */
    struct collector_telemetry *readings; /* NULL: the same */
    struct otel_instrument *expiry;
    int64_t expires_at; /* of the certificate, seconds since 1970 */
};

/* First of all, after the settings are read, which it may add to: the admin port may be wanted by a
 * variable. 0 or a negated errno with words. */
MUST_USE int serve_telemetry_open(struct serve_telemetry *telemetry,
                                  struct serve_settings *settings, const struct options *options,
                                  struct err_text *why);

/* Watches the store, before it starts. `expires_at` 0: there is no certificate. 0 or a negated
 * errno. */
MUST_USE int serve_telemetry_watch(struct serve_telemetry *telemetry, struct store *store,
                                   const struct serve_settings *settings, int64_t expires_at);

/* For the server's options; NULL: nobody watches. */
const struct grpc_server_observer *
serve_telemetry_observer(const struct serve_telemetry *telemetry);

/* After the server is freed and the store's threads have ended, before the store is freed: what the
 * store measures is not asked any more. */
void serve_telemetry_unwatch(struct serve_telemetry *telemetry);

/* Last of all. Zeroed is fine. */
void serve_telemetry_close(struct serve_telemetry *telemetry);

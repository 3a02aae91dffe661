/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/sender.h"

#include "otlp/sender_grpc.h"
#include "otlp/sender_http.h"

int otlp_sender_new(struct net_loop *loop, const struct otel_otlp_settings *settings,
                    enum otel_signal signal, struct otlp_sender **sender, struct err_text *why) {
    if (settings->protocol == OTEL_PROTOCOL_GRPC)
        return otlp_sender_grpc_new(loop, settings, signal, sender, why);
    return otlp_sender_http_new(loop, settings, signal, sender, why);
}

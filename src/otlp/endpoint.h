/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>

#include "base/err.h"
#include "net/address.h"

/*
 * Where to send, from a URL (OpenTelemetry specification, "OTLP exporter", endpoint):
 * `http://localhost:4317`, `https://otlp.example.com`. gRPC also takes `localhost:4317`, and then
 * `is_insecure` says whether that is plaintext. Without a port: 443 with TLS, as in any URL;
 * without TLS 4317, since nobody serves gRPC on 80. What follows the host is gRPC's own business
 * and left out.
 */
struct otlp_endpoint {
    bool has_tls;
    struct net_address address;
};

/* 0 or -EINVAL with words. */
MUST_USE int otlp_endpoint_parse(const char *url, bool is_insecure, struct otlp_endpoint *endpoint,
                                 struct err_text *why);

/* Whether it is a URL that HTTP can be spoken to; says whether over TLS. 0 or -EINVAL with words.
 */
MUST_USE int otlp_endpoint_check_http(const char *url, bool *has_tls, struct err_text *why);

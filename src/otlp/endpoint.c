/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/endpoint.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "otel/shown_endpoint.h"

enum {
    PORT_TLS = 443,
    PORT_PLAINTEXT = 4317,
};

/* The URL behind its scheme, which is "" where it has none. */
static const char *split_scheme(const char *url, char scheme[8]) {
    const char *end = strstr(url, "://");
    size_t n = end ? (size_t)(end - url) : 0;
    snprintf(scheme, 8, "%.*s", (int)n, url);
    return end ? end + 3 : url;
}

static int check_scheme(const char *url, const char *scheme, bool *has_tls, struct err_text *why) {
    *has_tls = strcasecmp(scheme, "https") == 0;
    if (*has_tls || strcasecmp(scheme, "http") == 0)
        return 0;
    err_say(why, "the endpoint %s has to begin with http:// or https://", shown_endpoint(url).text);
    return -EINVAL;
}

int otlp_endpoint_parse(const char *url, bool is_insecure, struct otlp_endpoint *endpoint,
                        struct err_text *why) {
    char scheme[8], host[300];
    const char *rest = split_scheme(url, scheme);
    endpoint->has_tls = !is_insecure;
    if (scheme[0]) {
        int r = check_scheme(url, scheme, &endpoint->has_tls, why);
        if (r)
            return r;
    }
    snprintf(host, sizeof(host), "%.*s", (int)strcspn(rest, "/?#"), rest);
    if (host[0] == '\0' || host[0] == ':') {
        err_say(why, "the endpoint %s names no host", shown_endpoint(url).text);
        return -EINVAL;
    }
    if (strchr(host, '@')) {
        err_say(why,
                "the endpoint %s has a user before the host, which gRPC cannot send: "
                "OTEL_EXPORTER_OTLP_HEADERS can",
                shown_endpoint(url).text);
        return -EINVAL;
    }
    return net_address_parse(host, endpoint->has_tls ? PORT_TLS : PORT_PLAINTEXT,
                             &endpoint->address, why);
}

int otlp_endpoint_check_http(const char *url, bool *has_tls, struct err_text *why) {
    char scheme[8];
    const char *rest = split_scheme(url, scheme);
    int r = check_scheme(url, scheme, has_tls, why);
    if (r)
        return r;
    if (strcspn(rest, "/?#:") > 0)
        return 0;
    err_say(why, "the endpoint %s names no host", shown_endpoint(url).text);
    return -EINVAL;
}

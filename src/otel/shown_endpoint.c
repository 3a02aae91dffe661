/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/shown_endpoint.h"

#include <stdio.h>
#include <string.h>

struct shown_endpoint shown_endpoint(const char *url) {
    struct shown_endpoint shown;
    const char *scheme_end = strstr(url, "://");
    const char *host = scheme_end ? scheme_end + 3 : url;
    size_t n_scheme = (size_t)(host - url);
    const char *at = memrchr(host, '@', strcspn(host, "/?#"));
    if (at)
        host = at + 1;
    snprintf(shown.text, sizeof(shown.text), "%.*s%.*s", (int)n_scheme, url,
             (int)strcspn(host, "?#"), host);
    return shown;
}

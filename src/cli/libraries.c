/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/libraries.h"

#include <microhttpd.h>
#include <nghttp2/nghttp2.h>
#include <openssl/crypto.h>
#include <protobuf-c/protobuf-c.h>
#include <stdio.h>
#include <uv.h>
#include <zlib.h>

void libraries_list(struct library libraries[N_LIBRARIES]) {
    libraries[0] = (struct library){"nghttp2", nghttp2_version(0)->version_str};
    libraries[1] = (struct library){"OpenSSL", OpenSSL_version(OPENSSL_VERSION_STRING)};
    libraries[2] = (struct library){"libuv", uv_version_string()};
    libraries[3] = (struct library){"protobuf-c", protobuf_c_version()};
    libraries[4] = (struct library){"zlib", zlibVersion()};
    libraries[5] = (struct library){"libmicrohttpd", MHD_get_version()};
}

struct libraries_text libraries_text(void) {
    struct libraries_text lines;
    struct library libraries[N_LIBRARIES];
    size_t n =
        (size_t)snprintf(lines.text, sizeof(lines.text), "thermograph %s\n", THERMOGRAPH_VERSION);
    libraries_list(libraries);
    for (size_t i = 0; i < N_LIBRARIES && n < sizeof(lines.text); i++)
        n += (size_t)snprintf(lines.text + n, sizeof(lines.text) - n, "%s %s\n", libraries[i].name,
                              libraries[i].version);
    return lines;
}

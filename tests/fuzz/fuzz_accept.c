/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as `accept` and `accept-encoding`. Besides that nothing is read behind their end:
 * whatever follows, what a client has named with full weight it may have.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "web/accept.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_right) {
    if (!is_right)
        abort();
}

static bool holds_behind(const char *wish, struct bytes input, bool (*says)(struct bytes header)) {
    size_t len = strlen(wish);
    CLEANUP(mem_freep) uint8_t *header = mem_alloc(len + input.len);
    memcpy(header, wish, len);
    if (input.len > 0)
        memcpy(header + len, input.data, input.len);
    return says(bytes_of(header, len + input.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes input = bytes_of(data, size);
    accept_wants_openmetrics(input);
    accept_allows_gzip(input);
    must(holds_behind("application/openmetrics-text,", input, accept_wants_openmetrics));
    must(holds_behind("gzip;q=1.000,", input, accept_allows_gzip));
    return 0;
}

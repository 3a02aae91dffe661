/* SPDX-License-Identifier: Apache-2.0 */
/* write_samples traces|metrics|logs    writes that sample's bytes to standard output, for who reads
 * them with Google's protobuf (tests/e2e/test_otlp_bytes.py). */
#include <stdio.h>
#include <string.h>

#include "otlp/encode.h"
#include "samples.h"

static const struct otel_batch *sample_of(const char *name) {
    if (strcmp(name, "traces") == 0)
        return sample_traces();
    return strcmp(name, "metrics") == 0 ? sample_metrics() : sample_logs();
}

int main(int argc, char **argv) {
    CLEANUP(buf_fini) struct buf out;
    buf_init(&out, 1 << 20);
    if (argc != 2 || otlp_encode(sample_of(argv[1]), &out))
        return 1;
    return fwrite(buf_bytes(&out).data, 1, buf_len(&out), stdout) == buf_len(&out) ? 0 : 1;
}

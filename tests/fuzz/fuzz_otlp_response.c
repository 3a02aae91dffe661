/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as what a receiver answers, over gRPC and over HTTP, well and badly: there is a
 * verdict, and its words end.
 */
#include <stdlib.h>

#include "otlp/verdict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge(enum otlp_answer_kind kind, int code, struct bytes body) {
    struct otlp_verdict verdict;
    const struct otlp_answer answer = {.kind = kind, .code = code, .body = body};
    otlp_judge(&answer, &verdict);
    if (!memchr(verdict.words.text, '\0', sizeof(verdict.words.text)))
        abort();
    if (verdict.course != OTLP_DELIVERED && !verdict.error_type)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes body = bytes_of(data, size);
    judge(OTLP_ANSWER_GRPC, GRPC_OK, body);
    judge(OTLP_ANSWER_GRPC, GRPC_RESOURCE_EXHAUSTED, body);
    judge(OTLP_ANSWER_HTTP, 200, body);
    judge(OTLP_ANSWER_HTTP, 503, body);
    return 0;
}

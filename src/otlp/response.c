/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/response.h"

#include "base/clock.h"
#include "proto/wire.h"

enum {
    RESPONSE_PARTIAL_SUCCESS = 1,
    PARTIAL_REJECTED = 1,
    PARTIAL_MESSAGE = 2,
    STATUS_MESSAGE = 2,
    STATUS_DETAILS = 3,
    ANY_TYPE = 1,
    ANY_VALUE = 2,
    RETRY_INFO_DELAY = 1,
    DURATION_SECONDS = 1,
    DURATION_NANOS = 2,
};

/* A century: whatever is longer is no longer a wait, and would overflow. */
#define MAX_DELAY_S UINT64_C(3155760000)

/* Calls `take` for each field of a message. 0 or OTLP_E_MALFORMED. */
static int read_fields(struct bytes message, int (*take)(void *out, const struct wire_field *field),
                       void *out) {
    struct wire_field field;
    int r;
    while ((r = wire_next(&message, &field)) == 0)
        if (take(out, &field))
            return OTLP_E_MALFORMED;
    return r == WIRE_E_END ? 0 : OTLP_E_MALFORMED;
}

static bool is_field(const struct wire_field *field, uint32_t id, enum wire_type type) {
    return field->id == id && field->type == type;
}

/* ---- partial success ---- */

static int take_partial_field(void *out, const struct wire_field *field) {
    struct otlp_partial *partial = out;
    if (is_field(field, PARTIAL_REJECTED, WIRE_VARINT))
        partial->n_rejected = (int64_t)field->number > 0 ? field->number : 0;
    if (is_field(field, PARTIAL_MESSAGE, WIRE_BYTES))
        partial->message = field->bytes;
    return 0;
}

static int take_response_field(void *out, const struct wire_field *field) {
    if (!is_field(field, RESPONSE_PARTIAL_SUCCESS, WIRE_BYTES))
        return 0;
    return read_fields(field->bytes, take_partial_field, out);
}

int otlp_partial_read(struct bytes response, struct otlp_partial *partial) {
    *partial = (struct otlp_partial){0};
    return read_fields(response, take_response_field, partial);
}

/* ---- status ---- */

static int take_duration_field(void *out, const struct wire_field *field) {
    uint64_t *ns = out;
    int64_t number = (int64_t)field->number;
    if (field->type != WIRE_VARINT || number <= 0)
        return 0;
    if (field->id == DURATION_SECONDS)
        *ns += (field->number < MAX_DELAY_S ? field->number : MAX_DELAY_S) * NS_PER_S;
    if (field->id == DURATION_NANOS && field->number < NS_PER_S)
        *ns += field->number;
    return 0;
}

static int take_retry_field(void *out, const struct wire_field *field) {
    if (!is_field(field, RETRY_INFO_DELAY, WIRE_BYTES))
        return 0;
    return read_fields(field->bytes, take_duration_field, out);
}

struct detail {
    struct bytes type, value;
};

static int take_any_field(void *out, const struct wire_field *field) {
    struct detail *detail = out;
    if (is_field(field, ANY_TYPE, WIRE_BYTES))
        detail->type = field->bytes;
    if (is_field(field, ANY_VALUE, WIRE_BYTES))
        detail->value = field->bytes;
    return 0;
}

static int take_detail(struct otlp_rpc_status *status, struct bytes any) {
    struct detail detail = {0};
    if (read_fields(any, take_any_field, &detail))
        return OTLP_E_MALFORMED;
    if (!bytes_equal_str(detail.type, "type.googleapis.com/google.rpc.RetryInfo"))
        return 0;
    status->has_retry_info = true;
    status->retry_ns = 0;
    return read_fields(detail.value, take_retry_field, &status->retry_ns);
}

static int take_status_field(void *out, const struct wire_field *field) {
    struct otlp_rpc_status *status = out;
    if (is_field(field, STATUS_MESSAGE, WIRE_BYTES))
        status->message = field->bytes;
    if (is_field(field, STATUS_DETAILS, WIRE_BYTES))
        return take_detail(status, field->bytes);
    return 0;
}

int otlp_rpc_status_read(struct bytes bytes, struct otlp_rpc_status *status) {
    *status = (struct otlp_rpc_status){0};
    return read_fields(bytes, take_status_field, status);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the requests of all signals have in common: the envelope.
 *
 *     request { resource_x { resource, scope_x { scope, x ..., schema_url } ..., schema_url } }
 *
 * The numbers of its fields are the same for traces, metrics and logs. What is inside: a file for
 * each signal, encode_traces.c and its siblings.
 *
 * Spans and log records are written by the threads that record them (otel/encoder.h), each with the
 * tag that it has here: a request of them is their envelope, and what it copies.
 *
 * Batches have few scopes, one for each library that is instrumented, and neighbours mostly share
 * theirs: so they are grouped by looking, without a table.
 */
#include "otlp/encode.h"

#include "otlp/encode_items.h"

/* opentelemetry/proto/{trace,metrics,logs}/v1 and collector/.../v1 */
enum {
    REQUEST_RESOURCE_X = 1,
    RESOURCE_X_RESOURCE = 1,
    RESOURCE_X_SCOPE_X = 2,
    SCOPE_X_SCOPE = 1,
    SCOPE_X_ITEMS = 2,
    SCOPE_X_SCHEMA_URL = 3,
    RESOURCE_ATTRIBUTES = 1,
    SCOPE_NAME = 1,
    SCOPE_VERSION = 2,
};

/* Bytes of the length of a batch, and of one scope's part: 16 KiB to 2 MiB. */
enum {
    N_LENGTH_OF_MANY = 3
};

static void put_resource(struct otlp_writer *writer, const struct otel_resource *resource) {
    struct otlp_open message = otlp_open(writer, RESOURCE_X_RESOURCE, 2);
    for (size_t i = 0; resource && i < resource->n_attributes; i++)
        otlp_put_attribute(writer, RESOURCE_ATTRIBUTES, resource->attributes[i].key,
                           &resource->attributes[i].value);
    otlp_close(writer, message);
}

static void put_scope(struct otlp_writer *writer, const struct otel_scope *scope) {
    struct otlp_open message = otlp_open(writer, SCOPE_X_SCOPE, 1);
    otlp_put_text(writer, SCOPE_NAME, scope->name);
    otlp_put_text(writer, SCOPE_VERSION, scope->version);
    otlp_close(writer, message);
}

/* ---- spans and log records ---- */

static const struct otel_scope *scope_of(const struct otel_batch *batch, size_t i) {
    if (batch->encoded)
        return batch->encoded[i]->scope;
    return batch->signal == OTEL_TRACES ? batch->spans[i]->scope : batch->logs[i]->scope;
}

static void put_item(struct otlp_writer *writer, const struct otel_batch *batch, size_t i) {
    if (batch->encoded)
        otlp_put_written(writer, batch->encoded[i]->bytes);
    else if (batch->signal == OTEL_TRACES)
        otlp_put_span(writer, SCOPE_X_ITEMS, batch->spans[i]);
    else
        otlp_put_log(writer, SCOPE_X_ITEMS, batch->logs[i]);
}

static bool is_first_of_scope(const struct otel_batch *batch, size_t i) {
    const struct otel_scope *scope = scope_of(batch, i);
    for (size_t k = i; k > 0; k--)
        if (scope_of(batch, k - 1) == scope)
            return false;
    return true;
}

/* All of the scope of the item `first`; how many that are. */
static size_t put_scope_items(struct otlp_writer *writer, const struct otel_batch *batch,
                              size_t first) {
    const struct otel_scope *scope = scope_of(batch, first);
    size_t n = 0;
    struct otlp_open message = otlp_open(writer, RESOURCE_X_SCOPE_X, N_LENGTH_OF_MANY);
    put_scope(writer, scope);
    for (size_t i = first; i < batch->n; i++) {
        if (scope_of(batch, i) != scope)
            continue;
        put_item(writer, batch, i);
        n++;
    }
    otlp_put_text(writer, SCOPE_X_SCHEMA_URL, scope->schema_url);
    otlp_close(writer, message);
    return n;
}

/* Nothing is looked at once all are put: items that are no longer in a cache are slow to look at.
 */
static void put_items(struct otlp_writer *writer, const struct otel_batch *batch) {
    size_t n_left = batch->n;
    for (size_t i = 0; n_left > 0; i++)
        if (is_first_of_scope(batch, i))
            n_left -= put_scope_items(writer, batch, i);
}

/* ---- metrics, which come grouped ---- */

static void put_scope_metrics(struct otlp_writer *writer,
                              const struct otel_scope_metrics *metrics) {
    struct otlp_open message = otlp_open(writer, RESOURCE_X_SCOPE_X, N_LENGTH_OF_MANY);
    put_scope(writer, metrics->scope);
    for (size_t i = 0; i < metrics->n_metrics; i++)
        otlp_put_metric(writer, SCOPE_X_ITEMS, &metrics->metrics[i]);
    otlp_put_text(writer, SCOPE_X_SCHEMA_URL, metrics->scope->schema_url);
    otlp_close(writer, message);
}

int otlp_encode(const struct otel_batch *batch, struct buf *out) {
    struct otlp_writer writer = {.out = out};
    struct otlp_open message = otlp_open(&writer, REQUEST_RESOURCE_X, N_LENGTH_OF_MANY);
    put_resource(&writer, batch->resource);
    if (batch->signal == OTEL_METRICS)
        for (size_t i = 0; i < batch->metrics->n_scopes; i++)
            put_scope_metrics(&writer, &batch->metrics->scopes[i]);
    else
        put_items(&writer, batch);
    otlp_close(&writer, message);
    return writer.error;
}

/* ---- items, where they are recorded ---- */

static int write_attribute(struct bytes key, const struct otel_value *value, struct buf *out) {
    struct otlp_writer writer = {.out = out};
    otlp_put_span_attribute(&writer, key, value);
    return writer.error;
}

static int write_event(const struct otel_event *event, struct otel_lent lent, struct buf *out) {
    struct otlp_writer writer = {.out = out};
    otlp_put_event(&writer, event, lent);
    return writer.error;
}

static int write_link(const struct otel_link *link, struct otel_lent lent, struct buf *out) {
    struct otlp_writer writer = {.out = out};
    otlp_put_link(&writer, link, lent);
    return writer.error;
}

static int write_span(const struct otel_span_data *span, struct buf *out) {
    struct otlp_writer writer = {.out = out};
    otlp_put_span(&writer, SCOPE_X_ITEMS, span);
    return writer.error;
}

static int write_log(const struct otel_log_data *log, struct buf *out) {
    struct otlp_writer writer = {.out = out};
    otlp_put_log(&writer, SCOPE_X_ITEMS, log);
    return writer.error;
}

static bool find(struct bytes attributes, struct bytes key, struct bytes *found) {
    struct wire_field pair, first;
    struct bytes rest = attributes;
    while (wire_next(&rest, &pair) == 0) {
        *found = bytes_of(attributes.data, attributes.len - rest.len);
        if (wire_next(&pair.bytes, &first) == 0 && bytes_equal_short(first.bytes, key))
            return true;
        attributes = rest;
    }
    return false;
}

const struct otel_encoder otlp_encoder = {.attribute = write_attribute,
                                          .event = write_event,
                                          .link = write_link,
                                          .span = write_span,
                                          .log = write_log,
                                          .find = find};

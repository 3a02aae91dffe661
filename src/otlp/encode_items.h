/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "otel/encoder.h"
#include "otel/metric_data.h"
#include "otlp/writer.h"

/* One item of a signal as the field `id` of the message around it; otlp/encode.c calls them. */
void otlp_put_span(struct otlp_writer *writer, uint32_t id, const struct otel_span_data *span);
/* As fields of the span around them. */
void otlp_put_span_attribute(struct otlp_writer *writer, struct bytes key,
                             const struct otel_value *value);
void otlp_put_event(struct otlp_writer *writer, const struct otel_event *event,
                    struct otel_lent lent);
void otlp_put_link(struct otlp_writer *writer, const struct otel_link *link, struct otel_lent lent);
void otlp_put_log(struct otlp_writer *writer, uint32_t id, const struct otel_log_data *log);
void otlp_put_metric(struct otlp_writer *writer, uint32_t id, const struct otel_metric *metric);

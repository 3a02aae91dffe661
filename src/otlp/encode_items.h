/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "otel/logger.h"
#include "otel/metric_data.h"
#include "otel/span_data.h"
#include "otlp/writer.h"

/* One item of a signal as the field `id` of the message around it; otlp/encode.c calls them. */
void otlp_put_span(struct otlp_writer *writer, uint32_t id, const struct otel_span_data *span);
void otlp_put_log(struct otlp_writer *writer, uint32_t id, const struct otel_log_data *log);
void otlp_put_metric(struct otlp_writer *writer, uint32_t id, const struct otel_metric *metric);

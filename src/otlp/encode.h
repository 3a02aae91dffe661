/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/buf.h"
#include "otel/exporter.h"

/*
 * A batch as the bytes of an OTLP request (opentelemetry-proto 1.5 and later): for traces an
 * ExportTraceServiceRequest and so on. Items of one scope (the same pointer) are put together, in
 * their order. Appends to `out`; 0, BUF_E_FULL (over the buffer's bound) or -ENOMEM.
 */
MUST_USE int otlp_encode(const struct otel_batch *batch, struct buf *out);

/* Writes spans and log records as they then stand in a request. */
extern const struct otel_encoder otlp_encoder;

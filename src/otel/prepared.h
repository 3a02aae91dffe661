/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "otel/span.h"

/*
 * Attributes that many spans have alike, as those of a method or of a connection, made ready once:
 * where an exporter has an encoder they are written then, and a span's start only copies what was
 * written. The span is the same as if they had been given one by one.
 *
 * It serves the spans of one SDK, whatever the tracer, and goes before that one does. Any number of
 * threads may start spans with it at once; spans that were started have copies.
 */
struct otel_prepared;

/* Copies; of equal keys the last one counts, an empty one is left out, and their order is that of
 * their keys. NULL without memory, or with a NULL tracer: a span is started with it all the same,
 * and has none of them. */
struct otel_prepared *otel_prepared_new(struct otel_tracer *tracer,
                                        const struct otel_attribute *attributes, size_t n);

/* NULL is fine. */
void otel_prepared_free(struct otel_prepared *prepared);

/* For a sampler that looks at them. */
const struct otel_attribute *otel_prepared_attributes(const struct otel_prepared *prepared,
                                                      size_t *n);

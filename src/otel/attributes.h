/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "otel/recorder.h"

/*
 * Attributes as a record keeps them (OpenTelemetry specification, "Common", attribute limits). What
 * is over a limit, or finds no room, is counted in `n_dropped`.
 */
/* Sets or replaces one; all is copied. */
void attributes_set(struct record *record, struct otel_kept_attributes *kept,
                    const struct attribute_limits *limits, struct bytes key,
                    const struct otel_value *value);

void attributes_set_all(struct record *record, struct otel_kept_attributes *kept,
                        const struct attribute_limits *limits,
                        const struct otel_attribute *attributes, size_t n);

/* Copies a value, whole. False without room, and `*copy` is then as it was. */
bool attributes_copy_value(struct record *record, const struct otel_value *value,
                           struct otel_value *copy);

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

/* The bits of a key in `keys` of the kept; it is not empty. */
uint64_t attributes_key_bits(struct bytes key);

/* Whether one of this key may be there, which is not empty: of most that are not it tells that they
 * are not. From now on it may be. */
bool attributes_may_have(struct otel_kept_attributes *kept, struct bytes key);

/* A value as it is under the limits: borrowed, but for an array of texts, which is copied into the
 * record. False without room for that. */
bool attributes_cut_value(struct record *record, const struct attribute_limits *limits,
                          const struct otel_value *value, struct otel_value *cut);

/* Whether they may be lent as they are: each key once, and nothing over a limit. It may be false of
 * some that might. */
bool attributes_fit(const struct attribute_limits *limits, const struct otel_attribute *attributes,
                    size_t n);

/* Copies a value, whole. False without room, and `*copy` is then as it was. */
bool attributes_copy_value(struct record *record, const struct otel_value *value,
                           struct otel_value *copy);

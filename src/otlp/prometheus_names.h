/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/err.h"
#include "otel/metric.h"

/* The API allows names of 255 characters and units of 63; words are longer than units. */
#define PROMETHEUS_NAME_MAX 512

/* `http.server.duration` in `s` is the family `http_server_duration_seconds`. A counter's samples
 * have `_total` after it. */
struct prometheus_name {
    char family[PROMETHEUS_NAME_MAX];
    char unit[PROMETHEUS_NAME_MAX]; /* in words, what the family's name ends with; empty: none */
};

/* 0, or -EINVAL: it is empty or too long. */
MUST_USE int prometheus_name_make(const char *name, const char *unit,
                                  enum otel_instrument_kind kind, struct prometheus_name *made);

/* An attribute's key as a label's name, into `out`, which has room for `key.len` + 5 bytes.
 * Gives the length. */
size_t prometheus_label_name(struct bytes key, char *out);

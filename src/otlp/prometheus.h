/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/buf.h"
#include "otel/metric_data.h"

/*
 * Metrics as a page that Prometheus scrapes (OpenTelemetry specification, "Prometheus and
 * OpenMetrics compatibility"; Prometheus text format 0.0.4; OpenMetrics 1.0).
 */
enum prometheus_format {
    PROMETHEUS_TEXT,
    PROMETHEUS_OPENMETRICS, /* the only one with exemplars, units and creation times */
};

/* For the header `content-type`. */
const char *prometheus_content_type(enum prometheus_format format);

/* What a page leaves out: metrics whose names, and series whose labels, become those of others. */
struct prometheus_clashes {
    size_t n;
    struct err_text first; /* in words */
};

/* Appends the page. 0; BUF_E_FULL, -ENOMEM: `page` holds a part of it. */
MUST_USE int prometheus_write(const struct otel_metrics *metrics, enum prometheus_format format,
                              struct buf *page, struct prometheus_clashes *clashes);

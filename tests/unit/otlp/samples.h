/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "otel/exporter.h"

/*
 * A batch of each signal in which every field that we have data for occurs, and each kind of value.
 * tests/e2e/test_otlp_bytes.py has the same in Python, and compares.
 */
const struct otel_batch *sample_traces(void);
const struct otel_batch *sample_metrics(void);
const struct otel_batch *sample_logs(void);

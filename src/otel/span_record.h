/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "otel/recorder.h"
#include "otel/span_data.h"

/* A span while it runs and until its export is over. */
struct span_record {
    struct record record;
    struct otel_span_data data;
    size_t name_cap, status_cap; /* what the places of these texts hold */
};

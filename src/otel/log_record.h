/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "otel/logger.h"
#include "otel/recorder.h"

struct log_record {
    struct record record;
    struct otel_log_data data;
};

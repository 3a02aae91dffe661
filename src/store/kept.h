/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "store/stats.h"

/* A reading as it lies with its sensor: all but the sensor's id. */
struct kept {
    struct stats_instant time;
    uint64_t sequence; /* 0: none */
    double temperature;
};

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/err.h"
#include "proto/reading.h"

/*
 * The rules of a reading: what may be stored. Words name the field and the rule, for the sender.
 */
enum {
    RULES_E_BROKEN = 1,
};

/* 1 to COLLECTOR_MAX_SENSOR_ID bytes of UTF-8 without control characters. 0 or RULES_E_BROKEN with
 * words. */
MUST_USE int rules_check_sensor_id(struct bytes sensor_id, struct err_text *why);

/*
 * All rules but the id's: a finite temperature, nanos of a second, a time after 0 and at most
 * `latest_s` (seconds since 1970). 0 or RULES_E_BROKEN with words.
 */
MUST_USE int rules_check_values(const struct reading *reading, int64_t latest_s,
                                struct err_text *why);

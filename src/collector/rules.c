/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/rules.h"

#include <inttypes.h>
#include <math.h>
#include <time.h>

#include "base/clock.h"
#include "base/decimal.h"
#include "base/utf8.h"
#include "collector/limits.h"

int rules_check_sensor_id(struct bytes sensor_id, struct err_text *why) {
    if (sensor_id.len == 0) {
        err_say(why, "sensor_id: must not be empty");
        return RULES_E_BROKEN;
    }
    if (sensor_id.len > COLLECTOR_MAX_SENSOR_ID) {
        err_say(why, "sensor_id: must have at most %d bytes, this one has %zu",
                COLLECTOR_MAX_SENSOR_ID, sensor_id.len);
        return RULES_E_BROKEN;
    }
    if (!utf8_is_valid(sensor_id)) {
        err_say(why, "sensor_id: must be valid UTF-8");
        return RULES_E_BROKEN;
    }
    if (utf8_has_control(sensor_id)) {
        err_say(why, "sensor_id: must not contain control characters");
        return RULES_E_BROKEN;
    }
    return 0;
}

struct date {
    char text[40];
};

/* ` (2026-11-24T10:00:00Z)`, or nothing where the year has more than four digits. */
static struct date date_of(int64_t seconds) {
    struct date date = {""};
    struct tm tm;
    time_t time = seconds;
    if (gmtime_r(&time, &tm) && tm.tm_year <= 9999 - 1900)
        strftime(date.text, sizeof(date.text), " (%Y-%m-%dT%H:%M:%SZ)", &tm);
    return date;
}

/* Milliseconds where seconds belong are the commonest mistake, so it is guessed at: a thousandth
 * of the time would be one of the last decades. */
static void say_future(int64_t seconds, int64_t latest_s, struct err_text *why) {
    int64_t thousandth = seconds / 1000;
    bool may_be_milliseconds = thousandth > latest_s / 2 && thousandth <= latest_s;
    err_say(why,
            "timestamp: must not be later than %" PRId64
            "%s, the server's clock plus what it allows; this one is %" PRId64 " seconds%s",
            latest_s, date_of(latest_s).text, seconds,
            may_be_milliseconds ? " (are these milliseconds?)" : date_of(seconds).text);
}

int rules_check_values(const struct reading *reading, int64_t latest_s, struct err_text *why) {
    if (!isfinite(reading->temperature)) {
        err_say(why, "temperature: must be a finite number, this one is %s",
                decimal_format(reading->temperature).text);
        return RULES_E_BROKEN;
    }
    if (reading->nanos < 0 || reading->nanos >= (int32_t)NS_PER_S) {
        err_say(why, "nanos: must be 0 to 999999999, this one is %" PRId32, reading->nanos);
        return RULES_E_BROKEN;
    }
    if (reading->seconds == 0) {
        err_say(why, "timestamp: must be set (seconds since 1970-01-01 UTC); it is 0 or left out");
        return RULES_E_BROKEN;
    }
    if (reading->seconds < 0) {
        err_say(why, "timestamp: must be after 1970-01-01 UTC, this one is %" PRId64,
                reading->seconds);
        return RULES_E_BROKEN;
    }
    if (reading->seconds > latest_s) {
        say_future(reading->seconds, latest_s, why);
        return RULES_E_BROKEN;
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/matching.h"

#include "base/glob.h"

void matching_init(struct matching *matching, struct grpc_call *call,
                   void (*work)(struct background *), void (*done)(struct background *)) {
    matching->background.call = call;
    matching->background.work = work;
    matching->background.done = done;
    caller_init(&matching->caller, call);
}

void matching_fini(struct matching *matching) {
    if (!matching->background.is_running)
        caller_fini(&matching->caller);
}

static bool matching_is_allowed(const struct matching *matching, struct bytes pattern) {
    return glob_is_pattern(pattern) ? caller_may_read_any(&matching->caller, pattern)
                                    : caller_may_read(&matching->caller, pattern);
}

void matching_start(struct matching *matching, struct bytes pattern, const char *field) {
    struct grpc_call *call = matching->background.call;
    if (pattern.len == 0 || pattern.len > sizeof(matching->pattern_bytes)) {
        grpc_call_finish(call, GRPC_INVALID_ARGUMENT,
                         "%s: must have 1 to %d bytes, as an id or a pattern", field,
                         COLLECTOR_MAX_SENSOR_ID);
        return;
    }
    if (!matching_is_allowed(matching, pattern)) {
        grpc_call_finish(call, GRPC_PERMISSION_DENIED, "this token may not read %s '%.*s'",
                         glob_is_pattern(pattern) ? "any sensor that matches" : "sensor",
                         BYTES_ARGS(pattern));
        return;
    }
    memcpy(matching->pattern_bytes, pattern.data, pattern.len);
    matching->pattern = bytes_of(matching->pattern_bytes, pattern.len);
    background_start(&matching->background, call);
}

void matching_finish_not_found(const struct matching *matching) {
    grpc_call_finish(matching->background.call, GRPC_NOT_FOUND,
                     "nobody has written to a sensor '%.*s'", BYTES_ARGS(matching->pattern));
}

struct store_filter matching_filter(const struct matching *matching) {
    return (struct store_filter){matching->pattern, caller_readable(&matching->caller)};
}

struct store *matching_store(const struct matching *matching) {
    const struct collector_worker *worker = grpc_call_worker_state(matching->background.call);
    return worker_store(worker);
}

Thermograph__V1__Time matching_time(struct stats_instant instant) {
    Thermograph__V1__Time time = THERMOGRAPH__V1__TIME__INIT;
    time.seconds = instant.seconds;
    time.nanos = instant.nanos;
    return time;
}

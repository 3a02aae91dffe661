/* SPDX-License-Identifier: Apache-2.0 */
#include "otel/outage.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/plural.h"
#include "otel/limits.h"
#include "otel/shown_endpoint.h"

/* A line takes this many tokens, one of which comes each second: one line a minute, and a few at
 * once about an endpoint that goes and comes. */
enum {
    LINE_TOKENS = 60,
    BURST_TOKENS = 4 * LINE_TOKENS,
};

static const struct {
    const char *one, *many;
} items[OTEL_N_SIGNALS] = {
    [OTEL_TRACES] = {"span", "spans"},
    [OTEL_METRICS] = {"metric point", "metric points"},
    [OTEL_LOGS] = {"log record", "log records"},
};

static struct counted counted_items(const struct outage *outage, uint64_t n) {
    return counted(n, items[outage->signal].one, items[outage->signal].many);
}

static const char *const queue_variables[OTEL_N_SIGNALS] = {
    [OTEL_TRACES] = "OTEL_BSP_MAX_QUEUE_SIZE",
    [OTEL_METRICS] = "",
    [OTEL_LOGS] = "OTEL_BLRP_MAX_QUEUE_SIZE",
};

void outage_init(struct outage *outage, enum otel_signal signal, const char *endpoint,
                 const char *component_type) {
    *outage = (struct outage){.signal = signal};
    ratelimit_init(&outage->lines, BURST_TOKENS, 1, 0);
    ratelimit_init(&outage->overflow_lines, LINE_TOKENS, 1, 0);
    ratelimit_init(&outage->room_lines, LINE_TOKENS, 1, 0);
    if (!endpoint) {
        snprintf(outage->where, sizeof(outage->where), "%s", component_type);
        return;
    }
    snprintf(outage->where, sizeof(outage->where), "%s", shown_endpoint(endpoint).text);
    size_t n = strlen(outage->where);
    snprintf(outage->where + n, sizeof(outage->where) - n, " (%s)", component_type);
}

static bool may_say(struct ratelimit *lines, uint64_t now_ns) {
    return ratelimit_take(lines, LINE_TOKENS, now_ns) == 0;
}

static void failed(struct outage *outage, size_t n_lost, const char *why, uint64_t now_ns) {
    outage->n_lost += n_lost;
    outage->n_failed++;
    if (outage->is_said || !may_say(&outage->lines, now_ns))
        return;
    outage->is_said = true;
    log_warn("exporting %s to %s fails: %s; they are dropped, and counted, until it works again",
             items[outage->signal].many, outage->where, why);
}

static void worked(struct outage *outage) {
    if (outage->is_said) {
        log_info("exporting %s to %s works again; %s lost in %s, %" PRIu64 " to a full queue",
                 items[outage->signal].many, outage->where,
                 counted(outage->n_lost, "was", "were").text,
                 counted(outage->n_failed, "failed export", "failed exports").text,
                 outage->n_overflowed);
        outage->n_overflowed = 0;
    }
    outage->is_said = false;
    outage->n_lost = outage->n_failed = 0;
}

void outage_export(struct outage *outage, size_t n, size_t n_lost, const char *why,
                   uint64_t now_ns) {
    if (n_lost == n) {
        failed(outage, n_lost, why, now_ns);
        return;
    }
    worked(outage);
    if (n_lost > 0 && may_say(&outage->lines, now_ns))
        log_warn("%zu of %s %s not taken by %s: %s", n_lost, counted_items(outage, n).text,
                 plural(n_lost, "was", "were"), outage->where, why);
}

void outage_overflow(struct outage *outage, uint64_t n, size_t max, uint64_t now_ns) {
    outage->n_overflowed += n;
    if (outage->n_overflowed == 0 || outage->is_said || !may_say(&outage->overflow_lines, now_ns))
        return;
    log_warn("%s %s dropped: more come than %s takes, and the queue of %zu (%s) is full",
             counted_items(outage, outage->n_overflowed).text,
             plural(outage->n_overflowed, "was", "were"), outage->where, max,
             queue_variables[outage->signal]);
    outage->n_overflowed = 0;
}

void outage_no_room(struct outage *outage, uint64_t n, uint64_t now_ns) {
    outage->n_without_room += n;
    if (outage->n_without_room == 0 || !may_say(&outage->room_lines, now_ns))
        return;
    log_warn("%s %s dropped: no memory for them; a thread has %u MiB for what runs "
             "and waits, and %d threads have some",
             counted_items(outage, outage->n_without_room).text,
             plural(outage->n_without_room, "was", "were"), OTEL_MAX_THREAD_BYTES >> 20,
             OTEL_MAX_THREADS);
    outage->n_without_room = 0;
}

void outage_end(const struct outage *outage, size_t n) {
    if (n > 0)
        log_warn("%s %s not exported to %s before the end", counted_items(outage, n).text,
                 plural(n, "is lost: it was", "are lost: they were"), outage->where);
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/buf.h"
#include "base/random.h"
#include "otel/exporter.h"
#include "otlp/sender.h"

/*
 * An exporter of one signal over OTLP: what is sent when, what is sent again, and what is given up.
 *
 *     IDLE --send--> WAITING --due--> SENDING --delivered, refused--> IDLE
 *                       ^                |
 *                       '--- back-off ---'
 *
 * It has no clock and no timer: who has a loop turns it when it is due, when it has been given a
 * batch, and when it has `changed`. The deadline of a batch holds in every state, whatever the
 * sender does.
 *
 * A batch that is too large for one request goes out in several.
 */
struct otlp_exporter;

/* What a signal is made of, for lines of the log. */
extern const char *const otlp_signal_words[OTEL_N_SIGNALS];

struct otlp_exporter_options {
    enum otel_signal signal;
    struct otlp_sender *sender;                /* taken */
    const struct otel_otlp_settings *settings; /* borrowed */
    void (*changed)(void *user);               /* there was an answer: turn it soon. May be NULL */
    void *user;
    uint64_t seed; /* of the back-off's jitter */
};

/* 0 or -ENOMEM; on failure the sender is still the caller's. */
MUST_USE int otlp_exporter_new(const struct otlp_exporter_options *options,
                               struct otlp_exporter **exporter);

/* What the SDK takes, and frees. */
struct otel_exporter *otlp_exporter_base(struct otlp_exporter *exporter);

/* Does what is due. Returns when it wants to be turned again at the latest; UINT64_MAX: when
 * something happens. `now_ns` is monotonic. */
uint64_t otlp_exporter_turn(struct otlp_exporter *exporter, uint64_t now_ns);

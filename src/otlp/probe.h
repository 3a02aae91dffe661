/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "otel/resource.h"
#include "otlp/sender.h"

/*
 * Does it arrive? Sends one item of a signal as any export is sent, by the same sender and encoder
 * and to the same place, without an SDK, and waits for what is answered. There is one attempt: who
 * asks wants to hear what went wrong, not that it is tried again.
 */
enum otlp_probe_result {
    OTLP_PROBE_ACCEPTED, /* the words, if there are any, are the receiver's: a warning */
    OTLP_PROBE_REJECTED, /* it was received and not taken (partial success) */
    OTLP_PROBE_FAILED,   /* refused, or there was no answer */
    OTLP_PROBE_UNUSABLE, /* the settings are wrong: nothing was sent */
};

struct otlp_probe_options {
    enum otel_signal signal;
    const struct otel_otlp_settings *settings;
    const struct otel_resource *resource; /* who sends it */
    uint64_t timeout_ns;                  /* no answer after this is one too */
};

struct otlp_probe_outcome {
    enum otlp_probe_result result;
    const char *error_type; /* as in struct otlp_verdict; NULL: it was accepted, or not sent */
    struct err_text words;  /* may be empty; of a failure with what could be done (hint.h) */
    uint64_t took_ns;
};

/*
 * A span, a gauge or a log record, each named `thermograph.doctor`. Runs a loop of its own until
 * there is an answer or the time is over. 0, or a negated errno where it could not be tried at all.
 */
MUST_USE int otlp_probe(const struct otlp_probe_options *options,
                        struct otlp_probe_outcome *outcome);

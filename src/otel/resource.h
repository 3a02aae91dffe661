/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/err.h"
#include "otel/value.h"

/*
 * Who reports (OpenTelemetry specification, "Resource SDK", semantic conventions for service,
 * telemetry.sdk, process, host, os and container). Fixed once made.
 */
struct otel_resource {
    struct otel_attribute *attributes; /* in order of their keys, bytewise; each key once */
    size_t n_attributes;
    char *memory; /* that keys and values lie in */
};

struct otel_resource_options {
    const char *service_name; /* what counts where no variable says another */
    const char *service_version;
    const char *(*variable)(const char *name); /* getenv, or a test's own */
    const char *root; /* where `proc` and `etc` are looked up; "" but in tests */
};

/*
 * From the program, the machine and the variables OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES (the
 * former wins, then the latter, then what was detected). What cannot be found out is left out. What
 * is wrong in a variable is logged, and the whole variable ignored. 0 or -ENOMEM.
 */
MUST_USE int otel_resource_new(const struct otel_resource_options *options,
                               struct otel_resource **resource);

/* NULL is fine. */
void otel_resource_free(struct otel_resource *resource);

/* The value of a key; OTEL_EMPTY when there is none. */
struct otel_value otel_resource_get(const struct otel_resource *resource, const char *key);

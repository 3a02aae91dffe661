/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "otel/settings.h"
#include "otel/variables.h"

/* The part of otel_settings_read() that concerns OTLP. */

/* The endpoint of that signal, or of all, is named. */
bool settings_otlp_is_endpoint_named(variable_fn variable, enum otel_signal signal);

/*
 * Reads how each signal goes whose exporter is OTEL_EXPORT_OTLP. Where its endpoint is none, its
 * exporter becomes OTEL_EXPORT_NONE. 0 or -ENOMEM; whatever it is, settings_otlp_fini() follows.
 */
MUST_USE int settings_otlp_read(variable_fn variable, struct otel_settings *settings);
void settings_otlp_fini(struct otel_otlp_settings *otlp);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdio.h>

#include "otel/exporter.h"

/*
 * An exporter for eyes (OTEL_TRACES_EXPORTER=console and its siblings): it writes what it is given
 * as text to `out`, which it borrows. The form is ours and may change.
 *
 * 0 or -ENOMEM.
 */
MUST_USE int otel_console_new(enum otel_signal signal, FILE *out, struct otel_exporter **exporter);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/err.h"
#include "otel/settings.h"

/* An export that went wrong: where it was to go, and what came of it (struct otlp_probe_outcome).
 */
struct doctor_export {
    enum otel_protocol protocol;
    const char *endpoint;
    const char *error_type; /* NULL: nothing was sent */
    const char *words;
};

/* What a person could do about it, or NULL. */
const char *doctor_hint(const struct doctor_export *export);

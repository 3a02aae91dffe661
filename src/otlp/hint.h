/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/err.h"
#include "otel/settings.h"

/*
 * What a person could do about an export that went wrong, said in brackets behind the words about
 * it: for the log and for `thermograph doctor`. Where nothing is known the words stay as they are.
 */
struct otlp_failure {
    const struct otel_otlp_settings *settings; /* borrowed: where it was to go */
    const char *error_type;                    /* as in struct otlp_verdict */
};

void otlp_hint_add(const struct otlp_failure *failure, struct err_text *words);

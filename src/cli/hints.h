/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>

#include "cli/options.h"
#include "grpc/status.h"

/* What a person could do about a call that has failed, or NULL. `text` is the status message. */
struct hint_situation {
    bool has_token;
    bool is_plaintext;
    enum option_source plaintext_from; /* who says that it is */
    bool has_certificate;              /* of our own */
};
const char *hint_for(enum grpc_status status, const char *text, struct hint_situation situation);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "cli/options.h"
#include "net/address.h"

/* What a server is told by its options, checked before anything is opened. */

/* Addresses of one server; a machine has a handful. */
#define SERVE_MAX_ADDRESSES 16

/* More threads than this are a typing error. */
#define SERVE_MAX_WORKERS 1024

struct serve_settings {
    struct net_address addresses[SERVE_MAX_ADDRESSES];
    size_t n_addresses;
    const char *cert; /* NULL: plaintext */
    const char *key;
    const char *tokens; /* NULL: anyone */
    const char *data;   /* NULL: in memory */
    unsigned n_workers;
    uint64_t memory_limit_bytes;
    uint64_t journal_limit_bytes;
    uint64_t max_future_s;
    uint64_t drain_timeout_ns;
};

/* Borrows from the options. 0, or -EINVAL with words. */
MUST_USE int serve_settings_read(const struct options *options, struct serve_settings *settings,
                                 struct err_text *why);

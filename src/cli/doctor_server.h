/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "cli/client.h"
#include "cli/doctor_report.h"
#include "net/certificate.h"

/* The server that is called, and what is known of it so far. */
struct doctor_server {
    struct client client;
    struct doctor_report *report;
    int unreadable; /* what its options name; with words. 0: it can be read */
    struct err_text words;
    struct net_certificate certificate; /* that it shows */
    uint64_t asked_at_ns;               /* wall clock */
};

/* Takes in what the options say, into a server that is zeroed. 0, or -EINVAL with words: wrong
 * usage. A file that cannot be read is for doctor_server_check() to tell. */
MUST_USE int doctor_server_read(struct doctor_server *server, struct doctor_report *report,
                                const struct options *options);

/* Calls it. EXIT_OK when all was asked, whatever came of it; EXIT_INTERRUPTED, or EXIT_FAILED after
 * having said why. */
MUST_USE int doctor_server_check(struct doctor_server *server);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "net/address.h"
#include "web/pages.h"

/*
 * The admin port: pages about the server, over HTTP/1.1, on a thread of its own, without TLS and
 * without tokens. So it belongs on loopback; who opens it elsewhere has to be sure of the network.
 */
struct admin;

struct admin_options {
    struct net_address address;
    const char *address_option; /* what chooses the address, for words of an error: `--admin` */
    struct web_sources sources;
    uint64_t request_timeout_ns, idle_timeout_ns; /* 0: those of web/limits.h */
};

/* Listens and starts. 0 or a negated errno with words. */
MUST_USE int admin_open(const struct admin_options *options, struct admin **admin,
                        struct err_text *why);

/* The port it got, for an address with port 0. */
uint16_t admin_port(const struct admin *admin);

/* Ends what is under way, and waits for the thread. NULL is fine. */
void admin_close(struct admin *admin);

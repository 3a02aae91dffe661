/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/err.h"

/*
 * An address as people write it: `127.0.0.1:50051`, `[::1]:50051`, `localhost:50051`, and `:50051`
 * for every interface.
 */
struct net_address {
    char host[256]; /* without brackets; empty: every interface */
    uint16_t port;
};

/* Without a port it is `default_port`; 0 makes the port a must. 0 or -EINVAL with words. */
MUST_USE int net_address_parse(const char *text, uint16_t default_port, struct net_address *address,
                               struct err_text *why);

/* The same without a copy: `host` lies in the text; without a port it is 0. 0 or -EINVAL. */
MUST_USE int net_address_split(struct bytes text, struct bytes *host, uint16_t *port);

/* Whether only this machine can reach it: 127.0.0.0/8, ::1, localhost. */
bool net_address_is_loopback(const struct net_address *address);

/* A socket's address for a log line: `127.0.0.1:40312`, `[::1]:40312`. */
struct net_address_text {
    char text[64];
};
struct net_address_text net_address_format(const struct sockaddr *address);

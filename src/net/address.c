/* SPDX-License-Identifier: Apache-2.0 */
#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"

#define EXAMPLE "write HOST:PORT, such as 127.0.0.1:50051, or [::1]:50051 for IPv6"

/* 1 to 5 digits, at most 65535; 0 is a port too: the system chooses. */
static int address_parse_port(struct bytes digits, uint16_t *port) {
    uint32_t number = 0;
    if (digits.len == 0 || digits.len > 5)
        return -EINVAL;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return -EINVAL;
        number = number * 10 + (uint32_t)(digits.data[i] - '0');
    }
    if (number > UINT16_MAX)
        return -EINVAL;
    *port = (uint16_t)number;
    return 0;
}

/*
 * Cuts the text into host and port. `port` has no data when the text names none. A second colon
 * outside brackets makes it an IPv6 address without a port.
 */
static int address_cut(struct bytes text, struct bytes *host, struct bytes *port) {
    bool is_bracketed = text.len > 0 && text.data[0] == '[';
    const uint8_t *end = text.len ? memchr(text.data, is_bracketed ? ']' : ':', text.len) : NULL;
    struct bytes rest = end ? bytes_from(text, (size_t)(end - text.data) + 1) : bytes_of(NULL, 0);
    *port = bytes_of(NULL, 0);
    *host = end ? bytes_of(text.data, (size_t)(end - text.data)) : text;
    if (!is_bracketed) {
        if (rest.len && memchr(rest.data, ':', rest.len))
            *host = text;
        else
            *port = rest;
        return 0;
    }
    if (!end || (rest.len && rest.data[0] != ':'))
        return -EINVAL;
    *host = bytes_from(*host, 1);
    if (rest.len)
        *port = bytes_from(rest, 1);
    return 0;
}

int net_address_split(struct bytes text, struct bytes *host, uint16_t *port) {
    struct bytes digits;
    *port = 0;
    int r = address_cut(text, host, &digits);
    return r == 0 && digits.data ? address_parse_port(digits, port) : r;
}

/* `https://` and the like, which a person copies from a browser. */
static bool address_has_scheme(const char *text, struct err_text *why) {
    const char *end = strstr(text, "://");
    if (!end)
        return false;
    err_say(why, "'%.80s' is no address: leave %.*s:// out and write HOST:PORT", text,
            (int)(end - text > 20 ? 20 : end - text), text);
    return true;
}

/* No host has digits alone, though the resolver would make one of them. */
static bool address_is_port(const char *text, struct err_text *why) {
    bool is_port = text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
    if (is_port)
        err_say(why, "'%.80s' is a port without a host: write HOST:PORT, such as 127.0.0.1:%.5s",
                text, text);
    return is_port;
}

int net_address_parse(const char *text, uint16_t default_port, struct net_address *address,
                      struct err_text *why) {
    struct bytes host, port;
    if (address_has_scheme(text, why) || address_is_port(text, why))
        return -EINVAL;
    if (text[0] == '\0') {
        err_say(why, "an empty address: " EXAMPLE);
        return -EINVAL;
    }
    if (address_cut(bytes_str(text), &host, &port) || host.len >= sizeof(address->host)) {
        err_say(why, "'%.80s' is no address: " EXAMPLE, text);
        return -EINVAL;
    }
    if (!port.data && default_port == 0) {
        err_say(why, "'%s' has no port: " EXAMPLE, text);
        return -EINVAL;
    }
    address->port = default_port;
    if (port.data && address_parse_port(port, &address->port)) {
        err_say(why, "the port of '%s' is no number from 0 to 65535", text);
        return -EINVAL;
    }
    memcpy(address->host, host.data, host.len);
    address->host[host.len] = '\0';
    return 0;
}

bool net_address_is_loopback(const struct net_address *address) {
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, address->host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET;
    if (inet_pton(AF_INET6, address->host, &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6);
    return strcasecmp(address->host, "localhost") == 0;
}

struct net_address_text net_address_format(const struct sockaddr *address) {
    struct net_address_text out = {"a local socket"};
    char host[INET6_ADDRSTRLEN];
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)address;
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
        snprintf(out.text, sizeof(out.text), "%s:%u", host, ntohs(v4->sin_port));
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const void *)address;
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
        snprintf(out.text, sizeof(out.text), "[%s]:%u", host, ntohs(v6->sin6_port));
    }
    return out;
}

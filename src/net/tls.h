/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <openssl/ssl.h>

#include "base/err.h"

/*
 * TLS settings, shared by all connections of a side: TLS 1.2 and 1.3, ALPN `h2` only, the cipher
 * rules of RFC 9113 section 9.2 (AEAD with ephemeral keys), no renegotiation, no compression.
 *
 * Every failure comes with words that name the file and what to do.
 */

/*
 * A server's settings: certificate chain and key as PEM files. Refuses a missing, unreadable or
 * mismatched pair and a certificate that is expired or not valid yet. `*expires_at` (seconds since
 * 1970) may be NULL.
 */
MUST_USE int net_tls_server_new(const char *cert_file, const char *key_file, SSL_CTX **tls,
                                int64_t *expires_at, struct err_text *why);

/* PEM files; each may be NULL. */
struct net_tls_client_options {
    const char *ca_file;   /* whom to trust; NULL: the system's CAs */
    const char *cert_file; /* who we are (mutual TLS): chain and key, both or none */
    const char *key_file;
};

/* A client's settings. Its own certificate is looked at as a server's is. */
MUST_USE int net_tls_client_new(const struct net_tls_client_options *options, SSL_CTX **tls,
                                struct err_text *why);

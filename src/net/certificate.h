/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

/* What a person wants to know of a certificate: whom it is for, who signed it, how long it counts.
 */
struct net_certificate {
    bool is_known;         /* there is one */
    char names[256];       /* `localhost, 127.0.0.1`; with ` ...` at the end when there are more */
    char issuer[128];      /* its common name, or all of it; may be empty */
    int64_t from, until;   /* seconds since 1970 */
    const char *complaint; /* why a peer's is refused, a constant; NULL: it is not */
};

/* Of the certificate that these settings serve with, or show. */
void net_certificate_of_settings(const SSL_CTX *tls, struct net_certificate *certificate);

/* Of what the other side has shown in this handshake, which may have failed: then the names may be
 * anyone's. */
void net_certificate_of_peer(SSL *ssl, struct net_certificate *certificate);

/*
 * Fills it in with what the servers show that are connected to with these settings, whether it is
 * then refused or not; the last one counts. It has to stay until the settings are freed. What is
 * accepted stays as it was.
 */
void net_certificate_watch(SSL_CTX *tls, struct net_certificate *certificate);

/* `2027-03-01` */
struct net_date {
    char text[16];
};
struct net_date net_date_format(int64_t seconds);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server's certificate is seen by the callback that OpenSSL calls for each one of the chain, and
 * once more for each thing that is wrong with it: even of one that is refused the dates are known.
 * The callback does not change the verdict.
 */
#include "net/certificate.h"

#include <arpa/inet.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/err.h"

/* ---- names ---- */

static void names_freep(GENERAL_NAMES **names) {
    GENERAL_NAMES_free(*names);
}

/* An IP address as text, or "" where its length is of none. */
static void format_ip(const ASN1_OCTET_STRING *ip, char *out, socklen_t cap) {
    int len = ASN1_STRING_length(ip);
    out[0] = '\0';
    if (len == 4 || len == 16)
        inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(ip), out, cap);
}

/* Whoever made it may have meant our terminal. */
static void hide_controls(char *text) {
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F)
            *c = '?';
}

/* "" for kinds that no server is called by. */
static void format_name(const GENERAL_NAME *name, char *out, size_t cap) {
    out[0] = '\0';
    if (name->type == GEN_DNS)
        snprintf(out, cap, "%.*s", ASN1_STRING_length(name->d.dNSName),
                 (const char *)ASN1_STRING_get0_data(name->d.dNSName));
    else if (name->type == GEN_IPADD)
        format_ip(name->d.iPAddress, out, (socklen_t)cap);
    hide_controls(out);
}

/* False: there was no room for it, and the names say so. */
static bool add_name(struct net_certificate *certificate, const char *name) {
    static const char more[] = " ...";
    size_t n = strlen(certificate->names), room = sizeof(certificate->names) - sizeof(more) - n;
    const char *comma = n ? ", " : "";
    if (strlen(comma) + strlen(name) > room) {
        snprintf(certificate->names + n, sizeof(more), "%s", more);
        return false;
    }
    snprintf(certificate->names + n, room + 1, "%s%s", comma, name);
    return true;
}

static void read_names(const X509 *from, struct net_certificate *certificate) {
    CLEANUP(names_freep)
    GENERAL_NAMES *names = X509_get_ext_d2i(from, NID_subject_alt_name, NULL, NULL);
    char text[200];
    certificate->names[0] = '\0';
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        format_name(sk_GENERAL_NAME_value(names, i), text, sizeof(text));
        if (text[0] && !add_name(certificate, text))
            return;
    }
}

static void read_issuer(const X509 *from, struct net_certificate *certificate) {
    X509_NAME *issuer = X509_get_issuer_name(from);
    int size = (int)sizeof(certificate->issuer);
    certificate->issuer[0] = '\0';
    if (X509_NAME_get_text_by_NID(issuer, NID_commonName, certificate->issuer, size) < 0)
        X509_NAME_oneline(issuer, certificate->issuer, size);
    hide_controls(certificate->issuer);
}

/* ---- dates ---- */

static int64_t seconds_of(const ASN1_TIME *time) {
    struct tm tm;
    return ASN1_TIME_to_tm(time, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

struct net_date net_date_format(int64_t seconds) {
    struct net_date date;
    struct tm tm;
    time_t time = (time_t)seconds;
    if (!gmtime_r(&time, &tm) || !strftime(date.text, sizeof(date.text), "%Y-%m-%d", &tm))
        date.text[0] = '\0';
    return date;
}

/* ---- certificates ---- */

static void read_certificate(const X509 *from, struct net_certificate *certificate) {
    certificate->is_known = true;
    certificate->from = seconds_of(X509_get0_notBefore(from));
    certificate->until = seconds_of(X509_get0_notAfter(from));
    read_names(from, certificate);
    read_issuer(from, certificate);
}

void net_certificate_of_settings(const SSL_CTX *tls, struct net_certificate *certificate) {
    const X509 *own = SSL_CTX_get0_certificate(tls);
    *certificate = (struct net_certificate){0};
    if (own)
        read_certificate(own, certificate);
}

/* The chain is kept before it is checked, the peer's certificate of SSL_get0_peer_certificate()
 * only after that. */
void net_certificate_of_peer(SSL *ssl, struct net_certificate *certificate) {
    const STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);
    *certificate = (struct net_certificate){0};
    if (sk_X509_num(chain) > 0)
        read_certificate(sk_X509_value(chain, 0), certificate);
}

/* Of the chain, the server's own comes last (depth 0); what is wrong further up is told of it. */
static int on_verify(int is_well, X509_STORE_CTX *store) {
    const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct net_certificate *certificate = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    X509 *own = X509_STORE_CTX_get0_cert(store);
    if (own)
        read_certificate(own, certificate);
    certificate->complaint =
        is_well ? NULL : X509_verify_cert_error_string(X509_STORE_CTX_get_error(store));
    return is_well; /* when not, it was called for the last time */
}

void net_certificate_watch(SSL_CTX *tls, struct net_certificate *certificate) {
    *certificate = (struct net_certificate){0};
    SSL_CTX_set_app_data(tls, certificate);
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, on_verify);
}

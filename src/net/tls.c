/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings of TLS, and loading certificates with words that help.
 *
 * HTTP/2 over TLS has rules of its own (RFC 9113 section 9.2): TLS 1.2 or newer, no compression, no
 * renegotiation, and of TLS 1.2's ciphers only AEAD ones with an ephemeral key exchange. ALPN `h2`
 * is a must on both sides: who does not offer it is turned away in the handshake, with the alert
 * that RFC 7301 has for it. OpenSSL asks its ALPN callback only when the client sent the extension
 * at all, so the client hello is looked at too.
 *
 * Sessions are resumed by tickets; a cache in the server would be a lock between the workers.
 */
#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/certificate.h"
#include "net/limits.h"

/* The cheapest first: AES-128 in hardware. 128 bits are more than anybody can break. */
#define TLS_1_3_CIPHERS "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define TLS_1_2_CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL"

#define RENEW_HINT "to renew it: make generate_certs RENEW=1"

/* As many whole records as NET_READ_SIZE takes: one that is cut would cost a read of its own. */
#define TLS_READ_AHEAD (NET_READ_SIZE / SSL3_RT_MAX_PLAIN_LENGTH * SSL3_RT_MAX_PACKET_SIZE)

static const unsigned char alpn_h2[] = {2, 'h', '2'};

/* ---- what both sides have in common ---- */

static void tls_ctx_freep(SSL_CTX **tls) {
    SSL_CTX_free(*tls);
}

static int tls_out_of_memory(struct err_text *why) {
    err_say(why, "out of memory");
    return err_trace(-ENOMEM);
}

static SSL_CTX *tls_new(const SSL_METHOD *method) {
    ERR_clear_error();
    CLEANUP(tls_ctx_freep) SSL_CTX *tls = SSL_CTX_new(method);
    if (!tls || SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(tls, TLS_1_2_CIPHERS) != 1 ||
        SSL_CTX_set_ciphersuites(tls, TLS_1_3_CIPHERS) != 1)
        return NULL;
    /* An end without close_notify is an end: HTTP/2 frames tell by themselves whether all came. */
    SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(tls, 1);
    SSL_CTX_set_default_read_buffer_len(tls, TLS_READ_AHEAD);
    return STEAL(tls);
}

/* A daemon cannot ask for a password. */
static int tls_no_password(char *out, int cap, int is_writing, void *user) {
    (void)out;
    (void)cap;
    (void)is_writing;
    (void)user;
    return -1;
}

/* Whether the file can be opened at all: OpenSSL's own words for that are hard to read. */
static int tls_check_file(const char *path, const char *what, struct err_text *why) {
    FILE *file = fopen(path, "re");
    if (!file) {
        int r = -errno;
        err_say(why, "cannot read the %s %s: %s%s", what, path, strerror(-r),
                r == -ENOENT ? " (make generate_certs makes one)" : err_reading_remedy(r));
        return r;
    }
    fclose(file);
    return 0;
}

/* ---- a certificate of our own ---- */

/* Also learns when it expires. */
static int tls_check_dates(SSL_CTX *tls, const char *cert_file, int64_t *expires_at,
                           struct err_text *why) {
    struct net_certificate certificate;
    net_certificate_of_settings(tls, &certificate);
    int64_t now = (int64_t)(clock_wall_ns() / NS_PER_S);
    if (now > certificate.until) {
        err_say(why, "the certificate %s expired on %s (" RENEW_HINT ")", cert_file,
                net_date_format(certificate.until).text);
        return -EKEYEXPIRED;
    }
    if (now < certificate.from) {
        err_say(why,
                "the certificate %s is valid only from %s: is this machine's clock right? "
                "(" RENEW_HINT ")",
                cert_file, net_date_format(certificate.from).text);
        return -EKEYREJECTED;
    }
    if (expires_at)
        *expires_at = certificate.until;
    return 0;
}

static int tls_use_certificate(SSL_CTX *tls, const char *cert_file, struct err_text *why) {
    int r = tls_check_file(cert_file, "certificate", why);
    if (r)
        return r;
    if (SSL_CTX_use_certificate_chain_file(tls, cert_file) == 1)
        return 0;
    if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_EE_KEY_TOO_SMALL)
        err_say(why, "the key of the certificate %s is too short to be safe (" RENEW_HINT ")",
                cert_file);
    else
        err_say(why, "%s holds no certificate in PEM form", cert_file);
    return -EINVAL;
}

static void tls_warn_if_readable(const char *key_file) {
    struct stat info;
    if (stat(key_file, &info) == 0 && (info.st_mode & S_IROTH))
        log_warn("every user of this machine can read the key %s (chmod o-r mends it)", key_file);
}

static int tls_use_key(SSL_CTX *tls, const char *key_file, const char *cert_file,
                       struct err_text *why) {
    int r = tls_check_file(key_file, "key", why);
    if (r)
        return r;
    tls_warn_if_readable(key_file);
    if (SSL_CTX_use_PrivateKey_file(tls, key_file, SSL_FILETYPE_PEM) == 1 &&
        SSL_CTX_check_private_key(tls) == 1)
        return 0;
    int reason = ERR_GET_REASON(ERR_peek_last_error());
    if (reason == X509_R_KEY_VALUES_MISMATCH || reason == X509_R_KEY_TYPE_MISMATCH)
        err_say(why, "the key %s does not belong to the certificate %s: take both from one making",
                key_file, cert_file);
    else
        err_say(why, "%s holds no key in PEM form that can be read without a password", key_file);
    return -EINVAL;
}

/* `expires_at` may be NULL. */
static int tls_use_pair(SSL_CTX *tls, const char *cert_file, const char *key_file,
                        int64_t *expires_at, struct err_text *why) {
    SSL_CTX_set_default_passwd_cb(tls, tls_no_password);
    int r = tls_use_certificate(tls, cert_file, why);
    if (r == 0)
        r = tls_use_key(tls, key_file, cert_file, why);
    if (r == 0)
        r = tls_check_dates(tls, cert_file, expires_at, why);
    return r;
}

/* ---- server ---- */

/* check: parameters: the signature is OpenSSL's */
static int tls_select_h2(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                         const unsigned char *offered, unsigned offered_len, void *user) {
    (void)ssl;
    (void)user;
    unsigned char *selected;
    if (SSL_select_next_proto(&selected, out_len, alpn_h2, sizeof(alpn_h2), offered, offered_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL; /* no_application_protocol */
    *out = selected;
    return SSL_TLSEXT_ERR_OK;
}

/* A client without ALPN speaks HTTP/1.1 at best. */
static int tls_check_hello(SSL *ssl, int *alert, void *user) {
    (void)user;
    const unsigned char *extension;
    size_t len;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation,
                                  &extension, &len) == 1)
        return SSL_CLIENT_HELLO_SUCCESS;
    *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
    return SSL_CLIENT_HELLO_ERROR;
}

int net_tls_server_new(const char *cert_file, const char *key_file, SSL_CTX **tls,
                       int64_t *expires_at, struct err_text *why) {
    CLEANUP(tls_ctx_freep) SSL_CTX *made = tls_new(TLS_server_method());
    if (!made)
        return tls_out_of_memory(why);
    /* Ours is the order of ciphers, except for a small device that has no AES in hardware. */
    SSL_CTX_set_options(made, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_select_cb(made, tls_select_h2, NULL);
    SSL_CTX_set_client_hello_cb(made, tls_check_hello, NULL);
    int r = tls_use_pair(made, cert_file, key_file, expires_at, why);
    if (r)
        return err_trace(r);
    *tls = STEAL(made);
    return 0;
}

/* ---- client ---- */

static int tls_trust(SSL_CTX *tls, const char *ca_file, struct err_text *why) {
    if (!ca_file) {
        if (SSL_CTX_set_default_verify_paths(tls) == 1)
            return 0;
        err_say(why, "cannot read the CAs that this system trusts (--ca names a file)");
        return -EINVAL;
    }
    int r = tls_check_file(ca_file, "CA", why);
    if (r)
        return r;
    if (SSL_CTX_load_verify_locations(tls, ca_file, NULL) == 1)
        return 0;
    err_say(why, "%s holds no certificate of a CA in PEM form", ca_file);
    return -EINVAL;
}

/* Who we are, for a server that asks. */
static int tls_present(SSL_CTX *tls, const char *cert_file, const char *key_file,
                       struct err_text *why) {
    if (!cert_file && !key_file)
        return 0;
    if (!cert_file || !key_file) {
        err_say(why, "the client's %s %s needs a %s beside it", cert_file ? "certificate" : "key",
                cert_file ? cert_file : key_file, cert_file ? "key" : "certificate");
        return -EINVAL;
    }
    return tls_use_pair(tls, cert_file, key_file, NULL, why);
}

int net_tls_client_new(const struct net_tls_client_options *options, SSL_CTX **tls,
                       struct err_text *why) {
    CLEANUP(tls_ctx_freep) SSL_CTX *made = tls_new(TLS_client_method());
    if (!made || SSL_CTX_set_alpn_protos(made, alpn_h2, sizeof(alpn_h2)))
        return tls_out_of_memory(why);
    SSL_CTX_set_verify(made, SSL_VERIFY_PEER, NULL);
    int r = tls_trust(made, options->ca_file, why);
    if (r == 0)
        r = tls_present(made, options->cert_file, options->key_file, why);
    if (r)
        return err_trace(r);
    *tls = STEAL(made);
    return 0;
}

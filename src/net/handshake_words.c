/* SPDX-License-Identifier: Apache-2.0 */
#include "net/handshake_words.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "net/certificate.h"

/* OpenSSL gives an alert of the peer as a reason, its number moved by this. */
#define ALERT(number) (SSL_AD_REASON_OFFSET + (number))

#define NO_H2_SERVER "it does not offer HTTP/2 (ALPN 'h2')"
#define NO_H2_CLIENT "the server does not speak HTTP/2 over TLS (ALPN 'h2')"

static const struct {
    int reason;
    const char *on_server;
    const char *on_client;
} known_reasons[] = {
    {SSL_R_UNSUPPORTED_PROTOCOL, "it speaks no TLS from 1.2 on",
     "the server speaks no TLS from 1.2 on"},
    {SSL_R_NO_SHARED_CIPHER, "it offers no cipher that is allowed here", NULL},
    {SSL_R_CALLBACK_FAILED, NO_H2_SERVER, NULL}, /* by the check in tls.c */
    {SSL_R_NO_APPLICATION_PROTOCOL, NO_H2_SERVER, NULL},
    {SSL_R_WRONG_VERSION_NUMBER, NULL, "the server does not speak TLS there"},
    {SSL_R_HTTP_REQUEST, "it spoke plain HTTP to the TLS port", NULL},
    {ALERT(SSL_AD_NO_APPLICATION_PROTOCOL), NULL, NO_H2_CLIENT},
    {ALERT(SSL_AD_UNKNOWN_CA), "it does not know the CA of our certificate", NULL},
    {ALERT(SSL_AD_BAD_CERTIFICATE), "it refused our certificate", NULL},
    {ALERT(SSL_AD_CERTIFICATE_UNKNOWN), "it refused our certificate", NULL},
    {ALERT(SSL_AD_UNSUPPORTED_CERTIFICATE), "it refused our certificate's kind", NULL},
    {ALERT(SSL_AD_CERTIFICATE_EXPIRED), "it says that our certificate has expired", NULL},
    {ALERT(SSL_AD_PROTOCOL_VERSION), "it speaks no TLS from 1.2 on",
     "the server speaks no TLS from 1.2 on"},
};

static const char *words_for_reason(SSL *ssl, int reason) {
    for (size_t i = 0; i < ARRAY_LEN(known_reasons); i++) {
        if (known_reasons[i].reason == reason)
            return SSL_is_server(ssl) ? known_reasons[i].on_server : known_reasons[i].on_client;
    }
    return NULL;
}

static void words_for_wrong_name(SSL *ssl, struct err_text *why) {
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    const char *host = X509_VERIFY_PARAM_get0_host(param, 0);
    char *ip = host ? NULL : X509_VERIFY_PARAM_get1_ip_asc(param);
    const char *name = host ? host : ip;
    struct net_certificate shown;
    net_certificate_of_peer(ssl, &shown);
    err_say(why, "the server's certificate is not for '%s', but for %s",
            name ? name : "this address", shown.names[0] ? shown.names : "no name at all");
    OPENSSL_free(ip);
}

static void words_for_certificate(SSL *ssl, struct err_text *why) {
    long result = SSL_get_verify_result(ssl);
    switch (result) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        words_for_wrong_name(ssl, why);
        return;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        err_say(why, "the server's certificate is signed by no CA that is trusted here");
        return;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        err_say(why, "the server's certificate has expired (to renew it there: "
                     "make generate_certs RENEW=1)");
        return;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        err_say(why, "the server's certificate is not valid yet: is the clock right, here and "
                     "there?");
        return;
    default:
        err_say(why, "the server's certificate was refused: %s",
                X509_verify_cert_error_string(result));
    }
}

/* Without an error in OpenSSL's queue it was the socket: it ended or it broke. */
static void words_for_socket(SSL *ssl, int error, struct err_text *why) {
    const char *who = SSL_is_server(ssl) ? "it" : "the server";
    if (error == SSL_ERROR_SYSCALL && errno != 0)
        err_say(why, "the connection broke during the TLS handshake: %s", strerror(errno));
    else
        err_say(why, "%s hung up during the TLS handshake", who);
}

void handshake_words_for(SSL *ssl, int error, struct err_text *why) {
    if (error != SSL_ERROR_SSL) {
        words_for_socket(ssl, error, why);
        return;
    }
    unsigned long queued = ERR_peek_error();
    int reason = ERR_GET_REASON(queued);
    if (!SSL_is_server(ssl) && reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
        words_for_certificate(ssl, why);
        return;
    }
    const char *known = words_for_reason(ssl, reason);
    if (known) {
        err_say(why, "%s", known);
        return;
    }
    if (ERR_GET_LIB(queued) == ERR_LIB_SSL && reason > SSL_AD_REASON_OFFSET) {
        err_say(why, "%s ended the TLS handshake: %s", SSL_is_server(ssl) ? "it" : "the server",
                SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET));
        return;
    }
    const char *text = ERR_reason_error_string(queued);
    err_say(why, "the TLS handshake failed: %s", text ? text : "unknown reason");
}

void handshake_words_no_h2(SSL *ssl, struct err_text *why) {
    err_say(why, "%s", SSL_is_server(ssl) ? NO_H2_SERVER : NO_H2_CLIENT);
}

/* ---- gRFC A118 ---- */

static const struct {
    int reason;
    const char *result;
} results[] = {
    {SSL_R_UNSUPPORTED_PROTOCOL, "PROTOCOL_VERSION_UNSUPPORTED"},
    {SSL_R_VERSION_TOO_LOW, "PROTOCOL_VERSION_UNSUPPORTED"},
    {SSL_R_WRONG_VERSION_NUMBER, "PROTOCOL_VERSION_UNSUPPORTED"},
    {ALERT(SSL_AD_PROTOCOL_VERSION), "PROTOCOL_VERSION_UNSUPPORTED"},
    {SSL_R_NO_SHARED_CIPHER, "CIPHER_SUITE_MISMATCH"},
    {ALERT(SSL_AD_HANDSHAKE_FAILURE), "CIPHER_SUITE_MISMATCH"},
    {SSL_R_CALLBACK_FAILED, "NO_APPLICATION_PROTOCOL"}, /* by the check in tls.c */
    {SSL_R_NO_APPLICATION_PROTOCOL, "NO_APPLICATION_PROTOCOL"},
    {ALERT(SSL_AD_NO_APPLICATION_PROTOCOL), "NO_APPLICATION_PROTOCOL"},
    {SSL_R_INAPPROPRIATE_FALLBACK, "INAPPROPRIATE_FALLBACK"},
    {ALERT(SSL_AD_INAPPROPRIATE_FALLBACK), "INAPPROPRIATE_FALLBACK"},
    {ALERT(SSL_AD_UNKNOWN_CA), "CERTIFICATE_AUTHORITY_INVALID"},
    {ALERT(SSL_AD_BAD_CERTIFICATE), "CERTIFICATE_VERIFICATION_FAILED"},
    {ALERT(SSL_AD_CERTIFICATE_UNKNOWN), "CERTIFICATE_VERIFICATION_FAILED"},
    {ALERT(SSL_AD_UNSUPPORTED_CERTIFICATE), "CERTIFICATE_VERIFICATION_FAILED"},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, "CERTIFICATE_VERIFICATION_FAILED"},
    {ALERT(SSL_AD_CERTIFICATE_EXPIRED), "CERTIFICATE_EXPIRED"},
    {ALERT(SSL_AD_CERTIFICATE_REVOKED), "CERTIFICATE_REVOKED"},
    {SSL_R_BAD_SIGNATURE, "SIGNATURE_VERIFICATION_FAILED"},
    {ALERT(SSL_AD_DECRYPT_ERROR), "SIGNATURE_VERIFICATION_FAILED"},
    {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, "DECRYPTION_FAILED"},
    {ALERT(SSL_AD_BAD_RECORD_MAC), "DECRYPTION_FAILED"},
    {SSL_R_NO_SUITABLE_KEY_SHARE, "KEY_EXCHANGE_FAILURE"},
    {SSL_R_NO_SHARED_GROUPS, "KEY_EXCHANGE_FAILURE"},
    {SSL_R_BAD_KEY_SHARE, "KEY_EXCHANGE_FAILURE"},
    {SSL_R_HTTP_REQUEST, "UNEXPECTED_MESSAGE"},
    {SSL_R_UNEXPECTED_MESSAGE, "UNEXPECTED_MESSAGE"},
    {ALERT(SSL_AD_UNEXPECTED_MESSAGE), "UNEXPECTED_MESSAGE"},
};

static const char *result_for_certificate(long verified) {
    switch (verified) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return "CERTIFICATE_HOSTNAME_MISMATCH";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_CERT_UNTRUSTED:
        return "CERTIFICATE_AUTHORITY_INVALID";
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        return "SIGNATURE_VERIFICATION_FAILED";
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return "CERTIFICATE_EXPIRED";
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return "CERTIFICATE_NOT_YET_VALID";
    case X509_V_ERR_CERT_REVOKED:
        return "CERTIFICATE_REVOKED";
    default:
        return "CERTIFICATE_VERIFICATION_FAILED";
    }
}

const char *handshake_result_for(SSL *ssl, int error) {
    if (error != SSL_ERROR_SSL)
        return "PEER_CONNECTION_CLOSED";
    int reason = ERR_GET_REASON(ERR_peek_error());
    if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED)
        return result_for_certificate(SSL_get_verify_result(ssl));
    for (size_t i = 0; i < ARRAY_LEN(results); i++)
        if (results[i].reason == reason)
            return results[i].result;
    return "UNKNOWN_FAILURE";
}

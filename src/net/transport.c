/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading and writing, plain or by TLS. OpenSSL works on the socket itself: with read-ahead it
 * takes what is there in one read(2), and each SSL_write of at most NET_WRITE_SIZE bytes is one
 * record and one write(2).
 *
 * Two things save a system call in nearly every turn. A plain read that does not fill its buffer
 * has emptied the socket, and a TLS read after which OpenSSL holds no bytes has, too, or the poll
 * will tell: neither asks again to be told EAGAIN.
 *
 * The error queue of OpenSSL belongs to the thread, and SSL_get_error() looks at it: it is cleared
 * before each call, or one connection's failure would be seen at the next.
 */
#include "net/transport.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/handshake_words.h"

int transport_init(struct transport *transport, SSL_CTX *tls, enum transport_side side) {
    *transport = (struct transport){.fd = -1};
    if (!tls)
        return 0;
    transport->ssl = SSL_new(tls);
    if (!transport->ssl)
        return err_trace(-ENOMEM);
    if (side == TRANSPORT_SERVER)
        SSL_set_accept_state(transport->ssl);
    else
        SSL_set_connect_state(transport->ssl);
    return 0;
}

void transport_fini(struct transport *transport) {
    SSL_free(transport->ssl);
    if (transport->fd >= 0)
        close(transport->fd);
    *transport = (struct transport){.fd = -1};
}

int transport_expect(struct transport *transport, const char *server_name) {
    X509_VERIFY_PARAM *param = SSL_get0_param(transport->ssl);
    struct in6_addr ip;
    bool is_ip =
        inet_pton(AF_INET, server_name, &ip) == 1 || inet_pton(AF_INET6, server_name, &ip) == 1;
    if (is_ip)
        return X509_VERIFY_PARAM_set1_ip_asc(param, server_name) == 1 ? 0 : err_trace(-EINVAL);
    /* The server name indication is for DNS names only (RFC 6066 section 3). */
    bool ok = SSL_set_tlsext_host_name(transport->ssl, server_name) == 1 &&
              SSL_set1_host(transport->ssl, server_name) == 1;
    return ok ? 0 : err_trace(-EINVAL);
}

int transport_attach(struct transport *transport, int fd) {
    transport->fd = fd;
    if (transport->ssl && SSL_set_fd(transport->ssl, fd) != 1)
        return err_trace(-ENOMEM);
    return 0;
}

/* ---- handshake ---- */

/*
 * A TLS connection begins with a handshake record, whose first byte is 22 (RFC 8446 section 5.1).
 * Looking at it before OpenSSL takes it tells a client that speaks plaintext from one that is
 * broken.
 */
static int transport_check_first_byte(struct transport *transport, struct net_handshake *handshake,
                                      struct err_text *why) {
    static const char methods[] = "GPHDOCT"; /* GET, POST, PRI, PUT, HEAD, DELETE, ... */
    uint8_t first;
    ssize_t n = recv(transport->fd, &first, 1, MSG_PEEK);
    if (n < 0 && errno == EAGAIN)
        return TRANSPORT_E_WANTS_READ;
    if (n <= 0 || first == SSL3_RT_HANDSHAKE)
        return 0; /* an end or an error is for the handshake to find */
    handshake->result = "UNEXPECTED_MESSAGE";
    err_say(why, first && strchr(methods, first) ? "it spoke plain HTTP to the TLS port"
                                                 : "what it sent to the TLS port is not TLS");
    return -EPROTO;
}

static int transport_check_protocol(struct transport *transport, struct net_handshake *handshake,
                                    struct err_text *why) {
    const unsigned char *alpn;
    unsigned len;
    handshake->is_resumed = SSL_session_reused(transport->ssl);
    SSL_get0_alpn_selected(transport->ssl, &alpn, &len);
    if (bytes_equal_str(bytes_of(alpn, len), "h2")) {
        handshake->result = "SUCCESS";
        return 0;
    }
    handshake->result = "NO_APPLICATION_PROTOCOL";
    handshake_words_no_h2(transport->ssl, why);
    return -EPROTO;
}

int transport_handshake(struct transport *transport, struct net_handshake *handshake,
                        struct err_text *why) {
    *handshake = (struct net_handshake){0};
    if (!transport->ssl)
        return 0;
    if (SSL_is_server(transport->ssl) && SSL_in_before(transport->ssl)) {
        int r = transport_check_first_byte(transport, handshake, why);
        if (r)
            return r;
    }
    ERR_clear_error();
    errno = 0;
    int outcome = SSL_do_handshake(transport->ssl);
    if (outcome == 1)
        return transport_check_protocol(transport, handshake, why);
    int error = SSL_get_error(transport->ssl, outcome);
    if (error == SSL_ERROR_WANT_READ)
        return TRANSPORT_E_WANTS_READ;
    if (error == SSL_ERROR_WANT_WRITE)
        return TRANSPORT_E_WANTS_WRITE;
    handshake->result = handshake_result_for(transport->ssl, error);
    handshake_words_for(transport->ssl, error, why);
    return -EPROTO;
}

/* ---- reading and writing ---- */

static int transport_errno(const char *doing, struct err_text *why) {
    int r = errno ? -errno : -ECONNRESET;
    err_say(why, "%s failed: %s", doing, strerror(-r));
    return r;
}

static int transport_ssl_error(int error, const char *doing, struct err_text *why) {
    if (error == SSL_ERROR_SYSCALL)
        return transport_errno(doing, why);
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    err_say(why, "%s failed in TLS: %s", doing, reason ? reason : "unknown reason");
    return -EPROTO;
}

static int transport_read_plain(struct transport *transport, uint8_t *out, size_t cap, size_t *n,
                                struct err_text *why) {
    ssize_t got = recv(transport->fd, out, cap, 0);
    if (got == 0)
        return TRANSPORT_E_ENDED;
    if (got < 0)
        return errno == EAGAIN || errno == EINTR ? TRANSPORT_E_WANTS_READ
                                                 : transport_errno("reading", why);
    *n = (size_t)got;
    return *n == cap ? 0 : TRANSPORT_E_WANTS_READ;
}

static int transport_read_outcome(struct transport *transport, struct err_text *why) {
    int error = SSL_get_error(transport->ssl, 0);
    if (error == SSL_ERROR_WANT_READ)
        return TRANSPORT_E_WANTS_READ;
    if (error == SSL_ERROR_WANT_WRITE) /* the answer to a key update (RFC 8446 section 4.6.3) */
        return TRANSPORT_E_WANTS_WRITE;
    if (error == SSL_ERROR_ZERO_RETURN)
        return TRANSPORT_E_ENDED;
    return transport_ssl_error(error, "reading", why);
}

int transport_read(struct transport *transport, uint8_t *out, size_t cap, size_t *n,
                   struct err_text *why) {
    *n = 0;
    if (!transport->ssl)
        return transport_read_plain(transport, out, cap, n, why);
    while (*n < cap) { /* several records go up in one piece */
        size_t got;
        ERR_clear_error();
        errno = 0;
        if (SSL_read_ex(transport->ssl, out + *n, cap - *n, &got) != 1)
            return transport_read_outcome(transport, why);
        *n += got;
        if (!SSL_has_pending(transport->ssl))
            return TRANSPORT_E_WANTS_READ;
    }
    return 0;
}

static int transport_write_plain(struct transport *transport, struct bytes bytes, size_t *n,
                                 struct err_text *why) {
    ssize_t sent = send(transport->fd, bytes.data, bytes.len, MSG_NOSIGNAL);
    if (sent < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : transport_errno("writing", why);
    *n = (size_t)sent;
    return 0;
}

int transport_write(struct transport *transport, struct bytes bytes, size_t *n,
                    struct err_text *why) {
    *n = 0;
    if (!transport->ssl)
        return transport_write_plain(transport, bytes, n, why);
    ERR_clear_error();
    errno = 0;
    if (SSL_write_ex(transport->ssl, bytes.data, bytes.len, n) == 1)
        return 0;
    int error = SSL_get_error(transport->ssl, 0);
    /* It never wants to read: there is no renegotiation. */
    return error == SSL_ERROR_WANT_WRITE ? 0 : transport_ssl_error(error, "writing", why);
}

int transport_say_goodbye(struct transport *transport) {
    if (transport->ssl) {
        /*
         * These few bytes find room, or the peer misses them: HTTP/2 has its own end (GOAWAY) and
         * does not depend on them.
         */
        ERR_clear_error();
        (void)SSL_shutdown(transport->ssl);
    }
    return shutdown(transport->fd, SHUT_WR) ? -errno : 0;
}

int transport_discard(struct transport *transport, uint8_t *scratch, size_t cap) {
    ssize_t got = recv(transport->fd, scratch, cap, 0);
    if (got == 0)
        return TRANSPORT_E_ENDED;
    if (got > 0 || errno == EAGAIN || errno == EINTR)
        return TRANSPORT_E_WANTS_READ;
    return -errno;
}

int transport_take_error(struct transport *transport) {
    int error = 0;
    socklen_t len = sizeof(error);
    getsockopt(transport->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    return error ? -error : -ECONNRESET;
}

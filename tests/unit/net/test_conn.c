/* SPDX-License-Identifier: Apache-2.0 */
#include "net/conn.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loopback.h"
#include "net/conn_impl.h"
#include "net/limits.h"
#include "net/tls.h"
#include "unit.h"

#define MIB (UINT64_C(1) << 20)

static void assert_says(const char *text, const char *words) {
    if (!strstr(text, words))
        fail_msg("'%s' does not say '%s'", text, words);
}

/* ---- bytes ---- */

static void echo_through_tiny_buffers(struct loopback *loopback) {
    loopback->send_buffer_bytes = 4096;
    loopback->server.echoes = true;
    loopback->client.n_to_send = 10 * MIB;
    loopback_open(loopback);
    loopback_until(loopback, loopback->client.n_received == 10 * MIB);
    assert_int_equal(loopback->server.n_received, 10 * MIB);
    assert_false(loopback->server.is_garbled);
    assert_false(loopback->client.is_garbled);
}

static void test_plaintext_echoes_10_mib_through_tiny_send_buffers(void **state) {
    echo_through_tiny_buffers(*state);
}

static void test_tls_echoes_10_mib_through_tiny_send_buffers(void **state) {
    loopback_use_tls(*state);
    echo_through_tiny_buffers(*state);
}

static void test_tls_1_2_echoes_with_an_aead_cipher(void **state) {
    struct loopback *loopback = *state;
    loopback_use_tls(loopback);
    SSL_CTX_set_max_proto_version(loopback->client_tls, TLS1_2_VERSION);
    echo_through_tiny_buffers(loopback);
    const SSL *ssl = loopback->client.conn->transport.ssl;
    assert_string_equal(SSL_get_version(ssl), "TLSv1.2");
    assert_true(SSL_CIPHER_is_aead(SSL_get_current_cipher(ssl)));
    assert_says(SSL_get_cipher_name(ssl), "ECDHE");
}

static void test_tls_1_3_takes_the_cheapest_cipher(void **state) {
    struct loopback *loopback = *state;
    loopback_use_tls(loopback);
    loopback_open(loopback);
    const SSL *ssl = loopback->client.conn->transport.ssl;
    assert_string_equal(SSL_get_version(ssl), "TLSv1.3");
    assert_string_equal(SSL_get_cipher_name(ssl), "TLS_AES_128_GCM_SHA256");
}

/* More than one turn's share, all of it there at once: the poll does not tell of what OpenSSL
 * holds. */
static void test_what_tls_holds_beyond_a_turns_share_is_read_without_new_bytes(void **state) {
    struct loopback *loopback = *state;
    loopback_use_tls(loopback);
    loopback->client.n_to_send = 2 * MIB;
    loopback_open(loopback);
    loopback_until(loopback, loopback->server.n_received == 2 * MIB);
    assert_false(loopback->server.is_garbled);
}

static void test_a_message_costs_no_allocation_of_ours(void **state) {
    struct loopback *loopback = *state;
    loopback_use_tls(loopback);
    loopback_open(loopback);
    loopback_turn(loopback);
    fail_alloc_off();
    for (int i = 1; i <= 100; i++) {
        loopback->client.n_to_send += 50;
        net_conn_wake(loopback->client.conn);
        loopback_until(loopback, loopback->server.n_received == 50 * (uint64_t)i);
    }
    assert_int_equal(fail_alloc_count(), 0);
}

static void test_what_is_read_is_handed_on_before_the_turn_ends(void **state) {
    struct loopback *loopback = *state;
    loopback_open(loopback);
    loopback_turn(loopback);
    loopback->client.n_to_send = 3 * MIB;
    net_conn_wake(loopback->client.conn);
    while (loopback->server.n_received < 3 * MIB) {
        int n_turns = loopback->n_turns;
        uv_run(&loopback->loop.uv, UV_RUN_ONCE);
        assert_true(loopback->n_turns > n_turns);
    }
}

static void test_a_plain_turn_is_one_write_of_its_whole_share(void **state) {
    struct loopback *loopback = *state;
    loopback_open(loopback);
    loopback_turn(loopback);
    int n_filled = loopback->client.n_filled;
    loopback->client.n_to_send = NET_PLAIN_WRITE_SIZE - 1;
    net_conn_wake(loopback->client.conn);
    loopback_until(loopback, loopback->server.n_received == NET_PLAIN_WRITE_SIZE - 1);
    assert_int_equal(loopback->client.n_filled, n_filled + 1);
    assert_false(loopback->server.is_garbled);
}

static void wake_often(struct end *self) {
    for (int i = 0; i < 100; i++) {
        self->n_to_send += 10;
        net_conn_wake(self->conn);
    }
}

static void test_what_one_turn_causes_is_asked_for_once(void **state) {
    struct loopback *loopback = *state;
    loopback->server.on_received = wake_often;
    loopback_open(loopback);
    loopback_turn(loopback);
    int n_filled = loopback->server.n_filled;
    loopback->client.n_to_send = 1;
    net_conn_wake(loopback->client.conn);
    loopback_until(loopback, loopback->client.n_received == 1000);
    assert_int_equal(loopback->server.n_filled, n_filled + 1);
}

/* ---- the end ---- */

static void finish_after_sending(struct loopback *loopback, uint64_t n) {
    loopback->send_buffer_bytes = 4096;
    loopback_open(loopback);
    loopback->server.n_to_send = n;
    net_conn_finish(loopback->server.conn);
    loopback_until(loopback, loopback->server.n_closed && loopback->client.n_closed);
    assert_int_equal(loopback->client.n_received, n);
    assert_false(loopback->client.is_garbled);
    assert_string_equal(loopback->server.why, "");
    assert_string_equal(loopback->client.why, "");
}

static void test_finish_sends_everything_first(void **state) {
    finish_after_sending(*state, 3 * MIB);
}

static void test_finish_sends_everything_first_over_tls(void **state) {
    loopback_use_tls(*state);
    finish_after_sending(*state, 3 * MIB);
}

/* Closing a socket with unread bytes would reset it, and the reset would overtake what was sent. */
static void test_finish_loses_nothing_while_the_peer_still_sends(void **state) {
    struct loopback *loopback = *state;
    loopback->client.n_to_send = 64 * MIB;
    finish_after_sending(loopback, MIB);
}

static void test_finish_waits_a_moment_only_for_a_peer_that_stays(void **state) {
    struct loopback *loopback = *state;
    int raw = loopback_raw(loopback);
    loopback_until(loopback, loopback->server.n_opened);
    net_conn_finish(loopback->server.conn);
    loopback_turn(loopback);
    assert_int_equal(loopback->server.n_closed, 0);
    loopback_advance(loopback, NET_LINGER_TIMEOUT_S);
    assert_int_equal(loopback->server.n_closed, 1);
    assert_string_equal(loopback->server.why, "");
    close(raw);
}

static void abort_self(struct end *self) {
    net_conn_abort(self->conn, "had enough");
    net_conn_abort(self->conn, "had enough again");
    net_conn_wake(self->conn);
    net_conn_finish(self->conn);
    assert_int_equal(self->n_closed, 0);
}

static void test_abort_inside_received_closes_once_and_later(void **state) {
    struct loopback *loopback = *state;
    loopback_use_tls(loopback);
    loopback->server.on_received = abort_self;
    loopback->server.n_to_send = MIB;
    loopback_open(loopback);
    loopback->client.n_to_send = MIB;
    net_conn_wake(loopback->client.conn);
    loopback_until(loopback, loopback->server.n_closed && loopback->client.n_closed);
    loopback_turn(loopback);
    assert_int_equal(loopback->server.n_closed, 1);
    assert_string_equal(loopback->server.why, "had enough");
}

static void finish_self(struct end *self) {
    net_conn_finish(self->conn);
    self->on_received = NULL;
}

static void test_after_finish_nothing_is_received(void **state) {
    struct loopback *loopback = *state;
    loopback->server.on_received = finish_self;
    loopback_open(loopback);
    loopback->client.n_to_send = 5;
    net_conn_wake(loopback->client.conn);
    loopback_until(loopback, loopback->server.n_received == 5);
    loopback->client.n_to_send = 10;
    net_conn_wake(loopback->client.conn);
    loopback_until(loopback, loopback->server.n_closed && loopback->client.n_closed);
    assert_int_equal(loopback->server.n_received, 5);
}

/* A peer that sends the first 100 bytes of the pattern and then, at once, resets the connection. */
static void send_and_reset(struct loopback *loopback) {
    int raw = loopback_raw(loopback);
    loopback_until(loopback, loopback->server.n_opened);
    loopback_turn(loopback);
    uint8_t bytes[100];
    for (uint8_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = i;
    assert_int_equal(write(raw, bytes, sizeof(bytes)), sizeof(bytes));
    struct linger reset = {.l_onoff = 1};
    assert_int_equal(setsockopt(raw, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
    close(raw);
}

static void assert_all_came_before_the_end(struct loopback *loopback) {
    loopback_until(loopback, loopback->server.n_closed);
    assert_int_equal(loopback->server.n_received, 100);
    assert_false(loopback->server.is_garbled);
}

static void test_what_came_before_a_reset_is_received(void **state) {
    send_and_reset(*state);
    assert_all_came_before_the_end(*state);
}

static void test_a_failed_write_loses_nothing_that_came_before(void **state) {
    struct loopback *loopback = *state;
    send_and_reset(loopback);
    loopback->server.n_to_send = 10;
    net_conn_wake(loopback->server.conn); /* written before the poll tells of the reset */
    assert_all_came_before_the_end(loopback);
    assert_says(loopback->server.why, "writing failed: ");
}

static void test_a_reset_is_told_in_words_and_not_logged(void **state) {
    struct loopback *loopback = *state;
    send_and_reset(loopback);
    loopback_until(loopback, loopback->server.n_closed);
    assert_says(loopback->server.why, "reset by peer");
    assert_int_equal(loopback_n_lines, 0);
}

static void test_a_peer_that_hangs_up_is_an_orderly_end(void **state) {
    struct loopback *loopback = *state;
    close(loopback_raw(loopback));
    loopback_until(loopback, loopback->server.n_closed);
    assert_string_equal(loopback->server.why, "");
}

static void test_closing_the_loop_closes_every_connection(void **state) {
    struct loopback *loopback = *state;
    loopback_open(loopback);
    net_listener_close(loopback->listener);
    net_loop_close(&loopback->loop);
    net_loop_close(&loopback->loop);
    net_loop_run(&loopback->loop);
    assert_int_equal(loopback->server.n_closed, 1);
    assert_int_equal(loopback->client.n_closed, 1);
    loopback->listener = NULL;
}

static void assert_handshake(const struct end *end, const char *result) {
    assert_int_equal(end->n_handshaken, 1);
    assert_string_equal(end->handshake.result, result);
}

/* ---- time ---- */

static void test_a_silent_peer_has_10_s_for_the_handshake(void **state) {
    struct loopback *loopback = *state;
    loopback_use_tls(loopback);
    int raw = loopback_raw(loopback);
    loopback_advance(loopback, NET_HANDSHAKE_TIMEOUT_S - 1);
    assert_int_equal(loopback->server.n_closed, 0);
    loopback_advance(loopback, 1);
    assert_int_equal(loopback->server.n_closed, 1);
    assert_says(loopback->server.why, "not finished in time");
    assert_says(loopback_last_line, "was turned away: the TLS handshake was not finished in time");
    assert_string_equal(loopback->server.limit, "net.handshake_time");
    assert_handshake(&loopback->server, "HANDSHAKE_TIMEOUT");
    close(raw);
}

/* The server has more to say than the socket takes. */
static void fill_the_socket(struct loopback *loopback) {
    loopback_until(loopback, loopback->server.n_opened);
    loopback->server.n_to_send = 64 * MIB;
    net_conn_wake(loopback->server.conn);
    loopback_until(loopback, loopback->server.conn->events & UV_WRITABLE);
}

static void test_a_peer_that_takes_nothing_is_dropped_after_30_s(void **state) {
    struct loopback *loopback = *state;
    loopback->send_buffer_bytes = 4096;
    int raw = loopback_raw(loopback);
    fill_the_socket(loopback);
    loopback_turn(loopback);
    loopback_advance(loopback, NET_STALL_TIMEOUT_S - 1);
    assert_int_equal(loopback->server.n_closed, 0);
    loopback_advance(loopback, 1);
    assert_int_equal(loopback->server.n_closed, 1);
    assert_says(loopback->server.why, "took nothing");
    assert_string_equal(loopback->server.limit, "net.stall_time");
    assert_int_equal(loopback->server.n_handshaken, 0); /* without TLS */
    close(raw);
}

/* Reads all that has come, and tells whether the server could write something more since then. */
static bool took_some(struct loopback *loopback, int raw, size_t n_unsent) {
    char some[65536];
    while (read(raw, some, sizeof(some)) > 0)
        ;
    return buf_len(&loopback->server.conn->unsent) != n_unsent;
}

static void test_a_slow_peer_that_takes_something_is_kept(void **state) {
    struct loopback *loopback = *state;
    loopback->send_buffer_bytes = 4096;
    int raw = loopback_raw(loopback);
    fill_the_socket(loopback);
    for (int i = 0; i < 5; i++) {
        size_t n_unsent = buf_len(&loopback->server.conn->unsent);
        loopback_until(loopback, took_some(loopback, raw, n_unsent));
        loopback_advance(loopback, NET_STALL_TIMEOUT_S - 1);
    }
    assert_int_equal(loopback->server.n_closed, 0);
    close(raw);
}

/* Each update that is asked for makes the server write (RFC 8446 section 4.6.3), inside a read. */
static void ask_for_key_updates(struct loopback *loopback, SSL *ssl) {
    while (SSL_do_handshake(ssl) != 1)
        loopback_turn(loopback);
    loopback_until(loopback, loopback->server.n_opened);
    for (int i = 0; i < 20000 && !(loopback->server.conn->events & UV_WRITABLE); i++) {
        SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED);
        SSL_do_handshake(ssl);
        loopback_turn(loopback);
    }
    assert_true(loopback->server.conn->events & UV_WRITABLE);
}

static void test_a_read_that_waits_to_write_has_30_s_too(void **state) {
    struct loopback *loopback = *state;
    loopback_use_tls(loopback);
    loopback->send_buffer_bytes = 4096;
    int raw = loopback_raw(loopback);
    int small = 4096;
    setsockopt(raw, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    SSL *ssl = SSL_new(loopback->client_tls);
    SSL_set_fd(ssl, raw);
    SSL_set_connect_state(ssl);
    ask_for_key_updates(loopback, ssl);
    assert_int_equal(buf_len(&loopback->server.conn->unsent), 0);
    loopback_advance(loopback, NET_STALL_TIMEOUT_S - 1);
    assert_int_equal(loopback->server.n_closed, 0);
    loopback_advance(loopback, 1);
    assert_int_equal(loopback->server.n_closed, 1);
    SSL_free(ssl);
    close(raw);
}

static void test_an_idle_connection_is_kept_and_ticks(void **state) {
    struct loopback *loopback = *state;
    loopback_open(loopback);
    int n_ticked = loopback->server.n_ticked;
    loopback_advance(loopback, 3600);
    assert_true(loopback->server.n_ticked > n_ticked);
    assert_int_equal(loopback->server.n_closed, 0);
}

/* ---- who is turned away ---- */

static void assert_plain_bytes_are_refused(void **state, const char *bytes, const char *words) {
    struct loopback *loopback = *state;
    loopback_use_tls(loopback);
    int raw = loopback_raw(loopback);
    assert_int_equal(write(raw, bytes, strlen(bytes)), strlen(bytes));
    loopback_until(loopback, loopback->server.n_closed);
    assert_int_equal(loopback->server.n_opened, 0);
    assert_int_equal(loopback_n_lines, 1);
    assert_says(loopback_last_line, "127.0.0.1:");
    assert_says(loopback_last_line, words);
    close(raw);
}

static void test_plain_http_on_the_tls_port_is_turned_away(void **state) {
    assert_plain_bytes_are_refused(state, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                                   "was turned away: it spoke plain HTTP to the TLS port");
    assert_handshake(&((struct loopback *)*state)->server, "UNEXPECTED_MESSAGE");
}

static void test_other_bytes_on_the_tls_port_are_turned_away(void **state) {
    assert_plain_bytes_are_refused(state, "\x01\x02\x03\x04", "to the TLS port is not TLS");
}

static void test_a_broken_client_hello_is_turned_away(void **state) {
    assert_plain_bytes_are_refused(state, "\x16\x03\x01\xff\xff garbage", "was turned away: ");
}

static void test_a_peer_that_hangs_up_in_the_handshake_is_logged(void **state) {
    struct loopback *loopback = *state;
    loopback_use_tls(loopback);
    close(loopback_raw(loopback));
    loopback_until(loopback, loopback->server.n_closed);
    assert_says(loopback_last_line, "was turned away: it hung up during the TLS handshake");
    assert_handshake(&loopback->server, "PEER_CONNECTION_CLOSED");
}

static void test_refusals_are_logged_a_few_at_once_and_then_counted(void **state) {
    struct loopback *loopback = *state;
    loopback_use_tls(loopback);
    for (int i = 0; i < NET_REFUSAL_LOG_BURST + 5; i++) {
        close(loopback_raw(loopback));
        loopback_until(loopback, loopback->server.n_closed);
    }
    assert_int_equal(loopback_n_lines, NET_REFUSAL_LOG_BURST);
    loopback_advance(loopback, 1);
    close(loopback_raw(loopback));
    loopback_until(loopback, loopback->server.n_closed);
    assert_int_equal(loopback_n_lines, NET_REFUSAL_LOG_BURST + 1);
    assert_says(loopback_last_line, "(and 5 more before it)");
}

/* RFC 9113 appendix A forbids those of TLS 1.2 that are not AEAD; OpenSSL's defaults have them. */
static void test_a_client_without_an_aead_cipher_is_turned_away(void **state) {
    struct loopback *loopback = *state;
    loopback_use_tls(loopback);
    SSL_CTX_set_max_proto_version(loopback->client_tls, TLS1_2_VERSION);
    assert_int_equal(SSL_CTX_set_cipher_list(loopback->client_tls, "ECDHE-ECDSA-AES128-SHA256"), 1);
    loopback_connect(loopback);
    loopback_until(loopback, loopback->client.n_closed || loopback->client.n_opened);
    assert_int_equal(loopback->client.n_opened, 0);
    loopback_until(loopback, loopback->server.n_closed);
    assert_says(loopback_last_line, "was turned away: it offers no cipher that is allowed here");
    assert_handshake(&loopback->server, "CIPHER_SUITE_MISMATCH");
}

/* A client of the test's own, with OpenSSL's defaults and the ALPN it is given (NULL: none). */
static int alert_for_alpn(struct loopback *loopback, const char *alpn) {
    int raw = loopback_raw(loopback);
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(tls);
    SSL_set_fd(ssl, raw);
    if (alpn)
        SSL_set_alpn_protos(ssl, (const unsigned char *)alpn, (unsigned)strlen(alpn));
    int alert = 0;
    SSL_connect(ssl);
    loopback_until(loopback, loopback->server.n_closed);
    char record[16];
    if (recv(raw, record, sizeof(record), 0) == 7 && record[0] == SSL3_RT_ALERT)
        alert = record[6];
    SSL_free(ssl);
    SSL_CTX_free(tls);
    close(raw);
    return alert;
}

static void test_a_client_without_alpn_gets_the_alert_for_it(void **state) {
    struct loopback *loopback = *state;
    loopback_use_tls(loopback);
    assert_int_equal(alert_for_alpn(loopback, NULL), SSL_AD_NO_APPLICATION_PROTOCOL);
    assert_says(loopback_last_line, "was turned away: it does not offer HTTP/2 (ALPN 'h2')");
    assert_handshake(&loopback->server, "NO_APPLICATION_PROTOCOL");
}

static void test_a_client_with_another_alpn_gets_the_alert_for_it(void **state) {
    struct loopback *loopback = *state;
    loopback_use_tls(loopback);
    assert_int_equal(alert_for_alpn(loopback, "\x08http/1.1"), SSL_AD_NO_APPLICATION_PROTOCOL);
    assert_says(loopback_last_line, "was turned away: it does not offer HTTP/2 (ALPN 'h2')");
    assert_handshake(&loopback->server, "NO_APPLICATION_PROTOCOL");
}

/* After the handshake: a record that no key opens, and at once a reset. */
static void send_record_and_reset(struct loopback *loopback) {
    static const uint8_t record[] = {SSL3_RT_APPLICATION_DATA, 3, 3, 0, 20, [24] = 0};
    const struct linger reset = {.l_onoff = 1};
    int raw = loopback_raw(loopback);
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(tls);
    SSL_set_fd(ssl, raw);
    SSL_set_alpn_protos(ssl, (const unsigned char *)"\x02h2", 3);
    while (SSL_connect(ssl) != 1)
        loopback_turn(loopback);
    loopback_until(loopback, loopback->server.n_opened);
    assert_int_equal(write(raw, record, sizeof(record)), sizeof(record));
    assert_int_equal(setsockopt(raw, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
    close(raw);
    SSL_free(ssl);
    SSL_CTX_free(tls);
}

static void test_the_last_word_in_tls_tells_more_than_a_reset(void **state) {
    struct loopback *loopback = *state;
    loopback_use_tls(loopback);
    send_record_and_reset(loopback);
    loopback_until(loopback, loopback->server.n_closed);
    assert_says(loopback->server.why, "reading failed in TLS: decryption failed");
}

/* ---- the client's checks ---- */

static void assert_connecting_fails(struct loopback *loopback, const char *words) {
    loopback_connect(loopback);
    loopback_until(loopback, loopback->client.n_closed);
    assert_int_equal(loopback->client.n_opened, 0);
    assert_says(loopback->client.why, words);
}

static void test_a_certificate_for_another_name_is_refused(void **state) {
    struct loopback *loopback = *state;
    loopback_use_tls(loopback);
    loopback->server_name = "example.org";
    assert_connecting_fails(loopback,
                            "the server's certificate is not for 'example.org', but for localhost, "
                            "127.0.0.1, ::1");
    loopback_until(loopback, loopback->server.n_closed);
    assert_says(loopback_last_line, "was turned away: it refused our certificate");
    assert_handshake(&loopback->client, "CERTIFICATE_HOSTNAME_MISMATCH");
    assert_handshake(&loopback->server, "CERTIFICATE_VERIFICATION_FAILED");
}

static void test_a_certificate_for_another_ip_address_is_refused(void **state) {
    struct loopback *loopback = *state;
    loopback_use_tls(loopback);
    loopback->server_name = "127.0.0.2";
    assert_connecting_fails(loopback,
                            "the server's certificate is not for '127.0.0.2', but for localhost, "
                            "127.0.0.1, ::1");
}

/* Words are for a terminal, and the names may be anyone's. */
static void test_names_of_a_refused_certificate_are_bounded_and_printable(void **state) {
    struct loopback *loopback = *state;
    struct err_text why;
    loopback_use_tls(loopback);
    SSL_CTX_free(loopback->server_tls);
    assert_int_equal(net_tls_server_new(loopback->certs.odd, loopback->certs.key,
                                        &loopback->server_tls, NULL, &why),
                     0);
    assert_connecting_fails(loopback, "not for 'localhost', but for ?[31mred, 0.example.org, 1.");
    assert_says(loopback->client.why, "org ...");
    assert_true(strlen(loopback->client.why) < 400);
}

static void test_a_certificate_may_name_an_ip_address(void **state) {
    struct loopback *loopback = *state;
    loopback_use_tls(loopback);
    loopback->server_name = "::1";
    loopback_open(loopback);
    assert_null(
        SSL_get_servername(loopback->server.conn->transport.ssl, TLSEXT_NAMETYPE_host_name));
    assert_handshake(&loopback->server, "SUCCESS");
    assert_handshake(&loopback->client, "SUCCESS");
    assert_false(loopback->server.handshake.is_resumed);
}

static void test_a_certificate_of_an_unknown_ca_is_refused(void **state) {
    struct loopback *loopback = *state;
    struct err_text why;
    loopback_use_tls(loopback);
    SSL_CTX_free(loopback->client_tls);
    const struct net_tls_client_options client = {.ca_file = loopback->certs.other_ca};
    assert_int_equal(net_tls_client_new(&client, &loopback->client_tls, &why), 0);
    assert_connecting_fails(loopback, "signed by no CA that is trusted here");
    loopback_until(loopback, loopback->server.n_closed);
    assert_says(loopback_last_line, "was turned away: it does not know the CA of our certificate");
    assert_handshake(&loopback->client, "CERTIFICATE_AUTHORITY_INVALID");
    assert_handshake(&loopback->server, "CERTIFICATE_AUTHORITY_INVALID");
}

/* check: parameters: the signature is OpenSSL's */
static int take_no_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                            const unsigned char *offered, unsigned offered_len, void *user) {
    (void)ssl, (void)out, (void)out_len, (void)offered, (void)offered_len, (void)user;
    return SSL_TLSEXT_ERR_NOACK;
}

static void test_a_server_that_ignores_alpn_is_refused(void **state) {
    struct loopback *loopback = *state;
    loopback_use_tls(loopback);
    SSL_CTX_set_alpn_select_cb(loopback->server_tls, take_no_protocol, NULL);
    assert_connecting_fails(loopback, "the server does not speak HTTP/2 over TLS");
    assert_handshake(&loopback->client, "NO_APPLICATION_PROTOCOL");
}

static void test_a_server_without_tls_is_named_so(void **state) {
    struct loopback *loopback = *state;
    loopback_use_tls(loopback);
    SSL_CTX_free(loopback->server_tls);
    loopback->server_tls = NULL;
    loopback->server.n_to_send = 100; /* bytes that are not TLS */
    assert_connecting_fails(loopback, "the server does not speak TLS there");
}

static void test_a_refused_connection_names_the_server(void **state) {
    struct loopback *loopback = *state;
    uint16_t port = net_listener_port(loopback->listener);
    net_listener_close(loopback->listener);
    loopback_turn(loopback);
    loopback->listener = NULL;
    struct net_target target = {.address = {"127.0.0.1", port}};
    /* The loopback's client, but to a port that nobody listens on any more. */
    loopback_connect_to(loopback, &target);
    loopback_until(loopback, loopback->client.n_closed);
    assert_says(loopback->client.why, "cannot connect to 127.0.0.1 port ");
    assert_says(loopback->client.why, "connection refused");
}

static void test_every_address_of_a_name_is_tried(void **state) {
    struct loopback *loopback = *state;
    struct net_target target = {.address = {"localhost", net_listener_port(loopback->listener)}};
    loopback_connect_to(loopback, &target); /* ::1 may come first; the server is on 127.0.0.1 */
    loopback_until(loopback, loopback->client.n_opened);
    assert_says(net_conn_peer(loopback->client.conn), "127.0.0.1:");
}

static void test_an_unknown_name_is_told_in_words(void **state) {
    struct loopback *loopback = *state;
    struct net_target target = {.address = {"no such name", 1}};
    loopback_connect_to(loopback, &target);
    loopback_until(loopback, loopback->client.n_closed);
    assert_says(loopback->client.why, "cannot connect to no such name port 1: ");
}

static void test_aborting_while_the_name_is_resolved_closes_once(void **state) {
    struct loopback *loopback = *state;
    loopback_connect(loopback);
    net_conn_abort(loopback->client.conn, "never mind");
    assert_int_equal(loopback->client.n_closed, 0);
    loopback_until(loopback, loopback->client.n_closed);
    assert_string_equal(loopback->client.why, "never mind");
}

/* ---- no memory ---- */

static void test_out_of_memory_while_connecting_is_an_error(void **state) {
    struct loopback *loopback = *state;
    struct net_target target = {.address = {"127.0.0.1", 1}};
    for (size_t n = 1; n <= 2; n++) {
        fail_alloc_at(n);
        assert_int_equal(loopback_try_connect(loopback, &target), -ENOMEM);
        fail_alloc_off();
    }
    assert_int_equal(loopback->loop.n_conns, 0);
}

static void test_out_of_memory_for_unsent_bytes_closes_the_connection(void **state) {
    struct loopback *loopback = *state;
    loopback->send_buffer_bytes = 4096;
    int raw = loopback_raw(loopback);
    loopback_until(loopback, loopback->server.n_opened);
    loopback->server.n_to_send = 64 * MIB;
    net_conn_wake(loopback->server.conn);
    fail_alloc_at(1);
    loopback_until(loopback, loopback->server.n_closed);
    assert_string_equal(loopback->server.why, "out of memory");
    close(raw);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, loopback_setup, loopback_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(test_plaintext_echoes_10_mib_through_tiny_send_buffers),
        CASE(test_tls_echoes_10_mib_through_tiny_send_buffers),
        CASE(test_tls_1_2_echoes_with_an_aead_cipher),
        CASE(test_tls_1_3_takes_the_cheapest_cipher),
        CASE(test_what_tls_holds_beyond_a_turns_share_is_read_without_new_bytes),
        CASE(test_a_message_costs_no_allocation_of_ours),
        CASE(test_what_is_read_is_handed_on_before_the_turn_ends),
        CASE(test_a_plain_turn_is_one_write_of_its_whole_share),
        CASE(test_what_one_turn_causes_is_asked_for_once),
        CASE(test_finish_sends_everything_first),
        CASE(test_finish_sends_everything_first_over_tls),
        CASE(test_finish_loses_nothing_while_the_peer_still_sends),
        CASE(test_finish_waits_a_moment_only_for_a_peer_that_stays),
        CASE(test_abort_inside_received_closes_once_and_later),
        CASE(test_after_finish_nothing_is_received),
        CASE(test_what_came_before_a_reset_is_received),
        CASE(test_a_failed_write_loses_nothing_that_came_before),
        CASE(test_a_reset_is_told_in_words_and_not_logged),
        CASE(test_a_peer_that_hangs_up_is_an_orderly_end),
        CASE(test_closing_the_loop_closes_every_connection),
        CASE(test_a_silent_peer_has_10_s_for_the_handshake),
        CASE(test_a_peer_that_takes_nothing_is_dropped_after_30_s),
        CASE(test_a_slow_peer_that_takes_something_is_kept),
        CASE(test_a_read_that_waits_to_write_has_30_s_too),
        CASE(test_an_idle_connection_is_kept_and_ticks),
        CASE(test_plain_http_on_the_tls_port_is_turned_away),
        CASE(test_other_bytes_on_the_tls_port_are_turned_away),
        CASE(test_a_broken_client_hello_is_turned_away),
        CASE(test_a_peer_that_hangs_up_in_the_handshake_is_logged),
        CASE(test_refusals_are_logged_a_few_at_once_and_then_counted),
        CASE(test_a_client_without_an_aead_cipher_is_turned_away),
        CASE(test_a_client_without_alpn_gets_the_alert_for_it),
        CASE(test_a_client_with_another_alpn_gets_the_alert_for_it),
        CASE(test_the_last_word_in_tls_tells_more_than_a_reset),
        CASE(test_a_certificate_for_another_name_is_refused),
        CASE(test_a_certificate_for_another_ip_address_is_refused),
        CASE(test_names_of_a_refused_certificate_are_bounded_and_printable),
        CASE(test_a_certificate_may_name_an_ip_address),
        CASE(test_a_certificate_of_an_unknown_ca_is_refused),
        CASE(test_a_server_that_ignores_alpn_is_refused),
        CASE(test_a_server_without_tls_is_named_so),
        CASE(test_a_refused_connection_names_the_server),
        CASE(test_every_address_of_a_name_is_tried),
        CASE(test_an_unknown_name_is_told_in_words),
        CASE(test_aborting_while_the_name_is_resolved_closes_once),
        CASE(test_out_of_memory_while_connecting_is_an_error),
        CASE(test_out_of_memory_for_unsent_bytes_closes_the_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

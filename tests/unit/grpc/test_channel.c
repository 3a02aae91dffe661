/* SPDX-License-Identifier: Apache-2.0 */
/* The connections of a channel and the calls that wait for them: src/grpc/channel.c,
 * channel_conn.c. */
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "channel_fixture.h"
#include "grpc/limits.h"
#include "http2/limits.h"
#include "net/tls.h"
#include "unit.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

static void wait_for_ready(struct told *told, struct fixture *fixture, const char *path) {
    told_start_with(told, fixture,
                    &(struct grpc_call_options){.path = path, .waits_for_ready = true});
}

/* ---- states ---- */

static void test_channel_connects_at_the_first_call(void **state) {
    struct fixture *fixture = *state;
    struct told told = {0};
    assert_int_equal(fixture->channel->state, CHANNEL_IDLE);
    fixture_turn(fixture);
    assert_int_equal(fixture->peer.n_accepted, 0);
    told_start(&told, fixture, "/echo");
    assert_int_equal(fixture->channel->state, CHANNEL_CONNECTING);
    assert_false(grpc_channel_was_ready(fixture->channel));
    grpc_client_call_half_close(told.call);
    told_wait(&told);
    assert_int_equal(fixture->channel->state, CHANNEL_READY);
    assert_true(grpc_channel_was_ready(fixture->channel));
}

static void test_attempt_has_a_limit(void **state) {
    struct fixture *fixture = *state;
    struct told told = {0};
    told_start(&told, fixture, "/echo");
    uv_timer_t *timer = &fixture->channel->state_timer;
    assert_in_range(uv_timer_get_due_in(timer), 19000, 20000);
    timer->timer_cb(timer);
    told_wait(&told);
    assert_status(&told, GRPC_UNAVAILABLE, NULL);
    assert_non_null(strstr(told.text, "the server did not answer in time"));
    assert_int_equal(fixture->channel->state, CHANNEL_BACKING_OFF);
}

static uint64_t late_ns;

static uint64_t late_clock(void) {
    return late_ns;
}

static void test_server_without_settings_is_given_up(void **state) {
    struct fixture *fixture = *state;
    struct told told = {0};
    fixture->peer.is_mute = true;
    told_start(&told, fixture, "/echo");
    while (!fixture->channel->current->session)
        fixture_turn(fixture);
    late_ns = fixture->loop.now_ns + H2_SETTINGS_TIMEOUT_S * NS_PER_S;
    fixture->loop.clock = late_clock;
    net_loop_tick(&fixture->loop);
    told_wait(&told);
    assert_status(&told, GRPC_UNAVAILABLE, NULL);
    assert_non_null(strstr(told.text, "cannot connect to 127.0.0.1"));
    assert_non_null(strstr(told.text, "no HTTP/2 SETTINGS in time"));
}

static void test_refused_connection_fails_the_calls_with_its_words(void **state) {
    struct fixture *fixture = *state;
    struct told waiting = {0}, late = {0};
    peer_stop_listening(&fixture->peer);
    fixture_turn(fixture);
    told_start(&waiting, fixture, "/echo");
    told_wait(&waiting);
    assert_status(&waiting, GRPC_UNAVAILABLE, NULL);
    assert_non_null(strstr(waiting.text, "cannot connect to 127.0.0.1"));
    assert_non_null(strstr(waiting.text, "connection refused"));
    assert_int_equal(fixture->channel->state, CHANNEL_BACKING_OFF);
    told_start(&late, fixture, "/echo");
    told_wait(&late);
    assert_status(&late, GRPC_UNAVAILABLE, waiting.text);
    assert_false(grpc_channel_was_ready(fixture->channel));
}

static void test_backoff_grows_and_starts_anew_when_the_server_is_back(void **state) {
    struct fixture *fixture = *state;
    struct told told = {0};
    uint16_t port = fixture->peer.port;
    peer_stop_listening(&fixture->peer);
    fixture_turn(fixture);
    wait_for_ready(&told, fixture, "/echo");
    told_send(&told, "kept");
    grpc_client_call_half_close(told.call);
    for (unsigned n = 1; n <= 3; n++) {
        fixture_run_to(fixture, CHANNEL_BACKING_OFF);
        uint64_t least_ms[] = {0, 800, 1280, 2048};
        uint64_t due_ms = uv_timer_get_due_in(&fixture->channel->state_timer);
        assert_in_range(due_ms, least_ms[n] - 100, least_ms[n] * 3 / 2);
        assert_int_equal(fixture->channel->n_failed, n);
        fixture_end_backoff(fixture);
        assert_int_equal(fixture->channel->state, CHANNEL_CONNECTING);
    }
    fixture_run_to(fixture, CHANNEL_BACKING_OFF);
    peer_start(&fixture->peer, port);
    fixture_end_backoff(fixture);
    told_wait(&told);
    assert_status(&told, GRPC_OK, "");
    assert_last(&told, "kept");
    assert_int_equal(fixture->channel->n_failed, 0);
}

static void test_deadline_passes_while_a_call_waits_for_ready(void **state) {
    struct fixture *fixture = *state;
    struct told failed = {0}, told = {0};
    peer_stop_listening(&fixture->peer);
    fixture_turn(fixture);
    told_start(&failed, fixture, "/echo");
    told_wait(&failed);
    told_start_with(&told, fixture,
                    &(struct grpc_call_options){.path = "/echo",
                                                .timeout_ns = UINT64_C(20) * 1000000,
                                                .waits_for_ready = true});
    told_wait(&told);
    assert_status(&told, GRPC_DEADLINE_EXCEEDED, NULL);
    assert_non_null(strstr(told.text, "connection refused"));
    assert_int_equal(fixture->channel->n_waiting, 0);
}

/* ---- the connection ends ---- */

static void test_calls_of_a_closed_connection_are_unavailable(void **state) {
    struct fixture *fixture = *state;
    struct told told = {0}, next = {0};
    told_start(&told, fixture, "/echo");
    told_send(&told, "on its way");
    fixture_run(fixture, &told.n_messages, 1);
    peer_drop(&fixture->peer);
    told_wait(&told);
    assert_status(&told, GRPC_UNAVAILABLE, NULL);
    assert_non_null(strstr(told.text, "127.0.0.1"));
    if (fixture->channel->state == CHANNEL_BACKING_OFF)
        fixture_end_backoff(fixture);
    told_call(&next, fixture, "/echo", "again");
    assert_status(&next, GRPC_OK, "");
    assert_int_equal(fixture->peer.n_accepted, 2);
}

static void test_goaway_lets_calls_finish_and_sends_new_ones_elsewhere(void **state) {
    struct fixture *fixture = *state;
    struct told old = {0}, new = {0};
    told_start(&old, fixture, "/echo");
    told_send(&old, "before");
    fixture_run(fixture, &old.n_messages, 1);
    peer_drain(&fixture->peer);
    fixture_run_to(fixture, CHANNEL_IDLE);
    assert_non_null(fixture->channel->draining);
    told_call(&new, fixture, "/echo", "new");
    assert_status(&new, GRPC_OK, "");
    assert_int_equal(fixture->peer.n_accepted, 2);
    told_send(&old, "after");
    grpc_client_call_half_close(old.call);
    told_wait(&old);
    assert_status(&old, GRPC_OK, "");
    assert_last(&old, "after");
    while (fixture->channel->n_conns > 1)
        fixture_turn(fixture);
    assert_null(fixture->channel->draining);
}

/* It has never left, so it does not matter that this server is going away. */
static void test_waiting_call_moves_to_the_next_connection(void **state) {
    struct fixture *fixture = *state;
    struct told running = {0}, waiting = {0};
    fixture->peer.max_streams = 1;
    told_start(&running, fixture, "/echo");
    told_send(&running, "on");
    fixture_run(fixture, &running.n_messages, 1);
    told_start(&waiting, fixture, "/echo");
    told_send(&waiting, "moved");
    grpc_client_call_half_close(waiting.call);
    fixture_turn(fixture);
    assert_int_equal(fixture->channel->n_waiting, 1);
    peer_drain(&fixture->peer);
    told_wait(&waiting);
    assert_status(&waiting, GRPC_OK, "");
    assert_last(&waiting, "moved");
    assert_int_equal(fixture->peer.n_accepted, 2);
    grpc_client_call_half_close(running.call);
    told_wait(&running);
    assert_status(&running, GRPC_OK, "");
}

static void test_close_ends_the_draining_connection_too(void **state) {
    struct fixture *fixture = *state;
    struct told told = {0};
    told_start(&told, fixture, "/echo");
    told_send(&told, "on");
    fixture_run(fixture, &told.n_messages, 1);
    peer_drain(&fixture->peer);
    fixture_run_to(fixture, CHANNEL_IDLE);
    grpc_channel_close(STEAL(fixture->channel));
    assert_status(&told, GRPC_CANCELLED, "the channel was closed");
    fixture_run(fixture, &fixture->peer.n_closed, 1);
}

static void test_second_goaway_ends_the_older_connection(void **state) {
    struct fixture *fixture = *state;
    struct told told[2] = {0};
    for (size_t i = 0; i < 2; i++) {
        told_start(&told[i], fixture, "/echo");
        told_send(&told[i], "on");
        fixture_run(fixture, &told[i].n_messages, 1);
        peer_drain(&fixture->peer);
        fixture_run_to(fixture, CHANNEL_IDLE);
    }
    told_wait(&told[0]);
    assert_status(&told[0], GRPC_UNAVAILABLE, "the server ended the connection");
    grpc_client_call_half_close(told[1].call);
    told_wait(&told[1]);
    assert_status(&told[1], GRPC_OK, "");
}

/* A connection that ends before it carried what waits must not be made again at once. */
static void test_backoff_that_is_reset_connects_at_once_and_starts_anew(void **state) {
    struct fixture *fixture = *state;
    struct told told[3] = {0};
    uint16_t port = fixture->peer.port;
    grpc_channel_reset_backoff(fixture->channel);
    assert_int_equal(fixture->channel->state, CHANNEL_IDLE);
    peer_stop_listening(&fixture->peer);
    fixture_turn(fixture);
    told_call(&told[0], fixture, "/echo", "");
    for (unsigned n = 1; n <= 3; n++) {
        fixture_run_to(fixture, CHANNEL_BACKING_OFF);
        assert_int_equal(fixture->channel->n_failed, 1);
        grpc_channel_reset_backoff(fixture->channel);
        assert_int_equal(fixture->channel->state, CHANNEL_CONNECTING);
    }
    told_call(&told[1], fixture, "/echo", "");
    assert_int_equal(told[1].status, GRPC_UNAVAILABLE);
    peer_start(&fixture->peer, port);
    grpc_channel_reset_backoff(fixture->channel);
    told_call(&told[2], fixture, "/echo", "back");
    assert_status(&told[2], GRPC_OK, "");
}

static void test_server_that_only_says_goaway_is_backed_off_from(void **state) {
    struct fixture *fixture = *state;
    struct told told = {0};
    fixture->peer.takes_no_calls = true;
    wait_for_ready(&told, fixture, "/echo");
    fixture_run_to(fixture, CHANNEL_BACKING_OFF);
    assert_int_equal(fixture->peer.n_accepted, 1);
    assert_int_equal(told.n_status, 0);
    fixture->peer.takes_no_calls = false;
    fixture_end_backoff(fixture);
    grpc_client_call_half_close(told.call);
    told_wait(&told);
    assert_status(&told, GRPC_OK, "");
}

static void test_last_stream_number_brings_a_new_connection(void **state) {
    struct fixture *fixture = *state;
    struct told told[3] = {0};
    told_call(&told[0], fixture, "/echo", "first");
    fixture->channel->current->n_opened = GRPC_CONN_MAX_CALLS - 1;
    told_call(&told[1], fixture, "/echo", "last of its connection");
    told_call(&told[2], fixture, "/echo", "first of the next");
    for (size_t i = 0; i < 3; i++)
        assert_status(&told[i], GRPC_OK, "");
    assert_int_equal(fixture->peer.n_accepted, 2);
}

/* ---- waiting ---- */

static void test_calls_beyond_the_stream_limit_wait_and_succeed(void **state) {
    struct fixture *fixture = *state;
    struct told told[10] = {0};
    fixture->peer.max_streams = 1;
    for (size_t i = 0; i < ARRAY_LEN(told); i++) {
        told_start(&told[i], fixture, "/echo");
        told_send(&told[i], "one at a time");
        grpc_client_call_half_close(told[i].call);
    }
    for (size_t i = 0; i < ARRAY_LEN(told); i++) {
        told_wait(&told[i]);
        assert_status(&told[i], GRPC_OK, "");
        assert_last(&told[i], "one at a time");
    }
    assert_int_equal(fixture->peer.most_running, 1);
    assert_int_equal(fixture->peer.n_accepted, 1);
}

static void test_too_many_waiting_calls_are_refused(void **state) {
    struct fixture *fixture = *state;
    struct told *told = test_calloc(GRPC_CHANNEL_MAX_WAITING + 1, sizeof(*told));
    for (size_t i = 0; i <= GRPC_CHANNEL_MAX_WAITING; i++)
        told_start(&told[i], fixture, "/silent");
    struct told *last = &told[GRPC_CHANNEL_MAX_WAITING];
    told_wait(last);
    assert_status(last, GRPC_RESOURCE_EXHAUSTED, NULL);
    assert_non_null(strstr(last->text, "10000 calls already wait"));
    grpc_channel_close(STEAL(fixture->channel));
    for (size_t i = 0; i < GRPC_CHANNEL_MAX_WAITING; i++)
        assert_status(&told[i], GRPC_CANCELLED, "the channel was closed");
    test_free(told);
}

static void test_unsent_messages_are_bounded(void **state) {
    struct told told = {0};
    uint8_t *room;
    told_start(&told, *state, "/silent");
    assert_int_equal(grpc_client_call_reserve(told.call, GRPC_MAX_MESSAGE, &room), 0);
    grpc_client_call_commit(told.call);
    assert_true(grpc_client_call_is_busy(told.call));
    assert_int_equal(grpc_client_call_reserve(told.call, GRPC_MAX_MESSAGE, &room), -ENOBUFS);
    grpc_client_call_cancel(told.call);
    told_wait(&told);
    assert_status(&told, GRPC_CANCELLED, NULL);
}

/* Each call's messages fit into its own buffer, all of them not into a connection's queue. */
static void test_connection_that_cannot_queue_all_that_waited_fails_the_last(void **state) {
    struct told told[H2_MAX_CONNECTION_QUEUE / GRPC_MAX_MESSAGE] = {0};
    size_t last = ARRAY_LEN(told) - 1;
    for (size_t i = 0; i <= last; i++) {
        uint8_t *room;
        told_start(&told[i], *state, "/count");
        assert_int_equal(grpc_client_call_reserve(told[i].call, GRPC_MAX_MESSAGE, &room), 0);
        memset(room, 0, GRPC_MAX_MESSAGE);
        grpc_client_call_commit(told[i].call);
        grpc_client_call_half_close(told[i].call);
    }
    for (size_t i = 0; i < last; i++) {
        told_wait(&told[i]);
        assert_status(&told[i], GRPC_OK, "");
    }
    told_wait(&told[last]);
    assert_status(&told[last], GRPC_RESOURCE_EXHAUSTED, NULL);
    assert_non_null(strstr(told[last].text, "too much is queued for 127.0.0.1"));
}

/* ---- closing ---- */

static void close_channel(struct told *told) {
    grpc_channel_close(STEAL(told->fixture->channel));
}

static void test_close_cancels_calls_from_inside(void **state) {
    struct fixture *fixture = *state;
    struct told told = {0};
    told_start(&told, fixture, "/silent");
    fixture_run_to(fixture, CHANNEL_READY);
    grpc_channel_close(STEAL(fixture->channel));
    assert_status(&told, GRPC_CANCELLED, "the channel was closed");
}

static void test_close_inside_a_message_is_fine(void **state) {
    struct told told = {.on_message = close_channel}, other = {0};
    told_start(&other, *state, "/silent");
    told_start(&told, *state, "/echo");
    told_send(&told, "one");
    told_send(&told, "two");
    told_wait(&told);
    assert_status(&told, GRPC_CANCELLED, NULL);
    assert_int_equal(told.n_messages, 1);
    assert_status(&other, GRPC_CANCELLED, NULL);
}

static void test_close_inside_a_held_message_is_fine(void **state) {
    struct told told = {0};
    told_start(&told, *state, "/many");
    grpc_client_call_hold(told.call);
    grpc_client_call_half_close(told.call);
    fixture_run_to(*state, CHANNEL_READY);
    for (int i = 0; i < 10; i++)
        fixture_turn(*state);
    told.on_message = close_channel;
    grpc_client_call_release(told.call);
    told_wait(&told);
    assert_int_equal(told.n_messages, 1);
}

static void start_in_vain(struct told *told) {
    struct grpc_client_call *call;
    const struct grpc_client_ops none = {0};
    int r = grpc_client_call_start(
        told->fixture->channel, &(struct grpc_call_options){.path = "/echo"}, &none, NULL, &call);
    assert_int_equal(r, -ECANCELED);
}

static void test_no_call_starts_on_a_channel_that_closes(void **state) {
    struct fixture *fixture = *state;
    struct told told = {.on_status = start_in_vain};
    told_start(&told, fixture, "/silent");
    grpc_channel_close(fixture->channel);
    fixture->channel = NULL;
    assert_status(&told, GRPC_CANCELLED, NULL);
}

static void test_close_inside_a_status_is_fine(void **state) {
    struct told told = {.on_status = close_channel}, other = {.on_status = NULL};
    told_start(&told, *state, "/silent");
    told_start(&other, *state, "/silent");
    grpc_client_call_cancel(told.call);
    grpc_client_call_cancel(other.call);
    told_wait(&told);
    told_wait(&other);
}

/* ---- TLS and tokens ---- */

static void test_token_is_not_sent_in_plaintext(void **state) {
    struct fixture *fixture = *state;
    struct told told = {0};
    fixture_channel(fixture, (struct grpc_channel_options){.address = {.host = "192.0.2.1"},
                                                           .token = "secret"});
    told_start(&told, fixture, "/echo");
    assert_int_equal(fixture->channel->state, CHANNEL_IDLE);
    told_wait(&told);
    assert_status(&told, GRPC_UNAUTHENTICATED, "a token is not sent without TLS");
}

static void test_too_long_texts_are_refused(void **state) {
    struct fixture *fixture = *state;
    char token[GRPC_CHANNEL_MAX_TEXT + 1] = {0};
    memset(token, 'x', sizeof(token) - 1);
    struct grpc_channel *channel;
    struct grpc_channel_options options = {.token = token};
    assert_int_equal(grpc_channel_new(&fixture->loop, &options, &channel), -EINVAL);
}

/* A certificate for `localhost` that is its own CA, in files under a new folder. */
struct certs {
    char folder[32];
    char cert[64], key[64];
};

static void write_pem(const char *file, X509 *cert, EVP_PKEY *key) {
    FILE *out = fopen(file, "w");
    assert_non_null(out);
    assert_int_equal(chmod(file, S_IRUSR | S_IWUSR), 0);
    if (cert)
        assert_int_equal(PEM_write_X509(out, cert), 1);
    else
        assert_int_equal(PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(out);
}

static void add_extension(X509 *cert, int nid, const char *value) {
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    assert_non_null(extension);
    X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
}

static void certs_make(struct certs *certs) {
    snprintf(certs->folder, sizeof(certs->folder), "/tmp/test_channel_XXXXXX");
    assert_non_null(mkdtemp(certs->folder));
    snprintf(certs->cert, sizeof(certs->cert), "%s/cert", certs->folder);
    snprintf(certs->key, sizeof(certs->key), "%s/key", certs->folder);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_NAME *name = X509_get_subject_name(cert);
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"test", -1, -1, 0);
    X509_set_issuer_name(cert, name);
    X509_set_pubkey(cert, key);
    add_extension(cert, NID_subject_alt_name, "DNS:localhost");
    add_extension(cert, NID_basic_constraints, "CA:TRUE");
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    write_pem(certs->cert, cert, NULL);
    write_pem(certs->key, NULL, key);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void certs_remove(const struct certs *certs) {
    unlink(certs->cert);
    unlink(certs->key);
    rmdir(certs->folder);
}

/* The peer speaks TLS; a channel to it expects `server_name`. */
static void use_tls(struct fixture *fixture, const char *server_name) {
    struct certs certs;
    struct err_text why;
    SSL_CTX *client = NULL;
    certs_make(&certs);
    if (net_tls_server_new(certs.cert, certs.key, &fixture->peer.tls, NULL, &why) ||
        net_tls_client_new(&(struct net_tls_client_options){.ca_file = certs.cert}, &client, &why))
        fail_msg("%s", why.text);
    certs_remove(&certs);
    fixture_channel(fixture, (struct grpc_channel_options){
                                 .tls = client, .server_name = server_name, .token = "secret"});
    SSL_CTX_free(client);
}

static void test_call_over_tls_sends_the_token(void **state) {
    struct fixture *fixture = *state;
    struct told told = {0};
    use_tls(fixture, "localhost");
    told_call(&told, fixture, "/echo", "20.5");
    assert_status(&told, GRPC_OK, "");
    assert_last(&told, "20.5");
    assert_non_null(strstr(fixture->peer.request, ":scheme: https\n"));
    assert_non_null(strstr(fixture->peer.request, "authorization: Bearer secret\n"));
}

static void test_certificate_for_another_host_is_refused(void **state) {
    struct fixture *fixture = *state;
    struct told told = {0};
    use_tls(fixture, "boiler.example.org");
    told_start(&told, fixture, "/echo");
    told_wait(&told);
    assert_status(&told, GRPC_UNAVAILABLE, NULL);
    assert_non_null(strstr(told.text, "cannot connect to 127.0.0.1"));
    assert_non_null(strstr(told.text, "not for 'boiler.example.org'"));
    assert_string_equal(fixture->peer.request, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_channel_connects_at_the_first_call),
        TEST(test_attempt_has_a_limit),
        TEST(test_server_without_settings_is_given_up),
        TEST(test_refused_connection_fails_the_calls_with_its_words),
        TEST(test_backoff_grows_and_starts_anew_when_the_server_is_back),
        TEST(test_deadline_passes_while_a_call_waits_for_ready),
        TEST(test_calls_of_a_closed_connection_are_unavailable),
        TEST(test_goaway_lets_calls_finish_and_sends_new_ones_elsewhere),
        TEST(test_waiting_call_moves_to_the_next_connection),
        TEST(test_second_goaway_ends_the_older_connection),
        TEST(test_backoff_that_is_reset_connects_at_once_and_starts_anew),
        TEST(test_server_that_only_says_goaway_is_backed_off_from),
        TEST(test_last_stream_number_brings_a_new_connection),
        TEST(test_calls_beyond_the_stream_limit_wait_and_succeed),
        TEST(test_too_many_waiting_calls_are_refused),
        TEST(test_unsent_messages_are_bounded),
        TEST(test_connection_that_cannot_queue_all_that_waited_fails_the_last),
        TEST(test_close_cancels_calls_from_inside),
        TEST(test_close_ends_the_draining_connection_too),
        TEST(test_close_inside_a_message_is_fine),
        TEST(test_close_inside_a_held_message_is_fine),
        TEST(test_close_inside_a_status_is_fine),
        TEST(test_no_call_starts_on_a_channel_that_closes),
        TEST(test_token_is_not_sent_in_plaintext),
        TEST(test_too_long_texts_are_refused),
        TEST(test_call_over_tls_sends_the_token),
        TEST(test_certificate_for_another_host_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

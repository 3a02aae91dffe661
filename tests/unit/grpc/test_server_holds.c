/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages that a handler holds back: nothing is lost, doubled or out of order, the client's window
 * closes meanwhile and opens again after it.
 */
#include <stdio.h>

#include "base/random.h"
#include "grpc/limits.h"
#include "http2/limits.h"
#include "server_fixture.h"
#include "unit.h"

/* Bytes that differ from message to message, and compress well enough. */
static void fill(uint8_t *bytes, size_t n, uint64_t seed) {
    struct random random;
    random_init(&random, seed);
    for (size_t i = 0; i < n; i++)
        bytes[i] = i % 8 ? (uint8_t)seed : (uint8_t)random_u64(&random);
}

/* Each message that is offered for the first time is refused, and then released. */
static void release_until(struct server_fixture *fixture, struct record *record,
                          unsigned n_messages) {
    for (unsigned n = 0; n < n_messages; n++) {
        server_until(fixture, atomic_load(&record->n_offered) == 2 * n + 1);
        server_do(fixture, record, grpc_call_release);
    }
}

/* ---- hold and release ---- */

static void test_a_hold_closes_the_window_and_a_release_opens_it(void **state) {
    struct server_fixture *fixture = *state;
    enum {
        SIZE = 3 << 20, /* three times the window */
        N = 2
    };
    struct raw_call *call = server_start(fixture, "/test.Probe/Held");
    struct record *record = server_record(fixture, 0);
    uint8_t *message = test_calloc(1, SIZE);
    uint64_t hash = 0;
    for (uint64_t i = 0; i < N; i++) {
        fill(message, SIZE, i);
        hash = hash_message(hash, bytes_of(message, SIZE));
        raw_send_message(call, false, bytes_of(message, SIZE));
    }
    size_t total = h2_stream_queued(call->stream);
    server_until(fixture, h2_stream_queued(call->stream) == total - H2_STREAM_WINDOW);
    for (int i = 0; i < 3; i++)
        server_round_trip(fixture, call->client);
    assert_int_equal(h2_stream_queued(call->stream), total - H2_STREAM_WINDOW);
    assert_int_equal(atomic_load(&record->n_offered), 0);
    raw_end(call);
    server_do(fixture, record, grpc_call_release);
    server_expect(fixture, call, GRPC_OK);
    assert_int_equal(atomic_load(&record->n_messages), N);
    assert_int_equal(atomic_load(&record->hash), hash);
    assert_int_equal(atomic_load(&record->n_half_closed), 1);
    test_free(message);
}

static void test_the_end_of_a_held_call_waits_for_its_release(void **state) {
    struct server_fixture *fixture = *state;
    struct raw_call *call = server_start(fixture, "/test.Probe/Held");
    raw_end(call);
    server_round_trip(fixture, call->client);
    struct record *record = server_record(fixture, 0);
    assert_int_equal(atomic_load(&record->n_half_closed), 0);
    server_do(fixture, record, grpc_call_release);
    server_expect(fixture, call, GRPC_OK);
    assert_int_equal(atomic_load(&record->n_half_closed), 1);
}

static void test_messages_come_one_by_one_when_each_is_followed_by_a_hold(void **state) {
    struct server_fixture *fixture = *state;
    enum {
        N = 40
    };
    struct raw_call *call = server_start(fixture, "/test.Probe/OneByOne");
    struct record *record = server_record(fixture, 0);
    uint8_t bytes[3000];
    uint64_t hash = 0;
    for (uint64_t i = 0; i < N; i++) {
        fill(bytes, sizeof(bytes), i);
        hash = hash_message(hash, bytes_of(bytes, i * 71));
        raw_send_message(call, false, bytes_of(bytes, i * 71));
    }
    raw_end(call);
    for (unsigned i = 1; i <= N; i++) {
        server_until(fixture, atomic_load(&record->n_messages) == i);
        server_round_trip(fixture, call->client);
        assert_int_equal(atomic_load(&record->n_messages), i);
        assert_int_equal(atomic_load(&record->n_half_closed), 0);
        server_do(fixture, record, grpc_call_release);
    }
    server_expect(fixture, call, GRPC_OK);
    assert_int_equal(atomic_load(&record->hash), hash);
    assert_true(bytes_equal_str(raw_message(call, 0).bytes, "40"));
}

static void test_many_windows_pass_a_call_that_is_held_again_and_again(void **state) {
    struct server_fixture *fixture = *state;
    enum {
        SIZE = 100000,
        N = 60
    };
    struct raw_call *call = server_start(fixture, "/test.Probe/OneByOne");
    struct record *record = server_record(fixture, 0);
    uint8_t *bytes = test_calloc(1, SIZE);
    uint64_t hash = 0;
    for (uint64_t i = 0; i < N; i++) {
        fill(bytes, SIZE, i);
        hash = hash_message(hash, bytes_of(bytes, SIZE - i));
        raw_send_message(call, false, bytes_of(bytes, SIZE - i));
    }
    raw_end(call);
    for (unsigned i = 1; i <= N; i++) {
        server_until(fixture, atomic_load(&record->n_messages) == i);
        server_do(fixture, record, grpc_call_release);
    }
    server_expect(fixture, call, GRPC_OK);
    assert_int_equal(atomic_load(&record->hash), hash);
    test_free(bytes);
}

static void test_a_held_call_can_be_cancelled_and_its_connection_goes_on(void **state) {
    struct server_fixture *fixture = *state;
    static const uint8_t bytes[100000];
    for (unsigned i = 0; i < 20; i++) { /* 20 MB: five times the connection's window */
        struct raw_call *call = server_start(fixture, "/test.Probe/Held");
        for (int k = 0; k < 12; k++)
            raw_send_message(call, false, bytes_of(bytes, sizeof(bytes)));
        server_until(fixture, h2_stream_queued(call->stream) < 12 * 100005 - 900000);
        struct record *record = server_record(fixture, i * 2);
        raw_reset(call, H2_CANCEL);
        server_until(fixture, atomic_load(&record->n_ended));
        server_round_trip(fixture, call->client);
    }
}

/* ---- GRPC_E_HOLD ---- */

static void test_a_refused_message_is_given_again_and_taken_once(void **state) {
    struct server_fixture *fixture = *state;
    enum {
        N = 30
    };
    struct raw_call *call = server_start(fixture, "/test.Probe/Picky");
    struct record *record = server_record(fixture, 0);
    uint8_t bytes[3000];
    uint64_t hash = 0;
    for (uint64_t i = 0; i < N; i++) {
        fill(bytes, sizeof(bytes), i);
        hash = hash_message(hash, bytes_of(bytes, i * 97));
        raw_send_message(call, false, bytes_of(bytes, i * 97));
    }
    raw_end(call);
    release_until(fixture, record, N);
    server_expect(fixture, call, GRPC_OK);
    assert_int_equal(atomic_load(&record->n_messages), N);
    assert_int_equal(atomic_load(&record->n_offered), 2 * N);
    assert_int_equal(atomic_load(&record->hash), hash);
    assert_int_equal(raw_n_messages(call), N);
}

/* Two messages of `size` bytes in pieces, each in a DATA frame and a turn of its own. */
static void send_two_in_pieces(struct server_fixture *fixture, struct raw_call *call, size_t size,
                               size_t piece) {
    uint8_t body[2 * (GRPC_PREFIX_SIZE + 1000)];
    uint8_t *second = body + GRPC_PREFIX_SIZE + size;
    grpc_framing_write_prefix(body, false, size);
    fill(body + GRPC_PREFIX_SIZE, size, 1);
    grpc_framing_write_prefix(second, false, size);
    fill(second + GRPC_PREFIX_SIZE, size, 2);
    struct bytes rest = bytes_of(body, 2 * (GRPC_PREFIX_SIZE + size));
    while (rest.len) {
        size_t n = rest.len < piece ? rest.len : piece;
        raw_send(call, bytes_of(rest.data, n));
        rest = bytes_from(rest, n);
        while (h2_stream_queued(call->stream))
            uv_run(&fixture->loop.uv, UV_RUN_NOWAIT); /* nobody answers */
    }
    raw_end(call);
}

static void assert_gathered(struct server_fixture *fixture, size_t size, size_t piece) {
    unsigned n_before = atomic_load(&fixture->n_records);
    struct raw_call *call = server_start(fixture, "/test.Probe/Picky");
    struct record *record = server_record(fixture, n_before);
    uint8_t message[1000];
    uint64_t hash = 0;
    send_two_in_pieces(fixture, call, size, piece);
    release_until(fixture, record, 2);
    server_expect(fixture, call, GRPC_OK);
    for (uint64_t seed = 1; seed <= 2; seed++) {
        fill(message, size, seed);
        hash = hash_message(hash, bytes_of(message, size));
    }
    assert_int_equal(atomic_load(&record->hash), hash);
    assert_int_equal(atomic_load(&record->n_offered), 4);
}

static void test_a_refused_message_that_was_gathered_is_given_again_whole(void **state) {
    struct server_fixture *fixture = *state;
    for (size_t piece = 1; piece < 30; piece++)
        assert_gathered(fixture, 12, piece);
    for (size_t piece = 100; piece < 2010; piece += 301)
        assert_gathered(fixture, 1000, piece);
}

/* A message larger than the window: it is gathered, refused, put back, and more comes behind it. */
static void test_the_largest_message_can_be_refused_with_a_full_window_behind_it(void **state) {
    struct server_fixture *fixture = *state;
    enum {
        N_BEHIND = 30,
        BEHIND = 50000
    };
    struct raw_call *call = server_start(fixture, "/test.Probe/Picky");
    struct record *record = server_record(fixture, 0);
    uint8_t *large = test_calloc(1, GRPC_MAX_MESSAGE);
    fill(large, GRPC_MAX_MESSAGE, 5);
    uint64_t hash = hash_message(0, bytes_of(large, GRPC_MAX_MESSAGE));
    raw_send_message(call, false, bytes_of(large, GRPC_MAX_MESSAGE));
    for (size_t i = 0; i < N_BEHIND; i++) {
        hash = hash_message(hash, bytes_of(large, BEHIND + i));
        raw_send_message(call, false, bytes_of(large, BEHIND + i));
    }
    server_until(fixture, atomic_load(&record->n_offered) == 1);
    server_until(fixture, h2_stream_queued(call->stream) < N_BEHIND * 50100 - 1000000);
    server_round_trip(fixture, call->client);
    raw_end(call);
    release_until(fixture, record, N_BEHIND + 1);
    server_expect(fixture, call, GRPC_OK);
    assert_int_equal(atomic_load(&record->hash), hash);
    test_free(large);
}

static void test_a_refused_message_that_was_compressed_is_given_again(void **state) {
    struct server_fixture *fixture = *state;
    struct raw_call *call =
        server_start_with(fixture, "/test.Probe/Picky", raw_field("grpc-encoding", "gzip"));
    struct record *record = server_record(fixture, 0);
    uint8_t bytes[20000];
    uint64_t hash = 0;
    for (uint64_t i = 0; i < 5; i++) {
        struct buf packed;
        buf_init(&packed, 1 << 20);
        fill(bytes, sizeof(bytes), i);
        hash = hash_message(hash, bytes_of(bytes, sizeof(bytes)));
        assert_int_equal(grpc_gzip(bytes_of(bytes, sizeof(bytes)), &packed), 0);
        raw_send_message(call, true, buf_bytes(&packed));
        buf_fini(&packed);
    }
    raw_end(call);
    release_until(fixture, record, 5);
    server_expect(fixture, call, GRPC_OK);
    assert_int_equal(atomic_load(&record->hash), hash);
    assert_int_equal(atomic_load(&record->n_offered), 10);
}

static void test_a_refused_unary_message_is_given_again(void **state) {
    struct server_fixture *fixture = *state;
    struct raw_call *call = server_start(fixture, "/test.Probe/PickyUnary");
    raw_send_message(call, false, bytes_str("again"));
    raw_end(call);
    struct record *record = server_record(fixture, 0);
    server_until(fixture, atomic_load(&record->n_offered) == 1);
    server_do(fixture, record, grpc_call_release);
    server_expect(fixture, call, GRPC_OK);
    assert_int_equal(atomic_load(&record->n_offered), 2);
    assert_true(bytes_equal_str(raw_message(call, 0).bytes, "again"));
}

static void test_a_deadline_passes_while_a_message_is_refused(void **state) {
    struct server_fixture *fixture = *state;
    struct raw_call *call =
        server_start_with(fixture, "/test.Probe/Picky", raw_field("grpc-timeout", "20m"));
    struct record *record = server_record(fixture, 0);
    raw_send_message(call, false, bytes_str("x"));
    server_expect(fixture, call, GRPC_DEADLINE_EXCEEDED);
    assert_int_equal(atomic_load(&record->n_ended), 1);
    assert_int_equal(atomic_load(&record->n_messages), 0);
}

/* ---- random ---- */

static void release_all(struct server_fixture *fixture, unsigned first, unsigned n) {
    for (unsigned i = first; i < first + n; i++)
        if (!atomic_load(&fixture->records[i].n_ended))
            server_do(fixture, &fixture->records[i], grpc_call_release);
}

/*
 * Several calls at once, with messages of random sizes in random pieces, and releases between. What
 * is held is released until all calls are through.
 */
static void test_random_pieces_and_releases_lose_and_double_nothing(void **state) {
    struct server_fixture *fixture = *state;
    static const char *const paths[] = {"/test.Probe/Picky", "/test.Probe/OneByOne"};
    enum {
        N_CALLS = 6,
        N_MESSAGES = 40,
        MAX = 40000
    };
    struct raw_call *calls[N_CALLS];
    uint64_t hashes[N_CALLS] = {0};
    uint8_t *bytes = test_calloc(1, MAX);
    struct random random;
    random_init(&random, 77);
    for (unsigned i = 0; i < N_CALLS; i++) {
        calls[i] = server_start(fixture, paths[i % 2]);
        server_record(fixture, i);
    }
    for (unsigned n = 0; n < N_CALLS * N_MESSAGES; n++) {
        size_t len = random_below(&random, random_below(&random, MAX) + 1);
        fill(bytes, len, n);
        hashes[n % N_CALLS] = hash_message(hashes[n % N_CALLS], bytes_of(bytes, len));
        raw_send_message(calls[n % N_CALLS], false, bytes_of(bytes, len));
        if (random_below(&random, 3) == 0)
            uv_run(&fixture->loop.uv, UV_RUN_NOWAIT);
        if (random_below(&random, 5) == 0)
            release_all(fixture, 0, N_CALLS);
    }
    for (unsigned i = 0; i < N_CALLS; i++)
        raw_end(calls[i]);
    for (unsigned i = 0; i < N_CALLS; i++) {
        while (!calls[i]->n_closed) {
            release_all(fixture, 0, N_CALLS);
            uv_run(&fixture->loop.uv, UV_RUN_NOWAIT);
            assert_true(fixture->was_in_time);
        }
        assert_int_equal(raw_status(calls[i]), 0);
        assert_int_equal(atomic_load(&fixture->records[i].n_messages), N_MESSAGES);
        assert_int_equal(atomic_load(&fixture->records[i].hash), hashes[i]);
    }
    test_free(bytes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, server_setup, server_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_hold_closes_the_window_and_a_release_opens_it),
        TEST(test_the_end_of_a_held_call_waits_for_its_release),
        TEST(test_messages_come_one_by_one_when_each_is_followed_by_a_hold),
        TEST(test_many_windows_pass_a_call_that_is_held_again_and_again),
        TEST(test_a_held_call_can_be_cancelled_and_its_connection_goes_on),
        TEST(test_a_refused_message_is_given_again_and_taken_once),
        TEST(test_a_refused_message_that_was_gathered_is_given_again_whole),
        TEST(test_the_largest_message_can_be_refused_with_a_full_window_behind_it),
        TEST(test_a_refused_message_that_was_compressed_is_given_again),
        TEST(test_a_refused_unary_message_is_given_again),
        TEST(test_a_deadline_passes_while_a_message_is_refused),
        TEST(test_random_pieces_and_releases_lose_and_double_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

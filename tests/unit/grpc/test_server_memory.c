/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of a server without memory. A program of its own because nghttp2's sessions are not freed
 * after such a failure (http2/session.c says why), which the leak check of AddressSanitizer must be
 * told.
 */
#include <stdio.h>

#include "base/log.h"
#include "grpc/limits.h"
#include "server_fixture.h"
#include "unit.h"

const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:libnghttp2";
}

/* One call on a connection of its own, sent but for the network. */
static struct raw_call *prepare(struct server_fixture *fixture, const char *path,
                                bool is_compressed) {
    static const uint8_t zeros[20000];
    struct raw_client *client = server_connect(fixture, 1);
    struct h2_field fields[RAW_N_FIELDS + 3];
    struct raw_call *call = server_new_call(fixture);
    size_t n = RAW_N_FIELDS;
    raw_fields(fields, path);
    fields[n++] = raw_field("grpc-timeout", "1H");
    if (is_compressed) {
        fields[n++] = raw_field("grpc-encoding", "gzip");
        fields[n++] = raw_field("grpc-accept-encoding", "gzip");
    }
    raw_start_with(call, client, fields, n);
    if (is_compressed) {
        struct buf packed;
        buf_init(&packed, GRPC_MAX_MESSAGE);
        assert_int_equal(grpc_gzip(bytes_of(zeros, sizeof(zeros)), &packed), 0);
        raw_send_message(call, true, buf_bytes(&packed));
        buf_fini(&packed);
    } else {
        raw_send_message(call, false, bytes_str("500"));
    }
    raw_end(call);
    return call;
}

static void release_if_there(struct server_fixture *fixture, unsigned n_before) {
    if (atomic_load(&fixture->n_records) == n_before)
        return;
    struct record *record = &fixture->records[n_before];
    if (atomic_load(&record->n_offered) == 1 && !atomic_load(&record->n_ended))
        server_do(fixture, record, grpc_call_release);
}

/*
 * Client and server share the process, so some of the failures are the client's. Whichever it is:
 * the call ends once, on both sides, and the next one is answered.
 */
static void fail_each_allocation(struct server_fixture *fixture, const char *path,
                                 bool is_compressed) {
    bool was_reached = true;
    for (size_t n = 1; was_reached; n++) {
        unsigned n_before = atomic_load(&fixture->n_records);
        struct raw_call *call = prepare(fixture, path, is_compressed);
        fail_alloc_at(n);
        while (!call->n_closed) {
            release_if_there(fixture, n_before);
            server_turn(fixture);
        }
        was_reached = fail_alloc_count() >= n;
        fail_alloc_off();
        raw_abort(call->client);
        server_until(fixture, call->client->n_closed);
        if (atomic_load(&fixture->n_records) > n_before) {
            server_until(fixture, atomic_load(&fixture->records[n_before].n_ended));
            assert_int_equal(atomic_load(&fixture->records[n_before].n_ended), 1);
        }
        if (fixture->n_calls > SERVER_MAX_CALLS - 4)
            fail_msg("still failing");
        if (!fixture->clients[0].net)
            server_connect(fixture, 0);
        server_round_trip(fixture, &fixture->clients[0]);
    }
}

static void test_unary_call(void **state) {
    fail_each_allocation(*state, "/test.Probe/Echo", false);
}

static void test_compressed_unary_call(void **state) {
    fail_each_allocation(*state, "/test.Probe/Echo", true);
}

static void test_chat(void **state) {
    fail_each_allocation(*state, "/test.Probe/Chat", false);
}

static void test_server_stream(void **state) {
    fail_each_allocation(*state, "/test.Probe/Many", false);
}

static void test_refused_message(void **state) {
    fail_each_allocation(*state, "/test.Probe/Picky", true);
}

static void test_unknown_method(void **state) {
    fail_each_allocation(*state, "/test.Probe/Unknown", false);
}

static void test_health(void **state) {
    fail_each_allocation(*state, "/grpc.health.v1.Health/List", false);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, server_setup, server_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_unary_call),    TEST(test_compressed_unary_call), TEST(test_chat),
        TEST(test_server_stream), TEST(test_refused_message),       TEST(test_unknown_method),
        TEST(test_health),
    };
    log_configure(LOG_ERROR, LOG_TEXT); /* each failure would be a warning */
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Channels and calls without memory. A program of its own because nghttp2's sessions are not freed
 * after such a failure (http2/session.c says why), which the leak check of AddressSanitizer must be
 * told.
 */
#include "channel_fixture.h"
#include "unit.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:libnghttp2";
}

static void test_channel_without_memory_is_an_error(void **state) {
    struct fixture *fixture = *state;
    struct grpc_channel_options options = {
        .address = {.host = "127.0.0.1", .port = fixture->peer.port}, .token = "secret"};
    struct grpc_channel *channel = NULL;
    for (size_t n = 1; !channel; n++) {
        fail_alloc_at(n);
        int r = grpc_channel_new(&fixture->loop, &options, &channel);
        fail_alloc_off();
        assert_int_equal(r, channel ? 0 : -ENOMEM);
        assert_true(n < 100);
    }
    grpc_channel_close(channel);
}

/* Sends one message, if there is memory for it, and waits for the end. */
static void told_finish(struct told *told) {
    uint8_t *room;
    if (grpc_client_call_reserve(told->call, 5, &room) == 0) {
        memcpy(room, "hello", 5);
        grpc_client_call_commit(told->call);
    }
    grpc_client_call_half_close(told->call);
    told_wait(told);
}

/*
 * Client and server share the process, so some of the failures are the server's. Whichever it is:
 * the call gets exactly one status, and nothing breaks.
 */
static void test_call_with_any_allocation_failing_still_gets_its_status(void **state) {
    struct fixture *fixture = *state;
    const struct grpc_entry entry = {bytes_str("x-site"), bytes_str("cellar")};
    const struct grpc_call_options options = {.path = "/gzip",
                                              .timeout_ns = UINT64_C(3600000000000),
                                              .compresses = true,
                                              .metadata = &entry,
                                              .n_metadata = 1};
    bool has_succeeded = false;
    for (size_t n = 1; !has_succeeded; n++) {
        struct told told = {0};
        fixture_channel(fixture, (struct grpc_channel_options){0});
        fail_alloc_at(n);
        int r = told_try_start(&told, fixture, &options);
        if (r == 0)
            told_finish(&told);
        has_succeeded = fail_alloc_count() < n;
        fail_alloc_off();
        assert_true(r == 0 || r == -ENOMEM);
        assert_true(n < 1000);
        if (has_succeeded)
            assert_status(&told, GRPC_OK, "");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_channel_without_memory_is_an_error),
        TEST(test_call_with_any_allocation_failing_still_gets_its_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "grpc/reflection.h"

#include <stdio.h>

#include "proto/descriptors.h"
#include "proto/reflection.pb-c.h"
#include "proto/wire.h"
#include "server_fixture.h"
#include "unit.h"

#define REQUEST(kind)  GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##kind
#define RESPONSE(kind) GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##kind

typedef Grpc__Reflection__V1__ServerReflectionRequest reflection_request;
typedef Grpc__Reflection__V1__ServerReflectionResponse reflection_response;

static const char *const paths[] = {
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
};

/* A stream of questions, one after the other. */
struct talk {
    struct server_fixture *fixture;
    struct raw_call *call;
    size_t n_asked;
    unsigned n_symbols;
};

static struct talk talk_start(struct server_fixture *fixture, const char *path) {
    return (struct talk){.fixture = fixture, .call = server_start(fixture, path)};
}

static void talk_end(struct talk *talk) {
    raw_end(talk->call);
    server_expect(talk->fixture, talk->call, GRPC_OK);
    assert_int_equal(raw_n_messages(talk->call), talk->n_asked);
}

/* The answer, which has the question in it; free it. All of its kind are text in one place. */
static reflection_response *talk_ask(struct talk *talk, int kind, const char *text) {
    reflection_request request = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
    uint8_t bytes[1024];
    request.host = (char *)"here";
    request.message_request_case = (unsigned)kind;
    request.file_by_filename = (char *)(uintptr_t)text;
    size_t n = grpc__reflection__v1__server_reflection_request__pack(&request, bytes);
    raw_send_message(talk->call, false, bytes_of(bytes, n));
    talk->n_asked++;
    server_until(talk->fixture, raw_n_messages(talk->call) == talk->n_asked);
    struct bytes answered = raw_message(talk->call, talk->n_asked - 1).bytes;
    reflection_response *answer =
        grpc__reflection__v1__server_reflection_response__unpack(NULL, answered.len, answered.data);
    assert_non_null(answer);
    assert_string_equal(answer->valid_host, "here");
    assert_int_equal(answer->original_request->message_request_case, kind);
    assert_string_equal(answer->original_request->file_by_filename, text);
    return answer;
}

static void answer_free(reflection_response *answer) {
    grpc__reflection__v1__server_reflection_response__free_unpacked(answer, NULL);
}

/* ---- every symbol ---- */

static struct bytes content(struct bytes wire, uint32_t id) {
    struct wire_field field;
    while (wire_next(&wire, &field) == 0)
        if (field.id == id && field.type == WIRE_BYTES)
            return field.bytes;
    return (struct bytes){0};
}

static void assert_symbol(struct talk *talk, const char *symbol, struct bytes file) {
    reflection_response *answer = talk_ask(talk, REQUEST(FILE_CONTAINING_SYMBOL), symbol);
    assert_int_equal(answer->message_response_case, RESPONSE(FILE_DESCRIPTOR_RESPONSE));
    ProtobufCBinaryData *first = answer->file_descriptor_response->file_descriptor_proto;
    assert_true(bytes_equal(bytes_of(first->data, first->len), file));
    answer_free(answer);
    talk->n_symbols++;
}

/* Ids of descriptor.proto: what holds names, in a file (0), a message (1), a service (2). */
static bool holds_name(int level, uint32_t id, int *inner) {
    static const int files[7] = {[4] = 1 + 1, [5] = 3 + 1, [6] = 2 + 1};
    static const int messages[7] = {[3] = 1 + 1, [4] = 3 + 1};
    static const int services[7] = {[2] = 3 + 1};
    static const int *const levels[] = {files, messages, services};
    if (level > 2 || id > 6 || levels[level][id] == 0)
        return false;
    *inner = levels[level][id] - 1;
    return true;
}

static void ask_for_all(struct talk *talk, struct bytes wire, int level, const char *scope,
                        struct bytes file) {
    struct wire_field field;
    while (wire_next(&wire, &field) == 0) {
        char name[512];
        int inner;
        if (field.type != WIRE_BYTES || !holds_name(level, field.id, &inner))
            continue;
        snprintf(name, sizeof(name), "%s%s%.*s", scope, scope[0] ? "." : "",
                 BYTES_ARGS(content(field.bytes, 1)));
        assert_symbol(talk, name, file);
        ask_for_all(talk, field.bytes, inner, name, file);
    }
}

static void test_every_symbol_is_found_by_both_versions(void **state) {
    struct server_fixture *fixture = *state;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct talk talk = talk_start(fixture, paths[i]);
        struct bytes set = descriptors_file_set();
        struct wire_field field;
        while (wire_next(&set, &field) == 0) {
            char package[128];
            snprintf(package, sizeof(package), "%.*s", BYTES_ARGS(content(field.bytes, 2)));
            ask_for_all(&talk, field.bytes, 0, package, field.bytes);
        }
        assert_true(talk.n_symbols > 40);
        talk_end(&talk);
    }
}

static void test_every_file_is_found_by_its_name(void **state) {
    struct server_fixture *fixture = *state;
    struct talk talk = talk_start(fixture, paths[0]);
    struct bytes set = descriptors_file_set();
    struct wire_field field;
    while (wire_next(&set, &field) == 0) {
        char name[128];
        snprintf(name, sizeof(name), "%.*s", BYTES_ARGS(content(field.bytes, 1)));
        reflection_response *answer = talk_ask(&talk, REQUEST(FILE_BY_FILENAME), name);
        assert_int_equal(answer->message_response_case, RESPONSE(FILE_DESCRIPTOR_RESPONSE));
        answer_free(answer);
    }
    talk_end(&talk);
}

/* ---- the rest ---- */

static void test_what_is_unknown_is_an_error_inside_the_answer(void **state) {
    struct server_fixture *fixture = *state;
    static const int kinds[] = {REQUEST(FILE_BY_FILENAME), REQUEST(FILE_CONTAINING_SYMBOL),
                                REQUEST(ALL_EXTENSION_NUMBERS_OF_TYPE)};
    struct talk talk = talk_start(fixture, paths[0]);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        reflection_response *answer = talk_ask(&talk, kinds[i], "unknown");
        assert_int_equal(answer->message_response_case, RESPONSE(ERROR_RESPONSE));
        assert_int_equal(answer->error_response->error_code, GRPC_NOT_FOUND);
        answer_free(answer);
    }
    talk_end(&talk); /* the stream goes on after each */
}

static void test_services_are_listed(void **state) {
    struct server_fixture *fixture = *state;
    struct talk talk = talk_start(fixture, paths[1]);
    reflection_response *answer = talk_ask(&talk, REQUEST(LIST_SERVICES), "*");
    assert_int_equal(answer->list_services_response->n_service, 2);
    assert_string_equal(answer->list_services_response->service[0]->name, "test.Probe");
    answer_free(answer);
    talk_end(&talk);
}

static void test_a_known_type_has_no_extensions(void **state) {
    struct server_fixture *fixture = *state;
    struct talk talk = talk_start(fixture, paths[0]);
    reflection_response *answer =
        talk_ask(&talk, REQUEST(ALL_EXTENSION_NUMBERS_OF_TYPE), "SensorReading");
    assert_int_equal(answer->all_extension_numbers_response->n_extension_number, 0);
    assert_string_equal(answer->all_extension_numbers_response->base_type_name, "SensorReading");
    answer_free(answer);
    talk_end(&talk);
}

static void test_a_request_that_asks_for_nothing_is_told_so(void **state) {
    struct server_fixture *fixture = *state;
    struct raw_call *call = server_call(fixture, paths[0], (struct bytes){0});
    server_expect(fixture, call, GRPC_OK);
    struct bytes bytes = raw_message(call, 0).bytes;
    reflection_response *answer =
        grpc__reflection__v1__server_reflection_response__unpack(NULL, bytes.len, bytes.data);
    assert_int_equal(answer->error_response->error_code, GRPC_INVALID_ARGUMENT);
    answer_free(answer);
}

static void test_what_is_no_request_is_internal(void **state) {
    struct server_fixture *fixture = *state;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        server_expect(fixture, server_call(fixture, paths[i], bytes_str("\x0a\x05x")),
                      GRPC_INTERNAL);
}

/* A client that asks and does not read is not read from. */
static void test_many_questions_wait_for_a_client_that_does_not_read(void **state) {
    struct server_fixture *fixture = *state;
    struct raw_call *call = server_start(fixture, paths[0]);
    static const char question[] = "\x22\x0dSensorService";
    enum {
        N = 2000
    };
    call->is_holding = true;
    for (int i = 0; i < N; i++)
        raw_send_message(call, false, bytes_of(question, sizeof(question) - 1));
    raw_end(call);
    server_until(fixture, buf_len(&call->body) == 1 << 20);
    server_round_trip(fixture, call->client);
    assert_int_equal(call->n_closed, 0);
    call->is_holding = false;
    h2_stream_consume(call->stream, 1 << 20);
    net_conn_wake(call->client->net);
    server_expect(fixture, call, GRPC_OK);
    assert_int_equal(raw_n_messages(call), N);
}

static void test_each_failing_allocation_is_an_error(void **state) {
    (void)state;
    int r = -ENOMEM;
    for (size_t n = 1; r; n++) {
        struct grpc_reflection *reflection = NULL;
        fail_alloc_at(n);
        r = grpc_reflection_new(descriptors_file_set(), NULL, 0, &reflection);
        fail_alloc_off();
        assert_int_equal(r, reflection ? 0 : -ENOMEM);
        grpc_reflection_free(reflection);
        assert_true(n < 1000);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, server_setup, server_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_every_symbol_is_found_by_both_versions),
        TEST(test_every_file_is_found_by_its_name),
        TEST(test_what_is_unknown_is_an_error_inside_the_answer),
        TEST(test_services_are_listed),
        TEST(test_a_known_type_has_no_extensions),
        TEST(test_a_request_that_asks_for_nothing_is_told_so),
        TEST(test_what_is_no_request_is_internal),
        TEST(test_many_questions_wait_for_a_client_that_does_not_read),
        cmocka_unit_test(test_each_failing_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each request of the stream gets one answer, in order; what cannot be found is an error inside the
 * answer, and the stream goes on. v1 and v1alpha have the same messages, so one handler serves
 * both.
 */
#include "grpc/reflection.h"

#include <limits.h>

#include "base/mem.h"
#include "grpc/call.h"
#include "grpc/descriptor_index.h"
#include "proto/message.h"
#include "proto/reflection.pb-c.h"

typedef Grpc__Reflection__V1__ServerReflectionRequest reflection_request;
typedef Grpc__Reflection__V1__ServerReflectionResponse reflection_response;

#define REQUEST(kind)  GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##kind
#define RESPONSE(kind) GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##kind

struct grpc_reflection {
    struct descriptor_index index;
    const char *const *services;
    size_t n_services;
    struct grpc_service v1, v1alpha;
};

/* ---- answers ---- */

static int send_answer(struct grpc_call *call, reflection_request *request,
                       reflection_response *answer) {
    answer->valid_host = request->host;
    answer->original_request = request;
    return grpc_call_send(call, &answer->base);
}

static int send_error(struct grpc_call *call, reflection_request *request, enum grpc_status code,
                      const char *words) {
    Grpc__Reflection__V1__ErrorResponse error = GRPC__REFLECTION__V1__ERROR_RESPONSE__INIT;
    reflection_response answer = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__INIT;
    error.error_code = (int32_t)code;
    error.error_message = (char *)(uintptr_t)words;
    answer.message_response_case = RESPONSE(ERROR_RESPONSE);
    answer.error_response = &error;
    return send_answer(call, request, &answer);
}

/* The file with all it imports, so that one answer is enough. */
static int send_file(struct grpc_call *call, reflection_request *request,
                     const struct descriptor_file *file) {
    const struct grpc_reflection *reflection = grpc_call_user(call);
    size_t n_files = reflection->index.n_files;
    if (!file)
        return send_error(call, request, GRPC_NOT_FOUND, "no such file or symbol here");
    CLEANUP(mem_freep)
    const struct descriptor_file **files = mem_new_array(const struct descriptor_file *, n_files);
    CLEANUP(mem_freep)
    ProtobufCBinaryData *wires = mem_new_array(ProtobufCBinaryData, n_files);
    if (!files || !wires)
        return -ENOMEM;
    Grpc__Reflection__V1__FileDescriptorResponse found =
        GRPC__REFLECTION__V1__FILE_DESCRIPTOR_RESPONSE__INIT;
    found.n_file_descriptor_proto = descriptor_index_closure(&reflection->index, file, files);
    for (size_t i = 0; i < found.n_file_descriptor_proto; i++) {
        wires[i].len = files[i]->wire.len;
        wires[i].data = (uint8_t *)(uintptr_t)files[i]->wire.data;
    }
    found.file_descriptor_proto = wires;
    reflection_response answer = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__INIT;
    answer.message_response_case = RESPONSE(FILE_DESCRIPTOR_RESPONSE);
    answer.file_descriptor_response = &found;
    return send_answer(call, request, &answer);
}

static int send_services(struct grpc_call *call, reflection_request *request) {
    const struct grpc_reflection *reflection = grpc_call_user(call);
    size_t n = reflection->n_services;
    CLEANUP(mem_freep)
    Grpc__Reflection__V1__ServiceResponse *lines =
        mem_new_array(Grpc__Reflection__V1__ServiceResponse, n);
    CLEANUP(mem_freep)
    Grpc__Reflection__V1__ServiceResponse **pointers =
        mem_new_array(Grpc__Reflection__V1__ServiceResponse *, n);
    if (!lines || !pointers)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        grpc__reflection__v1__service_response__init(&lines[i]);
        lines[i].name = (char *)(uintptr_t)reflection->services[i];
        pointers[i] = &lines[i];
    }
    Grpc__Reflection__V1__ListServiceResponse list =
        GRPC__REFLECTION__V1__LIST_SERVICE_RESPONSE__INIT;
    list.service = pointers;
    list.n_service = n;
    reflection_response answer = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__INIT;
    answer.message_response_case = RESPONSE(LIST_SERVICES_RESPONSE);
    answer.list_services_response = &list;
    return send_answer(call, request, &answer);
}

/* proto3 has no extensions, so a type that is known has none. */
static int send_extension_numbers(struct grpc_call *call, reflection_request *request) {
    const struct grpc_reflection *reflection = grpc_call_user(call);
    char *type = request->all_extension_numbers_of_type;
    if (!descriptor_index_symbol(&reflection->index, bytes_str(type)))
        return send_error(call, request, GRPC_NOT_FOUND, "no such type here");
    Grpc__Reflection__V1__ExtensionNumberResponse none =
        GRPC__REFLECTION__V1__EXTENSION_NUMBER_RESPONSE__INIT;
    none.base_type_name = type;
    reflection_response answer = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__INIT;
    answer.message_response_case = RESPONSE(ALL_EXTENSION_NUMBERS_RESPONSE);
    answer.all_extension_numbers_response = &none;
    return send_answer(call, request, &answer);
}

static int answer_request(struct grpc_call *call, reflection_request *request) {
    const struct grpc_reflection *reflection = grpc_call_user(call);
    const struct descriptor_index *index = &reflection->index;
    switch (request->message_request_case) {
    case REQUEST(FILE_BY_FILENAME):
        return send_file(call, request,
                         descriptor_index_file(index, bytes_str(request->file_by_filename)));
    case REQUEST(FILE_CONTAINING_SYMBOL):
        return send_file(
            call, request,
            descriptor_index_symbol(index, bytes_str(request->file_containing_symbol)));
    case REQUEST(LIST_SERVICES):
        return send_services(call, request);
    case REQUEST(ALL_EXTENSION_NUMBERS_OF_TYPE):
        return send_extension_numbers(call, request);
    case REQUEST(FILE_CONTAINING_EXTENSION):
        return send_error(call, request, GRPC_NOT_FOUND, "there are no extensions here");
    default:
        return send_error(call, request, GRPC_INVALID_ARGUMENT, "the request asks for nothing");
    }
}

/* ---- the method ---- */

static int info_message(struct grpc_call *call, struct bytes message) {
    CLEANUP(message_freep) ProtobufCMessage *request = NULL;
    if (grpc_call_is_busy(call))
        return GRPC_E_HOLD;
    int r = message_unpack(&grpc__reflection__v1__server_reflection_request__descriptor, message,
                           &request);
    if (r == MESSAGE_E_MALFORMED) {
        grpc_call_finish(call, GRPC_INTERNAL, "the message is not a ServerReflectionRequest");
        return 0;
    }
    if (r || answer_request(call, (reflection_request *)request))
        grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED, "the server is out of memory");
    return 0;
}

static void info_half_closed(struct grpc_call *call) {
    grpc_call_finish(call, GRPC_OK, "%s", "");
}

static void info_writable(struct grpc_call *call) {
    grpc_call_release(call);
}

static const struct grpc_method info_method = {
    .name = "ServerReflectionInfo",
    .kind = GRPC_BIDI_STREAM,
    .message = info_message,
    .half_closed = info_half_closed,
    .writable = info_writable,
};

/* ---- life ---- */

int grpc_reflection_new(struct bytes file_set, const char *const *services, size_t n_services,
                        struct grpc_reflection **reflection) {
    struct grpc_reflection *new = mem_new(struct grpc_reflection);
    if (!new)
        return -ENOMEM;
    int r = descriptor_index_init(&new->index, file_set);
    if (r) {
        mem_free(new);
        return err_trace(r);
    }
    new->services = services;
    new->n_services = n_services;
    new->v1 = (struct grpc_service){
        .name = "grpc.reflection.v1.ServerReflection",
        .methods = &info_method,
        .n_methods = 1,
        .user = new,
    };
    new->v1alpha = new->v1;
    new->v1alpha.name = "grpc.reflection.v1alpha.ServerReflection";
    *reflection = new;
    return 0;
}

const struct grpc_service *grpc_reflection_v1(struct grpc_reflection *reflection) {
    return &reflection->v1;
}

const struct grpc_service *grpc_reflection_v1alpha(struct grpc_reflection *reflection) {
    return &reflection->v1alpha;
}

void grpc_reflection_free(struct grpc_reflection *reflection) {
    if (!reflection)
        return;
    descriptor_index_fini(&reflection->index);
    mem_free(reflection);
}

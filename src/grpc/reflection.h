/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "grpc/server.h"

/*
 * Server reflection (grpc.reflection.v1 and v1alpha, the same messages): clients such as grpcurl
 * ask for the descriptors of what is served.
 */
struct grpc_reflection;

/*
 * `file_set` is a serialized google.protobuf.FileDescriptorSet with imports; it is borrowed.
 * `services` are the names to list. 0, -EINVAL when the set cannot be read, or -ENOMEM.
 */
MUST_USE int grpc_reflection_new(struct bytes file_set, const char *const *services,
                                 size_t n_services, struct grpc_reflection **reflection);

/* The two services for the server's table. */
const struct grpc_service *grpc_reflection_v1(struct grpc_reflection *reflection);
const struct grpc_service *grpc_reflection_v1alpha(struct grpc_reflection *reflection);

void grpc_reflection_free(struct grpc_reflection *reflection);

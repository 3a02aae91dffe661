/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bytes.h"

/* A serialized google.protobuf.FileDescriptorSet of every .proto that is served, put in at build
 * time. */
struct bytes descriptors_file_set(void);

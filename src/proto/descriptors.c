/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/descriptors.h"

/* The bytes, as a list of numbers, that the build makes with protoc. */
static const uint8_t file_set[] = {
#include "proto/descriptor_set.inc"
};

struct bytes descriptors_file_set(void) {
    return bytes_of(file_set, sizeof(file_set));
}

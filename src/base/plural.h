/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>

/* The word that stands by a count: plural(n, "reading", "readings"), plural(n, "is", "are"). */
static inline const char *plural(uint64_t n, const char *one, const char *many) {
    return n == 1 ? one : many;
}

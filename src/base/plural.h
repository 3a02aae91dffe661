/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>

/* Counts in sentences: what stands by one and by any other number is given as two words. */

/* plural(n, "is", "are") */
static inline const char *plural(uint64_t n, const char *one, const char *many) {
    return n == 1 ? one : many;
}

/* counted(n, "reading", "readings").text: `1 reading', `0 readings'. */
struct counted {
    char text[64];
};
struct counted counted(uint64_t n, const char *one, const char *many);

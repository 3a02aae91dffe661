/* SPDX-License-Identifier: Apache-2.0 */
#include "base/plural.h"

#include <inttypes.h>
#include <stdio.h>

struct counted counted(uint64_t n, const char *one, const char *many) {
    struct counted out;
    snprintf(out.text, sizeof(out.text), "%" PRIu64 " %s", n, plural(n, one, many));
    return out;
}

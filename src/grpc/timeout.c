/* SPDX-License-Identifier: Apache-2.0 */
#include "grpc/timeout.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"

enum {
    TIMEOUT_MAX_DIGITS = 8
};

/* Finest first, as a timeout is written with the finest unit that fits. */
static const struct unit {
    char letter;
    uint64_t ns;
} units[] = {
    {'n', 1},        {'u', NS_PER_US},     {'m', NS_PER_MS},
    {'S', NS_PER_S}, {'M', 60 * NS_PER_S}, {'H', 3600 * NS_PER_S},
};

static const struct unit *unit_of_letter(uint8_t letter) {
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (units[i].letter == letter)
            return &units[i];
    return NULL;
}

int grpc_timeout_parse(struct bytes value, uint64_t *timeout_ns) {
    uint64_t n = 0;
    if (value.len < 2 || value.len > TIMEOUT_MAX_DIGITS + 1)
        return GRPC_TIMEOUT_E_MALFORMED;
    for (size_t i = 0; i + 1 < value.len; i++) {
        if (value.data[i] < '0' || value.data[i] > '9')
            return GRPC_TIMEOUT_E_MALFORMED;
        n = n * 10 + (value.data[i] - '0');
    }
    const struct unit *unit = unit_of_letter(value.data[value.len - 1]);
    if (!unit)
        return GRPC_TIMEOUT_E_MALFORMED;
    *timeout_ns = n * unit->ns;
    /* 99,999,999 hours are more nanoseconds than there is room for. */
    if (n > (GRPC_TIMEOUT_NONE - 1) / unit->ns)
        *timeout_ns = GRPC_TIMEOUT_NONE - 1;
    return 0;
}

struct grpc_timeout_text grpc_timeout_format(uint64_t timeout_ns) {
    struct grpc_timeout_text text;
    for (size_t i = 0;; i++) {
        uint64_t n = timeout_ns / units[i].ns + (timeout_ns % units[i].ns != 0);
        if (n > 99999999 && i + 1 < ARRAY_LEN(units))
            continue;
        snprintf(text.text, sizeof(text.text), "%" PRIu64 "%c", n, units[i].letter);
        return text;
    }
}

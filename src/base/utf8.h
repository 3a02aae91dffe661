/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bytes.h"

/* Well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. */
bool utf8_is_valid(struct bytes text);

/* Bytes of the character that `text` starts with, 1 to 4; 0 if it starts with none. */
size_t utf8_length(struct bytes text);

/* Contains C0 controls, DEL or C1 controls. `text` is valid UTF-8. */
bool utf8_has_control(struct bytes text);

/* Where to cut `text` so that at most `max` bytes stay and no character is split. */
size_t utf8_cut(const char *text, size_t max);

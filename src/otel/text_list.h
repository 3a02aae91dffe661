/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bytes.h"
#include "base/err.h"

/*
 * The form that W3C's header fields and the OTEL_* variables share: members with commas between
 * them, a key and a value with `=` between them, blanks and tabs around all of these, and `%XX` for
 * the bytes that would be in the way. Nothing here allocates; what is given borrows from the text.
 */

/* Without the blanks and tabs around it. */
struct bytes text_trim(struct bytes text);

/* Takes the next member, trimmed, off the front of `*rest`, up to `separator`. Members may be
 * empty. False: there are none left. */
bool text_list_next(struct bytes *rest, char separator, struct bytes *member);

/* Cuts at the first `at`, and trims both parts. False: there is none; both are as they were. */
bool text_split(struct bytes text, char at, struct bytes *before, struct bytes *after);

/* It is that word, in whatever case. */
bool text_is_word(struct bytes text, const char *word);

/* RFC 7230's token: what names of header fields and of baggage are made of. Not empty. */
bool text_is_token(struct bytes text);

enum {
    TEXT_E_STRAY_PERCENT = 1, /* a `%` that no two hexadecimal digits follow; it stayed as it is */
};

/* Writes `coded.len` bytes at most, and how many into `*n`. 0 or TEXT_E_STRAY_PERCENT. `out` may
 * be where `coded` is. */
MUST_USE int text_percent_decode(struct bytes coded, char *out, size_t *n);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <errno.h>
#include <stddef.h>

/*
 * The law of errors, and the few macros that carry it.
 *
 * Every function that can fail returns a MUST_USE int:
 *   0         success;
 *   negative  fatal: a negated errno value, handed up unchanged through err_trace();
 *   positive  an outcome that the function's own contract names (MODULE_E_SOMETHING) and that its
 *             direct caller handles. An outcome never travels two levels.
 *
 * `assert` is for our own bugs, never for input. Errors that a person or a peer has to act on come
 * with words, in a struct err_text that the caller owns.
 */
#define MUST_USE     __attribute__((warn_unused_result))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))

/* Runs `fn(&variable)` when the variable goes out of scope: `CLEANUP(mem_freep) char *name = NULL;`
 */
#define CLEANUP(fn) __attribute__((cleanup(fn)))

/* Hands over what `p` owns and leaves it empty, so that its CLEANUP frees nothing. */
#define STEAL(p)                   \
    ({                             \
        __auto_type stolen_ = (p); \
        (p) = NULL;                \
        stolen_;                   \
    })

#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
#define ARRAY_LEN(a)                    (sizeof(a) / sizeof((a)[0]))

/* Hands a fatal error up; at log level debug every level it passes leaves a line. Returns `r`. */
#define err_trace(r) err_trace_at((r), __FILE__, __LINE__, __func__)
MUST_USE int err_trace_at(int r, const char *file, int line, const char *function);

/* Words about an error, for the person or the peer who can mend it. Always terminated. */
struct err_text {
    char text[512];
};

/* To be put behind strerror() of a file that cannot be read: what to do about it, or "". */
const char *err_reading_remedy(int r);

/* Replaces the words. A text that is too long is cut at a character's edge. */
void err_say(struct err_text *why, const char *format, ...) PRINTF(2, 3);

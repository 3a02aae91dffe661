/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>

/*
 * Lets an allocation of the code under test fail. The linker sends every malloc, calloc, realloc
 * and aligned_alloc of our own objects here first (`-Wl,--wrap`, see meson.build); shared libraries
 * keep their own.
 *
 * To try every allocation of an operation:
 *
 *     for (size_t n = 1;; n++) {
 *         fail_alloc_at(n);
 *         r = operation();
 *         fail_alloc_off();
 *         if (r == 0)
 *             break;
 *         assert_int_equal(r, -ENOMEM);
 *     }
 */

/* From now on, the `n`-th allocation (1 is the next) gives NULL; all others go on as usual. */
void fail_alloc_at(size_t n);

/* From the `n`-th on all of them do. */
void fail_alloc_from(size_t n);

/* No allocation fails any more. */
void fail_alloc_off(void);

/* Allocations since the last call of one of these: what an idle path must keep at 0. */
size_t fail_alloc_count(void);

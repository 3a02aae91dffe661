/* SPDX-License-Identifier: Apache-2.0 */
#include "fail_alloc.h"

#include <stdatomic.h>
#include <stdbool.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

/* Atomic, since threads of the code under test allocate too. */
static _Atomic size_t n_done;
static _Atomic size_t n_to_fail; /* 0: none */
static _Atomic bool is_lasting;

static void arm(size_t n, bool lasts) {
    n_to_fail = 0;
    n_done = 0;
    is_lasting = lasts;
    n_to_fail = n;
}

void fail_alloc_at(size_t n) {
    arm(n, false);
}

void fail_alloc_from(size_t n) {
    arm(n, true);
}

void fail_alloc_off(void) {
    arm(0, false);
}

size_t fail_alloc_count(void) {
    return n_done;
}

static bool must_fail(void) {
    size_t n = ++n_done, to_fail = n_to_fail;
    return to_fail > 0 && (n == to_fail || (is_lasting && n > to_fail));
}

void *__wrap_malloc(size_t size) {
    return must_fail() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size) {
    return must_fail() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size) {
    return must_fail() ? NULL : __real_realloc(p, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size) {
    return must_fail() ? NULL : __real_aligned_alloc(alignment, size);
}

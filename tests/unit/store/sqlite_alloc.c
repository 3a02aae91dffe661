/* SPDX-License-Identifier: Apache-2.0 */
#include "sqlite_alloc.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>

static sqlite3_mem_methods real;

static _Atomic size_t n_done;
static _Atomic size_t n_to_fail; /* 0: none */
static _Atomic bool is_lasting;

static bool must_fail(void) {
    size_t n = ++n_done, to_fail = n_to_fail;
    return to_fail > 0 && (n == to_fail || (is_lasting && n > to_fail));
}

static void *failing_malloc(int size) {
    return must_fail() ? NULL : real.xMalloc(size);
}

static void *failing_realloc(void *p, int size) {
    return must_fail() ? NULL : real.xRealloc(p, size);
}

void sqlite_alloc_take_over(void) {
    int code = sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real);
    sqlite3_mem_methods methods = real;
    methods.xMalloc = failing_malloc;
    methods.xRealloc = failing_realloc;
    if (code == SQLITE_OK)
        code = sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
    assert(code == SQLITE_OK);
    (void)code;
}

static void arm(size_t n, bool lasts) {
    n_to_fail = 0;
    n_done = 0;
    is_lasting = lasts;
    n_to_fail = n;
}

void sqlite_alloc_fail_at(size_t n) {
    arm(n, false);
}

void sqlite_alloc_fail_from(size_t n) {
    arm(n, true);
}

void sqlite_alloc_off(void) {
    arm(0, false);
}

size_t sqlite_alloc_count(void) {
    return n_done;
}

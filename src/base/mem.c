/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void *mem_zalloc(size_t n, size_t size) {
    return calloc(n ? n : 1, size ? size : 1);
}

void *mem_alloc(size_t size) {
    return malloc(size ? size : 1);
}

void *mem_resize(void *array, size_t n, size_t size) {
    size_t total;
    if (__builtin_mul_overflow(n, size, &total))
        return NULL;
    return realloc(array, total ? total : 1);
}

char *mem_copy_text(const char *text, size_t len) {
    char *copy = malloc(len + 1);
    if (!copy)
        return NULL;
    if (len)
        memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

void mem_free(void *p) {
    free(p);
}

void mem_freep(void *pp) {
    free(*(void **)pp);
}

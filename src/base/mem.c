/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *mem_zalloc(size_t n, size_t size) {
    return calloc(n ? n : 1, size ? size : 1);
}

void *mem_alloc(size_t size) {
    return malloc(size ? size : 1);
}

void *mem_alloc_lines(size_t size) {
    assert(size % MEM_LINE == 0);
    return aligned_alloc(MEM_LINE, size ? size : MEM_LINE);
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

char *mem_format_text(const char *format, ...) {
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = len < 0 ? NULL : malloc((size_t)len + 1);
    if (!text)
        return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    return text;
}

void mem_free(void *p) {
    free(p);
}

void mem_freep(void *pp) {
    free(*(void **)pp);
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>

#include "base/err.h"

/*
 * The heap. Everything outside base allocates through these, so that a size is never the product of
 * an overflow and no cast hides a wrong type. NULL means that memory ran out: an ordinary error
 * (-ENOMEM).
 */

/* One zeroed object: `struct h2_stream *stream = mem_new(struct h2_stream);` */
#define mem_new(type) ((type *)mem_zalloc(1, sizeof(type)))

/* An array of `n` zeroed elements. */
#define mem_new_array(type, n) ((type *)mem_zalloc((n), sizeof(type)))

void *mem_zalloc(size_t n, size_t size);

/* Not zeroed. `size` 0 gives a valid pointer. */
void *mem_alloc(size_t size);

/* What a processor fetches and keeps at a time. */
enum {
    MEM_LINE = 64,
};

/* Not zeroed, whole cache lines: `size` is a multiple of MEM_LINE. */
void *mem_alloc_lines(size_t size);

/* Grows or shrinks an array to `n` elements of `size` bytes; on NULL the old one is untouched. */
void *mem_resize(void *array, size_t n, size_t size);

/* A terminated copy of `len` bytes. */
char *mem_copy_text(const char *text, size_t len);

/* Text as printf makes it. */
char *mem_format_text(const char *format, ...) PRINTF(1, 2);

void mem_free(void *p);

/* For CLEANUP: frees what the pointer at `pp` owns. */
void mem_freep(void *pp);

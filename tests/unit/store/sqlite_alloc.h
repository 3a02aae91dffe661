/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>

/* As fail_alloc.h, for the allocations that SQLite makes: it is a library, with a heap of its own.
 */

/* Before SQLite is used at all. */
void sqlite_alloc_take_over(void);

void sqlite_alloc_fail_at(size_t n);
void sqlite_alloc_off(void);
size_t sqlite_alloc_count(void);

/* The `n`-th and all that come after it fail. */
void sqlite_alloc_fail_from(size_t n);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What every unit test includes first. cmocka's header wants these four before it, in an order that
 * clang-format would not leave alone.
 */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "fail_alloc.h"

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/bytes.h"

/* SipHash-1-3 (Aumasson and Bernstein, 2012): a keyed hash for tables whose keys strangers choose.
 */
uint64_t siphash13(const uint64_t key[2], struct bytes input);

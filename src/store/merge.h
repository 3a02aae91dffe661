/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "store/sealed.h"

/*
 * Merging of sealed chunks, so that a sensor's history is few and full chunks whatever the order
 * its readings came in. merge.c tells by which rules.
 *
 * What a reader gets is the same before and after, reading by reading; the sensor's row is not
 * touched.
 */

/* Late chunks of a sensor that may cover one instant; with a main chunk they are 8 with one spare.
 * More than that and reading a range gets dear. */
#define MERGE_MAX_DEPTH 6

/*
 * The keeper thread, outside a transaction and with a view that is not begun: takes one step if one
 * is due, in one transaction, and says so in `did`. A step reads and writes at most some 24 full
 * chunks, 10 ms or so; call it until nothing was done. 0, or a negated errno and nothing has
 * changed: -EBADMSG when a chunk of this sensor is damaged (with words in sealed_view_trouble()),
 * the others as sealed.h says.
 */
MUST_USE int merge_step(struct sealed *sealed, struct sealed_view *view, uint32_t sensor,
                        bool *did);

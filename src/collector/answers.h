/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The texts of the answers. Clients that exist compare with them: they never change.
 */
#define ANSWER_SINGLE "Reading received."
#define ANSWER_STREAM "All readings stored."

/* Followed by the temperature as decimal_format() writes it. */
#define ANSWER_CHAT "Received "

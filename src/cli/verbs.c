/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All verbs, for the program and for its manual.
 *
 * To add one: its file with a `const struct verb`, a line in verb.h, a line here.
 */
#include "cli/verb.h"

const struct verb *const verbs[] = {
    &verb_serve,    &verb_send,    &verb_stream, &verb_get,     &verb_chat,
    &verb_stats,    &verb_sensors, &verb_health, &verb_check,   &verb_doctor,
    &verb_simulate, &verb_bench,   &verb_token,  &verb_version, NULL,
};

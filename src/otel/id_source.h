/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"

/*
 * Where trace and span ids come from: a thread's own sequence of random numbers. Each is the
 * product of the place in the sequence and of a key (Wang Yi's wyrand, with a key of its own in
 * place of the constant), so that one does not wait for the one before it, and there is one word to
 * be written: a generator with more state is half of what a span costs that is not recorded. Not
 * for secrets.
 */
struct id_source {
    uint64_t at;
    uint64_t key;
};

/* 0 or a negated errno. */
MUST_USE static inline int id_source_init(struct id_source *source) {
    return random_bytes(source, sizeof(*source));
}

/* Never 0, which is no id. */
static inline uint64_t id_source_next(struct id_source *source) {
    uint64_t id;
    do {
        uint64_t at = source->at + UINT64_C(0xa0761d6478bd642f);
        source->at = at;
        unsigned __int128 product = (unsigned __int128)at * (at ^ source->key);
        id = (uint64_t)product ^ (uint64_t)(product >> 64);
    } while (__builtin_expect(id == 0, false));
    return id;
}

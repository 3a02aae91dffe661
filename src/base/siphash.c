/* SPDX-License-Identifier: Apache-2.0 */
#include "base/siphash.h"

#include <endian.h>

struct sip {
    uint64_t v0, v1, v2, v3;
};

static uint64_t sip_rotl(uint64_t x, int by) {
    return x << by | x >> (64 - by);
}

static void sip_round(struct sip *s) {
    s->v0 += s->v1;
    s->v1 = sip_rotl(s->v1, 13) ^ s->v0;
    s->v0 = sip_rotl(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = sip_rotl(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = sip_rotl(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = sip_rotl(s->v1, 17) ^ s->v2;
    s->v2 = sip_rotl(s->v2, 32);
}

static void sip_absorb(struct sip *s, uint64_t word) {
    s->v3 ^= word;
    sip_round(s);
    s->v0 ^= word;
}

/* The last 0..7 bytes, with the length in the top byte. */
static uint64_t sip_last_word(struct bytes rest, size_t len) {
    uint64_t word = (uint64_t)len << 56;
    for (size_t i = 0; i < rest.len; i++)
        word |= (uint64_t)rest.data[i] << (8 * i);
    return word;
}

uint64_t siphash13(const uint64_t key[2], struct bytes input) {
    struct sip s = {
        key[0] ^ 0x736f6d6570736575,
        key[1] ^ 0x646f72616e646f6d,
        key[0] ^ 0x6c7967656e657261,
        key[1] ^ 0x7465646279746573,
    };
    struct bytes rest = input;
    for (; rest.len >= 8; rest = bytes_from(rest, 8)) {
        uint64_t word;
        memcpy(&word, rest.data, 8);
        sip_absorb(&s, le64toh(word));
    }
    sip_absorb(&s, sip_last_word(rest, input.len));
    s.v2 ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as `baggage`: what is read is bounded and UTF-8, and what is written of it is read the
 * same again. Then members are replaced with each other's values and removed, which moves them
 * about in the text.
 */
#include <stdlib.h>

#include "base/utf8.h"
#include "otel/propagation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_right) {
    if (!is_right)
        abort();
}

static void must_be_sound(const struct otel_baggage *baggage) {
    must(baggage->n_members <= OTEL_MAX_BAGGAGE_MEMBERS &&
         baggage->n_text <= sizeof(baggage->text));
    for (size_t i = 0; i < baggage->n_members; i++)
        must(baggage->members[i].key.len > 0 && utf8_is_valid(baggage->members[i].value));
}

static void must_come_back(const struct otel_baggage *baggage) {
    static struct otel_baggage again;
    static char text[OTEL_MAX_BAGGAGE_BYTES];
    size_t n = otel_baggage_format(baggage, text, sizeof(text));
    otel_baggage_parse(bytes_of(text, n), &again);
    must_be_sound(&again);
    must(again.n_members <= baggage->n_members);
    for (size_t i = 0; i < again.n_members; i++) {
        must(bytes_equal(again.members[i].key, baggage->members[i].key));
        must(bytes_equal(again.members[i].value, baggage->members[i].value));
        must(bytes_equal(again.members[i].metadata, baggage->members[i].metadata));
    }
}

static void change(struct otel_baggage *baggage) {
    static char value[OTEL_MAX_BAGGAGE_BYTES];
    for (size_t i = 0; i < baggage->n_members; i++) {
        struct bytes other = baggage->members[baggage->n_members - 1 - i].value;
        if (other.len > 0)
            memcpy(value, other.data, other.len);
        struct bytes key = bytes_of(value, i % 3 == 0 ? other.len : 1);
        int r = otel_baggage_set(baggage, key, bytes_of(value, other.len));
        must(r == 0 || r == -ENOSPC || r == -EINVAL);
        must_be_sound(baggage);
    }
    otel_baggage_remove(baggage, "a");
    must_be_sound(baggage);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct otel_baggage baggage;
    otel_baggage_parse(bytes_of(data, size), &baggage);
    must_be_sound(&baggage);
    must_come_back(&baggage);
    change(&baggage);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An attribute is one piece of the record's memory: the entry, what its value points at (its body),
 * and the key. A value that replaces another one takes that one's place if it fits; otherwise it
 * gets a place twice as large as needed, so that an attribute that is set for ever with ever longer
 * texts costs its record a few times its last size, not the sum of all.
 *
 * Keys are looked for one after the other: spans have a dozen, and at most their limit. Most are
 * new, and of most of these two bits, of 64, tell at once that nothing has to be looked for.
 */
#include "otel/attributes.h"

#include "base/utf8.h"

enum {
    MAX_LENT = 16, /* more are copied, which takes less time than to look for a key among them */
};

struct entry {
    struct otel_kept_attribute kept; /* first: it is what others see of it */
    uint8_t *body;
    size_t body_cap;
};

/* ---- how large a value is ---- */

/* Where to cut a text so that `max` characters stay; bytes that are no character count as one. */
static size_t cut_text(struct bytes text, size_t max) {
    size_t at = 0;
    if (text.len <= max)
        return text.len;
    for (size_t n = 0; n < max && at < text.len; n++) {
        size_t length = utf8_length(bytes_from(text, at));
        at += length ? length : 1;
    }
    return at;
}

static size_t texts_size(const struct otel_value *value, size_t max) {
    size_t size = value->n * sizeof(struct bytes);
    for (uint32_t i = 0; i < value->n; i++)
        size += cut_text(value->texts[i], max);
    return size;
}

static size_t body_size(const struct otel_value *value, size_t max) {
    switch (value->type) {
    case OTEL_TEXT:
        return cut_text(value->text, max);
    case OTEL_BYTES:
        return value->text.len < max ? value->text.len : max;
    case OTEL_TEXTS:
        return texts_size(value, max);
    case OTEL_BOOLEANS:
        return value->n * sizeof(*value->booleans);
    case OTEL_INTEGERS:
        return value->n * sizeof(*value->integers);
    case OTEL_NUMBERS:
        return value->n * sizeof(*value->numbers);
    case OTEL_EMPTY:
    case OTEL_BOOLEAN:
    case OTEL_INTEGER:
    case OTEL_NUMBER:
        return 0;
    }
    return 0;
}

/* ---- copies ---- */

static void copy_bytes(uint8_t *to, const void *from, size_t n) {
    if (n > 0)
        memcpy(to, from, n);
}

static const struct bytes *copy_texts(const struct otel_value *value, size_t max, uint8_t *body) {
    struct bytes *texts = (void *)body;
    uint8_t *at = body + value->n * sizeof(*texts);
    for (uint32_t i = 0; i < value->n; i++) {
        size_t len = cut_text(value->texts[i], max);
        copy_bytes(at, value->texts[i].data, len);
        texts[i] = bytes_of(at, len);
        at += len;
    }
    return texts;
}

/* `body` holds the `size` bytes that body_size() said. Field by field: a value was most likely
 * written a moment ago in pieces, and a processor waits where it reads them as one. */
static void copy_value(const struct otel_value *value, size_t max, size_t size, uint8_t *body,
                       struct otel_value *copy) {
    copy->type = value->type;
    copy->n = value->n;
    switch (value->type) {
    case OTEL_TEXT:
    case OTEL_BYTES:
        copy_bytes(body, value->text.data, size);
        copy->text = bytes_of(body, size);
        return;
    case OTEL_TEXTS:
        copy->texts = copy_texts(value, max, body);
        return;
    case OTEL_BOOLEANS:
    case OTEL_INTEGERS:
    case OTEL_NUMBERS:
        copy_bytes(body, value->booleans, size); /* or what else the array is of */
        copy->booleans = (const bool *)body;
        return;
    case OTEL_EMPTY:
    case OTEL_BOOLEAN:
    case OTEL_INTEGER:
    case OTEL_NUMBER:
        copy->integer = value->integer; /* the widest of them */
        return;
    }
}

bool attributes_copy_value(struct record *record, const struct otel_value *value,
                           struct otel_value *copy) {
    size_t size = body_size(value, SIZE_MAX);
    uint8_t *body = size ? record_alloc(record, size) : NULL;
    if (size && !body)
        return false;
    copy_value(value, SIZE_MAX, size, body, copy);
    return true;
}

/* ---- sets ---- */

/* Two bits of 64: of a dozen keys in one span, hardly any has both in common with the others. */
uint64_t attributes_key_bits(struct bytes key) {
    const uint8_t *at = key.data;
    uint64_t word = at[key.len / 4] | (uint64_t)at[key.len / 2] << 8 |
                    (uint64_t)at[key.len * 3 / 4] << 16 | (uint64_t)at[key.len - 1] << 24 |
                    (uint64_t)key.len << 32;
    word *= UINT64_C(0xD6E8FEB86659FD93);
    return UINT64_C(1) << (word >> 58) | UINT64_C(1) << (word >> 52 & 63);
}

bool attributes_may_have(struct otel_kept_attributes *kept, struct bytes key) {
    uint64_t bits = attributes_key_bits(key);
    bool may_have = (kept->keys & bits) == bits;
    kept->keys |= bits;
    return may_have;
}

static struct otel_kept_attribute *find(struct otel_kept_attributes *kept, struct bytes key) {
    if (!attributes_may_have(kept, key))
        return NULL;
    for (struct otel_kept_attribute *at = kept->first; at; at = at->next)
        if (bytes_equal_short(at->attribute.key, key))
            return at;
    return NULL;
}

static bool make_body(struct record *record, struct entry *entry, size_t size) {
    if (size <= entry->body_cap)
        return true;
    uint8_t *body = record_alloc(record, 2 * size);
    if (!body)
        return false;
    entry->body = body;
    entry->body_cap = 2 * size;
    return true;
}

static void append(struct otel_kept_attributes *kept, struct otel_kept_attribute *one) {
    one->next = NULL;
    if (kept->last)
        kept->last->next = one;
    else
        kept->first = one;
    kept->last = one;
    kept->n++;
}

/* The body first, for arrays have to be aligned. */
static struct entry *entry_new(struct record *record, struct bytes key, size_t size) {
    struct entry *entry = record_alloc(record, sizeof(*entry) + size + key.len);
    if (!entry)
        return NULL;
    entry->body = (uint8_t *)(entry + 1);
    entry->body_cap = size;
    memcpy(entry->body + size, key.data, key.len);
    entry->kept.attribute.key = bytes_of(entry->body + size, key.len);
    return entry;
}

static struct entry *add(struct record *record, struct otel_kept_attributes *kept, struct bytes key,
                         size_t size) {
    struct entry *entry = entry_new(record, key, size);
    if (entry)
        append(kept, &entry->kept);
    return entry;
}

/* The entry of this key with a body of `size` bytes; NULL over a limit or without room. */
static struct entry *entry_for(struct record *record, struct otel_kept_attributes *kept,
                               size_t n_max, struct bytes key, size_t size) {
    if (key.len == 0)
        return NULL;
    struct otel_kept_attribute *there = find(kept, key);
    if (there) {
        struct entry *entry = CONTAINER_OF(there, struct entry, kept);
        return make_body(record, entry, size) ? entry : NULL;
    }
    if (kept->n >= n_max)
        return NULL;
    return add(record, kept, key, size);
}

void attributes_set(struct record *record, struct otel_kept_attributes *kept,
                    const struct attribute_limits *limits, struct bytes key,
                    const struct otel_value *value) {
    size_t size = body_size(value, limits->value_length);
    struct entry *entry = entry_for(record, kept, limits->n, key, size);
    if (!entry) {
        kept->n_dropped++;
        return;
    }
    copy_value(value, limits->value_length, size, entry->body, &entry->kept.attribute.value);
}

void attributes_set_all(struct record *record, struct otel_kept_attributes *kept,
                        const struct attribute_limits *limits,
                        const struct otel_attribute *attributes, size_t n) {
    for (size_t i = 0; i < n; i++)
        attributes_set(record, kept, limits, attributes[i].key, &attributes[i].value);
}

/* ---- what is borrowed ---- */

bool attributes_cut_value(struct record *record, const struct attribute_limits *limits,
                          const struct otel_value *value, struct otel_value *cut) {
    size_t max = limits->value_length;
    *cut = *value;
    if (value->type == OTEL_TEXT || value->type == OTEL_BYTES)
        cut->text.len = body_size(value, max);
    if (value->type != OTEL_TEXTS)
        return true;
    size_t size = body_size(value, max);
    uint8_t *body = record_alloc(record, size);
    if (!body)
        return false;
    copy_value(value, max, size, body, cut);
    return true;
}

/* In bytes, of which there are no fewer than characters. */
static bool may_be_long(const struct otel_value *value, size_t max) {
    if (max == SIZE_MAX)
        return false;
    bool has_text = value->type == OTEL_TEXT || value->type == OTEL_BYTES;
    return value->type == OTEL_TEXTS || (has_text && value->text.len > max);
}

/* Attributes of an event are few: their keys are mostly told apart by their lengths. */
static bool has_before(const struct otel_attribute *attributes, size_t i) {
    for (size_t k = 0; k < i; k++)
        if (bytes_equal_short(attributes[k].key, attributes[i].key))
            return true;
    return false;
}

bool attributes_fit(const struct attribute_limits *limits, const struct otel_attribute *attributes,
                    size_t n) {
    if (n > limits->n || n > MAX_LENT)
        return false;
    for (size_t i = 0; i < n; i++)
        if (attributes[i].key.len == 0 || has_before(attributes, i) ||
            may_be_long(&attributes[i].value, limits->value_length))
            return false;
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set is one block of memory:
 *
 *     struct attribute_set | attributes, sorted | texts of arrays | key
 *
 * The key is what is compared, and where the copies lie as well: the attributes point into it. So
 * numbers in it are aligned, with zeros before them, and everything has its length or its type in
 * front, so that no two sets have the same key.
 *
 * Touch bytes_of_value() and copy_value() together when there is a new type of value.
 */
#include "otel/attribute_set.h"

#include <assert.h>

#include "base/mem.h"

enum {
    ALIGNMENT = 8,
};

/* ---- in order, each once ---- */

static int key_order(struct bytes a, struct bytes b) {
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter ? memcmp(a.data, b.data, shorter) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* Attributes are few, and often given in order: from the end. */
static void insert(struct attribute_set *set, const struct otel_attribute *attribute) {
    size_t at = set->n;
    while (at > 0 && key_order(set->attributes[at - 1].key, attribute->key) > 0)
        at--;
    if (at > 0 && bytes_equal(set->attributes[at - 1].key, attribute->key)) {
        set->attributes[at - 1] = *attribute;
        return;
    }
    memmove(&set->attributes[at + 1], &set->attributes[at],
            (set->n - at) * sizeof(*set->attributes));
    set->attributes[at] = *attribute;
    set->n++;
}

/* ---- sizes ---- */

static size_t bytes_of_value(const struct otel_value *value) {
    size_t size = 0;
    switch (value->type) {
    case OTEL_EMPTY:
        return 0;
    case OTEL_TEXT:
    case OTEL_BYTES:
        return sizeof(size_t) + value->text.len;
    case OTEL_BOOLEAN:
        return sizeof(bool);
    case OTEL_INTEGER:
    case OTEL_NUMBER:
        return sizeof(int64_t);
    case OTEL_TEXTS:
        for (uint32_t i = 0; i < value->n; i++)
            size += ALIGNMENT + sizeof(size_t) + value->texts[i].len;
        return size;
    case OTEL_BOOLEANS:
        return value->n * sizeof(bool);
    case OTEL_INTEGERS:
    case OTEL_NUMBERS:
        return value->n * sizeof(int64_t);
    }
    return 0;
}

/* At most: each piece may need zeros before it. */
static size_t bytes_of_attribute(const struct otel_attribute *attribute) {
    return 4 * ALIGNMENT + sizeof(size_t) + attribute->key.len + 2 * sizeof(uint32_t) +
           bytes_of_value(&attribute->value);
}

static size_t n_texts(const struct otel_value *value) {
    return value->type == OTEL_TEXTS ? value->n : 0;
}

/* ---- the copy ---- */

struct writer {
    struct bytes *texts;
    uint8_t *at; /* aligned */
};

static const void *put(struct writer *writer, const void *data, size_t len) {
    uint8_t *copy = writer->at;
    if (len)
        memcpy(copy, data, len);
    writer->at += (len + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    return copy;
}

static struct bytes put_bytes(struct writer *writer, struct bytes bytes) {
    put(writer, &bytes.len, sizeof(bytes.len));
    return bytes_of(put(writer, bytes.data, bytes.len), bytes.len);
}

static const struct bytes *put_texts(struct writer *writer, const struct bytes *texts, uint32_t n) {
    struct bytes *copies = writer->texts;
    writer->texts += n;
    for (uint32_t i = 0; i < n; i++)
        copies[i] = put_bytes(writer, texts[i]);
    return copies;
}

static void copy_value(struct writer *writer, struct otel_value *value) {
    switch (value->type) {
    case OTEL_EMPTY:
        return;
    case OTEL_TEXT:
    case OTEL_BYTES:
        value->text = put_bytes(writer, value->text);
        return;
    case OTEL_BOOLEAN:
        put(writer, &value->boolean, sizeof(value->boolean));
        return;
    case OTEL_INTEGER:
    case OTEL_NUMBER:
        put(writer, &value->integer, sizeof(value->integer));
        return;
    case OTEL_TEXTS:
        value->texts = put_texts(writer, value->texts, value->n);
        return;
    case OTEL_BOOLEANS:
        value->booleans = put(writer, value->booleans, value->n * sizeof(bool));
        return;
    case OTEL_INTEGERS:
    case OTEL_NUMBERS:
        value->integers = put(writer, value->integers, value->n * sizeof(int64_t));
        return;
    }
}

static void copy_attribute(struct writer *writer, struct otel_attribute *attribute) {
    bool is_array = attribute->value.type >= OTEL_TEXTS;
    uint32_t form[2] = {attribute->value.type, is_array ? attribute->value.n : 0};
    attribute->key = put_bytes(writer, attribute->key);
    put(writer, form, sizeof(form));
    copy_value(writer, &attribute->value);
}

int attribute_set_new(const struct otel_attribute *attributes, size_t n,
                      struct attribute_set **set) {
    size_t n_all_texts = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        n_all_texts += n_texts(&attributes[i].value);
        size += bytes_of_attribute(&attributes[i]);
    }
    size_t before_key =
        sizeof(**set) + n * sizeof(*attributes) + n_all_texts * sizeof(struct bytes);
    struct attribute_set *made = mem_zalloc(1, before_key + size);
    if (!made)
        return err_trace(-ENOMEM);
    made->attributes = (struct otel_attribute *)(made + 1);
    for (size_t i = 0; i < n; i++)
        if (attributes[i].key.len)
            insert(made, &attributes[i]);
    uint8_t *key = (uint8_t *)made + before_key;
    struct writer writer = {(struct bytes *)(made->attributes + n), key};
    for (size_t i = 0; i < made->n; i++)
        copy_attribute(&writer, &made->attributes[i]);
    made->key = bytes_of(key, (size_t)(writer.at - key));
    assert(made->key.len <= size);
    *set = made;
    return 0;
}

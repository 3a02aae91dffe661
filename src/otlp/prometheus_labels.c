/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/prometheus_labels.h"

#include <stdlib.h>

#include "base/mem.h"
#include "otlp/prometheus_names.h"

enum {
    MAX_PREFIX = 16, /* what a name may gain */
};

struct label {
    char *name;
    size_t name_len;
    const struct otel_attribute *attribute;
};

static void label_init(struct label *label, char *name, const struct otel_attribute *attribute) {
    static const char *const reserved[] = {"le", "otel_scope_name", "otel_scope_version"};
    static const char prefix[] = "exported_";
    *label = (struct label){name, prometheus_label_name(attribute->key, name), attribute};
    for (size_t i = 0; i < ARRAY_LEN(reserved); i++) {
        if (!bytes_equal_str(bytes_of(name, label->name_len), reserved[i]))
            continue;
        memmove(name + sizeof(prefix) - 1, name, label->name_len);
        memcpy(name, prefix, sizeof(prefix) - 1);
        label->name_len += sizeof(prefix) - 1;
        return;
    }
}

/* By name; those of one name as they came, which is by their keys. */
static int label_compare(const void *a, const void *b) {
    const struct label *x = a, *y = b;
    size_t len = x->name_len < y->name_len ? x->name_len : y->name_len;
    int order = memcmp(x->name, y->name, len);
    if (order == 0 && x->name_len != y->name_len)
        order = x->name_len < y->name_len ? -1 : 1;
    if (order == 0)
        order = x->attribute < y->attribute ? -1 : x->attribute > y->attribute;
    return order;
}

static bool has_same_name(const struct label *a, const struct label *b) {
    return bytes_equal(bytes_of(a->name, a->name_len), bytes_of(b->name, b->name_len));
}

static void put_sorted(struct prometheus_text *text, const struct label *labels, size_t n) {
    for (size_t i = 0; i < n; i++) {
        bool goes_on = i > 0 && has_same_name(&labels[i - 1], &labels[i]);
        if (goes_on) {
            prometheus_put_str(text, ";");
        } else {
            prometheus_put_str(text, i ? "\"," : "");
            prometheus_put(text, bytes_of(labels[i].name, labels[i].name_len));
            prometheus_put_str(text, "=\"");
        }
        prometheus_put_value(text, &labels[i].attribute->value);
    }
    prometheus_put_str(text, n ? "\"" : "");
}

int prometheus_put_labels(struct prometheus_text *text, const struct otel_attribute *attributes,
                          size_t n_attributes) {
    size_t n_bytes = 0;
    for (size_t i = 0; i < n_attributes; i++)
        n_bytes += attributes[i].key.len + MAX_PREFIX;
    CLEANUP(mem_freep) char *names = mem_alloc(n_bytes);
    CLEANUP(mem_freep) struct label *labels = mem_new_array(struct label, n_attributes);
    if (!names || !labels)
        return -ENOMEM;
    char *name = names;
    for (size_t i = 0; i < n_attributes; i++) {
        label_init(&labels[i], name, &attributes[i]);
        name += attributes[i].key.len + MAX_PREFIX;
    }
    qsort(labels, n_attributes, sizeof(*labels), label_compare);
    put_sorted(text, labels, n_attributes);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "web/accept.h"

#include <ctype.h>
#include <strings.h>

enum {
    QUALITY_ONE = 1000,
};

/* `text/plain;version=0.0.4;q=0.3` */
struct element {
    struct bytes name;
    struct bytes version; /* empty: none is named */
    unsigned quality;     /* 0 to 1000 */
    bool is_malformed;
};

/* ---- the header's parts ---- */

static struct bytes trim(struct bytes text) {
    while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = bytes_from(text, 1);
    while (text.len > 0 && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t'))
        text.len--;
    return text;
}

/* Takes what comes before the next `separator` that is not inside quotes, and the separator. */
static struct bytes take_part(struct bytes *rest, char separator) {
    bool is_quoted = false;
    size_t n = 0;
    for (; n < rest->len && (is_quoted || rest->data[n] != separator); n++) {
        if (rest->data[n] == '"')
            is_quoted = !is_quoted;
        else if (is_quoted && rest->data[n] == '\\' && n + 1 < rest->len)
            n++;
    }
    struct bytes part = bytes_of(rest->data, n);
    *rest = bytes_from(*rest, n < rest->len ? n + 1 : n);
    return trim(part);
}

static bool is_text(struct bytes text, const char *wanted) {
    return text.len == strlen(wanted) &&
           (text.len == 0 || strncasecmp((const char *)text.data, wanted, text.len) == 0);
}

static struct bytes unquote(struct bytes text) {
    bool is_quoted = text.len >= 2 && text.data[0] == '"' && text.data[text.len - 1] == '"';
    return is_quoted ? bytes_of(text.data + 1, text.len - 2) : text;
}

/* `0`, `0.5`, `1.000`: at most three digits behind the point. */
static bool read_quality(struct bytes text, unsigned *quality) {
    unsigned value = 0, unit = QUALITY_ONE;
    if (text.len == 0 || text.len > 5 || (text.len > 1 && text.data[1] != '.'))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (i == 1)
            continue;
        if (!isdigit(text.data[i]))
            return false;
        value += (unsigned)(text.data[i] - '0') * unit;
        unit /= 10;
    }
    *quality = value;
    return value <= QUALITY_ONE;
}

static void read_parameter(struct element *element, struct bytes parameter) {
    struct bytes value = parameter;
    struct bytes name = take_part(&value, '=');
    value = unquote(trim(value));
    if (is_text(name, "version"))
        element->version = value;
    if (is_text(name, "q") && !read_quality(value, &element->quality))
        element->is_malformed = true;
}

static struct element read_element(struct bytes text) {
    struct element element = {.name = take_part(&text, ';'), .quality = QUALITY_ONE};
    while (text.len > 0)
        read_parameter(&element, take_part(&text, ';'));
    return element;
}

/* The next element that can be read; false at the end. */
static bool next_element(struct bytes *header, struct element *element) {
    while (header->len > 0) {
        *element = read_element(take_part(header, ','));
        if (element->name.len > 0 && !element->is_malformed)
            return true;
    }
    return false;
}

/* ---- what it means ---- */

/* The element that names a thing most exactly says how much it is wanted. */
struct wish {
    unsigned exactness; /* 0: nothing names it */
    unsigned quality;
};

static void wish_take(struct wish *wish, unsigned exactness, unsigned quality) {
    if (exactness < wish->exactness || (exactness == wish->exactness && quality < wish->quality))
        return;
    *wish = (struct wish){exactness, quality};
}

static unsigned exactness_for_text(const struct element *element) {
    if (is_text(element->name, "text/plain"))
        return element->version.len == 0 || is_text(element->version, "0.0.4") ? 3 : 0;
    if (is_text(element->name, "text/*"))
        return 2;
    return is_text(element->name, "*/*") ? 1 : 0;
}

static bool is_openmetrics(const struct element *element) {
    return is_text(element->name, "application/openmetrics-text") &&
           (element->version.len == 0 || is_text(element->version, "1.0.0"));
}

bool accept_wants_openmetrics(struct bytes accept) {
    struct wish openmetrics = {0}, text = {0};
    struct element element;
    while (next_element(&accept, &element)) {
        unsigned exactness = exactness_for_text(&element);
        if (exactness > 0)
            wish_take(&text, exactness, element.quality);
        if (is_openmetrics(&element))
            wish_take(&openmetrics, 1, element.quality);
    }
    return openmetrics.quality > 0 && openmetrics.quality >= text.quality;
}

bool accept_allows_gzip(struct bytes accept_encoding) {
    struct wish gzip = {0};
    struct element element;
    while (next_element(&accept_encoding, &element)) {
        if (is_text(element.name, "gzip") || is_text(element.name, "x-gzip"))
            wish_take(&gzip, 2, element.quality);
        else if (is_text(element.name, "*"))
            wish_take(&gzip, 1, element.quality);
    }
    return gzip.quality > 0;
}

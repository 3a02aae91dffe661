/* SPDX-License-Identifier: Apache-2.0 */
#include "manual/prose.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static struct bytes trim(struct bytes text) {
    while (text.len > 0 && text.data[text.len - 1] == '\n')
        text.len--;
    return text;
}

struct prose prose_of(const struct verb *verb) {
    const char *heading = strstr(verb->more, "Example");
    assert(heading); /* each verb has some, and they come last */
    size_t len = (size_t)(heading - verb->more);
    return (struct prose){
        .description = trim(bytes_of(verb->more, len)),
        .examples = trim(bytes_str(strchr(heading, '\n') + 1)),
    };
}

struct bytes prose_summary(const char *help) {
    static const char *const ends[] = {". ", "; ", ": ", " (default"};
    struct bytes summary = bytes_str(help);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        const char *end = strstr(help, ends[i]);
        if (end && (size_t)(end - help) < summary.len)
            summary.len = (size_t)(end - help);
    }
    return summary;
}

struct prose_name prose_name_of(const struct verb *verb) {
    struct prose_name name;
    snprintf(name.text, sizeof(name.text), "thermograph%s%s", verb ? "-" : "",
             verb ? verb->name : "");
    return name;
}

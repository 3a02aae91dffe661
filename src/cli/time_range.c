/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/time_range.h"

#include <string.h>

static int read_second(const struct options *options, enum option_id id, int64_t *second,
                       struct err_text *why) {
    struct moment moment = {0, 0};
    int r = options_moment(options, id, &moment, why);
    if (r)
        return r;
    *second = moment.seconds;
    if (moment.nanos == 0)
        return 0;
    if (strcmp(options_text(options, id), "now") == 0)
        return 0;
    err_say(why, "'%.80s' has a part of a second; a range is in whole seconds",
            options_text(options, id));
    return options_blame(options, id, why);
}

/* In the protocol 0 leaves the range open; who gives it as the end does not mean that. */
static int read_end(const struct options *options, int64_t *second, struct err_text *why) {
    int r = read_second(options, OPTION_END, second, why);
    if (r || !options_given(options, OPTION_END) || *second > 0)
        return r;
    err_say(why, "no reading lies before 1970-01-01T00:00:00Z");
    return options_blame(options, OPTION_END, why);
}

int time_range_read(const struct options *options, int64_t *start_s, int64_t *end_s,
                    struct err_text *why) {
    int r = read_second(options, OPTION_START, start_s, why);
    if (r == 0)
        r = read_end(options, end_s, why);
    if (r || !options_given(options, OPTION_END) || *start_s <= *end_s)
        return r;
    err_say(why, "'%.80s' is after the end, '%.80s'", options_text(options, OPTION_START),
            options_text(options, OPTION_END));
    return options_blame(options, OPTION_START, why);
}

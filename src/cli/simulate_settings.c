/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/simulate_settings.h"

#include <string.h>

#include "base/clock.h"
#include "base/random.h"

enum {
    LIVE_SENSORS = 3,
    DATASET_SENSORS = 1000,
    DATASET_SEED = 1,
    MAX_PREFIX = 100,
};

/* 2026-01-01T00:00:00Z: fixed, so that the same options give the same data set on any day. */
#define DATASET_START_S 1767225600

static int read_choices(const struct options *options, struct simulate_settings *settings,
                        struct err_text *why) {
    unsigned kind = SIMULATE_UNARY, set = GENERATOR_A;
    settings->is_dataset = options_given(options, OPTION_DATASET);
    int r = options_choice(options, OPTION_KIND, &kind, why);
    if (r == 0)
        r = options_choice(options, OPTION_DATASET, &set, why);
    if (r == 0)
        r = options_flag(options, OPTION_PRINT, &settings->prints, why);
    settings->kind = (enum simulate_kind)kind;
    settings->set = (enum generator_set)set;
    return r;
}

static int read_delays(const struct options *options, struct simulate_settings *settings,
                       struct err_text *why) {
    int r = options_duration(options, OPTION_MIN_DELAY, &settings->min_delay_ns, why);
    if (r == 0)
        r = options_duration(options, OPTION_MAX_DELAY, &settings->max_delay_ns, why);
    if (r)
        return r;
    if (settings->max_delay_ns < settings->min_delay_ns) {
        if (options_given(options, OPTION_MAX_DELAY)) {
            err_say(why, "it is shorter than --min-delay");
            return options_blame(options, OPTION_MAX_DELAY, why);
        }
        settings->max_delay_ns = settings->min_delay_ns;
    }
    return 0;
}

static int read_seed(const struct options *options, struct simulate_settings *settings,
                     struct err_text *why) {
    struct parse_range any = {0, UINT64_MAX};
    settings->seed = DATASET_SEED;
    int r = settings->is_dataset ? 0 : random_bytes(&settings->seed, sizeof(settings->seed));
    if (r) {
        err_say(why, "the system gives no random bytes");
        return -EINVAL;
    }
    return options_count(options, OPTION_SEED, any, &settings->seed, why);
}

static int read_numbers(const struct options *options, struct simulate_settings *settings,
                        struct err_text *why) {
    struct parse_range sensors = {1, GENERATOR_MAX_SENSORS}, count = {1, UINT64_MAX};
    struct moment start = {DATASET_START_S, 0};
    settings->n_sensors = settings->is_dataset ? DATASET_SENSORS : LIVE_SENSORS;
    int r = options_count(options, OPTION_SENSORS, sensors, &settings->n_sensors, why);
    if (r == 0)
        r = options_count(options, OPTION_COUNT, count, &settings->count, why);
    if (r == 0)
        r = options_moment(options, OPTION_START, &start, why);
    settings->start_s = start.seconds;
    return r;
}

static int read_prefix(const struct options *options, struct simulate_settings *settings,
                       struct err_text *why) {
    settings->prefix = options_text(options, OPTION_PREFIX);
    if (settings->prefix && strlen(settings->prefix) > MAX_PREFIX) {
        err_say(why, "it is longer than %d bytes", MAX_PREFIX);
        return options_blame(options, OPTION_PREFIX, why);
    }
    if (!settings->prefix && settings->is_dataset)
        settings->prefix = "sensor";
    if (!settings->prefix && settings->kind != SIMULATE_SERVER_STREAM)
        settings->prefix = option_info(OPTION_KIND)->choices[settings->kind];
    return 0;
}

/* Only what was typed is wrong here: a file or the environment may be meant for other runs too. */
static int check_unused(const struct options *options, const struct simulate_settings *settings,
                        struct err_text *why) {
    const struct {
        enum option_id id;
        bool is_unused;
        const char *words;
    } rules[] = {
        {OPTION_START, !settings->is_dataset, "it belongs to a data set, --dataset A or B"},
        {OPTION_MIN_DELAY, settings->is_dataset, "a data set has no pauses"},
        {OPTION_MAX_DELAY, settings->is_dataset, "a data set has no pauses"},
        {OPTION_SENSORS, !settings->is_dataset && settings->kind == SIMULATE_SERVER_STREAM,
         "server-stream reads the sensors that there are"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        if (!rules[i].is_unused || options->values[rules[i].id].source != SOURCE_COMMAND_LINE)
            continue;
        err_say(why, "%s", rules[i].words);
        return options_blame(options, rules[i].id, why);
    }
    return 0;
}

static int check_dataset(const struct simulate_settings *settings, struct err_text *why) {
    const char *trouble = NULL;
    if (!settings->is_dataset && settings->prints)
        trouble = "--print needs --dataset A or B";
    else if (settings->is_dataset && !settings->prints && settings->count == 0)
        trouble = "a data set that is sent needs --count, or it would never end";
    else if (settings->is_dataset && settings->kind == SIMULATE_SERVER_STREAM)
        trouble = "server-stream only reads; a data set is sent by another --kind";
    if (!trouble)
        return 0;
    err_say(why, "%s", trouble);
    return -EINVAL;
}

int simulate_settings_read(const struct options *options, struct simulate_settings *settings,
                           struct err_text *why) {
    *settings = (struct simulate_settings){0};
    int r = read_choices(options, settings, why);
    if (r == 0)
        r = read_numbers(options, settings, why);
    if (r == 0)
        r = read_delays(options, settings, why);
    if (r == 0)
        r = read_seed(options, settings, why);
    if (r == 0)
        r = read_prefix(options, settings, why);
    if (r == 0)
        r = check_unused(options, settings, why);
    return r ? r : check_dataset(settings, why);
}

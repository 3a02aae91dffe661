/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/simulate.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/plural.h"
#include "cli/verb.h"
#include "proto/message.h"

/* A call that fails because there is no connection fails at once. The channel has a back-off for
 * its attempts to connect; this is for the calls, each of which is counted and traced. */
#define LOST_PAUSE_NS (1 * NS_PER_S)

typedef void (*simulate_fn)(struct simulator *simulator);

static const simulate_fn acts[] = {
    [SIMULATE_UNARY] = simulate_unary,
    [SIMULATE_CLIENT_STREAM] = simulate_client_stream,
    [SIMULATE_SERVER_STREAM] = simulate_server_stream,
    [SIMULATE_CHAT] = simulate_chat,
};

static const struct {
    const char *begin, *end;
} trouble_words[] = {
    [TROUBLE_ABSENT] = {"no server yet", "the server is there"},
    [TROUBLE_LOST] = {"lost the server", "the server is back"},
    [TROUBLE_REFUSED] = {"the server refused", "the server takes calls again"},
};

bool simulator_is_done(const struct simulator *simulator) {
    return simulator->settings.count && simulator->n_done >= simulator->settings.count;
}

static void on_pause_over(uv_timer_t *pause) {
    struct simulator *simulator = pause->data;
    net_loop_renew(&simulator->client.loop);
    acts[simulator->settings.kind](simulator);
}

static bool is_unreachable(const struct simulator *simulator) {
    return simulator->trouble == TROUBLE_ABSENT || simulator->trouble == TROUBLE_LOST;
}

void simulator_rest(struct simulator *simulator) {
    const struct simulate_settings *settings = &simulator->settings;
    if (simulator->client.is_finished)
        return;
    if (simulator_is_done(simulator)) {
        client_finish(&simulator->client, EXIT_OK);
        return;
    }
    uint64_t spread_ns = settings->max_delay_ns - settings->min_delay_ns;
    uint64_t extra_ns = (uint64_t)((double)spread_ns * random_unit(&simulator->random));
    uint64_t pause_ns = settings->min_delay_ns + extra_ns;
    if (is_unreachable(simulator) && pause_ns < LOST_PAUSE_NS)
        pause_ns = LOST_PAUSE_NS;
    uv_timer_start(&simulator->pause, on_pause_over, pause_ns / NS_PER_MS, 0);
}

void simulator_succeeded(struct simulator *simulator) {
    if (simulator->trouble != TROUBLE_NONE)
        fprintf(stderr, "%s\n", trouble_words[simulator->trouble].end);
    simulator->trouble = TROUBLE_NONE;
}

static enum simulate_trouble trouble_of(const struct simulator *simulator,
                                        enum grpc_status status) {
    if (status == GRPC_RESOURCE_EXHAUSTED || status == GRPC_ABORTED)
        return TROUBLE_REFUSED;
    return grpc_channel_was_ready(simulator->client.channel) ? TROUBLE_LOST : TROUBLE_ABSENT;
}

bool simulate_is_worth_trying_again(enum grpc_status status) {
    return status == GRPC_UNAVAILABLE || status == GRPC_DEADLINE_EXCEEDED ||
           status == GRPC_CANCELLED || status == GRPC_RESOURCE_EXHAUSTED || status == GRPC_ABORTED;
}

/* A refusal may count how far it came, each time another number; that is no new reason. */
static bool is_new(const struct simulator *simulator, enum simulate_trouble before,
                   const char *text) {
    const char *said = simulator->reason.text;
    return simulator->trouble != before ||
           (is_unreachable(simulator) && strncmp(said, text, strlen(said)) != 0);
}

static void say_trouble(struct simulator *simulator, enum grpc_status status, const char *text) {
    const char *hint = client_hint(&simulator->client, status, text);
    err_say(&simulator->reason, "%s", text);
    fprintf(stderr, "%s: %s: %s%s%s%s; trying again\n", trouble_words[simulator->trouble].begin,
            grpc_status_name(status), text, hint ? " (" : "", hint ? hint : "", hint ? ")" : "");
}

void simulator_failed(struct simulator *simulator, enum grpc_status status, const char *text) {
    if (simulator->client.is_finished)
        return;
    if (!simulate_is_worth_trying_again(status)) {
        client_fail(&simulator->client, status, text);
        return;
    }
    enum simulate_trouble before = simulator->trouble;
    simulator->trouble = trouble_of(simulator, status);
    if (is_new(simulator, before, text))
        say_trouble(simulator, status, text);
    simulator_rest(simulator);
}

const struct reading *simulator_make_reading(struct simulator *simulator) {
    struct random *random = &simulator->random;
    if (simulator->has_reading)
        return &simulator->reading;
    uint64_t sensor = random_below(random, simulator->settings.n_sensors);
    struct moment now = moment_of_ns(clock_wall_ns());
    int len = snprintf(simulator->sensor_id, sizeof(simulator->sensor_id), "%s-%llu",
                       simulator->settings.prefix, (unsigned long long)sensor + 1);
    simulator->reading = (struct reading){
        .sensor_id = bytes_of(simulator->sensor_id, (size_t)len),
        .temperature = generator_temperature(random, sensor, now),
        .seconds = now.seconds,
        .nanos = now.nanos,
        .sequence = ++simulator->n_made,
    };
    simulator->has_reading = true;
    return &simulator->reading;
}

static void on_closing(struct client *client) {
    struct simulator *simulator = CONTAINER_OF(client, struct simulator, client);
    uv_close((uv_handle_t *)&simulator->pause, NULL);
}

static void on_interrupted(struct client *client) {
    client_finish(client, EXIT_OK);
}

static void say_end(const struct simulator *simulator) {
    if (simulator->settings.kind == SIMULATE_SERVER_STREAM)
        fprintf(stderr, "ended: read %s\n", counted(simulator->n_done, "time", "times").text);
    else
        fprintf(stderr, "ended: %s kept\n", counted(simulator->n_done, "reading", "readings").text);
}

static int run_live(const struct options *options, const struct simulate_settings *settings) {
    struct simulator simulator = {.settings = *settings};
    int status = client_open(&simulator.client, options, 0);
    if (status)
        return status;
    random_init(&simulator.random, settings->seed);
    uv_timer_init(&simulator.client.loop.uv, &simulator.pause);
    simulator.pause.data = &simulator;
    simulator.client.closing = on_closing;
    simulator.client.interrupted = on_interrupted;
    simulator_rest(&simulator);
    status = client_run(&simulator.client);
    if (status == EXIT_OK)
        say_end(&simulator);
    message_free((ProtobufCMessage *)simulator.ack);
    return status;
}

static int run(const struct options *options) {
    struct simulate_settings settings;
    struct err_text why;
    if (simulate_settings_read(options, &settings, &why))
        return say_usage(options, &why);
    if (settings.prints)
        return simulate_dataset_print(options, &settings);
    if (settings.is_dataset)
        return simulate_dataset_send(options, &settings);
    return run_live(options, &settings);
}

static const enum option_id simulate_options[] = {
    OPTION_KIND,  OPTION_SENSORS, OPTION_PREFIX,  OPTION_MIN_DELAY, OPTION_MAX_DELAY,
    OPTION_COUNT, OPTION_SEED,    OPTION_DATASET, OPTION_START,     OPTION_PRINT,
};

const struct verb verb_simulate = {
    .name = "simulate",
    .arguments = "",
    .summary = "Be a sensor: send random readings, or read what others send, until told to stop",
    .more =
        "Each kind makes its calls at random intervals between --min-delay and --max-delay and goes "
        "on when the server goes away. Ctrl-C ends it, with status 0. Data sets A and B are for measuring, and end "
        "with the first failure; the same options give the same readings, and what is sent again "
        "is not stored twice.\n\n"
        "Examples:\n"
        "  thermograph simulate --kind chat --sensors 5 --max-delay 2s\n"
        "  thermograph simulate --kind client-stream --dataset A --count 1000000\n"
        "  thermograph simulate --dataset B --sensors 10 --count 1000 --print >b.csv\n",
    .options = simulate_options,
    .n_options = ARRAY_LEN(simulate_options),
    .calls_a_server = true,
    .run = run,
};

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "cli/client.h"
#include "cli/simulate_settings.h"
#include "collector/limits.h"
#include "proto/reading.h"
#include "proto/sensor.pb-c.h"

/*
 * What keeps the simulator from going on, which is said once. Why a server cannot be reached may
 * change, since its certificate is looked at only once it listens; each new reason is said too.
 */
enum simulate_trouble {
    TROUBLE_NONE,
    TROUBLE_ABSENT,  /* there has never been a connection */
    TROUBLE_LOST,    /* the server cannot be reached or does not answer */
    TROUBLE_REFUSED, /* it answers, and takes nothing now */
};

/*
 * The simulator: a client of one call kind that acts at random intervals and goes on when the
 * server goes away. The kinds are simulate_write.c and simulate_read.c; data sets, which know no
 * pauses, are simulate_dataset.c.
 */
struct simulator {
    struct client client;
    struct simulate_settings settings;
    struct random random;
    uv_timer_t pause;
    uint64_t n_done; /* readings that are kept; server-stream: reads, also of nothing */
    uint64_t n_made; /* readings, the last one's sequence */
    enum simulate_trouble trouble;
    struct err_text reason; /* of it, as it was said last */

    /* the reading that is on its way, or that was not acknowledged yet */
    bool has_reading;
    struct reading reading;
    char sensor_id[COLLECTOR_MAX_SENSOR_ID + 1];

    /* client-stream and chat */
    struct grpc_client_call *call;
    uint64_t n_in_call;  /* readings sent in it */
    uint64_t n_for_call; /* readings it is to have */
    Ack *ack;

    /* server-stream */
    uint64_t n_read;
    double sum;
    bool has_said_none; /* that there are no sensors */
};

/* One act of a kind; it ends with simulator_rest() or simulator_failed(), at once or later. */
void simulate_unary(struct simulator *simulator);
void simulate_client_stream(struct simulator *simulator);
void simulate_chat(struct simulator *simulator);
void simulate_server_stream(struct simulator *simulator);

/* Pauses for a random time, then acts again; or ends, when --count is reached. */
void simulator_rest(struct simulator *simulator);

/* Something went well. */
void simulator_succeeded(struct simulator *simulator);

/* A call has failed: says so once and rests, or ends the program when trying again is of no use. */
void simulator_failed(struct simulator *simulator, enum grpc_status status, const char *text);

/* Whether a call that has failed may well go better the next time. */
bool simulate_is_worth_trying_again(enum grpc_status status);

/* Whether --count is reached. */
bool simulator_is_done(const struct simulator *simulator);

/* Makes the next reading, unless the last one has not been acknowledged. */
const struct reading *simulator_make_reading(struct simulator *simulator);

/* Prints or sends a data set. Returns the exit status. */
int simulate_dataset_print(const struct options *options, const struct simulate_settings *settings);
int simulate_dataset_send(const struct options *options, const struct simulate_settings *settings);

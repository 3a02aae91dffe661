/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One turn: take up to KEEPER_TURN_MAX sealings, put them into SQLite in one transaction, tell
 * their sensors, let the journal go of what is sealed, prepare its next segment, empty the WAL.
 * When nothing waits, one step of merging, and look again: merging gives way to sealing, which the
 * writer may have to wait for.
 *
 * What the journal must keep: everything from the oldest position on of the sealings that are in
 * the queue and of the chunks that are still open. The writer says the latter when it gives; it
 * gives what it takes out of open chunks at the same time, so between the two nothing falls
 * through. The oldest of the queue is the first of those that are older than all behind them
 * (`minima`).
 */
#include "store/keeper.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "store/limits.h"
#include "store/merge.h"
#include "store/sorted.h"

/*
 *     RUNNING ──keeper_hurry──> HURRYING ──keeper_free──> STOPPING
 *        └──────────┬──────────────┴────────────────────────┘
 *                   └── the disk fails, or memory towards the end ──> FAILED
 */
enum keeper_state {
    KEEPER_RUNNING,
    KEEPER_HURRYING, /* as before, and waits for no view */
    KEEPER_STOPPING, /* seals what it has, as long as there is time, then ends */
    KEEPER_FAILED,   /* ends at once */
};

/* A chunk with few readings is merged with its neighbours before long. */
#define KEEPER_SMALL_CHUNK (CHUNK_MAX_READINGS / 2)

/* Between two looks whether a view that pins the WAL has ended, and after how many it is said: our
 * own views are over by then. */
#define PINNED_WAIT_US   10000
#define PINNED_SAY_WAITS 500

/* Between two tries when memory has run out, which gives others time to give some back; after how
 * many it is said; and how many there are once the end is near. */
#define MEMORY_WAIT_US   10000
#define MEMORY_SAY_WAITS 100
#define MEMORY_MAX_WAITS 100

/* Merging can wait longer. */
#define MERGE_WAIT_NS NS_PER_S

struct keeper {
    struct keeper_options options;
    pthread_t thread;

    pthread_mutex_t lock; /* for what follows */
    pthread_cond_t changed;
    enum keeper_state state;
    struct list queue;  /* sealings that wait */
    struct list minima; /* of these, each that is older than all behind it */
    uint64_t open_from, durable_to;
    bool is_nudged; /* the thread shall look whether the journal can let go of something, and note
                       up to where it is on the disk */
    uint64_t nudged_at; /* the durable_to at that time */
    uint64_t end_ns;    /* STOPPING: no turn begins after this */
    struct keeper_figures figures;

    /* the thread's own */
    uint64_t released;
    uint64_t noted;           /* the durable_to that SQLite has */
    struct sealed_view *view; /* for merging */
    struct list to_merge;     /* histories */
    struct kept readings[CHUNK_MAX_READINGS], scratch[CHUNK_MAX_READINGS];
};

/* What one turn has in hand: the first sealings of the queue, and what is to be noted of the
 * journal once they are sealed. */
struct turn {
    struct sealing *sealings[KEEPER_TURN_MAX];
    size_t n;
    struct sealed_journal journal;
    bool was_tried; /* it may be sealed, although that is not known */
};

static void keeper_fail(struct keeper *keeper, int r) {
    struct err_text words;
    const struct sealed *sealed = keeper->options.sealed;
    /* SQLite has no words when it was the journal that failed. */
    if (sealed_has_failed(sealed))
        err_say(&words, "%s (%s)", strerror(-r), sealed_trouble(sealed));
    else
        err_say(&words, "%s", strerror(-r));
    pthread_mutex_lock(&keeper->lock);
    keeper->state = KEEPER_FAILED;
    pthread_cond_broadcast(&keeper->changed);
    pthread_mutex_unlock(&keeper->lock);
    keeper->options.failed(keeper->options.user, words.text);
}

/* ---- sealing ---- */

static struct sealed_head head_of(const struct sealing *sealing, const struct open_chunk *open) {
    return (struct sealed_head){
        .sensor = sealing->history->number,
        .is_late = open == sealing->late,
        .rank = sealing->covered,
        .stats = open->stats,
    };
}

static int seal_main(struct keeper *keeper, const struct sealing *sealing) {
    struct sealed_head head = head_of(sealing, sealing->main);
    const struct chunk *chunk = &sealing->main->chunk;
    return sealed_add(keeper->options.sealed, &head, chunk_bytes(chunk, chunk_end(chunk)));
}

static int pack(struct chunk *chunk, const struct kept *readings, uint32_t n) {
    int r = 0;
    for (uint32_t i = 0; i < n && r == 0; i++)
        r = chunk_append(chunk, &readings[i]);
    return r;
}

/* Late readings lie in order of arrival; sealed ones lie in order of time. */
static int seal_late(struct keeper *keeper, const struct sealing *sealing) {
    struct sealed_head head = head_of(sealing, sealing->late);
    const struct chunk *open = &sealing->late->chunk;
    CLEANUP(chunk_fini) struct chunk sorted = {0};
    struct chunk_mark end = chunk_end(open);
    if (chunk_unpack(chunk_bytes(open, end), end.n, keeper->readings))
        return -EBADMSG;
    sorted_sort(keeper->readings, end.n, keeper->scratch);
    int r = pack(&sorted, keeper->readings, end.n);
    assert(r <= 0); /* as many as have been in one chunk */
    if (r)
        return r;
    return sealed_add(keeper->options.sealed, &head, chunk_bytes(&sorted, chunk_end(&sorted)));
}

/* The statistics of all that is sealed once this sealing is; those before it in its sensor's list
 * are in the same turn. */
static void count_in(struct sealing *sealing) {
    struct history *history = sealing->history;
    struct stats own;
    pthread_mutex_lock(&history->lock);
    bool is_first = sealing->link.prev == &history->sealings;
    sealing->sealed =
        is_first ? history->sealed : CONTAINER_OF(sealing->link.prev, struct sealing, link)->sealed;
    pthread_mutex_unlock(&history->lock);
    sealing_stats(sealing, &own);
    stats_merge(&sealing->sealed, &own);
}

static int seal(struct keeper *keeper, struct sealing *sealing) {
    int r = sealing->main ? seal_main(keeper, sealing) : 0;
    if (r == 0 && sealing->late)
        r = seal_late(keeper, sealing);
    if (r)
        return r;
    count_in(sealing);
    const struct sealed_sensor sensor = {
        .number = sealing->history->number,
        .id = name_bytes(&sealing->history->id),
        .covered = sealing->covered,
        .stats = sealing->sealed,
    };
    return sealed_put_sensor(keeper->options.sealed, &sensor);
}

/* All of a turn is sealed when the first of it is. */
static int find_sealed(struct keeper *keeper, const struct sealing *first, bool *is_sealed) {
    uint64_t covered = 0;
    int r = sealed_view_begin(keeper->view);
    if (r)
        return err_trace(r);
    r = sealed_view_covered(keeper->view, first->history->number, &covered);
    sealed_view_end(keeper->view);
    *is_sealed = covered >= first->covered;
    return r < 0 ? err_trace(r) : 0;
}

/* Memory may run out when the transaction is committed already: then it is not to be done again. */
static int seal_turn(struct keeper *keeper, struct turn *turn) {
    bool is_sealed = false;
    int r = turn->was_tried ? find_sealed(keeper, turn->sealings[0], &is_sealed) : 0;
    if (r || is_sealed)
        return r;
    turn->was_tried = turn->n > 0;
    r = sealed_begin(keeper->options.sealed);
    for (size_t i = 0; i < turn->n && r == 0; i++)
        r = seal(keeper, turn->sealings[i]);
    if (r == 0)
        r = sealed_put_journal(keeper->options.sealed, &turn->journal);
    if (r == 0)
        r = sealed_commit(keeper->options.sealed);
    if (r)
        sealed_rollback(keeper->options.sealed);
    return r;
}

static bool may_want_merging(const struct sealing *sealing) {
    return sealing->late || chunk_end(&sealing->main->chunk).n < KEEPER_SMALL_CHUNK;
}

/* ---- a turn ---- */

static void turn_take(struct keeper *keeper, struct turn *turn) {
    turn->n = 0;
    turn->was_tried = false;
    turn->journal = (struct sealed_journal){keeper->open_from, keeper->durable_to};
    for (struct list *link; turn->n < KEEPER_TURN_MAX && (link = list_pop(&keeper->queue));) {
        struct sealing *sealing = CONTAINER_OF(link, struct sealing, queue_link);
        list_unlink(&sealing->minima_link);
        turn->sealings[turn->n++] = sealing;
    }
    if (list_is_empty(&keeper->minima))
        return;
    struct sealing *oldest = CONTAINER_OF(keeper->minima.next, struct sealing, minima_link);
    if (oldest->oldest < turn->journal.needed_from)
        turn->journal.needed_from = oldest->oldest;
}

/* Counts what was sealed, and tells its sensors. */
static void turn_done(struct keeper *keeper, const struct turn *turn) {
    pthread_mutex_lock(&keeper->lock);
    for (size_t i = 0; i < turn->n; i++) {
        keeper->figures.n_queue--;
        keeper->figures.queue_bytes -= sealing_cap_bytes(turn->sealings[i]);
    }
    keeper->figures.n_sealed += turn->n;
    pthread_mutex_unlock(&keeper->lock);
    for (size_t i = 0; i < turn->n; i++) {
        struct history *history = turn->sealings[i]->history;
        if (may_want_merging(turn->sealings[i]) && !history->is_unmergeable &&
            list_is_empty(&history->to_merge))
            list_append(&keeper->to_merge, &history->to_merge);
        history_sealed(history, turn->sealings[i]);
    }
}

static int release(struct keeper *keeper, struct turn *turn) {
    int r = journal_release(keeper->options.journal, turn->journal.needed_from);
    if (r == 0)
        r = journal_prepare(keeper->options.journal);
    if (r)
        return r;
    pthread_mutex_lock(&keeper->lock);
    keeper->released = keeper->figures.released = turn->journal.needed_from;
    pthread_cond_broadcast(&keeper->changed);
    pthread_mutex_unlock(&keeper->lock);
    return 0;
}

/* For whoever asks, on any thread. */
static int note_sizes(struct keeper *keeper, struct sealed_figures *figures) {
    int r = sealed_figures(keeper->options.sealed, figures);
    if (r)
        return err_trace(r);
    pthread_mutex_lock(&keeper->lock);
    keeper->figures.sealed = *figures;
    pthread_mutex_unlock(&keeper->lock);
    return 0;
}

static bool keeper_has_time(struct keeper *keeper) {
    pthread_mutex_lock(&keeper->lock);
    bool has_time = keeper->state == KEEPER_RUNNING;
    pthread_mutex_unlock(&keeper->lock);
    return has_time;
}

/* Towards the end nobody is waited for: the WAL may stay beyond its limit until the next start. */
static int checkpoint_when_free(struct keeper *keeper) {
    int r;
    for (unsigned n = 1; (r = sealed_checkpoint(keeper->options.sealed)) == SEALED_E_PINNED; n++) {
        if (!keeper_has_time(keeper))
            return 0;
        if (n == PINNED_SAY_WAITS)
            log_warn("another program reads store.sqlite and does not end its transaction: nothing "
                     "can be sealed until it does");
        usleep(PINNED_WAIT_US);
    }
    return r;
}

/* Empties the WAL now and then. A view that reads from it is waited for when it is at its limit:
 * views last as long as a page takes to read. */
static int empty_wal(struct keeper *keeper, struct turn *turn) {
    struct sealed_figures figures;
    (void)turn;
    int r = note_sizes(keeper, &figures);
    if (r || figures.wal_bytes < figures.wal_limit_bytes / 4)
        return r;
    r = checkpoint_when_free(keeper);
    return r ? r : note_sizes(keeper, &figures);
}

/* Waits a moment for memory. False: there is no time for that any more. */
static bool wait_for_memory(struct keeper *keeper, unsigned n_tries) {
    if (n_tries >= MEMORY_MAX_WAITS && !keeper_has_time(keeper))
        return false;
    if (n_tries == MEMORY_SAY_WAITS)
        log_warn("no memory to seal readings; trying on. What was acknowledged is in the journal");
    usleep(MEMORY_WAIT_US);
    return true;
}

typedef int (*step_fn)(struct keeper *keeper, struct turn *turn);

/* A step of a turn, again and again while there is no memory for it. */
static int take_step(struct keeper *keeper, struct turn *turn, step_fn step) {
    int r;
    for (unsigned n = 1; (r = step(keeper, turn)) == -ENOMEM; n++)
        if (!wait_for_memory(keeper, n))
            break;
    return r;
}

/* Seals, or at least lets the journal go of what is not needed. */
static int keeper_turn(struct keeper *keeper, struct turn *turn) {
    bool has_news =
        turn->journal.needed_from != keeper->released || turn->journal.durable_to != keeper->noted;
    if (turn->n == 0 && !has_news)
        return 0;
    int r = take_step(keeper, turn, seal_turn);
    if (r)
        return r;
    keeper->noted = turn->journal.durable_to;
    turn_done(keeper, turn);
    r = take_step(keeper, turn, release);
    return r ? r : take_step(keeper, turn, empty_wal);
}

static bool is_at_work(const struct keeper *keeper) {
    return keeper->state == KEEPER_RUNNING || keeper->state == KEEPER_HURRYING;
}

/* Chunks that cannot be merged stay as they are, and everything else goes on. */
static void leave_unmerged(struct keeper *keeper, struct history *history, int r) {
    history->is_unmergeable = true;
    log_error("the chunks of sensor '%.*s' cannot be merged: %s (%s)",
              BYTES_ARGS(name_bytes(&history->id)), strerror(-r),
              sealed_view_trouble(keeper->view));
}

/* Until there is something to seal, or for MERGE_WAIT_NS. */
static void put_off_merging(struct keeper *keeper, struct history *history) {
    uint64_t until_ns = clock_monotonic_ns() + MERGE_WAIT_NS;
    const struct timespec until = {(time_t)(until_ns / NS_PER_S), (long)(until_ns % NS_PER_S)};
    list_append(&keeper->to_merge, &history->to_merge);
    pthread_mutex_lock(&keeper->lock);
    if (is_at_work(keeper) && list_is_empty(&keeper->queue) && !keeper->is_nudged)
        pthread_cond_clockwait(&keeper->changed, &keeper->lock, CLOCK_MONOTONIC, &until);
    pthread_mutex_unlock(&keeper->lock);
}

/* One bounded step for one sensor. Without memory for it, its turn comes again. */
static int keeper_merge(struct keeper *keeper, struct turn *turn) {
    struct history *history = CONTAINER_OF(list_pop(&keeper->to_merge), struct history, to_merge);
    bool did = false;
    int r = merge_step(keeper->options.sealed, keeper->view, history->number, &did);
    if (r == -ENOMEM) {
        put_off_merging(keeper, history);
        return 0;
    }
    if (r && !sealed_has_failed(keeper->options.sealed)) {
        leave_unmerged(keeper, history, r);
        return 0;
    }
    if (r || !did)
        return r;
    list_append(&keeper->to_merge, &history->to_merge);
    pthread_mutex_lock(&keeper->lock);
    keeper->figures.n_merges++;
    pthread_mutex_unlock(&keeper->lock);
    return take_step(keeper, turn, empty_wal);
}

static bool may_end_its_work(const struct keeper *keeper) {
    return keeper->state == KEEPER_STOPPING && !list_is_empty(&keeper->queue) &&
           keeper->options.now_ns() < keeper->end_ns;
}

/* Waits for something to do and takes it. False: the end. */
static bool keeper_next(struct keeper *keeper, struct turn *turn) {
    pthread_mutex_lock(&keeper->lock);
    while (is_at_work(keeper) && list_is_empty(&keeper->queue) && !keeper->is_nudged &&
           list_is_empty(&keeper->to_merge))
        pthread_cond_wait(&keeper->changed, &keeper->lock);
    bool goes_on = is_at_work(keeper) || may_end_its_work(keeper);
    if (goes_on)
        turn_take(keeper, turn);
    keeper->is_nudged = false;
    pthread_mutex_unlock(&keeper->lock);
    return goes_on;
}

static void *keeper_run(void *user) {
    struct keeper *keeper = user;
    struct turn turn;
    while (keeper_next(keeper, &turn)) {
        int r = keeper_turn(keeper, &turn);
        if (r == 0 && turn.n == 0 && !list_is_empty(&keeper->to_merge))
            r = keeper_merge(keeper, &turn);
        if (r)
            keeper_fail(keeper, r);
    }
    return NULL;
}

/* ---- its life ---- */

static void keeper_release_all(struct keeper **keeper) {
    if (!*keeper)
        return;
    sealed_view_free((*keeper)->view);
    pthread_cond_destroy(&(*keeper)->changed);
    pthread_mutex_destroy(&(*keeper)->lock);
    mem_free(*keeper);
}

int keeper_new(const struct keeper_options *options, struct keeper **out) {
    CLEANUP(keeper_release_all) struct keeper *keeper = mem_new(struct keeper);
    if (!keeper)
        return -ENOMEM;
    keeper->options = *options;
    if (!options->now_ns)
        keeper->options.now_ns = clock_monotonic_ns;
    list_init(&keeper->queue);
    list_init(&keeper->minima);
    list_init(&keeper->to_merge);
    list_move_all(&keeper->to_merge, options->to_merge);
    pthread_mutex_init(&keeper->lock, NULL);
    pthread_cond_init(&keeper->changed, NULL);
    int r = sealed_view_new(options->sealed, &keeper->view);
    if (r == 0)
        r = sealed_figures(options->sealed, &keeper->figures.sealed);
    if (r == 0)
        r = thread_start(&keeper->thread, "store-keeper", keeper_run, keeper);
    if (r)
        return err_trace(r);
    *out = STEAL(keeper);
    return 0;
}

void keeper_hurry(struct keeper *keeper) {
    pthread_mutex_lock(&keeper->lock);
    if (keeper->state == KEEPER_RUNNING)
        keeper->state = KEEPER_HURRYING;
    pthread_mutex_unlock(&keeper->lock);
}

void keeper_free(struct keeper *keeper, uint64_t patience_ns) {
    if (!keeper)
        return;
    pthread_mutex_lock(&keeper->lock);
    if (is_at_work(keeper))
        keeper->state = KEEPER_STOPPING;
    keeper->end_ns = keeper->options.now_ns() + patience_ns;
    pthread_cond_broadcast(&keeper->changed);
    pthread_mutex_unlock(&keeper->lock);
    pthread_join(keeper->thread, NULL);
    keeper_release_all(&keeper);
}

/* ---- the writer's side ---- */

/* It is the newest of the queue: what is not older than it will never be the oldest. */
static void note_minimum(struct keeper *keeper, struct sealing *sealing) {
    while (!list_is_empty(&keeper->minima)) {
        struct sealing *last = CONTAINER_OF(keeper->minima.prev, struct sealing, minima_link);
        if (last->oldest < sealing->oldest)
            break;
        list_unlink(&last->minima_link);
    }
    list_append(&keeper->minima, &sealing->minima_link);
}

void keeper_give(struct keeper *keeper, struct list *sealings, uint64_t open_from,
                 uint64_t durable_to) {
    pthread_mutex_lock(&keeper->lock);
    LIST_FOR_EACH (link, sealings) {
        struct sealing *sealing = CONTAINER_OF(link, struct sealing, queue_link);
        note_minimum(keeper, sealing);
        keeper->figures.n_queue++;
        keeper->figures.queue_bytes += sealing_cap_bytes(sealing);
    }
    bool has_more = !list_is_empty(sealings);
    list_move_all(&keeper->queue, sealings);
    keeper->open_from = open_from;
    keeper->durable_to = durable_to;
    if (has_more || durable_to - keeper->nudged_at >= KEEPER_NUDGE_BYTES) {
        keeper->is_nudged = true;
        keeper->nudged_at = durable_to;
        pthread_cond_broadcast(&keeper->changed);
    }
    keeper->figures.n_waits += keeper->figures.n_queue > KEEPER_QUEUE_MAX;
    while (keeper->figures.n_queue > KEEPER_QUEUE_MAX && keeper->state != KEEPER_FAILED)
        pthread_cond_wait(&keeper->changed, &keeper->lock);
    pthread_mutex_unlock(&keeper->lock);
}

bool keeper_is_behind(struct keeper *keeper) {
    pthread_mutex_lock(&keeper->lock);
    bool is_behind = keeper->figures.n_queue >= KEEPER_QUEUE_MAX && keeper->state != KEEPER_FAILED;
    pthread_mutex_unlock(&keeper->lock);
    return is_behind;
}

void keeper_wait_released(struct keeper *keeper, uint64_t position) {
    pthread_mutex_lock(&keeper->lock);
    if (keeper->figures.released < position) {
        keeper->figures.n_waits++;
        keeper->is_nudged = true;
        pthread_cond_broadcast(&keeper->changed);
    }
    while (keeper->figures.released < position && keeper->state != KEEPER_FAILED)
        pthread_cond_wait(&keeper->changed, &keeper->lock);
    pthread_mutex_unlock(&keeper->lock);
}

void keeper_figures(struct keeper *keeper, struct keeper_figures *figures) {
    pthread_mutex_lock(&keeper->lock);
    *figures = keeper->figures;
    pthread_mutex_unlock(&keeper->lock);
}

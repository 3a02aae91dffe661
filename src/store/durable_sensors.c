/* SPDX-License-Identifier: Apache-2.0 */
/* The sensors of the durable store, and which of them has waited longest to be sealed. */
#include "base/mem.h"
#include "store/durable_impl.h"

struct history *durable_find(struct durable *durable, struct bytes id) {
    return table_find(&durable->by_id, id);
}

/* Makes by_number long enough for `number`. */
static int reserve_number(struct durable *durable, uint32_t number) {
    uint32_t cap = durable->cap_numbers ? durable->cap_numbers : 64;
    while (cap <= number)
        cap *= 2;
    if (cap == durable->cap_numbers)
        return 0;
    struct history **grown = mem_resize(durable->by_number, cap, sizeof(struct history *));
    if (!grown)
        return -ENOMEM;
    durable->by_number = grown;
    durable->cap_numbers = cap;
    return 0;
}

static void give_number(struct durable *durable, struct history *history) {
    while (durable->n_numbers <= history->number)
        durable->by_number[durable->n_numbers++] = NULL;
    durable->by_number[history->number] = history;
}

static int index_sensor(struct durable *durable, struct history *history) {
    int r = table_add(&durable->by_id, history);
    if (r)
        return r;
    r = names_add(&durable->names, &history->id, &durable->names_budget);
    if (r)
        table_remove(&durable->by_id, name_bytes(&history->id));
    return r ? -ENOMEM : 0;
}

int durable_skip_number(struct durable *durable, uint32_t number) {
    int r = reserve_number(durable, number);
    while (r == 0 && durable->n_numbers <= number)
        durable->by_number[durable->n_numbers++] = NULL;
    return r;
}

int durable_add_sensor(struct durable *durable, uint32_t number, struct bytes id,
                       struct history **out) {
    struct history *history = NULL;
    if (number >= durable->options.max_sensors)
        return -EUSERS;
    int r = reserve_number(durable, number);
    if (r == 0)
        r = history_new(number, id, &history);
    if (r)
        return r;
    r = index_sensor(durable, history);
    if (r) {
        history_free(history);
        return r;
    }
    give_number(durable, history);
    *out = history;
    return 0;
}

void durable_show(struct durable *durable, struct history *history, uint64_t n_readings) {
    durable->n_readings += n_readings;
    if (history->is_shown || n_readings == 0)
        return;
    history->is_shown = true;
    durable->n_shown_sensors++;
}

static void take_away(struct durable *durable, struct history *history, struct sealing *sealing) {
    durable->open_bytes -= sealing_cap_bytes(sealing);
    list_unlink(&history->by_age);
    list_append(&durable->detached, &sealing->queue_link);
}

int durable_append(struct durable *durable, struct history *history, const struct kept *reading,
                   uint64_t position, struct open_chunk **chunk) {
    size_t before = history_open_bytes(history);
    struct history_place place;
    int r = history_append(history, reading, position, &place);
    if (place.sealing) {
        take_away(durable, history, place.sealing);
        before = 0;
    }
    durable->open_bytes += history_open_bytes(history) - before;
    if (r)
        return r;
    if (list_is_empty(&history->by_age))
        list_append(&durable->by_age, &history->by_age);
    *chunk = place.chunk;
    return 0;
}

static struct history *oldest_of(struct durable *durable) {
    struct list *first = durable->by_age.next;
    return first == &durable->by_age ? NULL : CONTAINER_OF(first, struct history, by_age);
}

/* Old enough, or one of many that hold too much memory together. */
static bool must_go(const struct durable *durable, const struct history *history,
                    uint64_t position) {
    return history && (history->oldest < position ||
                       durable->open_bytes > durable->options.memory_limit_bytes);
}

int durable_seal_before(struct durable *durable, uint64_t position) {
    struct history *history;
    while (must_go(durable, (history = oldest_of(durable)), position)) {
        pthread_mutex_lock(&history->lock);
        struct sealing *sealing = history_seal(history);
        pthread_mutex_unlock(&history->lock);
        if (!sealing)
            return -ENOMEM;
        take_away(durable, history, sealing);
    }
    return 0;
}

void durable_hand_over(struct durable *durable) {
    const struct history *oldest = oldest_of(durable);
    uint64_t durable_to = journal_position(durable->journal);
    uint64_t open_from = oldest ? oldest->oldest : durable_to;
    keeper_give(durable->keeper, &durable->detached, open_from, durable_to);
}

/* Half the journal's limit is for what is open; the rest for what the keeper has in hand, spare
 * files, and the next record. */
int durable_make_room(struct durable *durable) {
    uint64_t half = durable_journal_limit(durable) / 2;
    uint64_t from = journal_position_within(durable->journal, half);
    int r = durable_seal_before(durable, from);
    if (r == 0)
        durable->open_from = from;
    durable_hand_over(durable);
    return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of merging. What must hold: the order of readings. Among equal times those of mains
 * come first, in the mains' order, then those of lates by rank.
 *
 * Mains. Chunks have levels by their count: below 64, 512, 4096 readings, and the rest. When among
 * the newest mains, up to the first of a higher level, there are eight of one level, they and what
 * smaller ones lie between become one (or a few full ones). So a reading is rewritten about once
 * for each level.
 *
 * Lates. They have the same levels, in order of rank: eight of one level become one, of the rank of
 * the last. And no instant may be covered by more than MERGE_MAX_DEPTH of them. Where one is:
 *   1. when the ones that came last are small, they become one. They are neighbours in rank, so its
 *      rank can be the largest of theirs.
 *   2. else a window of time from that instant on is tidied: what mains and lates hold inside it
 *      becomes mains, and lates are cut: what they hold before and behind the window stays late, of
 *      the same rank. A window ends at a main that no late reading falls behind, or where more
 *      mains or lates begin than a step may read.
 *   3. from the last sealed main reading on there is no main to go into: the chunk that is open now
 *      will be sealed there, with readings of the same times perhaps, which came earlier. There a
 *      window's lates become lates that follow each other, of the largest rank.
 *
 * When there are more than MAX_LATES of a sensor, the earliest of them go into the mains by rule 2,
 * so that a step need not read more heads than that, and what was sealed since the last one. From
 * the last sealed main reading on rule 3 makes fewer of them, a few neighbours in time at a step,
 * until none are left that one chunk could hold: so their number is bounded by their readings, as
 * that of mains is. (The store itself seals no late reading there: it is late because something
 * newer is in a main chunk, which is sealed no later.)
 *
 * A group of equal times that is larger than a chunk has pieces that cannot be told apart by time;
 * they may be more than eight at its instant. Pieces of one merge have one rank, and those that end
 * with the same time stand in the order of their ids; so no step may rewrite one of them and leave
 * a later one, or the new id would put it behind. None does: chunks are cut between two times
 * wherever that is possible, so such pieces hold nothing but the one time, no late reading falls
 * between them, and in a row of small mains they are never without the large piece that ends the
 * cut.
 */
#include "store/merge.h"

#include "base/mem.h"
#include "store/merge_plan.h"
#include "store/merge_readings.h"

/* Mains that one step reads; with MERGE_MAX_WINDOW lates they are 200,000 readings when all are
 * full, 6 MB while they are merged. */
#define WINDOW_MAX_MAINS 8

/* Late chunks that a sensor may have while the mains can take them. All are looked at in each step;
 * some 20 are below the highest level, the others full. */
#define MAX_LATES 64

/* Stops a walk that has seen enough. */
#define ENOUGH 1

#define END_OF_TIME   ((struct stats_instant){INT64_MAX, INT32_MAX})
#define START_OF_TIME ((struct stats_instant){INT64_MIN, 0})

/* A late chunk and its readings: [0, n_left) before the window, up to n_left + n_inside in it. */
struct late {
    struct sealed_head head;
    struct merge_readings readings;
    size_t n_left, n_inside;
};

struct step {
    struct sealed *sealed;
    struct sealed_view *view;
    uint32_t sensor;
    struct merge_heads lates; /* all of the sensor, by rank */

    /* The window, of case 2 and 3. */
    struct stats_instant from, to;
    struct merge_heads mains; /* that it touches, and the one behind if there is one */
    size_t n_mains;           /* that it touches */
    struct late *cut;         /* by rank */
    size_t n_cut;
    struct merge_readings merged; /* what is in the mains and in the window */
};

static void step_fini(struct step *step) {
    sealed_view_end(step->view);
    merge_heads_fini(&step->lates);
    merge_heads_fini(&step->mains);
    merge_readings_fini(&step->merged);
    for (size_t i = 0; i < step->n_cut; i++)
        merge_readings_fini(&step->cut[i].readings);
    mem_free(step->cut);
}

static int note_head(void *heads, const struct sealed_head *head) {
    return merge_heads_append(heads, head);
}

/* A walk that was ended by ENOUGH ended well. */
static int each_main(struct step *step, const struct sealed_range *range, bool newest_first,
                     sealed_head_fn each, void *user) {
    int r = sealed_view_each_main(step->view, range, newest_first, each, user);
    return r == ENOUGH ? 0 : r;
}

static struct sealed_range everything(const struct step *step) {
    return (struct sealed_range){step->sensor, START_OF_TIME, END_OF_TIME};
}

static int remove_chunk(struct step *step, const struct sealed_head *head) {
    int r = sealed_remove(step->sealed, head);
    return r == SEALED_E_NONE ? -EBADMSG : r;
}

/* Writes by `write`, in one transaction. The view ends before, since all is read. */
static int step_commit(struct step *step, int (*write)(struct step *step)) {
    sealed_view_end(step->view);
    int r = sealed_begin(step->sealed);
    if (r == 0)
        r = write(step);
    if (r == 0)
        r = sealed_commit(step->sealed);
    if (r)
        sealed_rollback(step->sealed);
    return r;
}

/* ---- mains that are neighbours, or lates that are neighbours in rank, into one ---- */

/* All of `mains`, in order, which are mains or lates here. */
static int write_run(struct step *step) {
    struct sealed_head *last = &step->mains.list[step->mains.n - 1];
    for (size_t i = 0; i < step->mains.n; i++) {
        int r = remove_chunk(step, &step->mains.list[i]);
        if (r)
            return r;
    }
    return merge_readings_write(step->sealed, last, step->merged.list, step->merged.n);
}

static int add_chunk(struct step *step, const struct sealed_head *head) {
    struct merge_readings readings = {0};
    int r = merge_readings_load(&readings, step->view, head);
    if (r == 0)
        r = merge_readings_add(&step->merged, readings.list, readings.n);
    merge_readings_fini(&readings);
    return r;
}

static int merge_run(struct step *step) {
    for (size_t i = 0; i < step->mains.n; i++) {
        int r = add_chunk(step, &step->mains.list[i]);
        if (r)
            return r;
    }
    return step_commit(step, write_run);
}

static int note_newest(void *heads, const struct sealed_head *head) {
    struct merge_heads *noted = heads;
    return noted->n < MERGE_MAX_RUN ? merge_heads_append(noted, head) : ENOUGH;
}

static int tidy_mains(struct step *step, bool *did) {
    struct sealed_range range = everything(step);
    struct merge_heads newest = {0};
    size_t from, n = 0;
    int r = each_main(step, &range, true, note_newest, &newest);
    if (r == 0)
        merge_plan_run(&newest, &from, &n);
    for (size_t i = n; r == 0 && i-- > 0;)
        r = merge_heads_append(&step->mains, &newest.list[from + i]);
    merge_heads_fini(&newest);
    if (r || n == 0)
        return r;
    *did = true;
    return merge_run(step);
}

static int merge_lates(struct step *step, size_t from, size_t n) {
    for (size_t i = from; i < from + n; i++) {
        int r = merge_heads_append(&step->mains, &step->lates.list[i]);
        if (r)
            return r;
    }
    return merge_run(step);
}

/* ---- a window of time ---- */

static int note_first(void *heads, const struct sealed_head *head) {
    int r = merge_heads_append(heads, head);
    return r ? r : ENOUGH;
}

/* Where the sealed mains end; the start of time when there are none. */
static int find_end_of_mains(struct step *step, struct stats_instant *end) {
    struct sealed_range range = everything(step);
    struct merge_heads newest = {0};
    int r = each_main(step, &range, true, note_first, &newest);
    *end = newest.n ? newest.list[0].stats.last : START_OF_TIME;
    merge_heads_fini(&newest);
    return r;
}

/* Ends the window where the 17th late begins of those that reach into it. */
static void bound_lates(struct step *step, const struct merge_heads *by_first) {
    size_t n = 0;
    step->to = END_OF_TIME;
    for (size_t i = 0; i < by_first->n; i++) {
        const struct stats *stats = &by_first->list[i].stats;
        n += !stats_is_before(stats->last, step->from);
        if (n <= MERGE_MAX_WINDOW || !stats_is_before(step->from, stats->first))
            continue;
        step->to = stats->first;
        return;
    }
}

static int load_lates(struct step *step) {
    step->cut = mem_new_array(struct late, step->lates.n);
    if (!step->cut)
        return -ENOMEM;
    for (size_t i = 0; i < step->lates.n; i++) {
        const struct sealed_head *head = &step->lates.list[i];
        if (stats_is_before(head->stats.last, step->from) ||
            !stats_is_before(head->stats.first, step->to))
            continue;
        struct late *late = &step->cut[step->n_cut++];
        late->head = *head;
        int r = merge_readings_load(&late->readings, step->view, head);
        if (r)
            return r;
    }
    return 0;
}

/* Late readings must go behind the last main that begins before them or with them: so the mains
 * from the last such one on, and one behind the window. */
static int note_touched(void *user, const struct sealed_head *head) {
    struct step *step = user;
    if (!stats_is_before(step->from, head->stats.first))
        step->mains.n = 0;
    int r = merge_heads_append(&step->mains, head);
    if (r)
        return r;
    bool is_enough =
        step->mains.n > WINDOW_MAX_MAINS || !stats_is_before(head->stats.first, step->to);
    return is_enough ? ENOUGH : 0;
}

static bool has_late_between(const struct step *step, struct stats_instant from,
                             struct stats_instant to) {
    for (size_t i = 0; i < step->n_cut; i++) {
        const struct merge_readings *readings = &step->cut[i].readings;
        if (merge_readings_before(readings, from) < merge_readings_before(readings, to))
            return true;
    }
    return false;
}

/* Whether the window takes the i-th main. */
static bool takes_main(const struct step *step, size_t i) {
    const struct sealed_head *main = &step->mains.list[i];
    bool has_next = i + 1 < step->mains.n;
    if (i == WINDOW_MAX_MAINS || !stats_is_before(main->stats.first, step->to))
        return false;
    struct stats_instant to = has_next ? main[1].stats.first : step->to;
    if (stats_is_before(step->to, to))
        to = step->to;
    return has_late_between(step, main->stats.first, to);
}

static void bound_mains(struct step *step) {
    while (step->n_mains < step->mains.n && takes_main(step, step->n_mains))
        step->n_mains++;
    if (step->n_mains == step->mains.n)
        return;
    struct stats_instant next = step->mains.list[step->n_mains].stats.first;
    if (stats_is_before(next, step->to))
        step->to = next;
}

/* Splits lates at the window's ends and merges what is inside, behind the mains. */
static int merge_window(struct step *step) {
    for (size_t i = 0; i < step->n_mains; i++) {
        int r = merge_readings_load(&step->merged, step->view, &step->mains.list[i]);
        if (r)
            return r;
    }
    for (size_t i = 0; i < step->n_cut; i++) {
        struct late *late = &step->cut[i];
        late->n_left = merge_readings_before(&late->readings, step->from);
        late->n_inside = merge_readings_before(&late->readings, step->to) - late->n_left;
        int r =
            merge_readings_add(&step->merged, late->readings.list + late->n_left, late->n_inside);
        if (r)
            return r;
    }
    return 0;
}

static int write_cut(struct step *step, const struct late *late) {
    size_t at = late->n_left + late->n_inside;
    if (at == 0)
        return 0; /* it lies behind the window, as that is now */
    int r = remove_chunk(step, &late->head);
    if (r == 0)
        r = merge_readings_write(step->sealed, &late->head, late->readings.list, late->n_left);
    return r ? r
             : merge_readings_write(step->sealed, &late->head, late->readings.list + at,
                                    late->readings.n - at);
}

static int write_cuts(struct step *step) {
    for (size_t i = 0; i < step->n_cut; i++) {
        int r = write_cut(step, &step->cut[i]);
        if (r)
            return r;
    }
    return 0;
}

/* Case 2. Before all mains there is none whose rank could be taken. */
static int write_folded(struct step *step) {
    struct sealed_head like = {.sensor = step->sensor};
    int r = write_cuts(step);
    for (size_t i = 0; r == 0 && i < step->n_mains; i++) {
        like.rank = step->mains.list[i].rank;
        r = remove_chunk(step, &step->mains.list[i]);
    }
    return r ? r : merge_readings_write(step->sealed, &like, step->merged.list, step->merged.n);
}

/* Case 3. */
static int write_late_pieces(struct step *step) {
    struct sealed_head like = {.sensor = step->sensor, .is_late = true};
    for (size_t i = 0; i < step->n_cut; i++)
        if (step->cut[i].n_inside > 0)
            like.rank = step->cut[i].head.rank;
    int r = write_cuts(step);
    return r ? r : merge_readings_write(step->sealed, &like, step->merged.list, step->merged.n);
}

static int tidy_window(struct step *step, struct stats_instant end) {
    int r;
    bool can_fold = stats_is_before(step->from, end);
    if (can_fold && stats_is_before(end, step->to))
        step->to = end;
    r = load_lates(step);
    if (r == 0 && can_fold) {
        struct sealed_range range = {step->sensor, step->from, END_OF_TIME};
        r = each_main(step, &range, false, note_touched, step);
        bound_mains(step);
    }
    if (r == 0)
        r = merge_window(step);
    return r ? r : step_commit(step, can_fold ? write_folded : write_late_pieces);
}

static int tidy_crowd(struct step *step, const struct merge_heads *by_first) {
    struct stats_instant end;
    size_t from = merge_plan_small(&step->lates, step->from);
    if (from < step->lates.n)
        return merge_lates(step, from, step->lates.n - from);
    int r = find_end_of_mains(step, &end);
    bound_lates(step, by_first);
    return r ? r : tidy_window(step, end);
}

/* The earliest into the mains; where there is no main that they could go into, some into one. */
static int make_fewer(struct step *step, const struct merge_heads *by_first, bool *did) {
    struct stats_instant end;
    int r = find_end_of_mains(step, &end);
    if (r)
        return r;
    step->from = by_first->list[0].stats.first;
    *did = stats_is_before(step->from, end);
    if (*did)
        bound_lates(step, by_first);
    else
        *did = merge_plan_neighbours(by_first, &step->from, &step->to);
    return *did ? tidy_window(step, end) : 0;
}

static int tidy_lates(struct step *step, const struct merge_heads *by_first, bool *did) {
    size_t from, n;
    *did = true;
    if (merge_plan_is_crowded(by_first, &step->from))
        return tidy_crowd(step, by_first);
    merge_plan_late_run(&step->lates, &from, &n);
    if (n > 0)
        return merge_lates(step, from, n);
    *did = false;
    return step->lates.n > MAX_LATES ? make_fewer(step, by_first, did) : 0;
}

static int find_lates(struct step *step, struct merge_heads *by_first) {
    struct sealed_range range = everything(step);
    int r = sealed_view_each_late(step->view, &range, note_head, &step->lates);
    for (size_t i = 0; r == 0 && i < step->lates.n; i++)
        r = merge_heads_append(by_first, &step->lates.list[i]);
    if (r)
        return r;
    merge_plan_sort(by_first);
    return 0;
}

int merge_step(struct sealed *sealed, struct sealed_view *view, uint32_t sensor, bool *did) {
    struct step step = {.sealed = sealed, .view = view, .sensor = sensor};
    struct merge_heads by_first = {0};
    *did = false;
    int r = sealed_view_begin(view);
    if (r)
        return err_trace(r);
    r = find_lates(&step, &by_first);
    if (r == 0)
        r = tidy_lates(&step, &by_first, did);
    if (r == 0 && !*did)
        r = tidy_mains(&step, did);
    merge_heads_fini(&by_first);
    step_fini(&step);
    return r < 0 ? err_trace(r) : r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a crash may leave, and why it does no harm:
 *
 * - a spare under `journal-spare-N`, whole or not: unlinked at the next start, once there is
 * another file, since a directory without any is one that has lost its journal;
 * - a released segment that is still there under its name: everything in it is before the position
 *   from which the next start reads;
 * - a taken segment that has its new name and not its new head: the name is synced before the head
 *   is written, and the head together with the first record, so nothing in it was committed.
 */
#include "store/journal_segments.h"

#include "base/mem.h"
#include "base/random.h"
#include "store/limits.h"

static struct journal_segment *segment_of(struct list *link) {
    return CONTAINER_OF(link, struct journal_segment, link);
}

void journal_segments_init(struct journal_segments *segments, struct files *files,
                           uint64_t segment_bytes) {
    *segments = (struct journal_segments){.files = files, .segment_bytes = segment_bytes};
    pthread_mutex_init(&segments->lock, NULL);
    list_init(&segments->in_use);
    list_init(&segments->spares);
    list_init(&segments->stale);
}

static void free_all(struct list *list) {
    for (struct list *link; (link = list_pop(list));)
        mem_free(segment_of(link));
}

void journal_segments_fini(struct journal_segments *segments) {
    free_all(&segments->in_use);
    free_all(&segments->spares);
    free_all(&segments->stale);
    if (segments->next)
        segments->next_file->ops->close(segments->next_file);
    mem_free(segments->next);
    pthread_mutex_destroy(&segments->lock);
}

/* ---- at the start ---- */

static struct journal_segment *segment_new(struct journal_name name, uint64_t base) {
    struct journal_segment *segment = mem_new(struct journal_segment);
    if (!segment)
        return NULL;
    list_init(&segment->link);
    segment->base = base;
    segment->name = name;
    return segment;
}

/* Directories give names in any order; newest segments are looked at first. */
static void insert_in_order(struct list *in_use, struct journal_segment *segment) {
    struct list *before = in_use->prev;
    while (before != in_use && segment_of(before)->base > segment->base)
        before = before->prev;
    list_append(before->next, &segment->link);
}

static int found_name(void *user, const char *name) {
    struct journal_segments *segments = user;
    struct journal_name copy = {""};
    uint64_t base = 0, number = 0;
    bool is_spare = journal_name_is_spare(name, &number);
    if ((!is_spare && !journal_name_parse(name, &base)) || strlen(name) >= sizeof(copy.text))
        return 0;
    memcpy(copy.text, name, strlen(name));
    struct journal_segment *segment = segment_new(copy, base);
    if (!segment)
        return -ENOMEM;
    if (is_spare)
        list_append(&segments->stale, &segment->link);
    else
        insert_in_order(&segments->in_use, segment);
    if (number > segments->n_made)
        segments->n_made = number;
    segments->n_found++;
    return 0;
}

int journal_segments_find(struct journal_segments *segments) {
    struct files *files = segments->files;
    return files->ops->list(files, found_name, segments);
}

void journal_segments_drop_last(struct journal_segments *segments) {
    struct journal_segment *last = segment_of(segments->in_use.prev);
    segments->size_bytes -= last->size_bytes;
    list_unlink(&last->link);
    list_append(&segments->stale, &last->link);
}

int journal_segments_sweep(struct journal_segments *segments) {
    struct files *files = segments->files;
    int r = 0;
    LIST_FOR_EACH (link, &segments->stale)
        if (r == 0)
            r = files->ops->unlink(files, segment_of(link)->name.text);
    free_all(&segments->stale);
    return r ? r : files->ops->sync_names(files);
}

void journal_segments_measure(struct journal_segments *segments, struct journal_segment *segment,
                              uint64_t size_bytes) {
    segments->size_bytes += size_bytes - segment->size_bytes;
    segment->size_bytes = size_bytes;
}

struct journal_segment *journal_segments_next(const struct journal_segments *segments,
                                              const struct journal_segment *segment) {
    struct list *next = segment->link.next;
    return next == &segments->in_use ? NULL : segment_of(next);
}

/* ---- making ---- */

static int fill_and_sync(struct journal_segments *segments, struct file *file, uint64_t size) {
    int r = journal_fill(file, 0, size);
    if (r == 0)
        r = file->ops->sync(file);
    if (r == 0)
        r = segments->files->ops->sync_names(segments->files);
    return r;
}

/* Makes the file, full of zeros that are on the disk. A file that is not whole is taken away. */
static int make_file(struct journal_segments *segments, const char *name, uint64_t size) {
    struct files *files = segments->files;
    struct file *file;
    int r = files->ops->open(files, name, FILES_CREATE, &file);
    if (r)
        return err_trace(r);
    r = fill_and_sync(segments, file, size);
    file->ops->close(file);
    if (r)
        (void)files->ops->unlink(files, name); /* what went wrong first is what counts */
    return r;
}

static void add_spare(struct journal_segments *segments, struct journal_segment *segment) {
    pthread_mutex_lock(&segments->lock);
    list_append(&segments->spares, &segment->link);
    segments->n_spares++;
    pthread_mutex_unlock(&segments->lock);
}

static uint64_t next_number(struct journal_segments *segments) {
    pthread_mutex_lock(&segments->lock);
    uint64_t number = ++segments->n_made;
    pthread_mutex_unlock(&segments->lock);
    return number;
}

static int make_spare(struct journal_segments *segments) {
    struct journal_name name = journal_name_of_spare(next_number(segments));
    CLEANUP(mem_freep) struct journal_segment *segment = segment_new(name, 0);
    if (!segment)
        return -ENOMEM;
    int r = make_file(segments, segment->name.text, segments->segment_bytes);
    if (r)
        return err_trace(r);
    journal_segments_measure(segments, segment, segments->segment_bytes);
    add_spare(segments, STEAL(segment));
    return 0;
}

int journal_segments_prepare(struct journal_segments *segments) {
    pthread_mutex_lock(&segments->lock);
    bool is_wanted = list_is_empty(&segments->spares) && segments->n_spares < STORE_SPARE_SEGMENTS;
    pthread_mutex_unlock(&segments->lock);
    return is_wanted ? make_spare(segments) : 0;
}

/* ---- taking ---- */

/* It counts as one until it is named or gone. */
static struct journal_segment *pop_spare(struct journal_segments *segments) {
    pthread_mutex_lock(&segments->lock);
    struct list *link = list_pop(&segments->spares);
    pthread_mutex_unlock(&segments->lock);
    return link ? segment_of(link) : NULL;
}

static void put_spare_back(struct journal_segments *segments, struct journal_segment *spare) {
    pthread_mutex_lock(&segments->lock);
    list_append(&segments->spares, &spare->link);
    pthread_mutex_unlock(&segments->lock);
}

int journal_segments_ready(struct journal_segments *segments) {
    struct files *files = segments->files;
    if (segments->next)
        return 0;
    struct journal_segment *spare = pop_spare(segments);
    int r = spare ? 0 : make_spare(segments);
    if (r)
        return err_trace(r);
    if (!spare)
        spare = pop_spare(segments);
    r = files->ops->open(files, spare->name.text, FILES_WRITE, &segments->next_file);
    if (r)
        put_spare_back(segments, spare);
    else
        segments->next = spare;
    return r;
}

/* The next one becomes the one that is written. */
static void add_in_use(struct journal_segments *segments) {
    pthread_mutex_lock(&segments->lock);
    list_append(&segments->in_use, &segments->next->link);
    segments->n_spares--;
    pthread_mutex_unlock(&segments->lock);
    segments->next = NULL;
    segments->next_file = NULL;
}

/* To the length of a record that is too long for others. */
static int lengthen(struct journal_segments *segments, uint64_t size) {
    uint64_t before = segments->next->size_bytes;
    if (size <= before)
        return 0;
    int r = journal_fill(segments->next_file, before, size);
    if (r == 0)
        r = segments->next_file->ops->sync(segments->next_file);
    if (r == 0)
        journal_segments_measure(segments, segments->next, size);
    return r;
}

/* Gives a spare its name, for good. */
static int name_spare(struct journal_segments *segments, struct journal_segment *segment,
                      uint64_t base) {
    struct files *files = segments->files;
    struct journal_name name = journal_name_of(base);
    segment->base = base; /* first, since what is before it counts as released by it */
    int r = files->ops->rename(files, segment->name.text, name.text);
    if (r)
        return err_trace(r);
    segment->name = name;
    return files->ops->sync_names(files);
}

static int write_head(const struct journal_place *place) {
    uint8_t page[JOURNAL_HEAD_BYTES];
    journal_head_encode(&place->head, page);
    return place->file->ops->write(place->file, 0, page, sizeof(page));
}

int journal_segments_take(struct journal_segments *segments, uint64_t base, size_t record_bytes,
                          struct journal_place *place) {
    uint32_t salt;
    int r = journal_segments_ready(segments);
    if (r == 0)
        r = random_bytes(&salt, sizeof(salt));
    if (r == 0)
        r = lengthen(segments, JOURNAL_HEAD_BYTES + record_bytes);
    if (r == 0)
        r = name_spare(segments, segments->next, base);
    if (r)
        return err_trace(r);
    *place = (struct journal_place){
        .file = segments->next_file,
        .head = {.base = base, .salt = salt},
        .size_bytes = segments->next->size_bytes,
    };
    r = files_hold(segments->files, segments->next->name.text, &place->held);
    add_in_use(segments);
    return r ? err_trace(r) : write_head(place);
}

uint64_t journal_segments_within(struct journal_segments *segments, uint64_t bytes) {
    uint64_t base = 0, sum = 0;
    pthread_mutex_lock(&segments->lock);
    for (struct list *link = segments->in_use.prev; link != &segments->in_use; link = link->prev) {
        sum += segment_of(link)->size_bytes;
        if (sum > bytes && link != segments->in_use.prev)
            break;
        base = segment_of(link)->base;
    }
    pthread_mutex_unlock(&segments->lock);
    return base;
}

/* ---- releasing ---- */

/* Takes the oldest segment out if all of it is before `position`; never the one that is written. */
static struct journal_segment *take_released(struct journal_segments *segments, uint64_t position) {
    struct journal_segment *oldest = NULL;
    pthread_mutex_lock(&segments->lock);
    struct list *first = segments->in_use.next;
    if (first != segments->in_use.prev && segment_of(first->next)->base <= position) {
        oldest = segment_of(first);
        list_unlink(first);
    }
    pthread_mutex_unlock(&segments->lock);
    return oldest;
}

static void put_back(struct journal_segments *segments, struct journal_segment *oldest) {
    pthread_mutex_lock(&segments->lock);
    list_append(segments->in_use.next, &oldest->link);
    pthread_mutex_unlock(&segments->lock);
}

static bool keep_as_spare(struct journal_segments *segments, struct journal_segment *segment) {
    if (segment->size_bytes != segments->segment_bytes)
        return false;
    pthread_mutex_lock(&segments->lock);
    bool is_kept = segments->n_spares < STORE_SPARE_SEGMENTS;
    if (is_kept) {
        list_append(&segments->spares, &segment->link);
        segments->n_spares++;
    }
    pthread_mutex_unlock(&segments->lock);
    return is_kept;
}

/* With its file. 0, or a negated errno and it is still there. */
static int unlink_segment(struct journal_segments *segments, struct journal_segment *segment) {
    struct files *files = segments->files;
    int r = files->ops->unlink(files, segment->name.text);
    if (r)
        return err_trace(r);
    segments->size_bytes -= segment->size_bytes;
    mem_free(segment);
    return 0;
}

int journal_segments_release(struct journal_segments *segments, uint64_t position) {
    for (struct journal_segment *oldest; (oldest = take_released(segments, position));) {
        if (keep_as_spare(segments, oldest))
            continue;
        int r = unlink_segment(segments, oldest);
        if (r) {
            put_back(segments, oldest);
            return r;
        }
    }
    return 0;
}

/* The next one is a spare like others again. */
static void let_go_of_next(struct journal_segments *segments) {
    if (!segments->next)
        return;
    segments->next_file->ops->close(segments->next_file);
    put_spare_back(segments, STEAL(segments->next));
}

/* A journal that has none is one whose files are lost. */
static bool has_one_file(const struct journal_segments *segments) {
    return list_is_empty(&segments->in_use) && segments->n_spares == 1;
}

int journal_segments_drop_spares(struct journal_segments *segments) {
    let_go_of_next(segments);
    while (!has_one_file(segments)) {
        struct journal_segment *spare = pop_spare(segments);
        if (!spare)
            break;
        int r = unlink_segment(segments, spare);
        if (r) {
            mem_free(spare); /* the next start sweeps its file away */
            return r;
        }
        segments->n_spares--;
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a journal back. Each segment is read whole and gone through record by record.
 *
 * The rules of what is sound. Within a segment a record's place follows from its position, so at
 * every place one position is expected; what has another one, or a wrong CRC, is no record. Behind
 * a place that holds none the next sound record is looked for at every multiple of 8 bytes.
 *
 * - There is one: what lies between is damage. Records are synced one by one, so a crash cannot
 *   leave a hole.
 * - There is none, in the last segment: the journal's end. A record may have been torn there.
 * - There is none, and the next segment begins later: damage up to its position.
 *
 * A sector that cannot be read counts as zeros, and then the end is not trusted: what might have
 * been there counts as damage, and no position of it is given again.
 */
#include "store/journal_replay.h"

#include <inttypes.h>

#include "base/mem.h"
#include "store/journal_record.h"

/* Bytes that are read with one call; after an error, so many that a bad sector takes along. */
#define READ_BYTES   (UINT64_C(1) << 20)
#define SECTOR_BYTES 4096

/* Readings that are told with one call. */
#define BATCH_READINGS 256

struct replayer {
    const struct journal_replay_job *job;
    struct journal_found *found;
    struct journal_end *end;
    struct err_text *why;
    /* the segment that is being read */
    const struct journal_segment *segment;
    struct journal_head head;
    uint8_t *image; /* of its file */
    size_t image_bytes, image_cap;
    bool has_bad_sector;
    bool has_dropped;   /* a last segment that was never used, or is empty now */
    uint64_t known_end; /* position up to which there are records, if anything tells; else 0 */
    /* readings that are not told yet */
    struct kept batch[BATCH_READINGS];
    size_t n_batch;
    uint32_t batch_number;
    uint64_t batch_position;
};

enum {
    REPLAY_E_UNUSED = 1,  /* the segment has never been used */
    REPLAY_E_DAMAGED = 2, /* nothing of the segment or record can be read */
};

/* ---- what is told ---- */

static int tell_batch(struct replayer *replayer) {
    const struct journal_replay *replay = replayer->job->replay;
    size_t n = replayer->n_batch;
    replayer->n_batch = 0;
    if (n == 0)
        return 0;
    return replay->readings(replay->user, replayer->batch_number, replayer->batch, n,
                            replayer->batch_position);
}

static int tell_reading(struct replayer *replayer, const struct journal_entry *entry,
                        uint64_t position) {
    int r = 0;
    if (replayer->n_batch == BATCH_READINGS || replayer->batch_number != entry->number)
        r = tell_batch(replayer);
    if (replayer->n_batch == 0) {
        replayer->batch_number = entry->number;
        replayer->batch_position = position;
    }
    replayer->batch[replayer->n_batch++] = entry->reading;
    return r;
}

static int tell_sensor(struct replayer *replayer, const struct journal_entry *entry) {
    const struct journal_replay *replay = replayer->job->replay;
    int r = tell_batch(replayer);
    return r ? r : replay->sensor(replay->user, entry->number, entry->id);
}

/* 0, REPLAY_E_DAMAGED, or what a function of the replay returned. */
static int tell_record(struct replayer *replayer, struct bytes payload, uint64_t position) {
    struct journal_decoder decoder;
    struct journal_entry entry;
    journal_decoder_init(&decoder, payload);
    for (;;) {
        int r = journal_decode(&decoder, &entry);
        if (r) {
            int told = tell_batch(replayer);
            return told || r == JOURNAL_RECORD_E_END ? told : REPLAY_E_DAMAGED;
        }
        r = entry.is_sensor ? tell_sensor(replayer, &entry)
                            : tell_reading(replayer, &entry, position++);
        if (r)
            return r;
    }
}

/* ---- damage ---- */

static void tell_damage(struct replayer *replayer, const char *file, uint64_t at,
                        const struct err_text *words) {
    const struct journal_replay *replay = replayer->job->replay;
    if (replayer->found->n_damaged++ == 0)
        replayer->found->damage = *words;
    if (replay->damaged)
        replay->damaged(replay->user, file, at, words->text);
}

static void note_damage(struct replayer *replayer, uint64_t at, uint64_t n_bytes) {
    const struct journal_segment *segment = replayer->segment;
    struct err_text words;
    if (segment->base + (at - JOURNAL_HEAD_BYTES) + n_bytes <= replayer->job->from)
        return;
    err_say(&words,
            "%s is damaged: %" PRIu64 " bytes of records from byte %" PRIu64
            " on cannot be read; all others were read",
            segment->name.text, n_bytes, at);
    tell_damage(replayer, segment->name.text, at, &words);
}

static void note_missing_start(struct replayer *replayer, uint64_t base) {
    uint64_t from = replayer->job->from;
    struct err_text words;
    if (base <= from)
        return;
    err_say(&words, "%" PRIu64 " bytes of records before %s are missing; all others were read",
            base - from, journal_name_of(base).text);
    tell_damage(replayer, journal_name_of(base).text, 0, &words);
}

/*
 * A journal has a file from its first opening on. What is sealed was in it before, and up to where
 * it was on the disk is noted now and then: one that ends earlier has lost what lies between. One
 * with spare files alone does not tell where it ends: its last may be gone because it was never
 * used.
 */
static void note_missing_end(struct replayer *replayer, uint64_t at_least) {
    const struct journal_segments *segments = replayer->job->segments;
    uint64_t end = replayer->end->position;
    uint64_t durable_to = replayer->job->durable_to;
    bool tells_end = !list_is_empty(&segments->in_use) || replayer->has_dropped;
    struct err_text words;
    if (segments->n_found == 0 && (at_least > 0 || replayer->job->is_known))
        err_say(&words, "all its files are missing");
    else if (tells_end && durable_to > end)
        err_say(&words,
                "its last records are missing: it ends at %" PRIu64
                ", and was on the disk up to %" PRIu64,
                end, durable_to);
    else if (tells_end && at_least > end)
        err_say(&words, "its last files are missing: it ends at %" PRIu64 ", before what is sealed",
                end);
    else
        return;
    tell_damage(replayer, NULL, 0, &words);
}

/* ---- going through a segment ---- */

static uint64_t position_at(const struct replayer *replayer, uint64_t at) {
    return replayer->head.base + (at - JOURNAL_HEAD_BYTES);
}

static struct bytes image_from(const struct replayer *replayer, uint64_t at, uint64_t limit) {
    return bytes_of(replayer->image + at, (size_t)(limit - at));
}

/* Length of the sound record at that place, or 0. */
static uint64_t sound_record(const struct replayer *replayer, uint64_t at, uint64_t limit,
                             struct bytes *payload) {
    struct bytes bytes = image_from(replayer, at, limit);
    bool is_sound =
        journal_record_open(bytes, position_at(replayer, at), replayer->head.salt, payload);
    return is_sound ? journal_record_claims(bytes) : 0;
}

/* Place of the next sound record behind one that is not; `limit` if there is none. */
static uint64_t find_sound(const struct replayer *replayer, uint64_t at, uint64_t limit) {
    struct bytes payload;
    for (at += 8; at < limit; at += 8)
        if (sound_record(replayer, at, limit, &payload))
            return at;
    return limit;
}

static int take_record(struct replayer *replayer, uint64_t at, struct bytes payload) {
    uint64_t n_bytes = journal_record_length(payload.len);
    if (position_at(replayer, at) + n_bytes <= replayer->job->from)
        return 0;
    int r = tell_record(replayer, payload, position_at(replayer, at));
    if (r < 0)
        return err_trace(r);
    if (r == REPLAY_E_DAMAGED)
        note_damage(replayer, at, n_bytes);
    if (r == 0) {
        replayer->found->n_records++;
        replayer->found->n_bytes += n_bytes;
    }
    return 0;
}

/* All records up to `limit`. `*end` is behind the last of them, which begins at `*last` (0: none).
 */
static int take_records(struct replayer *replayer, uint64_t limit, uint64_t *last, uint64_t *end) {
    struct bytes payload;
    *last = 0;
    *end = JOURNAL_HEAD_BYTES;
    for (uint64_t at = JOURNAL_HEAD_BYTES; at < limit;) {
        uint64_t n_bytes = sound_record(replayer, at, limit, &payload);
        if (n_bytes == 0) {
            at = find_sound(replayer, at, limit);
            if (at < limit)
                note_damage(replayer, *end, at - *end);
            continue;
        }
        int r = take_record(replayer, at, payload);
        if (r)
            return r;
        *last = at;
        *end = at += n_bytes;
    }
    return 0;
}

/* ---- where it ends ---- */

static uint64_t cut_bytes(const struct replayer *replayer, uint64_t at) {
    struct bytes rest = image_from(replayer, at, replayer->image_bytes);
    if (!journal_record_starts(rest, position_at(replayer, at)))
        return 0;
    uint64_t claims = journal_record_claims(rest);
    return claims < rest.len ? claims : rest.len;
}

static int keep_last_record(struct replayer *replayer, uint64_t last, uint64_t at) {
    struct journal_end *end = replayer->end;
    end->last_bytes = last ? (size_t)(at - last) : 0;
    if (!last)
        return 0;
    end->last = mem_alloc(end->last_bytes);
    if (!end->last)
        return -ENOMEM;
    memcpy(end->last, replayer->image + last, end->last_bytes);
    return 0;
}

/* Nothing of the segment from `at` on can be relied on, and there may have been records. */
static void give_up_rest(struct replayer *replayer, uint64_t at) {
    const struct journal_segment *segment = replayer->segment;
    uint64_t size = segment->size_bytes > at ? segment->size_bytes : at;
    uint64_t position = segment->base + (size - JOURNAL_HEAD_BYTES);
    if (replayer->known_end)
        position = replayer->known_end;
    uint64_t begin = segment->base + (at - JOURNAL_HEAD_BYTES);
    if (position > begin)
        note_damage(replayer, at, position - begin);
    replayer->end->position = position;
    replayer->end->segment = NULL;
}

static int set_end(struct replayer *replayer, uint64_t last, uint64_t at) {
    struct journal_end *end = replayer->end;
    end->position = position_at(replayer, at);
    end->segment = NULL;
    if (replayer->known_end > end->position || replayer->has_bad_sector) {
        give_up_rest(replayer, at);
        return 0;
    }
    if (journal_segments_next(replayer->job->segments, replayer->segment))
        return 0;
    end->segment = replayer->segment;
    end->head = replayer->head;
    end->at = at;
    replayer->found->n_cut_bytes += cut_bytes(replayer, at);
    return keep_last_record(replayer, last, at);
}

static int replay_image(struct replayer *replayer) {
    uint64_t limit = replayer->image_bytes, last, end;
    uint64_t base = replayer->head.base;
    if (replayer->known_end && limit > JOURNAL_HEAD_BYTES + replayer->known_end - base)
        limit = JOURNAL_HEAD_BYTES + replayer->known_end - base;
    int r = take_records(replayer, limit, &last, &end);
    return r ? r : set_end(replayer, last, end);
}

/* ---- files ---- */

static int read_sectors(struct replayer *replayer, struct file *file, uint64_t at, uint64_t to) {
    for (; at < to; at += SECTOR_BYTES) {
        size_t size = to - at < SECTOR_BYTES ? (size_t)(to - at) : SECTOR_BYTES, n;
        int r = file->ops->read(file, at, replayer->image + at, size, &n);
        if (r && r != -EIO)
            return r;
        if (r || n < size) {
            memset(replayer->image + at, 0, size);
            replayer->has_bad_sector = true;
        }
    }
    return 0;
}

static int read_image(struct replayer *replayer, struct file *file) {
    uint64_t to;
    replayer->has_bad_sector = false;
    for (uint64_t at = 0; at < replayer->image_bytes; at = to) {
        to = at + READ_BYTES < replayer->image_bytes ? at + READ_BYTES : replayer->image_bytes;
        size_t n = 0, size = (size_t)(to - at);
        int r = file->ops->read(file, at, replayer->image + at, size, &n);
        if (r == -EIO || (r == 0 && n < size))
            r = read_sectors(replayer, file, at, to);
        if (r)
            return r;
    }
    return 0;
}

/* Makes room for the file and reads it. */
static int load_image(struct replayer *replayer, struct file *file, uint64_t size) {
    replayer->image_bytes = 0;
    if (size > replayer->image_cap) {
        uint8_t *image = mem_resize(replayer->image, (size_t)size, 1);
        if (!image)
            return -ENOMEM;
        replayer->image = image;
        replayer->image_cap = (size_t)size;
    }
    replayer->image_bytes = (size_t)size;
    return read_image(replayer, file);
}

/* Measures the segment's file and reads up to `wanted` bytes of it. */
static int load_segment(struct replayer *replayer, struct journal_segment *segment,
                        uint64_t wanted) {
    struct files *files = replayer->job->segments->files;
    struct file *file;
    uint64_t size;
    int r = files->ops->open(files, segment->name.text, FILES_READ, &file);
    if (r == 0) {
        r = file->ops->size(file, &size);
        if (r == 0)
            journal_segments_measure(replayer->job->segments, segment, size);
        if (r == 0)
            r = load_image(replayer, file, size < wanted ? size : wanted);
        file->ops->close(file);
    }
    if (r)
        files_say(replayer->why, r, "read", segment->name.text);
    return r;
}

/* 0, REPLAY_E_UNUSED, REPLAY_E_DAMAGED or a negated errno. */
static int read_head(struct replayer *replayer) {
    struct bytes start = bytes_of(replayer->image, replayer->image_bytes);
    int r = journal_head_decode(start, replayer->segment->base, &replayer->head);
    if (r < 0)
        files_say(replayer->why, r, "read", replayer->segment->name.text);
    if (r == JOURNAL_E_UNUSED && !replayer->has_bad_sector)
        return REPLAY_E_UNUSED;
    return r > 0 ? REPLAY_E_DAMAGED : r;
}

static int replay_segment(struct replayer *replayer, struct journal_segment *segment) {
    replayer->segment = segment;
    int r = load_segment(replayer, segment, UINT64_MAX);
    if (r == 0)
        r = read_head(replayer);
    if (r < 0)
        return err_trace(r);
    if (r == 0)
        return replay_image(replayer);
    give_up_rest(replayer, JOURNAL_HEAD_BYTES);
    return 0;
}

/* Drops the last segment if it was taken and never used; its base still tells where records end. */
static int drop_unused(struct replayer *replayer, uint64_t *known_end) {
    struct list *in_use = &replayer->job->segments->in_use;
    *known_end = 0;
    if (list_is_empty(in_use))
        return 0;
    struct journal_segment *last = CONTAINER_OF(in_use->prev, struct journal_segment, link);
    replayer->segment = last;
    int r = load_segment(replayer, last, JOURNAL_HEAD_BYTES);
    if (r == 0)
        r = read_head(replayer);
    if (r < 0)
        return err_trace(r);
    if (r != REPLAY_E_UNUSED)
        return 0;
    *known_end = replayer->end->position = last->base;
    replayer->has_dropped = true;
    journal_segments_drop_last(replayer->job->segments);
    return 0;
}

static int replay_from(struct replayer *replayer) {
    const struct journal_replay_job *job = replayer->job;
    uint64_t dropped_base;
    int r = drop_unused(replayer, &dropped_base);
    struct list *in_use = &job->segments->in_use;
    if (r == 0 && !list_is_empty(in_use))
        note_missing_start(replayer,
                           CONTAINER_OF(in_use->next, struct journal_segment, link)->base);
    LIST_FOR_EACH (link, in_use) {
        struct journal_segment *segment = CONTAINER_OF(link, struct journal_segment, link);
        const struct journal_segment *next = journal_segments_next(job->segments, segment);
        replayer->known_end = next ? next->base : dropped_base;
        if (r == 0 && next && next->base <= job->from)
            r = load_segment(replayer, segment, 0);
        else if (r == 0)
            r = replay_segment(replayer, segment);
    }
    return r;
}

int journal_replay_all(const struct journal_replay_job *job, struct journal_found *found,
                       struct journal_end *end, struct err_text *why) {
    CLEANUP(mem_freep) struct replayer *replayer = mem_new(struct replayer);
    *found = (struct journal_found){0};
    *end = (struct journal_end){0};
    if (!replayer)
        return -ENOMEM;
    replayer->job = job;
    replayer->found = found;
    replayer->end = end;
    replayer->why = why;
    int r = replay_from(replayer);
    mem_free(replayer->image);
    uint64_t at_least = job->from > job->at_least ? job->from : job->at_least;
    if (job->durable_to > at_least)
        at_least = job->durable_to;
    if (r == 0)
        note_missing_end(replayer, at_least);
    if (r == 0 && at_least > end->position) {
        end->position = at_least;
        end->segment = NULL;
    }
    return r;
}

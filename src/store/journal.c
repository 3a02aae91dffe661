/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer of the journal, and its opening.
 *
 *     journal_record.c    the bytes of a record's payload
 *     journal_segment.c   the format of a segment file: head and records
 *     journal_segments.c  which files there are; made ahead, taken, released
 *     journal_replay.c    reading it all back
 *
 * A record is made in memory and written with one call, over blocks that the file already has, so
 * its sync writes nothing else. Only a commit that begins a segment syncs its name before.
 *
 * What must hold: a record is written only when all before it are synced. So at a start only the
 * last record can be in doubt: it may be in the system's cache and not on the disk, even after a
 * sync that failed. Opening therefore writes it again, and zeros behind it, so that nothing of a
 * torn record comes alive when another one is written over its beginning.
 */
#include "store/journal.h"

#include <assert.h>

#include "base/mem.h"
#include "store/journal_record.h"
#include "store/journal_replay.h"
#include "store/journal_segments.h"
#include "store/limits.h"

/* Every reading of a sensor of its own, that is new, and as long as it gets. */
#define RECORD_MAX_BYTES                                 \
    (JOURNAL_RECORD_HEAD_BYTES + JOURNAL_PADDING_BYTES + \
     STORE_COMMIT_MAX_READINGS *                         \
         (JOURNAL_READING_MAX_BYTES + JOURNAL_SENSOR_MAX_BYTES + (size_t)STORE_ID_MAX_BYTES))

struct journal {
    struct journal_segments segments;
    /* the writer's */
    struct journal_place place; /* without a file: the next record takes a segment */
    uint64_t at;                /* in the file */
    uint64_t position;          /* of the record that is being made */
    struct buf record;          /* head and payload; kept between commits */
    struct journal_encoder encoder;
    uint64_t n_readings;
    bool is_failed;
};

/* ---- opening ---- */

/* Writes again what may not be on the disk, and zeros over what is not to be read. */
static int restore_end(struct journal *journal, const struct journal_end *end) {
    struct file *file = journal->place.file;
    uint8_t page[JOURNAL_HEAD_BYTES];
    journal_head_encode(&end->head, page);
    int r = file->ops->write(file, 0, page, sizeof(page));
    if (r == 0 && end->last)
        r = file->ops->write(file, end->at - end->last_bytes, end->last, end->last_bytes);
    if (r == 0)
        r = journal_fill(file, end->at, end->segment->size_bytes);
    return r ? r : file->ops->sync(file);
}

static int go_on_in_segment(struct journal *journal, const struct journal_end *end,
                            struct err_text *why) {
    struct files *files = journal->segments.files;
    int r = files->ops->open(files, end->segment->name.text, FILES_WRITE, &journal->place.file);
    if (r == 0) {
        journal->place.head = end->head;
        journal->place.size_bytes = end->segment->size_bytes;
        journal->at = end->at;
        r = restore_end(journal, end);
    }
    if (r == 0)
        r = files_hold(files, end->segment->name.text, &journal->place.held);
    if (r)
        files_say(why, r, "write", end->segment->name.text);
    return r;
}

static int make_first_spare(struct journal *journal, struct err_text *why) {
    int r = journal_segments_prepare(&journal->segments);
    if (r)
        files_say(why, r, "make", "a journal file");
    return r;
}

/*
 * Unlinks what is stale when there is another file for certain. And before a record is written: a
 * half-made segment must not come back with a position that records elsewhere have by then.
 */
static int go_on(struct journal *journal, const struct journal_end *end, struct err_text *why) {
    journal->position = end->position;
    int r = end->segment ? go_on_in_segment(journal, end, why) : make_first_spare(journal, why);
    if (r)
        return r;
    r = journal_segments_sweep(&journal->segments);
    if (r)
        files_say(why, r, "write", "the journal's directory");
    return r;
}

static int read_back(struct journal *journal, const struct journal_replay_job *job,
                     struct journal_found *found, struct err_text *why) {
    CLEANUP(mem_freep) struct journal_end *end = mem_new(struct journal_end);
    if (!end)
        return -ENOMEM;
    int r = journal_segments_find(&journal->segments);
    if (r) {
        files_say(why, r, "read", "the journal's directory");
        return r;
    }
    r = journal_replay_all(job, found, end, why);
    if (r == 0)
        r = go_on(journal, end, why);
    mem_free(end->last);
    return r;
}

int journal_open(const struct journal_options *options, const struct journal_replay *replay,
                 struct journal_found *found, struct journal **out, struct err_text *why) {
    struct journal *journal = mem_new(struct journal);
    err_say(why, "cannot open the journal: not enough memory"); /* unless other words replace it */
    if (!journal)
        return -ENOMEM;
    buf_init(&journal->record, RECORD_MAX_BYTES);
    journal_encoder_init(&journal->encoder);
    journal_segments_init(&journal->segments, options->files, options->segment_bytes);
    const struct journal_replay_job job = {
        .segments = &journal->segments,
        .from = options->from,
        .at_least = options->at_least,
        .durable_to = options->durable_to,
        .is_known = options->is_known,
        .replay = replay,
    };
    int r = read_back(journal, &job, found, why);
    if (r) {
        journal_free(journal);
        return err_trace(r);
    }
    *out = journal;
    return 0;
}

int journal_begins_at(struct files *files, uint64_t *position) {
    struct journal_segments segments;
    journal_segments_init(&segments, files, 0);
    int r = journal_segments_find(&segments);
    *position = 0;
    if (r == 0 && !list_is_empty(&segments.in_use))
        *position = CONTAINER_OF(segments.in_use.next, struct journal_segment, link)->base;
    journal_segments_fini(&segments);
    return r;
}

void journal_free(struct journal *journal) {
    if (!journal)
        return;
    if (journal->place.file)
        journal->place.file->ops->close(journal->place.file);
    journal_segments_fini(&journal->segments);
    buf_fini(&journal->record);
    mem_free(journal);
}

/* ---- putting ---- */

uint64_t journal_position(const struct journal *journal) {
    return journal->position + journal->n_readings;
}

/* Leaves room for the record's head, before its first entry. */
static int begin_record(struct journal *journal) {
    static const uint8_t head[JOURNAL_RECORD_HEAD_BYTES];
    if (buf_len(&journal->record) > 0)
        return 0;
    return buf_append(&journal->record, bytes_of(head, sizeof(head)));
}

static bool has_room(const struct journal *journal, size_t record_bytes) {
    const struct journal_place *place = &journal->place;
    return place->file && record_bytes <= place->size_bytes - journal->at;
}

int journal_reserve(struct journal *journal, size_t n_readings, size_t n_id_bytes) {
    assert(buf_len(&journal->record) == 0);
    size_t n_bytes = JOURNAL_RECORD_HEAD_BYTES + JOURNAL_PADDING_BYTES + n_id_bytes +
                     n_readings * (JOURNAL_READING_MAX_BYTES + JOURNAL_SENSOR_MAX_BYTES);
    uint8_t *room;
    if (buf_reserve(&journal->record, n_bytes, &room))
        return -ENOMEM;
    int r = has_room(journal, n_bytes) ? 0 : journal_segments_ready(&journal->segments);
    journal->is_failed = journal->is_failed || (r && r != -ENOMEM);
    return r;
}

int journal_put_sensor(struct journal *journal, uint32_t number, struct bytes id) {
    int r = begin_record(journal);
    return r ? r : journal_encode_sensor(&journal->record, number, id);
}

int journal_put_reading(struct journal *journal, uint32_t number, const struct kept *reading) {
    if (journal->n_readings == STORE_COMMIT_MAX_READINGS)
        return -ENOMEM;
    int r = begin_record(journal);
    if (r == 0)
        r = journal_encode_reading(&journal->encoder, &journal->record, number, reading);
    journal->n_readings += r == 0;
    return r;
}

/* ---- committing ---- */

/* Pads the record to its full length; gives the payload's. */
static size_t end_record(struct journal *journal) {
    static const uint8_t zeros[JOURNAL_PADDING_BYTES];
    size_t payload = buf_len(&journal->record) - JOURNAL_RECORD_HEAD_BYTES;
    size_t n_zeros = journal_record_length(payload) - buf_len(&journal->record);
    int r = buf_append(&journal->record, bytes_of(zeros, n_zeros));
    assert(r == 0); /* the room was reserved with the last entry */
    (void)r;
    return payload;
}

uint64_t journal_growth_bytes(const struct journal *journal) {
    size_t len = buf_len(&journal->record);
    if (len <= JOURNAL_RECORD_HEAD_BYTES)
        return 0;
    size_t record_bytes = journal_record_length(len - JOURNAL_RECORD_HEAD_BYTES);
    if (has_room(journal, record_bytes))
        return 0;
    uint64_t file_bytes = JOURNAL_HEAD_BYTES + record_bytes;
    uint64_t segment_bytes = journal->segments.segment_bytes;
    return file_bytes > segment_bytes ? file_bytes : segment_bytes;
}

uint64_t journal_position_within(struct journal *journal, uint64_t bytes) {
    return journal_segments_within(&journal->segments, bytes);
}

static int take_segment(struct journal *journal, size_t record_bytes) {
    struct journal_place *place = &journal->place;
    if (has_room(journal, record_bytes))
        return 0;
    if (place->file)
        place->file->ops->close(place->file);
    *place = (struct journal_place){0};
    journal->at = JOURNAL_HEAD_BYTES;
    return journal_segments_take(&journal->segments, journal->position, record_bytes, place);
}

static int write_record(struct journal *journal) {
    size_t payload = end_record(journal);
    struct bytes record = buf_bytes(&journal->record);
    int r = take_segment(journal, record.len);
    if (r)
        return err_trace(r);
    struct journal_place *place = &journal->place;
    journal_record_seal(journal->record.data, payload, journal->position, place->head.salt);
    r = place->file->ops->write(place->file, journal->at, record.data, record.len);
    return r ? r : place->file->ops->sync(place->file);
}

int journal_commit(struct journal *journal) {
    if (journal->is_failed)
        return -EIO;
    if (buf_len(&journal->record) <= JOURNAL_RECORD_HEAD_BYTES)
        return 0;
    int r = write_record(journal);
    if (r) {
        journal->is_failed = true;
        return err_trace(r);
    }
    journal->at += buf_len(&journal->record);
    journal->position += buf_len(&journal->record);
    journal->n_readings = 0;
    journal_encoder_init(&journal->encoder);
    buf_reset(&journal->record);
    return 0;
}

const struct files_held *journal_held(const struct journal *journal) {
    return journal->place.file ? &journal->place.held : NULL;
}

/* ---- the keeper ---- */

int journal_release(struct journal *journal, uint64_t position) {
    return journal_segments_release(&journal->segments, position);
}

int journal_prepare(struct journal *journal) {
    return journal_segments_prepare(&journal->segments);
}

int journal_tidy(struct journal *journal) {
    return journal_segments_drop_spares(&journal->segments);
}

uint64_t journal_spare_bytes(const struct journal *journal) {
    return journal->segments.segment_bytes;
}

uint64_t journal_size_bytes(const struct journal *journal) {
    return journal->segments.size_bytes;
}

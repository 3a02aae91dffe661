/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Every bound of the store, with its reason; docs/internals/store.md has what happens when it is
 * hit, and the test that hits it.
 */

/* Bytes of a sensor's id. A rule of the wire (the collector refuses longer ones with words); the
 * store counts on it for the bound of a batch. */
#define STORE_ID_MAX_BYTES 128

/*
 * Readings in one batch of one worker. At 4 million readings a second and a sync of 1 ms a turn
 * brings about 4,000; beyond 16,384 a larger batch no longer makes a reading cheaper, it only holds
 * more memory.
 */
#define STORE_BATCH_MAX_READINGS 16384

/*
 * Batches of one worker on their way to the writer and back, beside the one that is being filled.
 * A power of two. With one being committed and some waiting, neither side stands still; more only
 * adds delay when the writer is the slower.
 */
#define STORE_RING_SLOTS 4

/* Readings given in one page of a cursor: a page is read under the series' lock and held in memory.
 */
#define STORE_PAGE_MAX_READINGS 1024

/*
 * Sealings in the keeper's hands before the writer waits for it. At 16 KiB each they are 64 MiB:
 * what a disk that stands still for some seconds may leave in memory.
 */
#define KEEPER_QUEUE_MAX 4096

/* Sealings in one transaction of SQLite: some MiB, so that its sync costs little for each. */
#define KEEPER_TURN_MAX 256

/* How far the journal may grow before the keeper looks whether it can let go of something. */
#define KEEPER_NUDGE_BYTES (1024 * 1024)

/*
 * Bytes of the journal, all files together, spare ones too. A start reads them, some 20 million
 * readings, in under a second; chunks whose readings it holds longest are sealed before they are
 * full. Half of it is for what is open. A record that is longer than a quarter of the limit may
 * pass it by what it and the one before it are longer: such records have files of their own, and
 * the last one's stays.
 */
#define STORE_JOURNAL_LIMIT_BYTES     ((uint64_t)64 << 20)
#define STORE_JOURNAL_LIMIT_MIN_BYTES ((uint64_t)1 << 20)

/*
 * What is added to it for each sensor beyond the first ones. Sealing a chunk costs some 10 to 20
 * us, whatever it holds, and of a million sensors in turn 64 MiB hold three readings each. Half of
 * this is for what is open, six readings more, which a start takes in in 0.7 us: within the 2 us a
 * sensor that it may take. (A million new sensors in turn for 20 s: without it 8.6 us a reading,
 * and a start of 1.7 s of processor time; with 128 bytes 1.3 us and 2.6 s; with 256 0.9 and 3.5.)
 */
#define STORE_JOURNAL_BYTES_A_SENSOR ((uint64_t)128)
#define STORE_JOURNAL_FREE_SENSORS   100000

/* Segments that it is cut into, without what sensors add: the unit in which it can be let go of. */
#define STORE_JOURNAL_SEGMENTS 16

/* Heap memory of all open chunks. Beyond it those that have waited longest are sealed. */
#define STORE_OPEN_LIMIT_BYTES ((uint64_t)1 << 30)

/* Heap memory of the sets in which late readings are looked up: those of some 160 chunks. */
#define STORE_SEEN_LIMIT_BYTES ((size_t)64 << 20)

/*
 * The WAL of SQLite. From a quarter of this on it is copied into the file, above half of it it is
 * cut to nothing; at the limit the keeper writes no more until the reader that pins it ends. What
 * is written between two looks comes on top, and at the end, when nobody is waited for, all that is
 * still to be sealed.
 */
#define STORE_WAL_LIMIT_BYTES ((uint64_t)32 << 20)

/*
 * Pages of SQLite in memory, in KiB. The writer's: the upper levels of the tables and most of a
 * transaction of 256 small chunks; what a larger one changes beyond it goes to the WAL before its
 * commit, once, and is written once all the same. A view's: the upper levels and the chunk that is
 * read; beyond it the pages used longest ago go.
 */
#define STORE_WRITER_CACHE_KIB 4096
#define STORE_VIEW_CACHE_KIB   512

/* Views that are kept to be used again, each a connection of SQLite with its cache. As many as the
 * worker pool has threads, and some; what is beyond is closed when its use ends. */
#define STORE_MAX_IDLE_VIEWS 16

/* Cursors of a durable store: each may hold a chunk unpacked, 256 KiB, and the late readings of its
 * time. */
#define STORE_MAX_CURSORS 1024

/* Sensors. A sensor costs some 400 bytes; ten million are 4 GB, more than one machine is meant for.
 */
#define STORE_MAX_SENSORS 10000000

/*
 * Readings in one commit, which is one record of the journal: what four workers' batches hold.
 * Beyond that a larger commit makes no reading cheaper and only lets the first of them wait longer.
 */
#define STORE_COMMIT_MAX_READINGS 65536

/* Spare segments of the journal that are kept to be used again: one that is taken next, and one
 * more for when the keeper is late. */
#define STORE_SPARE_SEGMENTS 2

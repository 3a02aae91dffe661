/* SPDX-License-Identifier: Apache-2.0 */
#include "sealed_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "unit.h"

int box_open(struct sealed_box *box) {
    struct err_text why;
    int r = sealed_open(&box->options, &box->sealed, &why);
    if (r == 0)
        assert_int_equal(sealed_view_new(box->sealed, &box->view), 0);
    return r;
}

void box_close(struct sealed_box *box) {
    sealed_view_free(box->view);
    sealed_free(box->sealed);
    box->view = NULL;
    box->sealed = NULL;
}

void box_reopen(struct sealed_box *box) {
    box_close(box);
    assert_int_equal(box_open(box), 0);
}

void box_init(struct sealed_box *box, const char *vfs) {
    *box = (struct sealed_box){.directory = "/tmp/thermograph-sealed-XXXXXX"};
    assert_non_null(mkdtemp(box->directory));
    snprintf(box->file, sizeof(box->file), "%s/store.sqlite", box->directory);
    box->options = (struct sealed_options){box->directory, vfs, BOX_WAL_LIMIT};
    assert_int_equal(box_open(box), 0);
}

void box_fini(struct sealed_box *box) {
    box_close(box);
    static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s%s", box->file, ends[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(box->directory), 0);
}

struct sealed_head head_of(uint32_t sensor, bool is_late, uint64_t rank, int64_t first,
                           int64_t last) {
    struct sealed_head head = {.sensor = sensor, .is_late = is_late, .rank = rank};
    stats_init(&head.stats);
    stats_add(&head.stats, (struct stats_instant){first, 0}, 20.5);
    stats_add(&head.stats, (struct stats_instant){last, 0}, 21.25);
    return head;
}

void box_add(struct sealed_box *box, struct sealed_head *head, struct bytes data) {
    assert_int_equal(sealed_begin(box->sealed), 0);
    assert_int_equal(sealed_add(box->sealed, head, data), 0);
    assert_int_equal(sealed_commit(box->sealed), 0);
}

struct sealed_range everything_of(uint32_t sensor) {
    return (struct sealed_range){sensor, {INT64_MIN, 0}, {INT64_MAX, 999999999}};
}

int note_rank(void *ranks, const struct sealed_head *head) {
    struct ranks *noted = ranks;
    assert_true(noted->n < ARRAY_LEN(noted->ranks));
    noted->ranks[noted->n++] = head->rank;
    return 0;
}

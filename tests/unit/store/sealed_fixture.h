/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "store/sealed.h"

/* A store of sealed chunks in a directory of its own, with one view. */
struct sealed_box {
    char directory[64];
    char file[96];
    struct sealed_options options;
    struct sealed *sealed;
    struct sealed_view *view;
};

enum {
    BOX_WAL_LIMIT = 1 << 20,
};

/* `vfs` may be NULL. */
void box_init(struct sealed_box *box, const char *vfs);
void box_fini(struct sealed_box *box);

/* As a start after an end of the program would see it. box_open() gives what sealed_open() gave. */
int box_open(struct sealed_box *box);
void box_close(struct sealed_box *box);
void box_reopen(struct sealed_box *box);

/* A chunk of two readings, at these seconds. */
struct sealed_head head_of(uint32_t sensor, bool is_late, uint64_t rank, int64_t first,
                           int64_t last);

/* One chunk in one transaction. */
void box_add(struct sealed_box *box, struct sealed_head *head, struct bytes data);

/* All of time for one sensor. */
struct sealed_range everything_of(uint32_t sensor);

/* Ranks of the chunks in a walk, in its order. */
struct ranks {
    uint64_t ranks[64];
    size_t n;
};
int note_rank(void *ranks, const struct sealed_head *head);

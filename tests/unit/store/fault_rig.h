/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "durable_twins.h"
#include "fake_disk.h"
#include "fault_vfs.h"

/*
 * The whole durable backend on disks that fail: its journal on fake_disk.h, SQLite on fault_vfs.h,
 * both on one power; beside it the model. Limits are small, so that all that is done with readings
 * is done often: segments are taken and released, chunks sealed and merged.
 *
 * One at a time. What the log says of damage is counted.
 */
struct fault_rig {
    struct twins twins;
    struct fake_disk *disk;
    struct power power;
};

void rig_init(struct fault_rig *rig, uint64_t seed);
void rig_fini(struct fault_rig *rig);

/*
 * The run: `n_rounds` commits of all kinds, the last batch sent again now and then, new starts in
 * between. Ends early, and gives false, when the disk fails; closed or open.
 */
bool rig_run(struct fault_rig *rig, size_t n_rounds);

/* Closes it; what is not synced is lost, of both disks, by the seed; they work again. */
void rig_lose_power(struct fault_rig *rig, uint64_t seed);

/* Lines of the log that tell of damage, since rig_init(). */
size_t rig_n_damage_lines(void);

/* Opens what must open: nothing is damaged, all is as the model has it, and a check finds nothing.
 */
void rig_open_and_compare(struct fault_rig *rig);

/* As rig_open_and_compare(); then a second run, which ends with a loss of power or a clean end, and
 * all of it again. */
void rig_recover(struct fault_rig *rig, uint64_t seed);

# SPDX-License-Identifier: Apache-2.0
"""The machine that is measured on: its name for the report, its cores, what a sync costs on its disk."""
import datetime
import os
import pathlib
import platform
import re
import subprocess
import time

SERVER_CORE, LOAD_CORE = "0", "1"
SYNC_SIZE = 16384
SYNC_COUNT = 300


def check_cores(say):
    if os.cpu_count() < 2:
        say("there is one core only: server and load share it, and rates mean little")


def on_core(core, command):
    if os.cpu_count() < 2:
        return command
    return ["taskset", "-c", core, *command]


def file_system(folder):
    done = subprocess.run(["df", "--output=fstype", folder], capture_output=True, text=True, check=True)
    return done.stdout.split()[-1]


def is_in_memory(folder):
    return file_system(folder) in ("tmpfs", "ramfs")


def describe():
    cpuinfo = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*: (.*)$", cpuinfo, re.MULTILINE)
    system = re.search(r'^PRETTY_NAME="(.*)"$', pathlib.Path("/etc/os-release").read_text(), re.MULTILINE)
    return {
        "cores": os.cpu_count(),
        "model": model.group(1).strip() if model else platform.machine(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "kernel": platform.release(),
        "system": system.group(1) if system else "unknown",
        "date": datetime.date.today().isoformat(),
    }


def sync_times(folder):
    """What a write of 16 KiB with fdatasync takes at the least: in a preallocated file, one after the other."""
    path = pathlib.Path(folder, "sync-probe")
    block = os.urandom(SYNC_SIZE)
    times = []
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.posix_fallocate(file, 0, SYNC_SIZE * SYNC_COUNT)
        os.fsync(file)
        for i in range(SYNC_COUNT):
            started = time.monotonic_ns()
            os.pwrite(file, block, i * SYNC_SIZE)
            os.fdatasync(file)
            times.append((time.monotonic_ns() - started) / 1000)
    finally:
        os.close(file)
        path.unlink()
    times.sort()
    return {
        "file_system": file_system(folder), "median": times[len(times) // 2],
        "p99": times[len(times) * 99 // 100], "minimum": times[0], "maximum": times[-1]}

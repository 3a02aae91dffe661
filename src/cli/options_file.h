/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The line of a key in a configuration file, for messages; 0 when it cannot be found any more. */
long options_file_line(const char *file, const char *key);

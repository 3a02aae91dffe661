/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A double as the shortest decimal that reads back the same, laid out as Python's repr() does:
 * `20.0`, `20.37`, `-0.0`, `1e+16`, `1e-05`, `nan`, `inf`. The locale plays no part. (46 powers of
 * two, 2^-24 the nearest to a temperature, get a digit more than they need.)
 */
struct decimal_text {
    char text[32];
};

struct decimal_text decimal_format(double value);

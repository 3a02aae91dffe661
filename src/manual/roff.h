/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdio.h>

#include "base/bytes.h"

/* Text as roff(7) takes it for itself: no character of it is an instruction or changes its look. */

/* Within a line, also as a macro's argument. */
void roff_put(FILE *out, struct bytes text);

/* A paragraph of words, or several with empty lines between: a line for each sentence, and new ones
 * where they would get long. */
void roff_put_words(FILE *out, struct bytes text);

/* Lines as they are. */
void roff_put_commands(FILE *out, struct bytes lines);

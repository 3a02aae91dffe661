/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cli/client.h"
#include "cli/libraries.h"
#include "cli/verb.h"

static int run(const struct options *options) {
    printf("%s", libraries_text().text);
    return finish_output(options, EXIT_OK);
}

const struct verb verb_version = {
    .name = "version",
    .summary = "Print the versions of the program and of the libraries it runs with",
    .more = "Example:\n  thermograph version\n",
    .run = run,
};

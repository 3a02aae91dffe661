/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Certificates for tests, made with OpenSSL in a folder of their own below the system's one for
 * temporary files.
 */
struct certs {
    char dir[64];
    char ca[96];       /* signs `cert` */
    char other_ca[96]; /* signs nothing */
    char cert[96];     /* for localhost, 127.0.0.1 and ::1 */
    char key[96];
    char other_key[96];  /* belongs to no certificate */
    char locked_key[96]; /* needs a password */
    char expired[96];    /* goes with `key`; expired on 2001-09-09 */
    char odd[96];        /* goes with `key`; too many names, the first with a control character */
    char early[96];      /* goes with `key`; valid from 2100-01-01 */
};

void certs_make(struct certs *certs);
void certs_remove(struct certs *certs);

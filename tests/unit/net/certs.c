/* SPDX-License-Identifier: Apache-2.0 */
#include "certs.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "unit.h"

#define JAN_2000 INT64_C(946684800)
#define SEP_2001 INT64_C(999999999)
#define JAN_2100 INT64_C(4102444800)
#define JAN_2101 INT64_C(4133980800)

struct signer {
    X509 *cert;
    EVP_PKEY *key;
};

static void certs_add_extension(X509 *cert, int nid, const char *value) {
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(cert, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static X509 *certs_new(const char *name, EVP_PKEY *key, int64_t from, int64_t until) {
    X509 *cert = X509_new();
    assert_non_null(cert);
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)from);
    ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)until);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_pubkey(cert, key);
    return cert;
}

static void certs_write(const char *path, X509 *cert) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, cert), 1);
    fclose(file);
}

static void certs_write_key(const char *path, EVP_PKEY *key, const char *password) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_PKCS8PrivateKey(file, key, password ? EVP_aes_128_cbc() : NULL,
                                               password, password ? 6 : 0, NULL, NULL),
                     1);
    fclose(file);
    assert_int_equal(chmod(path, 0600), 0);
}

static struct signer certs_make_ca(const char *path, const char *name) {
    struct signer ca = {.key = EVP_EC_gen("P-256")};
    assert_non_null(ca.key);
    ca.cert = certs_new(name, ca.key, JAN_2000, JAN_2100);
    X509_set_issuer_name(ca.cert, X509_get_subject_name(ca.cert));
    certs_add_extension(ca.cert, NID_basic_constraints, "critical,CA:TRUE");
    assert_true(X509_sign(ca.cert, ca.key, EVP_sha256()) > 0);
    certs_write(path, ca.cert);
    return ca;
}

static void certs_free_signer(struct signer ca) {
    X509_free(ca.cert);
    EVP_PKEY_free(ca.key);
}

struct issue {
    int64_t from, until;
    const char *names;
};

#define USUAL_NAMES "DNS:localhost,IP:127.0.0.1,IP:::1"
#define TEN_NAMES                                                                                \
    "DNS:0.example.org,DNS:1.example.org,DNS:2.example.org,DNS:3.example.org,DNS:4.example.org," \
    "DNS:5.example.org,DNS:6.example.org,DNS:7.example.org,DNS:8.example.org,DNS:9.example.org"

static void certs_issue(const char *path, EVP_PKEY *key, const struct signer *ca,
                        struct issue issue) {
    X509 *cert = certs_new("server", key, issue.from, issue.until);
    X509_set_issuer_name(cert, X509_get_subject_name(ca->cert));
    certs_add_extension(cert, NID_subject_alt_name, issue.names);
    assert_true(X509_sign(cert, ca->key, EVP_sha256()) > 0);
    certs_write(path, cert);
    X509_free(cert);
}

#define CERTS_PATH(field, name) snprintf(certs->field, sizeof(certs->field), "%s/" name, certs->dir)

static void certs_name_files(struct certs *certs) {
    const char *tmp = getenv("TMPDIR");
    snprintf(certs->dir, sizeof(certs->dir), "%.40s/test-certs-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(certs->dir));
    CERTS_PATH(ca, "ca.crt");
    CERTS_PATH(other_ca, "other-ca.crt");
    CERTS_PATH(cert, "server.crt");
    CERTS_PATH(key, "server.key");
    CERTS_PATH(other_key, "other.key");
    CERTS_PATH(locked_key, "locked.key");
    CERTS_PATH(expired, "expired.crt");
    CERTS_PATH(early, "early.crt");
    CERTS_PATH(odd, "odd.crt");
}

void certs_make(struct certs *certs) {
    certs_name_files(certs);
    struct signer ca = certs_make_ca(certs->ca, "Test CA");
    struct signer other = certs_make_ca(certs->other_ca, "Other CA");
    EVP_PKEY *key = EVP_EC_gen("P-256");
    assert_non_null(key);
    certs_issue(certs->cert, key, &ca, (struct issue){JAN_2000, JAN_2100, USUAL_NAMES});
    certs_issue(certs->expired, key, &ca, (struct issue){JAN_2000, SEP_2001, USUAL_NAMES});
    certs_issue(certs->early, key, &ca, (struct issue){JAN_2100, JAN_2101, USUAL_NAMES});
    certs_issue(certs->odd, key, &ca,
                (struct issue){JAN_2000, JAN_2100, "DNS:\x1b[31mred," TEN_NAMES "," TEN_NAMES});
    certs_write_key(certs->key, key, NULL);
    certs_write_key(certs->locked_key, key, "secret");
    certs_write_key(certs->other_key, other.key, NULL);
    EVP_PKEY_free(key);
    certs_free_signer(ca);
    certs_free_signer(other);
}

void certs_remove(struct certs *certs) {
    const char *const files[] = {certs->ca,      certs->other_ca,  certs->cert,
                                 certs->key,     certs->other_key, certs->locked_key,
                                 certs->expired, certs->early,     certs->odd};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        unlink(files[i]);
    rmdir(certs->dir);
}

# SPDX-License-Identifier: Apache-2.0
"""Certificates that tools/generate-certs would not make."""
import subprocess


def make_dated_certificate(folder, certs, start, end):
    """A certificate of server.key for that time, as YYYYMMDD."""
    def openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, cwd=folder)
    (folder / "index.txt").write_text("")
    (folder / "ca.conf").write_text(
        "[ca]\ndefault_ca = c\n[c]\ndatabase = index.txt\nnew_certs_dir = .\nrand_serial = yes\n"
        "default_md = sha256\npolicy = p\n[p]\ncommonName = supplied\n")
    openssl("req", "-new", "-key", certs / "server.key", "-subj", "/CN=localhost", "-out", "dated.csr")
    openssl("ca", "-batch", "-notext", "-config", "ca.conf", "-cert", certs / "ca.crt", "-keyfile",
            certs / "ca.key", "-in", "dated.csr", "-out", "dated.crt", "-startdate",
            f"{start}000000Z", "-enddate", f"{end}000000Z")
    return folder / "dated.crt"

# SPDX-License-Identifier: Apache-2.0
"""Certificates that tools/generate-certs would not make, and who shows them."""
import contextlib
import socket
import ssl
import subprocess
import threading


def make_certificate_for(folder, name, certs=None):
    """A certificate and its key, for that name alone; its own CA, unless there are certs of one."""
    signed = ["-CA", certs / "ca.crt", "-CAkey", certs / "ca.key"] if certs else []
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-keyout", folder / "other.key", "-out", folder / "other.crt", "-days", "9", "-subj", f"/CN={name}",
         "-addext", f"subjectAltName=DNS:{name}", *signed], check=True, capture_output=True)
    return folder / "other.crt", folder / "other.key"


@contextlib.contextmanager
def shown(certificate, key):
    """The port of a server that makes TLS connections with this certificate and ends them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["h2"])

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
                context.wrap_socket(connection, server_side=True).close()
            except ssl.SSLError:
                continue
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def make_dated_certificate(folder, certs, start, end, names="DNS:localhost"):
    """A certificate of server.key for that time, as YYYYMMDD, or YYYYMMDDHHMMSS by UTC."""
    def openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, cwd=folder)
    (folder / "index.txt").write_text("")
    (folder / "ca.conf").write_text(
        "[ca]\ndefault_ca = c\n[c]\ndatabase = index.txt\nnew_certs_dir = .\nrand_serial = yes\n"
        f"default_md = sha256\npolicy = p\n[p]\ncommonName = supplied\n[names]\nsubjectAltName = {names}\n")
    openssl("req", "-new", "-key", certs / "server.key", "-subj", "/CN=localhost", "-out", "dated.csr")
    openssl("ca", "-batch", "-notext", "-config", "ca.conf", "-extensions", "names", "-cert", certs / "ca.crt", "-keyfile",
            certs / "ca.key", "-in", "dated.csr", "-out", "dated.crt", "-startdate",
            f"{start:0<14}Z", "-enddate", f"{end:0<14}Z")
    return folder / "dated.crt"

# SPDX-License-Identifier: Apache-2.0
"""tools/generate-certs: what it makes holds with OpenSSL and Python, and what exists stays."""
import hashlib
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading

import pytest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "tools/generate-certs"
FILES = ["ca.crt", "ca.key", "server.crt", "server.key"]


def call(*arguments, cwd=None, user=None, script=SCRIPT, **environment):
    plain = {name: value for name, value in os.environ.items() if name not in ("NAMES", "RENEW", "FORCE")}
    return subprocess.run([script, *arguments], env=plain | environment, cwd=cwd, user=user, group=user,
                          extra_groups=[] if user else None, capture_output=True, text=True, check=False)


def generate(folder, **environment):
    return call(folder, **environment)


def contents(folder):
    return {name: (folder / name).read_bytes() for name in FILES if (folder / name).exists()}


def openssl(*arguments):
    return subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=True).stdout


@pytest.fixture
def certs(tmp_path):
    assert generate(tmp_path / "certs").returncode == 0
    return tmp_path / "certs"


def test_the_four_files_are_made_and_keys_are_private(certs):
    assert sorted(path.name for path in certs.iterdir()) == FILES
    modes = {name: (certs / name).stat().st_mode & 0o777 for name in FILES}
    assert modes == {"ca.crt": 0o644, "ca.key": 0o600, "server.crt": 0o644, "server.key": 0o600}


def test_the_names_are_written_as_people_write_them(tmp_path):
    done = generate(tmp_path / "certs", NAMES="a.example.org")
    assert "for: localhost grpc-server 127.0.0.1 ::1 a.example.org" in done.stdout.splitlines()
    again = generate(tmp_path / "certs", RENEW="1", NAMES="b.example.org ::1")
    assert "for: localhost grpc-server 127.0.0.1 ::1 a.example.org b.example.org" in again.stdout.splitlines()


def test_openssl_accepts_the_chain_strictly(certs):
    for name in ("localhost", "grpc-server"):
        openssl("verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", name,
                "-CAfile", certs / "ca.crt", certs / "server.crt")
    for address in ("127.0.0.1", "::1"):
        openssl("verify", "-x509_strict", "-verify_ip", address,
                "-CAfile", certs / "ca.crt", certs / "server.crt")


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", "grpc-server"])
def test_a_strict_python_client_shakes_hands(certs, name):
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certs / "server.crt", certs / "server.key")
    client = ssl.create_default_context(cafile=certs / "ca.crt")
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    near, far = socket.socketpair()
    thread = threading.Thread(target=lambda: server.wrap_socket(far, server_side=True).close())
    thread.start()
    with client.wrap_socket(near, server_hostname=name) as connection:
        assert connection.version() == "TLSv1.3"
    thread.join()


def test_extensions_say_what_each_certificate_may_do(certs):
    ca = openssl("x509", "-in", certs / "ca.crt", "-noout", "-text")
    assert "CA:TRUE, pathlen:0" in ca and "Certificate Sign, CRL Sign" in ca
    server = openssl("x509", "-in", certs / "server.crt", "-noout", "-text")
    assert "CA:FALSE" in server and "TLS Web Server Authentication" in server
    for text in (ca, server):
        assert "Subject Key Identifier" in text and "Authority Key Identifier" in text
        assert "prime256v1" in text


def test_validity_is_what_clients_accept(certs):
    day = 86400
    for name, days in (("server.crt", 825), ("ca.crt", 3650)):
        command = ["openssl", "x509", "-in", certs / name, "-noout", "-checkend"]
        assert subprocess.run([*command, str((days - 1) * day)], check=False, capture_output=True).returncode == 0
        assert subprocess.run([*command, str((days + 1) * day)], check=False, capture_output=True).returncode == 1


def test_a_second_run_changes_nothing(certs):
    before = contents(certs)
    again = generate(certs)
    assert again.returncode == 0 and "nothing was changed" in again.stdout
    assert contents(certs) == before


def test_a_name_that_is_missing_is_said_and_nothing_changes(certs):
    before = contents(certs)
    again = generate(certs, NAMES="sensors.example.org")
    assert again.returncode == 1 and "RENEW=1" in again.stderr and "sensors.example.org" in again.stderr
    assert contents(certs) == before


def test_renewing_keeps_the_ca_and_the_names_and_adds_more(certs):
    before = contents(certs)
    assert generate(certs, RENEW="1", NAMES="sensors.example.org, *.example.net 10.0.0.5").returncode == 0
    assert generate(certs, RENEW="1").returncode == 0
    after = contents(certs)
    assert {name for name in FILES if before[name] != after[name]} == {"server.crt", "server.key"}
    names = openssl("x509", "-in", certs / "server.crt", "-noout", "-ext", "subjectAltName")
    for name in ("DNS:localhost", "DNS:sensors.example.org", r"DNS:*.example.net", "IP Address:10.0.0.5"):
        assert name in names
    assert generate(certs, NAMES="*.example.net").returncode == 0


def test_force_makes_everything_anew(certs):
    before = contents(certs)
    assert generate(certs, FORCE="1").returncode == 0
    assert all(before[name] != content for name, content in contents(certs).items())


def test_a_ca_alone_gets_a_server_certificate(certs):
    before = contents(certs)
    (certs / "server.crt").unlink()
    (certs / "server.key").unlink()
    assert generate(certs).returncode == 0
    assert contents(certs)["ca.crt"] == before["ca.crt"]


@pytest.mark.parametrize("lost", ["ca.crt", "server.crt", "server.key"])
def test_half_a_set_is_left_alone(certs, lost):
    (certs / lost).unlink()
    before = contents(certs)
    again = generate(certs)
    assert again.returncode == 1 and "has only" in again.stderr
    assert contents(certs) == before


def test_renewing_needs_the_ca_key(certs):
    (certs / "ca.key").unlink()
    again = generate(certs, RENEW="1")
    assert again.returncode == 1 and "FORCE=1" in again.stderr


@pytest.mark.parametrize("name", ["a;b", "$(id)", "-x", "1.2.3.400", "::zz", "a b\nc=d", "a_b]"])
def test_a_bad_name_is_refused_and_nothing_is_left(tmp_path, name):
    done = generate(tmp_path / "certs", NAMES=name)
    assert done.returncode == 1
    assert done.stderr.startswith("generate-certs: ")
    assert not (tmp_path / "certs").exists() or list((tmp_path / "certs").iterdir()) == []


def test_help_says_what_it_is_and_an_option_makes_nothing(tmp_path):
    for option in ("--help", "-h"):
        done = call(option, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("tools/generate-certs [DIR]    makes the certificates") and "set -" not in done.stdout
    done = call("-x", cwd=tmp_path)
    assert done.returncode == 2 and "generate-certs [DIR]" in done.stderr
    assert not list(tmp_path.iterdir())


def test_it_names_the_command_that_was_given(tmp_path):
    assert f"    RENEW=1 {SCRIPT} foo\n" in call("foo", cwd=tmp_path).stdout
    assert f"  RENEW=1 NAMES=\"b\" {SCRIPT} foo\n" in call("foo", cwd=tmp_path, NAMES="b").stderr
    assert "    RENEW=1 /usr/share/set-up\n" in call("foo", cwd=tmp_path, CERTS_COMMAND="/usr/share/set-up").stdout
    assert "    make generate_certs RENEW=1\n" in call(cwd=tmp_path).stdout


# Without a folder: what compose.yaml needs, too.

SECRETS = ["secrets/grafana-password", "secrets/token", "secrets/tokens/tokens.yaml"]


@pytest.fixture
def project(tmp_path):
    done = call(cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return tmp_path


def files_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_with_a_folder_only_certificates_are_made(tmp_path):
    assert call("certs", cwd=tmp_path).returncode == 0
    assert sorted(files_of(tmp_path)) == [f"certs/{name}" for name in FILES]


def test_without_a_folder_secrets_are_made_that_nobody_else_can_read(project):
    assert sorted(files_of(project)) == [".env", *[f"certs/{name}" for name in FILES], "secrets/env", *SECRETS]
    for path in [project / "secrets", *(project / "secrets").rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path
    assert len((project / "secrets/grafana-password").read_text().strip()) >= 20


def test_the_server_knows_the_token_by_its_hash(project):
    token = (project / "secrets/token").read_text().strip()
    assert len(token) == 47 and token.startswith("tg_")
    tokens = (project / "secrets/tokens/tokens.yaml").read_text()
    assert f"sha256: {hashlib.sha256(token.encode()).hexdigest()}\n" in tokens
    assert token not in tokens


def test_containers_run_as_who_can_read_the_secrets(project):
    uid, gid = (project / ".env").read_text().strip().removeprefix("UID_GID=").split(":")
    for path in [project / "certs/server.key", *(project / name for name in SECRETS)]:
        assert (path.stat().st_uid, path.stat().st_gid) == (int(uid), int(gid))
    assert uid != "0"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_key_of_the_ca_stays_with_root(project):
    assert (project / "certs/ca.key").stat().st_uid == 0
    assert (project / ".env").read_text() == "UID_GID=10001:10001\n"


def test_a_second_run_without_a_folder_changes_nothing(project):
    before = files_of(project)
    assert call(cwd=project).returncode == 0
    assert files_of(project) == before


def test_new_certificates_leave_token_and_password_alone(project):
    before = files_of(project)
    assert call(cwd=project, FORCE="1").returncode == 0
    after = files_of(project)
    assert {name for name in before if before[name] != after[name]} == {f"certs/{name}" for name in FILES}


@pytest.mark.parametrize("lost", SECRETS[::2] + [".env", "secrets/env"])
def test_what_is_missing_is_made_again_and_nothing_else(project, lost):
    before = files_of(project)
    (project / lost).unlink()
    assert call(cwd=project).returncode == 0
    after = files_of(project)
    assert before.keys() == after.keys()
    assert {name for name in before if before[name] != after[name]} <= {"secrets/grafana-password"}


@pytest.mark.parametrize("lost", ["certs", "secrets"])
def test_without_one_of_the_folders_there_is_no_environment_and_both_come_again(project, lost):
    before = files_of(project)
    shutil.rmtree(project / lost)
    assert not (project / ".env").exists()
    assert call(cwd=project).returncode == 0
    after = files_of(project)
    assert before.keys() == after.keys() and before[".env"] == after[".env"]
    assert {name for name in before if before[name] != after[name]} <= {
        name for name in before if name.startswith(lost)}


def test_an_environment_that_is_there_stays_the_file_that_it_is(project):
    (project / ".env").unlink()
    (project / ".env").write_text("COMPOSE_PROJECT_NAME=house\n")
    assert call(cwd=project).returncode == 0
    assert not (project / ".env").is_symlink()


def test_other_lines_of_the_environment_stay(project):
    (project / ".env").write_text("COMPOSE_PROJECT_NAME=house\n")
    assert call(cwd=project).returncode == 0
    first, second = (project / ".env").read_text().splitlines()
    assert first == "COMPOSE_PROJECT_NAME=house" and second.startswith("UID_GID=")


def test_a_lost_token_is_not_made_anew_where_its_hash_is_known(project):
    (project / "secrets/token").unlink()
    before = files_of(project)
    done = call(cwd=project)
    assert done.returncode == 1 and "secrets/token is missing" in done.stderr
    assert files_of(project) == before


A_USER = 1234


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make what others cannot read")
def test_what_root_has_made_is_of_use_after_the_chown_that_is_said():
    folder = pathlib.Path(tempfile.mkdtemp())
    try:
        assert call(cwd=folder).returncode == 0
        script = shutil.copy(SCRIPT, folder)  # others may not get to where it is
        os.chown(folder, A_USER, A_USER)
        done = call(cwd=folder, user=A_USER, script=script)
        chown = f"chown -R {A_USER}:{A_USER} certs secrets .env"
        assert done.returncode == 1
        assert done.stderr == f"generate-certs: secrets cannot be read by you (was it made with sudo?): sudo {chown}\n"
        subprocess.run(chown.split(), cwd=folder, check=True)
        assert call(cwd=folder, user=A_USER, script=script).returncode == 0
        assert (folder / ".env").read_text() == f"UID_GID={A_USER}:{A_USER}\n"
    finally:
        shutil.rmtree(folder)

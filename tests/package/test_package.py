# SPDX-License-Identifier: Apache-2.0
"""The Debian package from its making to its purge, on a Debian of its own that systemd runs. The tests are one
story and run in their order: each begins where the one before it has ended."""
import hashlib
import os
import re
import subprocess
import sys

import pytest

from machine import ROOT, Machine, Service

sys.path.append(str(ROOT / "tests/tools"))
from test_docs import broken_links, pages  # noqa: E402

UNIT = "/lib/systemd/system/thermograph.service"
DROP_IN = "/etc/systemd/system/thermograph.service.d/test.conf"
DATA = "/var/lib/thermograph"
CONFIGURATION = "/etc/thermograph/thermograph.yaml"
TOKENS = "/etc/thermograph/tokens.yaml"
CERTS = "/etc/thermograph/certs"
CA = f"{CERTS}/ca.crt"
LATER = "0.1.0-1+later1"  # than any that the changelog has

if os.geteuid() != 0:
    pytest.skip("a machine to install on is made by root", allow_module_level=True)


def make_package(folder):
    done = subprocess.run([ROOT / "tools/make-deb", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    package, = folder.glob("thermograph_*.deb")
    return package


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return make_package(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="module")
def later_package(package, tmp_path_factory):
    """The same with a higher version, as if it had been built of a newer source."""
    folder = tmp_path_factory.mktemp("later")
    subprocess.run(["dpkg-deb", "--raw-extract", package, folder / "tree"], check=True)
    control = folder / "tree/DEBIAN/control"
    control.write_text(re.sub(r"^Version: .*$", f"Version: {LATER}", control.read_text(), flags=re.MULTILINE))
    later = folder / f"thermograph_{LATER}.deb"
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", folder / "tree", later], check=True, capture_output=True)
    return later


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    made = Machine(tmp_path_factory.mktemp("machine"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def service(machine):
    return Service(machine, "thermograph.service")


@pytest.fixture
def edit(machine, service):
    """edit(file, text) replaces a file until the test ends; the service is started with it, and again without."""
    before = {}

    def replace(name, text):
        path = machine.path(name)
        before[path] = path.read_text() if path.exists() else None
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        machine.good("systemctl", "daemon-reload")

    yield replace
    for path, text in before.items():
        path.unlink() if text is None else path.write_text(text)
    machine.good("systemctl", "daemon-reload")
    service.control("restart")


def call(machine, verb, *arguments):
    return machine.run("thermograph", verb, *arguments, "--ca", CA, "--token-file", "/srv/thermograph.token")


def has_reading(machine, temperature):
    done = call(machine, "get", "kitchen", "--output", "csv")
    assert done.returncode == 0, done.stdout
    return f"kitchen,{temperature}," in done.stdout


# ---- the package ----

def test_lintian_has_no_complaint(package):
    changes, = package.parent.glob("*.changes")
    done = subprocess.run(["lintian", "--fail-on", "error,warning", "--allow-root", changes],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.strip() == "", done.stdout + done.stderr


def test_the_same_source_gives_the_same_package(package, tmp_path):
    assert digest(make_package(tmp_path)) == digest(package)


# ---- the first installation ----

def test_it_is_installed_with_what_it_needs(machine, package):
    machine.install(package)
    assert machine.good("thermograph", "--version").startswith("thermograph ")
    for name in ("/usr/share/man/man1/thermograph-serve.1.gz", "/usr/share/man/man5/thermograph.yaml.5.gz",
                 "/usr/share/bash-completion/completions/thermograph.bash",
                 "/usr/share/zsh/vendor-completions/_thermograph",
                 "/usr/share/fish/vendor_completions.d/thermograph.fish", "/usr/share/doc/thermograph/README.md"):
        assert machine.path(name).exists(), name


def test_its_pages_lead_somewhere(machine):
    found = pages(machine.path("/usr/share/doc/thermograph"))
    assert len(found) > 25
    assert [words for page in found for words in broken_links(page)] == []


def test_it_is_started_at_once_and_with_the_machine(service):
    assert (service.show("ActiveState"), service.show("UnitFileState")) == ("active", "enabled")
    assert service.show("StatusText") == "serving on 127.0.0.1:50051"
    assert "serving on 127.0.0.1:50051 (TLS, tokens from" in service.log()


def test_it_refuses_everybody_until_there_is_a_token(machine, service):
    done = machine.run("thermograph", "send", "kitchen", "21.5", "--ca", CA)
    assert done.returncode == 1 and "token" in done.stdout
    assert "holds no tokens, so every call is refused" in service.log()


def test_only_those_who_need_them_can_read_secrets_and_readings(machine):
    assert machine.rights(f"{CERTS}/ca.key") == "600 root:root"
    assert machine.rights(f"{CERTS}/server.key") == "640 root:thermograph"
    assert machine.rights(TOKENS) == "640 root:thermograph"
    assert machine.rights(CA) == "644 root:root"
    assert machine.rights(DATA) == "750 thermograph:thermograph"
    assert {machine.rights(f"{DATA}/{path.name}") for path in machine.path(DATA).iterdir()} == {"600 thermograph:thermograph"}
    assert machine.good("getent", "passwd", "thermograph").strip().endswith("nologin")
    done = machine.run("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "thermograph", "serve",
                       "--config", CONFIGURATION, "--data", "none")
    assert done.returncode == 1 and "Permission denied" in done.stdout


def test_the_certificate_has_the_names_of_the_machine(machine):
    text = machine.good("openssl", "x509", "-in", f"{CERTS}/server.crt", "-noout", "-ext", "subjectAltName")
    assert "DNS:localhost" in text and f"DNS:{machine.good('uname', '-n').strip()}" in text


def test_the_unit_is_verified_and_exposes_little(machine):
    assert machine.good("systemd-analyze", "verify", "--man=no", "thermograph.service") == ""
    text = machine.good("systemd-analyze", "security", "--threshold=20", "thermograph.service")
    assert float(re.search(r"exposure level for thermograph.service: ([\d.]+)", text).group(1)) < 2


# ---- the service ----

def test_the_first_steps_of_its_readme_work(machine, service):
    text = machine.path("/usr/share/doc/thermograph/README.Debian").read_text()
    part = text.split("The first reading\n")[1].split("For other machines\n")[0]
    commands = "\n".join(re.findall(r"^    (.*)$", part, re.MULTILINE))
    first, others = commands.split("ca=")
    machine.good("bash", "-euc", first)
    service.wait_until(lambda: call(machine, "sensors").returncode == 0, "the token is not taken over")
    said = machine.good("bash", "-euc", f"ca={others}")
    assert re.search(r"^ +21\.5 ", said, re.MULTILINE), said
    assert machine.rights(TOKENS) == "640 root:thermograph"


def test_a_reload_reads_the_tokens_and_is_over_then(service):
    n_read = service.log().count("tokens read again")
    service.control("reload")
    service.wait_until(lambda: service.log().count("tokens read again") > n_read, "the tokens are not read")
    service.wait_until(lambda: service.show("ActiveState") == "active", "the reload does not end")


def test_what_was_acknowledged_outlives_a_power_cut(machine, service):
    assert call(machine, "send", "kitchen", "19.25").returncode == 0
    machine.cut_power()
    machine.boot()
    assert service.show("ActiveState") == "active"
    assert has_reading(machine, "21.5") and has_reading(machine, "19.25")


def test_it_is_started_again_when_it_is_killed_or_stuck(machine, service, edit):
    edit(DROP_IN, "[Service]\nWatchdogSec=1s\nRestartSec=100ms\n")
    service.control("restart")
    for number, result in (("KILL", "'killed'|status=9/KILL"), ("STOP", "Watchdog timeout")):
        n_restarts = int(service.show("NRestarts"))
        service.control("kill", f"--signal={number}")
        service.wait_until(lambda: int(service.show("NRestarts")) > n_restarts
                           and service.show("ActiveState") == "active", f"{number} ends it")
        assert re.search(result, machine.good("journalctl", "--no-pager", "--output=cat", "--lines=50"))
    assert has_reading(machine, "21.5")


def test_the_configuration_is_good_as_doctor_sees_it(machine, service):
    service.control("stop")
    said = machine.good("thermograph", "doctor", "--server", "none", "--config", CONFIGURATION)
    service.control("start")
    assert re.search(r"nothing has failed: \d+ ok, 0 warnings", said), said


def test_telemetry_goes_where_its_environment_says(machine, service, edit):
    text = machine.path("/etc/default/thermograph").read_text()
    edit("/etc/default/thermograph", text.replace("#OTEL_EXPORTER_OTLP_ENDPOINT=", "OTEL_EXPORTER_OTLP_ENDPOINT="))
    service.control("restart")
    assert "127.0.0.1:4317" not in service.log()
    service.control("stop")
    assert "127.0.0.1:4317" in service.log()  # nobody is there


@pytest.mark.parametrize("before, after, words", [
    ("data: /var/lib/thermograph", "dta: /var/lib/thermograph", "did you mean 'data'"),
    ('listen: "127.0.0.1:50051"', 'listen: "127.0.0.1:99999"', rf"{CONFIGURATION}:\d+: listen: .*99999"),
    ("tokens: /etc/thermograph/tokens.yaml", "", "--allow-anyone")])
def test_a_configuration_that_is_wrong_is_refused_once(machine, service, edit, before, after, words):
    edit(CONFIGURATION, machine.path(CONFIGURATION).read_text().replace(before, after))
    assert machine.run("systemctl", "restart", "thermograph").returncode == 1
    assert (service.show("ActiveState"), service.show("ExecMainStatus")) == ("failed", "2")
    assert re.search(words, service.log())


# ---- upgrade, renewal, removal ----

def state_of(machine):
    """Digests of all that a user has made or changed."""
    files = [path for folder in ("/etc/thermograph", "/etc/default/thermograph")
             for path in [machine.path(folder), *machine.path(folder).rglob("*")] if path.is_file()]
    assert len(files) == 7
    return {str(path): digest(path) for path in files}


def test_an_upgrade_keeps_configuration_and_readings_and_starts_the_new_one(machine, service, later_package):
    with machine.path(CONFIGURATION).open("a") as file:
        file.write("# changed here\nlog-level: debug\n")
    before, pid = state_of(machine), service.show("MainPID")
    machine.install(later_package)
    assert machine.good("dpkg-query", "-W", "-f", "${Version}", "thermograph") == LATER
    assert state_of(machine) == before
    assert service.show("ActiveState") == "active" and service.show("MainPID") != pid
    assert has_reading(machine, "21.5")


def test_a_certificate_can_be_renewed_for_another_name(machine, service):
    tokens = machine.path(TOKENS).read_text()
    said = machine.good("env", "NAMES=thermograph.example.org", "RENEW=1", "/usr/share/thermograph/set-up-service")
    assert "    RENEW=1 /usr/share/thermograph/set-up-service\n" in said
    assert machine.rights(f"{CERTS}/server.key") == "640 root:thermograph"
    assert machine.path(TOKENS).read_text() == tokens
    text = machine.good("openssl", "x509", "-in", f"{CERTS}/server.crt", "-noout", "-ext", "subjectAltName")
    assert "DNS:thermograph.example.org" in text and "DNS:localhost" in text
    service.control("restart")
    assert has_reading(machine, "21.5")


def test_removal_keeps_configuration_and_readings(machine, package):
    before = state_of(machine)
    machine.apt("remove", "thermograph")
    assert machine.run("pidof", "thermograph").returncode == 1
    assert not machine.path("/usr/bin/thermograph").exists()
    assert not machine.path(UNIT).exists()
    assert state_of(machine) == before
    machine.install(package)
    assert state_of(machine) == before
    assert has_reading(machine, "21.5") and has_reading(machine, "19.25")


def test_a_purge_takes_the_configuration_and_says_that_readings_are_kept(machine):
    said = machine.apt("purge", "thermograph")
    assert f"the readings in {DATA} are kept" in said
    assert not machine.path("/etc/thermograph").exists()
    assert not machine.path("/etc/default/thermograph").exists()
    assert machine.path(f"{DATA}/lock").exists()
    assert machine.rights(DATA) == "750 thermograph:thermograph"


def test_a_purge_leaves_nothing_where_there_are_no_readings(machine, package, service):
    machine.install(package)
    service.control("stop")
    machine.good("sh", "-c", f"rm {DATA}/*")
    assert "are kept" not in machine.apt("purge", "thermograph")
    left = machine.good("find", "/etc", "/usr", "/var/lib", "-name", "*thermograph*", "-not", "-path", "/var/lib/dpkg/*",
                        "-not", "-path", "/var/lib/systemd/*")
    assert left == ""


# ---- without a package ----

def test_what_make_install_installs_is_made_a_service_by_set_up(machine, service):
    done = subprocess.run(["make", "-C", ROOT, "install", "PREFIX=/usr/local", f"DESTDIR={machine.tree}"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    machine.good("/usr/local/share/thermograph/set-up-service")
    assert "RENEW=1 /usr/local/share/thermograph/set-up-service\n" in machine.path(CONFIGURATION).read_text()
    assert machine.good("systemd-analyze", "verify", "--man=no", "thermograph.service") == ""
    machine.good("sh", "-c", f"thermograph token create --tokens {TOKENS} --name me >/srv/thermograph.token")
    machine.good("systemctl", "daemon-reload")
    service.control("start")
    assert call(machine, "send", "kitchen", "22.5").returncode == 0
    assert has_reading(machine, "22.5")

# SPDX-License-Identifier: Apache-2.0
"""The Docker engine to test with: one that answers already, or one of our own.

An engine that answers is used as it is, and nothing of it is changed but what the test itself makes. If none does,
Debian's is installed (root is needed) and started beside a data folder of its own; afterwards it is stopped, and rules
of the firewall, forwarding, network and control groups are as they were before.

Compose's second version and buildx are no packages of Debian 12. Where `docker compose` is missing they are taken out
of the packages of the next Debian, without installing these, and kept in ~/.cache/thermograph-docker.
"""
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "thermograph-docker"
PACKAGES = ["docker.io", "docker-compose", "debootstrap", "iptables"]
PLUGINS = ["docker-compose", "docker-buildx"]
START_S = 30


class Trouble(Exception):
    """What keeps the test from going on, in words for a person."""


def run(*command, timeout=600, **more):
    """Runs a command that has to succeed; what it printed."""
    done = subprocess.run([str(part) for part in command], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          errors="replace", check=False, timeout=timeout, **more)
    if done.returncode:
        raise Trouble(f"{' '.join(str(part) for part in command)}: status {done.returncode}\n{done.stdout[-4000:]}")
    return done.stdout


def succeeds(*command):
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def answers():
    return shutil.which("docker") is not None and succeeds("docker", "version")


def install_packages():
    missing = [name for name in PACKAGES if not succeeds("dpkg", "-s", name)]
    if not missing:
        return
    if os.geteuid() != 0:
        raise Trouble(f"no Docker engine answers, and without root these packages cannot be installed: {' '.join(missing)}")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    # An update that fails is no reason to stop: the lists that are there may do.
    subprocess.run(["apt-get", "-qq", "update"], capture_output=True, check=False)
    run("apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", "install", "-y", "--no-install-recommends", *missing,
        env=environment)


def mirror():
    """Where apt gets Debian's packages from."""
    listed = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Codename: bookworm",
                             "Created-By: Packages"], text=True, capture_output=True, check=False).stdout
    return (listed.split() or ["http://deb.debian.org/debian"])[0]


def unpack_packages(suite, names, into):
    """Downloads packages of another suite, beside apt's own lists, and unpacks them."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for name in ("lists/partial", "cache/archives/partial"):
            (folder / name).mkdir(parents=True)
        (folder / "status").touch()
        (folder / "sources.list").write_text(
            f"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {mirror()} {suite} main\n")
        apt = ["apt-get", "-qq"]
        for option in (f"Dir::Etc::sourcelist={folder}/sources.list", "Dir::Etc::sourceparts=-",
                       f"Dir::State::lists={folder}/lists", f"Dir::Cache={folder}/cache",
                       f"Dir::State::status={folder}/status", "APT::Sandbox::User=root"):
            apt += ["-o", option]
        run(*apt, "update")
        run(*apt, "download", *names, cwd=folder)
        for package in folder.glob("*.deb"):
            run("dpkg-deb", "-x", package, into)


def ready_plugins():
    """Makes `docker compose` work, for this process and what it starts."""
    if succeeds("docker", "compose", "version") and succeeds("docker", "buildx", "version"):
        return
    plugins = CACHE / "cli-plugins"
    if not all((plugins / name).exists() for name in PLUGINS):
        with tempfile.TemporaryDirectory() as tree:
            unpack_packages("trixie", PLUGINS, tree)
            plugins.mkdir(parents=True, exist_ok=True)
            for name in PLUGINS:
                shutil.copy(pathlib.Path(tree) / "usr/libexec/docker/cli-plugins" / name, plugins / name)
    os.environ["DOCKER_CONFIG"] = str(CACHE)


class OwnEngine:
    """A dockerd with everything of it in one folder."""

    def __init__(self):
        # Short: the path of a socket may be some hundred characters long.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="thermograph-engine."))
        self.rules = run("iptables-save")
        self.forwarding = pathlib.Path("/proc/sys/net/ipv4/ip_forward")
        self.forwarded = self.forwarding.read_text()
        os.environ["DOCKER_HOST"] = f"unix://{self.folder}/socket"
        with open(self.folder / "log", "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                ["dockerd", "--data-root", self.folder / "data", "--exec-root", self.folder / "exec",
                 "--pidfile", self.folder / "pid", "--host", os.environ["DOCKER_HOST"], "--mtu", "1400"],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            self.wait()
        except Trouble:
            self.close()
            raise

    def wait(self):
        end = time.monotonic() + START_S
        while not answers():
            if self.process.poll() is not None or time.monotonic() > end:
                raise Trouble(f"dockerd does not start:\n{(self.folder / 'log').read_text()[-4000:]}")
            time.sleep(0.2)

    def close(self):
        if self.process.poll() is None:
            left = subprocess.run(["docker", "ps", "-aq"], text=True, capture_output=True, check=False).stdout.split()
            if left:
                subprocess.run(["docker", "rm", "-f", *left], capture_output=True, check=False)
            self.process.terminate()
            self.process.wait(60)
        subprocess.run(["iptables-restore"], input=self.rules, text=True, capture_output=True, check=False)
        if not self.rules.strip():
            self.remove_rules()
        self.forwarding.write_text(self.forwarded)
        subprocess.run(["ip", "link", "del", "docker0"], capture_output=True, check=False)
        subprocess.run(["umount", self.folder / "exec/netns/default"], capture_output=True, check=False)
        for group in pathlib.Path("/sys/fs/cgroup").glob("*/docker"):
            run("find", group, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";")
        shutil.rmtree(self.folder, ignore_errors=True)
        del os.environ["DOCKER_HOST"]

    @staticmethod
    def remove_rules():
        """There were none before, so what was saved says nothing about tables that Docker made."""
        for table in ("filter", "nat"):
            for action in ("-F", "-X"):
                subprocess.run(["iptables", "-t", table, action], capture_output=True, check=False)
        subprocess.run(["iptables", "-P", "FORWARD", "ACCEPT"], capture_output=True, check=False)


def start():
    """The engine if it is ours, to be closed; None if one was there."""
    if answers():
        ready_plugins()
        return None
    install_packages()
    engine = OwnEngine()
    try:
        ready_plugins()
    except Trouble:
        engine.close()
        raise
    return engine

# SPDX-License-Identifier: Apache-2.0
"""A bare Debian in a folder with systemd as its first process: what a package is installed on.

It has namespaces of its own for processes, mounts, the network, and control groups: its port 50051 is not this
machine's, nothing that is started or mounted in it outlives it, and it needs no container engine. Its root is
its own by pivot_root, not chroot, for the kernel lets nobody in a chroot have users of its own (PrivateUsers=).
"""
import os
import pathlib
import shlex
import shutil
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATIENCE_S = 60
INSTALL_S = 600  # packages come from a mirror
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/srv",
               "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
APT = ["apt-get", "-y", "-q", "--no-install-recommends", "-o", "APT::Keep-Downloaded-Packages=true",
       "-o", "APT::Sandbox::User=root"]

# A control group of its own is made in the one hierarchy that every kernel can mount beside others.
BOOT = """
mount -t cgroup2 cgroup2 mnt
mkdir -p mnt/$1
echo 0 >mnt/$1/cgroup.procs
exec unshare --pid --net --uts --ipc --cgroup --fork --kill-child sh -euc '
  umount mnt
  ip link set lo up
  mount -t tmpfs tmpfs run
  mount -t tmpfs tmpfs dev
  for device in null zero full random urandom tty; do
    touch dev/$device
    mount --bind /dev/$device dev/$device
  done
  mkdir dev/pts dev/shm
  mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
  mount -t tmpfs tmpfs dev/shm
  ln -s pts/ptmx dev/ptmx
  mount -t proc proc proc
  mount -t sysfs -o ro sysfs sys
  mount -t cgroup2 cgroup2 sys/fs/cgroup
  mkdir -p old
  pivot_root . old
  umount -l old
  exec env -i container=test NOTIFY_SOCKET=/srv/booted /lib/systemd/systemd --log-target=journal </dev/null
'
"""
REMOVE_GROUP = "mount -t cgroup2 cgroup2 mnt && find mnt/$1 -depth -type d -exec rmdir {} +"


class Machine:
    def __init__(self, tree):
        """`tree` is an empty folder."""
        self.tree = tree
        self.group = f"thermograph-test-{os.getpid()}"
        archive = subprocess.run([ROOT / "tests/debootstrap"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        self.packages = pathlib.Path(archive).with_name("packages")
        self.packages.mkdir(exist_ok=True)
        subprocess.run(["tar", "-xzf", archive, "-C", tree], check=True)
        tree.chmod(0o755)
        self._prepare()
        self.boot()

    def _in_tree(self, script, *arguments):
        """The command line of a script in the tree, on which it may mount."""
        return ["unshare", "--mount", "--propagation=private", "sh", "-euc",
                f"mount --bind {self.tree} {self.tree}; mount --bind {self.packages} {self.tree}/var/cache/apt/archives; "
                f"cd {self.tree}; {script}", "sh", *arguments]

    def _prepare(self):
        """With systemd. A package's start waits for a network of its own; there is none to wait for."""
        install = f"mount -t proc proc proc; exec chroot . {shlex.join(APT)} install systemd-sysv"
        done = subprocess.run(self._in_tree(install), env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False, timeout=INSTALL_S)
        assert done.returncode == 0, done.stdout

    def boot(self):
        """Until systemd has started all that it starts by itself."""
        path = self.path("/srv/booted")
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as booted:
            booted.bind(str(path))
            booted.settimeout(PATIENCE_S)
            self.holder = subprocess.Popen(self._in_tree(BOOT, self.group), stdin=subprocess.DEVNULL)
            while "READY=1" not in booted.recv(4096).decode().splitlines():
                pass
        # systemd is the child of the process that holds all of it.
        self.pid = int(subprocess.run(["pgrep", "-P", str(self.holder.pid)], check=True, capture_output=True, text=True).stdout)

    def cut_power(self):
        """Every process in it is killed: they end with the first."""
        os.kill(self.pid, signal.SIGKILL)
        self.holder.wait()

    def close(self):
        self.cut_power()
        subprocess.run(self._in_tree(REMOVE_GROUP, self.group), check=True)
        shutil.rmtree(self.tree)  # it is large, and pytest would keep it

    def run(self, *command, network=False, timeout=PATIENCE_S):
        """Runs it in there to its end, whatever that is; with `network` it reaches this machine's."""
        namespaces = ["--mount", "--pid", "--uts", "--ipc", "--cgroup", *([] if network else ["--net"])]
        return subprocess.run(["nsenter", f"--target={self.pid}", *namespaces, *map(str, command)], env=ENVIRONMENT,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False, timeout=timeout)

    def good(self, *command, **more):
        """What a command printed that succeeded."""
        done = self.run(*command, **more)
        assert done.returncode == 0, f"{shlex.join(map(str, command))}\n{done.stdout}"
        return done.stdout

    def apt(self, *arguments):
        return self.good(*APT, *arguments, network=True, timeout=INSTALL_S)

    def install(self, package):
        """A package's file of this machine."""
        copy = self.path("/srv") / package.name
        copy.write_bytes(package.read_bytes())
        try:
            return self.apt("install", f"/srv/{package.name}")
        finally:
            copy.unlink()

    def path(self, name):
        return self.tree / str(name).lstrip("/")

    def rights(self, name):
        """`640 root:thermograph`"""
        return self.good("stat", "-c", "%a %U:%G", name).strip()


class Service:
    def __init__(self, machine, name):
        self.machine = machine
        self.name = name

    def control(self, verb, *arguments):
        """systemctl; a start comes back once the service has said that it is ready."""
        self.machine.good("systemctl", verb, self.name, *arguments)

    def show(self, name):
        """A property of the unit."""
        return self.machine.good("systemctl", "show", "--value", f"--property={name}", self.name).strip()

    def log(self):
        return self.machine.good("journalctl", "--no-pager", "--output=cat", f"--unit={self.name}")

    def wait_until(self, holds, what):
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < deadline, f"{what}:\n{self.log()}"

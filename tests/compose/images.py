# SPDX-License-Identifier: Apache-2.0
"""Images that cannot be had without a registry: Debian, and stand-ins for those that compose.yaml names.

A stand-in has the name, the entry point, the user and the paths of the real image, and in it the program that tools/install-peers
builds, at the version that it builds. What an engine has already, under that name, is taken to be the real
one and used; what was made here is removed afterwards, so that nobody takes it for more than it is.

    image        program, user     in the real image beside it
    Collector    10001             no shell, no other program: nothing can check its health in there
    Jaeger       10001             busybox; /tmp is a volume
    Prometheus   65534             busybox; /prometheus belongs to that user
    Grafana      472               busybox; /run.sh reads variables that end in __FILE; /var/lib/grafana is for everybody
"""
import io
import os
import pathlib
import re
import subprocess
import tarfile
import tempfile

from engine import CACHE, Trouble, run, succeeds, unpack_packages

ROOT = pathlib.Path(__file__).resolve().parents[2]
PEERS = pathlib.Path(os.environ.get("PEERS_BIN") or pathlib.Path.home() / ".cache/thermograph-peers")
APPLETS = ["sh", "wget"]
# What Grafana's own does with these variables, as far as compose.yaml needs it.
GRAFANA_RUN = """#!/bin/sh
for name in $(set | sed -n 's/^\\(GF_[A-Z_]*\\)__FILE=.*/\\1/p'); do
  eval "export $name=\\"\\$(cat \\"\\$${name}__FILE\\")\\""
  unset "${name}__FILE"
done
exec /usr/share/grafana/bin/grafana server --homepath=/usr/share/grafana --packaging=docker "$@" \\
  cfg:default.log.mode=console cfg:default.paths.data=/var/lib/grafana cfg:default.paths.logs=/var/log/grafana \\
  cfg:default.paths.plugins=/var/lib/grafana/plugins cfg:default.paths.provisioning=/etc/grafana/provisioning
"""


class Root:
    """The files of an image, as a tar that `docker import` reads."""

    def __init__(self, file):
        self.tar = tarfile.open(fileobj=file, mode="w")
        self.names = set()

    def add(self, path, content=b"", mode=0o755, uid=0, kind=tarfile.REGTYPE):
        if path in self.names:
            return
        self.names.add(path)
        info = tarfile.TarInfo(path.lstrip("/"))
        info.mode, info.uid, info.gid, info.type, info.size = mode, uid, uid, kind, len(content)
        self.tar.addfile(info, io.BytesIO(content))

    def folder(self, path, mode=0o755, uid=0):
        self.add(path, mode=mode, uid=uid, kind=tarfile.DIRTYPE)

    def program(self, path, source):
        """A program, and what it needs to be loaded."""
        self.add(path, source.read_bytes())
        listed = subprocess.run(["ldd", str(source)], text=True, capture_output=True, check=False).stdout
        for needed in re.findall(r"(/\S+) \(0x", listed):
            self.add(needed, pathlib.Path(needed).resolve().read_bytes())

    def tree(self, path, source):
        for file in sorted(source.rglob("*")):
            if file.is_file():
                self.add(f"{path}/{file.relative_to(source)}", file.read_bytes(), mode=0o644)

    def applets(self):
        busybox = CACHE / "busybox"
        if not busybox.exists():
            with tempfile.TemporaryDirectory() as tree:
                unpack_packages("bookworm", ["busybox-static"], tree)
                CACHE.mkdir(parents=True, exist_ok=True)
                (pathlib.Path(tree) / "bin/busybox").rename(busybox)
        for name in ["busybox", *APPLETS, "sed", "cat"]:
            self.add(f"/bin/{name}", busybox.read_bytes())


def collector(root):
    root.program("/otelcol-contrib", PEERS / "otelcol")
    return ["USER 10001:10001", 'ENTRYPOINT ["/otelcol-contrib"]']


def jaeger(root):
    root.program("/cmd/jaeger/jaeger-linux", PEERS / "jaeger")
    root.applets()
    root.folder("/tmp", mode=0o1777)
    return ["USER 10001", "VOLUME /tmp", "ENV JAEGER_LISTEN_HOST=0.0.0.0", 'ENTRYPOINT ["/cmd/jaeger/jaeger-linux"]']


def prometheus(root):
    root.program("/bin/prometheus", PEERS / "prometheus")
    root.applets()
    root.folder("/prometheus", uid=65534)
    return ["USER 65534", "VOLUME /prometheus", "WORKDIR /prometheus", 'ENTRYPOINT ["/bin/prometheus"]']


def grafana(root):
    root.program("/usr/share/grafana/bin/grafana", PEERS / "grafana")
    root.tree("/usr/share/grafana", PEERS / "grafana-home")
    root.applets()
    root.add("/run.sh", GRAFANA_RUN.encode())
    for path in ("/var/lib/grafana", "/var/log/grafana", "/etc/grafana/provisioning"):
        root.folder(path, mode=0o777, uid=472)
    return ["USER 472", "WORKDIR /usr/share/grafana", 'ENTRYPOINT ["/run.sh"]']


STAND_INS = {
    "otel/opentelemetry-collector-contrib": ("otelcol", collector),
    "jaegertracing/jaeger": ("jaeger", jaeger),
    "prom/prometheus": ("prometheus", prometheus),
    "grafana/grafana": ("grafana", grafana),
}


def names_in_compose():
    return sorted(set(re.findall(r"^ +image: (\S+:\S+)$", (ROOT / "compose.yaml").read_text(), re.M)))


def base_name():
    return re.search(r"^FROM .*?(debian:\S+)", (ROOT / "Dockerfile").read_text(), re.M).group(1)


def exists(name):
    return succeeds("docker", "image", "inspect", name)


def import_image(name, file, changes=()):
    options = [word for change in changes for word in ("--change", change)]
    run("docker", "import", *options, file, name)


def make_base(name):
    archive = run(ROOT / "tests/debootstrap").strip().splitlines()[-1]
    import_image(name, archive, ['CMD ["bash"]'])


def make_stand_in(name):
    program, fill = STAND_INS[name.split(":")[0]]
    run(ROOT / "tools/install-peers", program, timeout=1800)
    if not (PEERS / program).exists():
        raise Trouble(f"tools/install-peers has not made {PEERS / program}")
    with tempfile.NamedTemporaryFile(suffix=".tar") as file:
        root = Root(file)
        changes = fill(root)
        root.tar.close()
        file.flush()
        import_image(name, file.name, changes)


def make_missing():
    """Makes what the engine has not; the names of what was made."""
    made = []
    if not exists(base_name()):
        make_base(base_name())
        made.append(base_name())
    for name in names_in_compose():
        if not exists(name):
            make_stand_in(name)
            made.append(name)
    return made

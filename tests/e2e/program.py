# SPDX-License-Identifier: Apache-2.0
"""The program under test, as a process: started, listened to, stopped, and never left behind.

Nothing here sleeps. Whoever waits for something names the line or the event, and a bound after which
the test fails with all that the program said.
"""
import os
import pathlib
import re
import signal
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = os.environ.get("THERMOGRAPH_BIN", str(ROOT / "build/thermograph"))
PEERS = pathlib.Path(os.environ.get("PEERS_BIN") or pathlib.Path.home() / ".cache/thermograph-peers")
PATIENCE_S = 30  # for what comes at once: sanitizers on a loaded machine are slow
STOP_S = 2  # what the program promises
SANITIZER_REPORT = re.compile(
    r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:|SUMMARY: \w+Sanitizer")


def environment(**variables):
    """The environment of a program: no setting of ours comes from outside."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("THERMOGRAPH_")}
    return kept | variables


# Root without what makes it root: for what a directory's rights forbid.
WITHOUT_RIGHTS = ("setpriv", "--bounding-set", "-all") if os.geteuid() == 0 else ()


def run(*arguments, stdin="", variables=None, timeout=PATIENCE_S, cwd=None, through=()):
    """Runs a verb to its end, `through` another program if one is named."""
    done = subprocess.run(
        [*through, BIN, *map(str, arguments)], input=stdin, text=True, capture_output=True, check=False,
        env=environment(**(variables or {})), timeout=timeout, cwd=cwd)
    assert not SANITIZER_REPORT.search(done.stderr), done.stderr
    assert done.returncode >= 0, f"ended by signal {-done.returncode}: {done.stderr}"
    return done


class Program:
    """A verb that runs until it is stopped. Its lines are kept as they come, each stream apart."""

    def __init__(self, *arguments, variables=None, cwd=None):
        self.process = subprocess.Popen(
            [BIN, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, errors="replace", cwd=cwd,
            env=environment(**(variables or {})))
        self.lines = {"stdout": [], "stderr": []}
        self._open_streams = 2
        self._news = threading.Condition()
        self._readers = [
            threading.Thread(target=self._read, args=(name,), daemon=True) for name in self.lines]
        for reader in self._readers:
            reader.start()

    def _read(self, name):
        for line in getattr(self.process, name):
            with self._news:
                self.lines[name].append(line.rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._open_streams -= 1
            self._news.notify_all()

    def said(self):
        return "\n".join(f"{name}: {line}" for name in self.lines for line in self.lines[name])

    def wait_for(self, pattern, stream="stderr", count=1, timeout=PATIENCE_S):
        """The match of the `count`-th line that has the pattern."""
        def matches():
            return [match for line in self.lines[stream] if (match := re.search(pattern, line))]
        with self._news:
            found = self._news.wait_for(
                lambda: len(matches()) >= count or not self._open_streams, timeout)
            assert found and len(matches()) >= count, f"no line {pattern!r}:\n{self.said()}"
            return matches()[count - 1]

    def write(self, text):
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def end(self, timeout=PATIENCE_S):
        """Waits for its end and gives the exit status."""
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"it did not end within {timeout} s:\n{self.said()}") from None
        for reader in self._readers:
            reader.join(PATIENCE_S)
        report = "\n".join(self.lines["stderr"])
        assert not SANITIZER_REPORT.search(report), report
        return status

    def stop(self, number=signal.SIGTERM):
        """Sends a signal and gives the exit status, which must come as soon as was promised."""
        started = time.monotonic()
        self.process.send_signal(number)
        status = self.end()
        took = time.monotonic() - started
        assert took < STOP_S, f"it took {took:.1f} s to end:\n{self.said()}"
        return status

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for reader in self._readers:
            reader.join(PATIENCE_S)
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.stderr.close()


class Server(Program):
    """`thermograph serve` on a port of its own; ready when it is made."""

    def __init__(self, arguments, certs=None, token=None, variables=None):
        # Little time for calls that still run, so that a test that leaves one open ends in time.
        super().__init__("serve", "--listen", "127.0.0.1:0", "--drain-timeout", "500ms", *arguments,
                         variables=variables)
        self.certs = certs
        self.token = token
        try:
            self.port = int(self.wait_for(r"serving on \S*?:(\d+)").group(1))
        except AssertionError:
            self.kill()
            raise

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def ca(self):
        return self.certs / "ca.crt"

    def access(self, token=None):
        """What a verb needs to call this server."""
        if not self.certs:
            return ["--server", self.address, "--plaintext"]
        options = ["--server", self.address, "--ca", str(self.ca)]
        return options + (["--token", token or self.token] if token or self.token else [])

    def call(self, verb, *arguments, stdin="", token=None):
        """Runs a verb against this server."""
        return run(verb, *arguments, *self.access(token), stdin=stdin)

"""Finding, running and ending the program."""

from __future__ import annotations

import functools
import json
import os
import queue
import re
import shutil
import subprocess
import sysconfig
import threading
from pathlib import Path
from typing import Any

# A process that does not end in this time after it was asked to is killed.
_END_SECONDS = 10.0


class SniffError(Exception):
    """The program is missing, did not start, or failed."""


def find() -> str:
    """Return the program: of ``$SNIFF``, else of this environment, else of ``$PATH``."""
    named = os.environ.get("SNIFF")
    if named:
        return _checked(named)
    beside = Path(sysconfig.get_path("scripts")) / "sniff"
    found = str(beside) if beside.is_file() else shutil.which("sniff")
    if found is None:
        raise SniffError(
            "the program sniff was not found: install it, put it on PATH, or name it in the "
            "environment variable SNIFF"
        )
    return _checked(found)


@functools.cache
def _checked(path: str) -> str:
    """Other programs have this name too: one that does not state its version as ours is refused."""
    try:
        done = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as e:
        raise SniffError(f"{path} cannot be run: {e}") from e
    if not re.fullmatch(r"sniff \d+\.\d+\.\d+\S*", done.stdout.strip()):
        raise SniffError(
            f"{path} is another program of that name: its --version does not say `sniff X.Y.Z`; "
            "name the right one in the environment variable SNIFF"
        )
    return path


def environment(home: Path) -> dict[str, str]:
    """Return the environment of the program; its certificate authority is kept below ``home``."""
    kept = {name: value for name, value in os.environ.items() if name != "SNIFF_DB"}
    return {**kept, "XDG_DATA_HOME": str(home.absolute())}


def run(*arguments: str, cwd: Path, home: Path, seconds: float = 60.0) -> str:
    """Run a command to its end and return its standard output."""
    try:
        done = subprocess.run(
            [find(), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
            check=False,
            cwd=cwd,
            env=environment(home),
        )
    except subprocess.TimeoutExpired as e:
        raise SniffError(f"sniff {arguments[0]} took longer than {seconds:g} s") from e
    if done.returncode != 0:
        raise SniffError(f"sniff {' '.join(arguments)} failed:\n{done.stderr.strip()}")
    return done.stdout


def output(*arguments: str, cwd: Path, home: Path) -> Any:  # noqa: ANN401 - JSON
    """Run a command to its end and return the JSON that it prints."""
    return json.loads(run(*arguments, "--format", "json", cwd=cwd, home=home))


class Server:
    """The program as a server on a port of its own, from its readiness line to its end."""

    def __init__(self, *arguments: str, cwd: Path, home: Path, seconds: float) -> None:
        """Start it and wait for the line that has its address."""
        self._lines: list[str] = []
        self._ready: queue.Queue[str | None] = queue.Queue()
        self._process = subprocess.Popen(
            [find(), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            cwd=cwd,
            env=environment(home),
        )
        # Read to the end, so that the program never waits for a full pipe.
        self._reader = threading.Thread(target=self._read, name="sniff", daemon=True)
        self._reader.start()
        try:
            url = self._ready.get(timeout=seconds)
        except queue.Empty:
            self._process.kill()
            self._process.wait()
            raise SniffError(
                f"sniff {arguments[0]} was not ready within {seconds:g} s{self._said()}"
            ) from None
        if url is None:
            self._process.wait()
            raise SniffError(f"sniff {arguments[0]} did not start{self._said()}")
        self.url: str = url
        self.is_running = True
        """Whether it has not been ended yet."""

    def _read(self) -> None:
        assert self._process.stderr is not None  # noqa: S101 - it is a pipe
        for line in self._process.stderr:
            self._lines.append(line.rstrip("\n"))
            # The proxy names its upstream first: the address that it listens on is the last one.
            if found := re.match(r"sniff: .* on (http://\S+?)(?:;| \(|$)", line.rstrip("\n")):
                self._ready.put(found[1])
        self._ready.put(None)

    def _said(self) -> str:
        lines = "\n".join(self._lines[-20:])
        return f":\n{lines}" if lines else ", and said nothing"

    @property
    def lines(self) -> list[str]:
        """What it has printed for people so far."""
        return list(self._lines)

    def stop(self) -> None:
        """End it as its user does, so that what it has is kept.

        An end before this one, or an exit code other than 0, is an error.
        """
        ended_before = self._process.poll() is not None
        self.is_running = False
        if not ended_before:
            self._process.terminate()
        try:
            code = self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise SniffError(f"sniff did not end within {_END_SECONDS:g} s{self._said()}") from None
        finally:
            self._reader.join(_END_SECONDS)
        if code != 0 or ended_before:
            raise SniffError(f"sniff ended with code {code} during the test{self._said()}")

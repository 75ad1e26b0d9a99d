"""Replaying: recorded exchanges, served again."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Literal

from . import _program

Match = Literal["body", "path", "sequence", "exact"]

_MAGIC = b"SQLite format 3\0"


class Replay:
    """A server that answers as the recorded one did: the same bytes in the same chunks.

    The fixture ``sniff_replay`` starts one per call. For another scope, use it as a context
    manager.
    """

    def __init__(
        self,
        recording: str | PathLike[str],
        *,
        folder: Path,
        exchange: int | Literal["last"] | None = None,
        session: int | str | None = None,
        match: Match = "body",
        speed: float | Literal["max"] = "max",
        first_delay: str | None = None,
        faults: Sequence[str] = (),
        options: Sequence[str] = (),
        cwd: Path | None = None,
        seconds: float = 60.0,
    ) -> None:
        """Serve ``recording`` on a port of its own.

        ``recording``: a database of ``sniff``, or a capture (pcap, pcapng, ``.wire``).
        ``exchange``, ``session``: which exchanges answer; all of them if neither is given.
        ``match``: what a request must have in common with a recorded one. ``speed``: the factor of
        the recorded pace; ``1`` answers at the recorded times, ``"max"`` at once.
        ``first_delay``: time to the first byte, such as ``"2s"``. ``faults``: faults to put into
        the recording, to test a client, such as ``"drop-terminator"`` (``sniff replay --help``
        lists them). ``options``: further options of ``sniff replay``. ``folder``: a place for a
        copy of the recording.
        """
        cwd = cwd or Path.cwd()
        path = Path(recording)
        if not path.is_file():
            raise FileNotFoundError(f"there is no recording {path.absolute()}")
        folder.mkdir(parents=True, exist_ok=True)
        database = _database(path, folder, cwd)
        command = ["replay", "--db", str(database.absolute()), "--listen", "127.0.0.1:0"]
        command += ["--match", match, "--speed", str(speed)]
        command += [f"--first-delay={first_delay}"] if first_delay is not None else []
        command += [f"--fault={fault}" for fault in faults]
        command += [f"--session={session}"] if session is not None else []
        command += [*options, *([str(exchange)] if exchange is not None else [])]
        self._server = _program.Server(*command, cwd=cwd, home=folder, seconds=seconds)

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``; append the path that the client needs, such as ``/v1``."""
        return self._server.url

    @property
    def unmatched(self) -> list[str]:
        """Requests that no recording answered: for each, what was nearest and what differed.

        Such a request gets the status 404.
        """
        prefix = "sniff: 404: "
        return [line[len(prefix) :] for line in self._server.lines if line.startswith(prefix)]

    def stop(self) -> None:
        """End the server. May be called again."""
        if self._server.is_running:
            self._server.stop()

    def __enter__(self) -> Replay:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the server."""
        if error is None:
            self.stop()
        else:
            with contextlib.suppress(_program.SniffError):
                self.stop()


def _database(path: Path, folder: Path, cwd: Path) -> Path:
    """Return a copy of a database, which gets files beside it, or what a capture gives."""
    number = sum(1 for _ in folder.glob("replay-*.db")) + 1
    database = folder / f"replay-{number}.db"
    with path.open("rb") as file:
        is_database = file.read(len(_MAGIC)) == _MAGIC
    if is_database:
        shutil.copyfile(path, database)
        log = path.with_name(path.name + "-wal")
        if log.exists():
            shutil.copyfile(log, database.with_name(database.name + "-wal"))
    else:
        target = ("--db", str(database.absolute()), "--quiet")
        _program.run("record", "--read", str(path.absolute()), *target, cwd=cwd, home=folder)
    return database


class Replayer:
    """What the fixture ``sniff_replay`` is: call it to start a :class:`Replay`."""

    def __init__(self, folder: Path, places: Sequence[Path], seconds: float = 60.0) -> None:
        """``places``: folders in which a relative path is looked for, the first first."""
        self.allow_unmatched = False
        """Set it if the test expects requests that no recording answers."""
        self._folder = folder
        self._places = list(places)
        self._seconds = seconds
        self._started: list[Replay] = []

    def __call__(
        self,
        recording: str | PathLike[str],
        *,
        exchange: int | Literal["last"] | None = None,
        session: int | str | None = None,
        match: Match = "body",
        speed: float | Literal["max"] = "max",
        first_delay: str | None = None,
        faults: Sequence[str] = (),
        options: Sequence[str] = (),
    ) -> Replay:
        """Serve a recording until the test ends; the arguments are those of :class:`Replay`.

        A relative path is looked for beside the test's file, then in pytest's root folder.
        """
        there = [place / recording for place in self._places if (place / recording).is_file()]
        if not there:
            folders = " or ".join(str(place) for place in self._places)
            raise FileNotFoundError(f"there is no recording {recording} in {folders}")
        replay = Replay(
            there[0],
            folder=self._folder,
            exchange=exchange,
            session=session,
            match=match,
            speed=speed,
            first_delay=first_delay,
            faults=faults,
            options=options,
            cwd=self._places[-1],
            seconds=self._seconds,
        )
        self._started.append(replay)
        return replay

    @property
    def unmatched(self) -> list[str]:
        """Requests that no recording answered, of all replays of the test."""
        return [line for replay in self._started for line in replay.unmatched]

    def stop(self) -> None:
        """End all servers."""
        failed: list[_program.SniffError] = []
        for replay in self._started:
            try:
                replay.stop()
            except _program.SniffError as e:
                failed.append(e)
        if failed:
            raise failed[0]

"""Recording: a proxy before each server that the test talks to."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from . import _findings, _program
from ._findings import FailOn, Finding, SniffFindings


class Recorder:
    """Records what goes to the servers of :meth:`via`, and judges it at the end.

    The fixture ``sniff_record`` gives one per test. For another scope, use it as a context manager
    and call :meth:`check`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        fail_on: FailOn = "error",
        allow: Sequence[str] = (),
        cwd: Path | None = None,
        seconds: float = 60.0,
    ) -> None:
        """Record into ``folder``.

        ``fail_on``: the level from which findings fail. ``allow``: rules, by code or name, whose
        findings are allowed. ``cwd``: where ``sniff.toml`` is looked for. ``seconds``: how long a
        proxy may take to start.
        """
        self.fail_on: FailOn = fail_on
        self.allow: list[str] = list(allow)
        self._folder = folder
        self._cwd = cwd or Path.cwd()
        self._seconds = seconds
        self._servers: dict[str, tuple[_program.Server, Path]] = {}
        self._ended = False
        self._judged: list[Finding] | None = None

    def via(self, url: str) -> str:
        """Return the URL to use in place of ``url``, so that what passes is recorded.

        The proxy before a server relays bytes unchanged; ``https`` is spoken to it, and plain HTTP
        to the client. A path stays: ``https://api.example/v1`` becomes ``http://127.0.0.1:PORT/v1``.
        """
        if self._ended:
            raise _program.SniffError("the recording has ended: call via() before findings")
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ValueError(f"{url!r} is not the URL of a server (http://… or https://…)")
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._servers:
            number = len(self._servers) + 1
            database = self._folder / ("recording.db" if number == 1 else f"recording-{number}.db")
            self._folder.mkdir(parents=True, exist_ok=True)
            listen = ("--listen", "127.0.0.1:0", "--upstream", origin)
            server = _program.Server(
                "proxy",
                *listen,
                "--db",
                str(database.absolute()),
                cwd=self._cwd,
                home=self._folder,
                seconds=self._seconds,
            )
            self._servers[origin] = (server, database)
        rest = parts.path + (f"?{parts.query}" if parts.query else "")
        return self._servers[origin][0].url + rest

    def stop(self) -> None:
        """End the recording. What was open is kept as far as it came. May be called again."""
        self._ended = True
        failed: list[_program.SniffError] = []
        for server, _ in self._servers.values():
            if server.is_running:
                try:
                    server.stop()
                except _program.SniffError as e:
                    failed.append(e)
        if failed:
            raise failed[0]

    @property
    def databases(self) -> list[Path]:
        """The recordings, one for each server: databases of ``sniff``."""
        return [database for _, database in self._servers.values() if database.exists()]

    @property
    def exchanges(self) -> list[dict[str, Any]]:
        """End the recording; return its exchanges as ``sniff list --format json`` has them.

        The contract of ``sniff`` names the fields: ``exchange["timing"]["ttft_ms"]``,
        ``exchange["response"]["text"]``, ``exchange["verdict"]`` and others.
        """
        self.stop()
        found: list[dict[str, Any]] = []
        for database in self.databases:
            found += self._run("list", "--db", str(database.absolute()))
        return found

    @property
    def findings(self) -> list[Finding]:
        """End the recording; return its findings of all levels, the worst first.

        Findings of the rules in ``allow`` are not among them.
        """
        if self._judged is None:
            # `check` refuses a database in which nothing was recorded.
            self.stop()
            judged: list[Finding] = []
            for database in self.databases:
                path = str(database.absolute())
                if self._run("list", "--db", path, "--limit", "1"):
                    allowed = [f"--allow={rule}" for rule in self.allow]
                    command = ("check", path, "--fail-on", "never", *allowed)
                    judged += _findings.read(self._run(*command))
            self._judged = judged
        return list(self._judged)

    def check(self, kept: Sequence[Path] | None = None) -> None:
        """End the recording; raise :class:`SniffFindings` if it has findings that fail.

        A server of :meth:`via` to which no request came fails too, unless ``fail_on`` is ``never``:
        its client goes another way, and an empty recording would look like a clean one. ``kept``:
        where the recordings will be, for the message.
        """
        failing = _findings.failing(self.findings, self.fail_on)
        if failing:
            paths = self.databases if kept is None else kept
            raise SniffFindings(_findings.report(failing, paths), failing)
        if self.fail_on == "never":
            return
        for origin, (server, database) in self._servers.items():
            if not self._run("list", "--db", str(database.absolute()), "--limit", "1"):
                raise SniffFindings(
                    f"sniff: nothing was recorded of {origin}: no request came to {server.url}. "
                    "Does the client use the URL that via() returns?"
                )

    def _run(self, *arguments: str) -> Any:  # noqa: ANN401 - JSON
        return _program.output(*arguments, cwd=self._cwd, home=self._folder)

    def __enter__(self) -> Recorder:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the recording."""
        if error is None:
            self.stop()
        else:
            with contextlib.suppress(_program.SniffError):
                self.stop()

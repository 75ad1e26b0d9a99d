"""Findings as values, and as the text of a failure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Level = Literal["error", "warning", "info"]
"""How much a finding matters, the worst first."""

FailOn = Literal["error", "warning", "info", "never"]

LEVELS: tuple[Level, ...] = ("error", "warning", "info")

# Most findings that a failure lists; the recording has them all.
_LISTED = 20


@dataclass(frozen=True)
class Excerpt:
    """The offending bytes with those around them on their line, in printable form."""

    of: Literal["body", "head", "trailers"]
    offset: int
    before: str
    marked: str
    after: str


@dataclass(frozen=True)
class Finding:
    """One violation of one rule by one exchange."""

    rule: str
    """Code of the rule, for example ``SSE-002``; ``sniff explain SSE-002`` has its reason."""
    level: Level
    message: str
    """What is wrong, one sentence."""
    fix: str | None
    """What to do about it."""
    record: int | None
    """Index of the record (the event, the line) from 0, if the finding concerns one."""
    offset: int | None
    """Byte offset in the decoded body, if the finding has a place there."""
    chunk: int | None
    """Index of the chunk that showed it, from 0."""
    count: int
    """Number of places in this exchange."""
    excerpt: Excerpt | None
    exchange: int
    """Number of the exchange in its recording."""
    request: str
    """Method and target of the request."""
    status: int | None
    """Status code of the response."""
    dialect: str
    """Whose API the answer speaks, with its variant."""

    @property
    def place(self) -> str:
        """Where it is: head, record, byte, chunk, as far as they are known."""
        parts = []
        if self.excerpt is not None and self.excerpt.of != "body":
            parts.append(f"response {self.excerpt.of}")
        named = (("record", self.record), ("byte", self.offset), ("chunk", self.chunk))
        parts += [f"{name} {n}" for name, n in named if n is not None]
        return ", ".join(parts)

    def __str__(self) -> str:
        """Like a compiler's message: what, where, the bytes, what to do."""
        times = f" ({self.count} times)" if self.count > 1 else ""
        lines = [f"{self.rule}  {self.level}  {self.message}{times}"]
        if self.place:
            lines.append(f"  --> {self.place}")
        if self.excerpt is not None:
            before = self.excerpt.before[-60:]
            line = f"{before}{self.excerpt.marked}{self.excerpt.after}"
            carets = "^" * max(1, min(len(self.excerpt.marked), 96 - len(before)))
            lines += [f"   | {line[:96]}", f"   | {' ' * len(before)}{carets}"]
        if self.fix:
            first, *more = textwrap.wrap(self.fix, 86)
            lines += [f"   = fix: {first}", *(f"          {line}" for line in more)]
        return "\n".join(lines)


class SniffFindings(AssertionError):  # noqa: N818 - it is a failure, not an error
    """A recording has findings at or over the level that fails, or nothing was recorded."""

    def __init__(self, message: str, findings: Sequence[Finding] = ()) -> None:
        """Take the text, and the findings that fail."""
        super().__init__(message)
        self.findings = list(findings)


def read(judged: dict[str, Any]) -> list[Finding]:
    """Return the findings in the JSON of ``sniff check``, the worst first."""
    found = []
    for case in judged["cases"]:
        about = {name: case[name] for name in ("exchange", "request", "status", "dialect")}
        for finding in case["findings"]:
            excerpt = finding["excerpt"]
            names = ("rule", "level", "message", "fix", "record", "offset", "chunk", "count")
            found.append(
                Finding(
                    **{name: finding[name] for name in names},
                    excerpt=None if excerpt is None else Excerpt(**excerpt),
                    **about,
                )
            )
    return sorted(found, key=lambda finding: LEVELS.index(finding.level))


def failing(findings: Iterable[Finding], fail_on: FailOn) -> list[Finding]:
    """Return the findings at or over the level."""
    if fail_on == "never":
        return []
    worst = LEVELS[: LEVELS.index(fail_on) + 1]
    return [finding for finding in findings if finding.level in worst]


def report(findings: Sequence[Finding], recordings: Sequence[Path]) -> str:
    """Return the text of a failure: by exchange, each finding with its place and what to do."""
    plural = "finding" if len(findings) == 1 else "findings"
    lines = [f"sniff: {len(findings)} {plural} in what was recorded"]
    exchange = None
    for finding in findings[:_LISTED]:
        about = (finding.request, finding.status, finding.dialect)
        if about != exchange:
            exchange = about
            lines.append(f"{finding.request}  {finding.status or '-'}  {finding.dialect}")
        lines.append(textwrap.indent(str(finding), "  "))
    if len(findings) > _LISTED:
        lines.append(f"  and {len(findings) - _LISTED} more")
    lines += [f"recording: {path}" for path in recordings]
    if recordings:
        lines.append(f"next: sniff --db '{recordings[0]}' list; sniff explain {findings[0].rule}")
    return "\n".join(lines)

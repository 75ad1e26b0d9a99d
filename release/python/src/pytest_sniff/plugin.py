"""The plugin: fixtures, their options, and the judgement at the end of a test."""

from __future__ import annotations

import re
import shutil
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from ._findings import LEVELS, FailOn, SniffFindings
from ._program import SniffError
from ._record import Recorder
from ._replay import Replayer

if TYPE_CHECKING:
    from _pytest.config.argparsing import Parser

_RECORDER = pytest.StashKey[Recorder]()
_REPLAYER = pytest.StashKey[Replayer]()

_MARK = "sniff(fail_on=LEVEL, allow=[RULE, …]): how what this test records is judged"


def pytest_addoption(parser: Parser) -> None:
    """Add the options to the command line and to the configuration file."""
    levels = ", ".join([*LEVELS, "never"])
    group = parser.getgroup("sniff", "recording and judging with sniff")
    group.addoption(
        "--sniff-fail-on",
        metavar="LEVEL",
        choices=[*LEVELS, "never"],
        help=f"fail tests on findings at or over this level ({levels}); default: sniff_fail_on",
    )
    group.addoption(
        "--sniff-recordings",
        metavar="FOLDER",
        help="where recordings of failed tests are kept; default: sniff_recordings",
    )
    parser.addini("sniff_fail_on", f"level that fails a test ({levels})", default="error")
    parser.addini("sniff_allow", "rules, by code or name, that never fail a test", type="args")
    parser.addini(
        "sniff_recordings",
        "folder for recordings of failed tests, from the root folder; empty keeps none",
        default="sniff-recordings",
    )
    parser.addini("sniff_timeout", "seconds that sniff may take to start", default="60")


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark, and refuse a wrong configuration before the first test."""
    config.addinivalue_line("markers", _MARK)
    _level(config.getini("sniff_fail_on"), "sniff_fail_on")
    try:
        float(config.getini("sniff_timeout"))
    except ValueError as e:
        raise pytest.UsageError(f"sniff_timeout: {e}; expected seconds, such as 60") from e


def _level(name: object, where: str) -> FailOn:
    if name not in (*LEVELS, "never"):
        raise pytest.UsageError(
            f"{where}: {name!r} is no level; expected one of {', '.join(LEVELS)}, never"
        )
    return cast("FailOn", name)


def _marks(request: pytest.FixtureRequest) -> tuple[FailOn, list[str]]:
    """Return the level that fails, and the allowed rules: the nearest mark decides the level."""
    config = request.config
    level = config.getoption("--sniff-fail-on") or config.getini("sniff_fail_on")
    allow: list[str] = list(config.getini("sniff_allow"))
    for mark in reversed(list(request.node.iter_markers("sniff"))):
        unknown = set(mark.kwargs) - {"fail_on", "allow"}
        rules = mark.kwargs.get("allow", [])
        if mark.args or unknown or isinstance(rules, str) or not isinstance(rules, Iterable):
            raise pytest.UsageError(f"{request.node.nodeid}: expected @pytest.mark.{_MARK}")
        level = mark.kwargs.get("fail_on", level)
        allow += rules
    return _level(level, f"{request.node.nodeid}: fail_on"), allow


def _seconds(request: pytest.FixtureRequest) -> float:
    return float(request.config.getini("sniff_timeout"))


@pytest.fixture
def sniff_record(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Recorder]:
    """Record what goes to a server, and fail the test on findings.

    ``client = OpenAI(base_url=sniff_record.via("http://127.0.0.1:9000/v1"))``. At the end of the
    test its recording is judged; ``sniff_record.findings`` and ``sniff_record.exchanges`` are there
    for assertions of your own.
    """
    fail_on, allow = _marks(request)
    recorder = Recorder(
        tmp_path / "sniff",
        fail_on=fail_on,
        allow=allow,
        cwd=request.config.rootpath,
        seconds=_seconds(request),
    )
    request.node.stash[_RECORDER] = recorder
    yield recorder
    recorder.stop()


@pytest.fixture
def sniff_replay(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Replayer]:
    """Serve recorded exchanges again, and fail the test on requests that no recording answers.

    ``client = OpenAI(base_url=sniff_replay("captures/chat.db").url + "/v1")``.
    """
    places = [request.path.parent, request.config.rootpath]
    replayer = Replayer(tmp_path / "sniff", places, _seconds(request))
    request.node.stash[_REPLAYER] = replayer
    yield replayer
    replayer.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Judge when the test's function has ended: a finding fails the test, not its teardown."""
    __tracebackhide__ = True
    failure: BaseException | None = None
    result: object = None
    try:
        result = yield
    except pytest.skip.Exception:
        raise
    except BaseException as e:
        failure = e
    found = _judge(item, failed=failure is not None)
    if failure is not None:
        if found:
            item.add_report_section("call", "sniff", found)
        raise failure
    if found:
        pytest.fail(found, pytrace=False)
    return result


def _judge(item: pytest.Item, *, failed: bool) -> str:
    """Return what fails, as text; recordings are kept where the test has failed or will."""
    texts = []
    recorder = item.stash.get(_RECORDER, None)
    if recorder is not None:
        try:
            recorder.stop()
            kept = _places(item, recorder)
            try:
                recorder.check([to for _, to in kept] or None)
            except SniffFindings as e:
                texts.append(str(e))
            if failed or texts:
                _keep(kept)
            if failed and not texts:
                texts += [f"recording: {to}" for _, to in kept]
        except SniffError as e:
            texts.append(str(e))
    replayer = item.stash.get(_REPLAYER, None)
    if replayer is not None and not replayer.allow_unmatched and replayer.unmatched:
        lines = "\n".join(f"  {line}" for line in replayer.unmatched)
        texts.append(f"sniff: no recording answers these requests (404):\n{lines}")
    return "\n".join(texts)


def _places(item: pytest.Item, recorder: Recorder) -> list[tuple[Path, Path]]:
    """Return for each recording where it is and where it is kept: named after the test."""
    config = item.config
    folder = config.getoption("--sniff-recordings")
    if folder is None:
        folder = config.getini("sniff_recordings")
    if not folder:
        return []
    name = re.sub(r"[^\w.-]+", "-", item.nodeid.replace("::", "-")).strip("-")[-120:]
    target = config.rootpath / folder
    ends = [(path, path.name.removeprefix("recording")) for path in recorder.databases]
    return [(path, target / (name + end)) for path, end in ends]


def _keep(places: list[tuple[Path, Path]]) -> None:
    for path, to in places:
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, to)

"""The fixtures as users have them: with the openai library, within the test and at its end."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from openai import NotFoundError, OpenAI

from pytest_sniff import Recorder, Replay, Replayer, SniffError, SniffFindings


def ask(url: str, prompt: str = "When?") -> str:
    """The text that the library reads from a stream."""
    with OpenAI(base_url=url, api_key="sk-none", max_retries=0, timeout=120) as client:
        stream = client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": prompt}], stream=True
        )
        return "".join((c.delta.content or "") for chunk in stream for c in chunk.choices)


def test_a_right_stream_is_recorded(sniff_record: Recorder, server: str) -> None:
    assert ask(sniff_record.via(f"{server}/right/v1")) == "At noon."
    (exchange,) = sniff_record.exchanges
    assert exchange["response"]["text"] == "At noon."
    assert exchange["verdict"] == "complete"
    assert [f for f in sniff_record.findings if f.level == "error"] == []


@pytest.mark.sniff(fail_on="never")
def test_findings_are_values(sniff_record: Recorder, server: str) -> None:
    ask(sniff_record.via(f"{server}/wrong/v1"))
    finding = next(f for f in sniff_record.findings if f.rule == "HTTP-001")
    assert (finding.level, finding.place, finding.status) == ("error", "response head", 200)
    assert finding.excerpt is not None
    assert finding.excerpt.marked == "application/x-ndjson"
    assert finding.fix is not None
    assert "text/event-stream" in finding.fix
    assert "text/event-stream" in str(finding)


@pytest.mark.sniff(allow=["HTTP-001", "HTTP-002"])
def test_rules_may_be_allowed(sniff_record: Recorder, server: str) -> None:
    ask(sniff_record.via(f"{server}/wrong/v1"))
    assert not {"HTTP-001", "HTTP-002"} & {f.rule for f in sniff_record.findings}


def test_two_servers_are_two_recordings(sniff_record: Recorder, server: str) -> None:
    other = server.replace("127.0.0.1", "localhost")
    ask(sniff_record.via(f"{server}/right/v1"))
    ask(sniff_record.via(f"{other}/right/v1"))
    ask(sniff_record.via(f"{other}/right/v1"))
    assert (len(sniff_record.exchanges), len(sniff_record.databases)) == (3, 2)


def test_a_recording_that_has_ended_takes_no_more(sniff_record: Recorder, server: str) -> None:
    ask(sniff_record.via(f"{server}/right/v1"))
    assert sniff_record.findings is not None
    with pytest.raises(SniffError, match="has ended"):
        sniff_record.via(server)


def test_what_is_no_url_is_refused(sniff_record: Recorder) -> None:
    with pytest.raises(ValueError, match="not the URL of a server"):
        sniff_record.via("127.0.0.1:9000")


@pytest.fixture
def recording(tmp_path: Path, server: str) -> Path:
    """The recording of a right stream."""
    with Recorder(tmp_path / "recording") as recorder:
        ask(recorder.via(f"{server}/right/v1"))
    return recorder.databases[0]


def test_a_recording_is_replayed(sniff_replay: Replayer, recording: Path) -> None:
    before = sorted(recording.parent.iterdir())
    assert ask(f"{sniff_replay(recording).url}/right/v1") == "At noon."
    assert ask(f"{sniff_replay(recording, exchange=1, speed=1).url}/right/v1") == "At noon."
    sniff_replay.stop()
    assert sorted(recording.parent.iterdir()) == before, "nothing beside the recording"


def test_faults_are_put_into_it(
    sniff_replay: Replayer, sniff_record: Recorder, recording: Path
) -> None:
    sniff_record.fail_on = "never"
    replay = sniff_replay(recording, faults=["drop-terminator"])
    assert ask(sniff_record.via(f"{replay.url}/right/v1")) == "At noon."
    assert "OAI-CHAT-001" in {f.rule for f in sniff_record.findings}


def test_requests_without_a_recording_are_named(sniff_replay: Replayer, recording: Path) -> None:
    sniff_replay.allow_unmatched = True
    replay = sniff_replay(recording)
    with pytest.raises(NotFoundError):
        ask(f"{replay.url}/right/v1", "Where?")
    replay.stop()
    assert len(replay.unmatched) == 1
    assert "messages" in replay.unmatched[0]


def test_captures_are_replayed_too(sniff_replay: Replayer, tmp_path: Path) -> None:
    capture = Path(__file__).parents[3] / "captures/dialect/openai-chat/input.wire"
    replay = sniff_replay(shutil.copy(capture, tmp_path), match="path")
    assert ask(f"{replay.url}/v1").startswith("Hello")


def test_a_recording_that_is_not_there_is_an_error(sniff_replay: Replayer) -> None:
    with pytest.raises(FileNotFoundError, match=r"no recording absent\.db in "):
        sniff_replay("absent.db")


def test_context_managers_serve_other_scopes(tmp_path: Path, server: str, recording: Path) -> None:
    with Replay(recording, folder=tmp_path / "replay") as replay:
        assert ask(f"{replay.url}/right/v1") == "At noon."
    with Recorder(tmp_path / "wrong") as recorder:
        ask(recorder.via(f"{server}/wrong/v1"))
    with pytest.raises(SniffFindings, match="HTTP-001") as raised:
        recorder.check()
    assert {f.level for f in raised.value.findings} == {"error"}


def test_a_program_that_cannot_serve_says_why(tmp_path: Path, recording: Path) -> None:
    with pytest.raises(SniffError, match=r"did not start:[^|]*exchange 99"):
        Replay(recording, folder=tmp_path / "replay", exchange=99)

"""What pytest reports of tests that use the fixtures, seen from outside."""

from __future__ import annotations

import pytest

ASK = """
from openai import OpenAI

def ask(url):
    with OpenAI(base_url=url, api_key="sk-none", max_retries=0, timeout=120) as client:
        stream = client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "When?"}], stream=True
        )
        return "".join(chunk.choices[0].delta.content or "" for chunk in stream)
"""


def test_a_failing_stream_fails_the_test(pytester: pytest.Pytester, server: str) -> None:
    pytester.makepyfile(f"""{ASK}
def test_stream(sniff_record):
    assert ask(sniff_record.via("{server}/wrong/v1")) == "At noon."
""")
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "sniff: * findings in what was recorded",
            "POST /wrong/v1/chat/completions  200  openai.chat*",
            "  HTTP-001  error  Content-Type is application/x-ndjson; *",
            "    --> response head",
            "     | *application/x-ndjson*",
            "     | *^^^^^^^^^^^^^^^^^^^^",
            "     = fix: Send `Content-Type: text/event-stream`*",
            "recording: *sniff-recordings*test_stream.db",
        ]
    )
    (kept,) = (pytester.path / "sniff-recordings").iterdir()
    assert kept.read_bytes().startswith(b"SQLite format 3")


def test_a_right_stream_passes_and_leaves_nothing(pytester: pytest.Pytester, server: str) -> None:
    pytester.makepyfile(f"""{ASK}
def test_stream(sniff_record):
    assert ask(sniff_record.via("{server}/right/v1")) == "At noon."
""")
    pytester.runpytest("--strict-markers").assert_outcomes(passed=1)
    assert not (pytester.path / "sniff-recordings").exists()


def test_level_and_allowed_rules_come_from_configuration_mark_and_command_line(
    pytester: pytest.Pytester, server: str
) -> None:
    pytester.makeini("[pytest]\nsniff_fail_on = never\nsniff_allow = HTTP-001\n")
    pytester.makepyfile(f"""{ASK}
import pytest

def test_ini(sniff_record):
    ask(sniff_record.via("{server}/wrong/v1"))

@pytest.mark.sniff(fail_on="error", allow=["wrong-content-type"])
class TestStrict:
    @pytest.mark.sniff(allow=["HTTP-002"])
    def test_allowed(self, sniff_record):
        ask(sniff_record.via("{server}/wrong/v1"))

    def test_strict(self, sniff_record):
        ask(sniff_record.via("{server}/wrong/v1"))
""")
    result = pytester.runpytest()
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["sniff: 1 finding in what was recorded", "  HTTP-002  error  *"])
    pytester.runpytest("--sniff-fail-on=error", "-k", "test_ini").assert_outcomes(failed=1)


def test_a_client_that_goes_another_way_is_noticed(pytester: pytest.Pytester, server: str) -> None:
    pytester.makepyfile(f"""
def test_stream(sniff_record):
    sniff_record.via("{server}/v1")
""")
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*nothing was recorded of {server}: no request came to *"])


def test_a_test_that_fails_by_itself_has_the_findings_too(
    pytester: pytest.Pytester, server: str
) -> None:
    pytester.makepyfile(f"""{ASK}
def test_stream(sniff_record):
    assert ask(sniff_record.via("{server}/wrong/v1")) == "At one."

def test_other(sniff_record):
    assert ask(sniff_record.via("{server}/right/v1")) == "At one."
""")
    result = pytester.runpytest()
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["E*At one.*", "*sniff*", "  HTTP-001  error  *"])
    assert len(list((pytester.path / "sniff-recordings").iterdir())) == 2


def test_a_request_without_a_recording_fails_the_test(
    pytester: pytest.Pytester, server: str
) -> None:
    pytester.makepyfile(f"""{ASK}
import openai, pytest
from pytest_sniff import Recorder

def test_chat(tmp_path, sniff_replay):
    with Recorder(tmp_path / "r") as recorder:
        ask(recorder.via("{server}/right/v1"))
    with pytest.raises(openai.NotFoundError):
        ask(sniff_replay(recorder.databases[0]).url + "/elsewhere/v1")
""")
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*no recording answers these requests*", "*/elsewhere/v1*"])


def test_async_tests_are_judged_too(pytester: pytest.Pytester, server: str) -> None:
    pytester.makepyfile(f"""
import pytest
from openai import AsyncOpenAI

@pytest.mark.asyncio
async def test_stream(sniff_record):
    url = sniff_record.via("{server}/wrong/v1")
    async with AsyncOpenAI(base_url=url, api_key="sk-none", timeout=120) as client:
        stream = await client.chat.completions.create(
            model="m", messages=[{{"role": "user", "content": "When?"}}], stream=True
        )
        assert [chunk async for chunk in stream]
""")
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["  HTTP-001  error  *"])


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        ('fail_on="fatal"', "*'fatal' is no level; expected one of error, warning, info, never*"),
        ('allow="HTTP-001"', "*expected @pytest.mark.sniff(fail_on=LEVEL, allow=*"),
        ("level=1", "*expected @pytest.mark.sniff(fail_on=LEVEL, allow=*"),
    ],
)
def test_a_wrong_mark_is_explained(pytester: pytest.Pytester, mark: str, said: str) -> None:
    pytester.makepyfile(f"""
import pytest

@pytest.mark.sniff({mark})
def test_stream(sniff_record):
    pass
""")
    result = pytester.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([said])


def test_a_wrong_configuration_is_said_at_once(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nsniff_fail_on = fatal\n")
    result = pytester.runpytest()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*sniff_fail_on: 'fatal' is no level*"])


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("/no/such/sniff", "*/no/such/sniff cannot be run*"),
        ("/bin/echo", "*/bin/echo is another program of that name*"),
    ],
)
def test_a_program_that_is_not_ours_is_refused(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, program: str, said: str
) -> None:
    monkeypatch.setenv("SNIFF", program)
    pytester.makepyfile("""
def test_stream(sniff_record):
    sniff_record.via("http://127.0.0.1:9/v1")
""")
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([said])

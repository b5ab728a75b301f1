import io
import json
import logging
import sys
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog
from cli_runner import CREDENTIALS

from cli import logs
from cli.app import tell
from cli.context import Context, LogFormat
from cli.progress import Lines
from cli.setup import write_starting_files
from config.errors import ConfigError, ConfigErrors
from connectors.clock import FakeClock
from connectors.errors import AuthStop
from sync.progress import Step

TOKEN = "pat-eu1-0123-canary"
EMAIL = "grace.hopper+canary@navy.example"


pytestmark = pytest.mark.usefixtures("logging_restored")


@pytest.mark.parametrize("log_format", [LogFormat.TEXT, LogFormat.JSON])
def test_no_line_holds_a_secret_or_an_address(log_format: LogFormat, capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(log_format, 2)
    logs.strike_out([TOKEN, "s3cret-canary", ""])
    log = structlog.get_logger()
    log.info("line about %s", EMAIL, who=EMAIL, nested={"token": TOKEN, "in": [f"x{EMAIL}x", "s3cret-canary"]})
    log.warning(
        "header", authorization="Bearer another-canary-token", url="/contacts/grace%40navy.example?idProperty=email"
    )
    logging.getLogger("vendor").warning("POST body: %s %s", EMAIL, TOKEN)
    log.error("it broke", exc_info=ValueError(f"no row for {EMAIL} with {TOKEN}"))
    error = capsys.readouterr().err
    assert "it broke" in error
    assert "POST body" in error
    assert "canary" not in error
    assert "navy.example" not in error


def test_lines_are_json_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(LogFormat.AUTO, 0)
    structlog.get_logger().info("done", rows=3)
    structlog.get_logger().debug("not shown")
    captured = capsys.readouterr()
    assert captured.out == ""
    line = json.loads(captured.err)
    assert (line["event"], line["level"], line["rows"]) == ("done", "info", 3)
    assert line["timestamp"].endswith("Z")
    assert line["process"]


def test_every_thread_and_every_run_names_the_same_process(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    list(write_starting_files(tmp_path))
    logs.set_up(LogFormat.JSON, 0)
    given = Context(tmp_path / "leadgrade.yaml", CREDENTIALS)

    def run() -> None:
        given.settings(credentials=False)
        with structlog.contextvars.bound_contextvars(run=7):
            structlog.get_logger().info("one step")

    run()
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    structlog.get_logger().info("done")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["event"], line.get("run")) for line in lines] == [("one step", 7), ("one step", 7), ("done", None)]
    assert len({line["process"] for line in lines}) == 1


def test_lines_are_text_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    logs.set_up(LogFormat.AUTO, 0)
    structlog.get_logger().info("the bars say this")
    structlog.get_logger().warning("writing stopped", crm="hubspot")
    assert "writing stopped" in terminal.getvalue()
    assert not terminal.getvalue().startswith("{")
    assert "the bars" not in terminal.getvalue()


def test_without_a_terminal_progress_is_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(LogFormat.JSON, 0)
    clock = FakeClock(datetime(2026, 6, 15, tzinfo=UTC))
    lines, step = Lines(clock), Step("pull", "hubspot", "records")
    lines.start(step)
    for _ in range(12):
        clock.advance(1)
        lines.advance(step, 100, 2400)
    lines.finish(step)
    said = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["event"], line["rows"]) for line in said] == [("going on", 500), ("going on", 1000), ("done", 1200)]
    assert said[0]["rows_per_s"] == 100
    assert said[0]["left_s"] == 19
    assert said[0]["step"] == "pull hubspot records"


def test_a_step_that_had_nothing_to_do_is_not_news(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(LogFormat.JSON, 0)
    lines = Lines(FakeClock(datetime(2026, 6, 15, tzinfo=UTC)))
    idle, busy = Step("pull", "hubspot", "deals"), Step("pull", "hubspot", "records")
    lines.start(idle)
    lines.finish(idle)
    lines.start(busy)
    lines.advance(busy, 1)
    lines.finish(busy)
    [line] = capsys.readouterr().err.splitlines()
    assert json.loads(line)["step"] == str(busy)


def test_foreseen_errors_say_what_to_do_and_give_their_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    two = ConfigErrors([ConfigError("one.", file="a.yaml", line=3, remedy="Mend it."), ConfigError("two.")])
    assert tell(two) == 2
    assert capsys.readouterr().err == "leadgrade: a.yaml:3: one. Mend it.\nleadgrade: two.\n"
    assert tell(AuthStop("the token was refused.", crm="hubspot", remedy="Make a new one.")) == 3
    assert capsys.readouterr().err == "leadgrade: hubspot: the token was refused. Make a new one.\n"


def test_a_bug_leaves_a_report_without_personal_values_and_no_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    logs.strike_out([TOKEN])
    with pytest.raises(KeyError) as caught:
        {}[f"{EMAIL} {TOKEN}"]
    assert tell(caught.value) == 70
    said = capsys.readouterr().err
    [report] = tmp_path.iterdir()
    assert str(report) in said
    assert "KeyError" in said
    assert "Traceback" not in said
    assert report.stat().st_mode & 0o077 == 0
    assert "Traceback" in report.read_text()
    assert "canary" not in report.read_text()

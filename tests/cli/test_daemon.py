"""The installed daemon, from its first run to the signal: what it serves, whom it tells, and that nobody is named."""

from __future__ import annotations

import json
import queue
import signal
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
import requests
from cli_runner import LEADGRADE, environment, leadgrade, pointing_at

from cli.setup import write_starting_files
from connectors.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Sandbox

SECRET = "canary-webhook-key"
EMAIL = "canary@personal.example"


@pytest.mark.slow
def test_84_a_daemon_tells_that_its_first_run_waits_for_a_person_and_names_nobody(
    sandbox: Callable[..., Sandbox], tmp_path: Path
) -> None:
    crms = sandbox(people=40, now=SystemClock().now())
    held = {"email": EMAIL, "phone": "+49 30 5550177", "firstname": "Canaria"}
    crms.portal.create("contacts", held, created=crms.shared.clock.now())
    list(write_starting_files(tmp_path))
    told: queue.Queue[str] = queue.Queue()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.put(self.rfile.read(int(self.headers["content-length"])).decode())
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        env = pointing_at(crms) | {
            "LEADGRADE_HEALTH__PORT": str(port),
            "LEADGRADE_ALERTS__WEBHOOK__URL": f"http://127.0.0.1:{server.server_port}/canary-path",
            "LEADGRADE_ALERTS__WEBHOOK__SECRET": SECRET,
        }
        assert leadgrade("provision", cwd=tmp_path, env=env).returncode == 0
        log = tmp_path / "log"
        with log.open("w") as stderr:
            daemon = subprocess.Popen([LEADGRADE, "-vv", "daemon"], cwd=tmp_path, env=environment(env), stderr=stderr)
        try:
            alert = told.get(timeout=120)
            answers = {path: requests.get(f"http://127.0.0.1:{port}{path}", timeout=10) for path in
                       ("/healthz", "/readyz", "/metrics")}  # fmt: skip
        finally:
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(timeout=60) == 128 + signal.SIGTERM
        server.shutdown()

    event = json.loads(alert)
    assert (event["event"], event["data"]["exit_code"]) == ("runs.failed", 4)
    assert "--approve" in event["text"]
    assert {path: answer.status_code for path, answer in answers.items()} == {
        "/healthz": 200, "/readyz": 503, "/metrics": 200
    }  # fmt: skip
    assert 'leadgrade_runs_total{exit_code="4",kind="sync"} 1.0' in answers["/metrics"].text
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert len({line["process"] for line in lines}) == 1
    assert {line["run"] for line in lines if str(line.get("step", "")).startswith("pull")} == {1}

    everything = "\n".join([log.read_text(), alert, *(answer.text for answer in answers.values())]).lower()
    addresses = {str(one.properties.get("email") or "") for one in crms.portal.objects["contacts"].values()} - {""}
    assert len(addresses) > 20
    assert [one for one in addresses if one.lower() in everything] == []
    for secret in (SECRET, "canary-path", "canaria", "5550177", "pat-sandbox-leadgrade", "sandbox-secret"):
        assert secret not in everything, secret

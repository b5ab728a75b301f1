"""No e-mail address, phone number or secret in what a run leaves behind: its output, its logs, its journal."""

import re
from collections.abc import Callable
from pathlib import Path

from cli_runner import leadgrade, pointing_at
from conftest import Sandbox

from cli.setup import write_starting_files
from connectors.clock import SystemClock


def test_a_whole_run_with_troubles_leaves_no_personal_value(sandbox: Callable[..., Sandbox], tmp_path: Path) -> None:
    from sandbox.population import demo_troubles

    crms = sandbox(people=120, now=SystemClock().now())
    demo_troubles(crms.portal, crms.org)
    list(write_starting_files(tmp_path))
    env = pointing_at(crms)
    email = "canary@personal.example"
    crms.portal.create(
        "contacts",
        {"email": email, "phone": "+49 30 5550177", "firstname": "Canaria"},
        created=crms.shared.clock.now(),
    )
    assert leadgrade("provision", cwd=tmp_path, env=env).returncode == 0
    crms.shared.troubles.set("html_502", times=2, match="/crm/")

    said = []
    for arguments in (
        ["-vv", "backfill"],
        ["-vv", "--log-format", "text", "sync"],
        ["status"],
        ["rejects", "list"],
        ["rejects", "export"],
        ["explain", "canary-absent@personal.example"],
    ):
        done = leadgrade(*arguments, cwd=tmp_path, env=env)
        said.append(done.stderr + done.stdout)
    assert "rejected" in said[0]
    assert "502" in said[0], "the trouble did not show in the log"

    left = {
        path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and "mirror" not in path.name
    }
    assert any(name.startswith("journal.db") for name in left)
    assert "rejects.csv" in left
    everything = "\n".join(said) + "\n".join(content.decode("utf-8", "replace") for content in left.values())

    addresses = {str(record.properties.get("email") or "") for record in crms.portal.objects["contacts"].values()}
    addresses |= {
        str(row.get("Email") or "") for table in ("Lead", "Contact") for row in crms.org.tables[table].values()
    }
    addresses -= {""}
    assert email in addresses
    assert len(addresses) > 80
    assert [address for address in addresses if address.lower() in everything.lower()] == []
    for secret in ("5550177", "Canaria", "canary-absent", *(value for value in env.values() if "http" not in value)):
        if secret != "sandbox-client":  # a client id is public
            assert not re.search(re.escape(secret), everything), secret

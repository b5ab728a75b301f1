"""No e-mail address, phone number or secret in what a run leaves behind: its output, its logs, its journal."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_runner import leadgrade, pointing_at
from conftest import Sandbox
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from cli.setup import write_starting_files
from connectors.clock import SystemClock
from sandbox.hubspot.portal import OAuthClient


@pytest.mark.slow
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
        ["-vv", "backfill", "--approve"],
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


@pytest.mark.slow
def test_83_no_credential_of_any_kind_is_left_anywhere_whatever_goes_wrong(
    sandbox: Callable[..., Sandbox], tmp_path: Path
) -> None:
    """OAuth, a private key and a rotating refresh token, each with tokens that are refused, and each refused itself."""
    crms = sandbox(people=30, now=SystemClock().now())
    list(write_starting_files(tmp_path))
    given = tmp_path / "credentials"
    given.mkdir()
    private, public = key_pair()
    (given / "key.pem").write_text(private)
    rotating = given / "refresh"
    rotating.write_text("canary-salesforce-refresh")
    rotating.chmod(0o600)
    crms.org.jwt_keys["jwt-client", "integration@sandbox.example"] = public
    crms.org.refresh_tokens["canary-salesforce-refresh"] = "sandbox-client"
    crms.portal.clients["hubspot-app"] = OAuthClient("canary-hubspot-client", {"canary-hubspot-refresh"})
    urls = {name: value for name, value in pointing_at(crms).items() if "URL" in name}
    oauth = urls | {
        "LEADGRADE_HUBSPOT__CLIENT_ID": "hubspot-app",
        "LEADGRADE_HUBSPOT__CLIENT_SECRET": "canary-hubspot-client",
        "LEADGRADE_HUBSPOT__REFRESH_TOKEN": "canary-hubspot-refresh",
    }
    jwt = oauth | {
        "LEADGRADE_SALESFORCE__AUTH": "jwt",
        "LEADGRADE_SALESFORCE__CLIENT_ID": "jwt-client",
        "LEADGRADE_SALESFORCE__USERNAME": "integration@sandbox.example",
        "LEADGRADE_SALESFORCE__PRIVATE_KEY_FILE": str(given / "key.pem"),
    }
    refresh = oauth | {
        "LEADGRADE_SALESFORCE__AUTH": "refresh_token",
        "LEADGRADE_SALESFORCE__CLIENT_ID": "sandbox-client",
        "LEADGRADE_SALESFORCE__CLIENT_SECRET": "sandbox-secret",
        "LEADGRADE_SALESFORCE__REFRESH_TOKEN_FILE": str(rotating),
    }
    wrong = {"LEADGRADE_HUBSPOT__REFRESH_TOKEN": "canary-wrong-refresh"}
    troubles = crms.shared.troubles
    said = []

    def say(env: dict[str, str], *arguments: str) -> int:
        done = leadgrade(*arguments, cwd=tmp_path, env=env)
        said.append(done.stdout + done.stderr)
        return done.returncode

    assert say(jwt, "provision") == 0
    troubles.set("expire_token", match="/crm/", skip=2)
    troubles.set("session_expired", match="/query", skip=1)
    troubles.set("html_502", match="/oauth", times=2)
    assert say(jwt, "-vv", "backfill", "--approve") in {0, 1}
    assert "502" in said[-1], "the trouble did not show in the log"
    assert say(refresh, "-vv", "--log-format", "text", "sync") in {0, 1}
    assert say(refresh | wrong, "-vv", "check") == 3
    (given / "key.pem").write_text(private.replace("\n", "\nA", 1))
    assert say(jwt, "-vv", "sync") in {2, 3}
    assert troubles.names() == [], "a trouble was not met"

    secrets = {"canary-hubspot-client", "canary-hubspot-refresh", "canary-wrong-refresh", "canary-salesforce-refresh"}
    secrets |= {"sandbox-secret", rotating.read_text().strip(), *crms.org.sessions, *crms.org.used_refresh_tokens}
    secrets |= {line for line in private.splitlines() if len(line) > 20 and "KEY" not in line}
    secrets |= {text for text, token in crms.portal.tokens.items() if token.oauth}
    assert len(secrets) > 30
    left = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and given not in path.parents}
    assert {"journal.db", "mirror.duckdb"} <= {path.name for path in left}
    for secret in secrets:
        assert not [text for text in said if secret in text]
        assert not [path.name for path, content in left.items() if secret.encode() in content]
    assert rotating.stat().st_mode & 0o077 == 0


def key_pair() -> tuple[str, str]:
    """A private and its public key, PEM."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return (
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
        private.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode(),
    )

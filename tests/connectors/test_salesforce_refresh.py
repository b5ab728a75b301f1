"""The refresh token that Salesforce replaces at every use (row 36 of the failure modes)."""

from __future__ import annotations

import stat
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from connectors.errors import AuthStop, ConfigProblem, ConnectorError
from connectors.salesforce.refresh import TokenFile

if TYPE_CHECKING:
    from pathlib import Path

    from tests.connectors.salesforce_rig import SalesforceRig

FIRST = "sandbox-refresh"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "token"
    made.touch(0o600)
    made.write_text(f"{FIRST}\n")
    return made


def flow(file: Path, **settings: Any) -> dict[str, Any]:
    return {"auth": "refresh_token", "refresh_token_file": file} | settings


def sent(sf: SalesforceRig) -> list[str]:
    """The refresh tokens that were sent, in order."""
    forms = [parse_qs(call.body.decode()) for call in sf.journal if call.path == "/services/oauth2/token"]
    return [form["refresh_token"][0] for form in forms]


def test_36_each_new_token_is_saved_for_its_owner_alone_and_none_is_sent_twice(sf: SalesforceRig, file: Path) -> None:
    connector = sf.connector(**flow(file))
    assert connector.identify().account_id == sf.org.org_id
    second = file.read_text().strip()
    sf.troubles.set("session_expired")
    connector.identify()
    third = file.read_text().strip()
    assert sent(sf) == [FIRST, second]
    assert len({FIRST, second, third}) == 3
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sf.connector(**flow(file)).identify().account_id == sf.org.org_id
    assert sent(sf)[-1] == third


def test_a_token_that_is_not_replaced_stays(sf: SalesforceRig, file: Path) -> None:
    sf.org.rotates_refresh_tokens = False
    before = file.stat().st_mtime_ns
    sf.connector(**flow(file)).identify()
    assert file.stat().st_mtime_ns == before


def test_36_processes_that_refresh_at_once_take_turns_and_revoke_nothing(sf: SalesforceRig, file: Path) -> None:
    connectors = [sf.connector(**flow(file)) for _ in range(4)]
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda made=made: found.append(made.identify().account_id)) for made in connectors
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [sf.org.org_id] * 4
    assert len(set(sent(sf))) == 4
    assert file.read_text().strip() in sf.org.refresh_tokens


def test_36_a_new_token_that_cannot_be_saved_is_not_used_and_the_old_ones_refusal_is_final(
    sf: SalesforceRig, file: Path
) -> None:
    file.with_name("token.new").mkdir()
    with pytest.raises(AuthStop, match="could not be saved"):
        sf.connector(**flow(file)).identify()
    assert [call.path for call in sf.journal] == ["/services/oauth2/token"]
    file.with_name("token.new").rmdir()
    connector = sf.connector(**flow(file))
    for _ in range(3):
        with pytest.raises(AuthStop, match=r"invalid_grant.*authorise the app again"):
            connector.identify()
    assert sent(sf) == [FIRST, FIRST]


def test_nothing_is_spent_where_the_new_token_could_not_be_kept(sf: SalesforceRig, file: Path) -> None:
    def refused(**settings: Any) -> str:
        with pytest.raises(ConfigProblem) as found:
            sf.connector(**flow(file, **settings)).identify()
        return str(found.value)

    file.with_name("token.lock").mkdir()
    assert "may write" in refused()
    file.with_name("token.lock").rmdir()
    file.chmod(0o640)
    assert "chmod 600" in refused()
    file.chmod(0o600)
    file.write_text("\n")
    assert "is empty" in refused()
    assert "cannot be read" in refused(refresh_token_file=file.with_name("other"))
    with pytest.raises(ConfigProblem, match="refresh_token_file"):
        sf.connector(**flow(file, refresh_token_file=None))
    assert sent(sf) == []


def test_a_token_page_that_fails_in_passing_is_waited_out(sf: SalesforceRig, file: Path) -> None:
    sf.troubles.set("html_502", match="/oauth2/token")
    assert sf.connector(**flow(file)).identify().account_id == sf.org.org_id
    assert sent(sf) == [FIRST, FIRST]


def test_tokens_stay_out_of_errors(sf: SalesforceRig, file: Path) -> None:
    file.write_text("canary-token")
    with pytest.raises(ConnectorError) as refused:
        sf.connector(**flow(file)).identify()
    assert "canary" not in repr(refused.value) + str(refused.value) + repr(refused.value.__dict__)


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    kept, link = tmp_path / "kept", tmp_path / "link"
    kept.touch(0o600)
    link.symlink_to(kept)
    TokenFile(link).save("fresh")
    assert link.is_symlink()
    assert kept.read_text() == "fresh\n"

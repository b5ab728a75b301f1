"""The files of deploy/ say what the program knows, and their own tools find nothing wrong with them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from cli.exit_codes import EXITS
from docs.generator.settings import keys

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNIT = (DEPLOY / "systemd" / "leadgrade.service").read_text()
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
FILES = [path for path in DEPLOY.rglob("*") if path.is_file() and path.suffix != ".lock"]


def loaded(name: str) -> list[Any]:
    return list(YAML(typ="safe").load_all(DEPLOY / name))


def run(*command: str | Path) -> None:
    """Run a tool of this environment, or of the machine; skip where it is not."""
    name, *arguments = map(str, command)
    own = Path(sys.executable).with_name(name)
    found = str(own) if own.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    done = subprocess.run([found, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_image_is_fine_with_its_linter() -> None:
    run("hadolint", DEPLOY / "Dockerfile")


def test_the_compose_file_fits_its_schema() -> None:
    run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml")


def test_the_manifest_fits_the_schema_of_kubernetes() -> None:
    run("kubernetes-validate", "--strict", DEPLOY / "kubernetes.yaml")


def test_yaml_and_shell_are_fine_with_their_linters() -> None:
    run("yamllint", "--strict", "deploy")
    run("shellcheck", ".ci/run")


def test_the_unit_is_fine_with_systemd(tmp_path: Path) -> None:
    unit = tmp_path / "leadgrade.service"
    unit.write_text(UNIT.replace("/opt/leadgrade/bin/leadgrade", sys.executable))
    run("systemd-analyze", "verify", "--man=no", unit)
    # 0 is sealed, 10 is open; a service that only reads files and calls out needs little.
    run("systemd-analyze", "security", "--offline=true", "--threshold=20", unit)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_variable_sets_something(path: Path) -> None:
    known = {"CONFIG", *(key.upper().replace(".", "__") for key, _ in keys())}
    assert set(re.findall(r"LEADGRADE_([A-Z0-9_]*[A-Z0-9])\b", path.read_text())) <= known


def test_one_port_of_health_everywhere() -> None:
    port = re.findall(r"LEADGRADE_HEALTH__PORT=(\d+)", DOCKERFILE)
    [service] = [each["services"]["leadgrade"] for each in loaded("compose.yaml")]
    [pod] = [each["spec"]["template"]["spec"] for each in loaded("kubernetes.yaml") if each["kind"] == "Deployment"]
    [container] = pod["containers"]
    assert re.findall(r"EXPOSE (\d+)|127\.0\.0\.1:(\d+)/healthz", DOCKERFILE) == [(port[0], ""), ("", port[0])]
    assert service["ports"] == [f"127.0.0.1:{port[0]}:{port[0]}"]
    assert [str(each["containerPort"]) for each in container["ports"]] == port


def test_the_same_user_folders_and_limits_everywhere() -> None:
    user, group = re.findall(r"^USER (\d+):(\d+)$", DOCKERFILE, flags=re.MULTILINE)[0]
    [service] = [each["services"]["leadgrade"] for each in loaded("compose.yaml")]
    [pod] = [each["spec"]["template"]["spec"] for each in loaded("kubernetes.yaml") if each["kind"] == "Deployment"]
    [container] = pod["containers"]
    assert (pod["securityContext"]["runAsUser"], pod["securityContext"]["fsGroup"]) == (int(user), int(group))
    volume = re.findall(r"^VOLUME (\S+)$", DOCKERFILE, flags=re.MULTILINE)[0]
    mounted = {each["mountPath"] for each in container["volumeMounts"]}
    assert {volume, "/etc/leadgrade", "/tmp"} <= mounted
    assert [each for each in service["volumes"] if each.endswith(f":{volume}")]
    assert service["read_only"] is container["securityContext"]["readOnlyRootFilesystem"] is True
    assert "MemoryMax=1G" in UNIT
    assert (service["mem_limit"], container["resources"]["limits"]["memory"]) == ("1g", "1Gi")
    assert "TimeoutStopSec=5min" in UNIT
    assert (service["stop_grace_period"], pod["terminationGracePeriodSeconds"]) == ("5m", 300)


def test_what_a_person_must_mend_is_not_restarted() -> None:
    mended = {str(each.code) for each in EXITS if each.again == "after mending"}
    assert set(re.findall(r"^RestartPreventExitStatus=(.*)$", UNIT, flags=re.MULTILINE)[0].split()) == mended


def test_the_image_holds_every_room_of_the_program() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    rooms = {room.rstrip("*") for room in project["tool"]["setuptools"]["packages"]["find"]["include"]}
    assert set(re.findall(r"^COPY (\w+) \1$", DOCKERFILE, flags=re.MULTILINE)) == rooms
    allowed = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), flags=re.MULTILINE)
    assert {room for room in allowed if "." not in room} == rooms


def test_the_image_is_locked_to_the_versions_that_are_tested() -> None:
    def versions(path: Path) -> set[str]:
        return set(re.findall(r"^([\w.-]+==[^ ;\\]+)", path.read_text(), flags=re.MULTILINE))

    locked = versions(DEPLOY / "requirements.lock")
    assert locked
    assert locked <= versions(ROOT / "requirements.lock")

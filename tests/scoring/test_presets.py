"""The models that come with Leadgrade: each loads without a remark, and its golden examples come out as written."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest

from cli.setup import Preset
from config.attributes import BUILT_IN
from config.model import load_model
from config.model_checks import warnings
from config.yaml_file import read
from scoring.golden import run_examples

FOLDER = Path(str(resources.files("config"))) / "presets"


def test_every_file_can_be_chosen() -> None:
    assert {path.stem for path in FOLDER.glob("*.yaml")} == {preset.value for preset in Preset}


@pytest.mark.parametrize("preset", Preset)
def test_the_examples_of_a_preset_come_out_as_written(preset: Preset) -> None:
    path = FOLDER / f"{preset}.yaml"
    model = load_model(path, BUILT_IN)
    assert warnings(model, read(path)) == []
    assert model.model == preset
    assert len(model.examples) >= 3
    assert run_examples(model) == []

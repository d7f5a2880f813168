"""Training takes the labelled set that verdicts give: `make train IMAGERY=labels/train`."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from railwatch.services.detector.cars.evidence import load_models
from railwatch.shared.settings import RedisSettings
from railwatch.training import held_out
from railwatch.training.__main__ import main
from railwatch.training.labelled import TRAIN, write_labelled
from tests.support.judged import counts_of, judge_as_a_whole, site_of, taken_in


def test_a_model_learns_from_what_people_judged_and_says_what_it_leaves_out(
    redis_settings: RedisSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = held_out.make("american", 5, 360)
    site = site_of(pair)
    products, blobs = taken_in(pair, site, counts_of(pair, site), redis_settings)
    judge_as_a_whole(products)
    write_labelled(products, blobs, tmp_path / "labels", held_out=0.0)
    (judged,) = (cars.parent for cars in (tmp_path / "labels" / TRAIN).glob("*/cars.geojson"))
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(judged, elsewhere)
    other = held_out.make("american", 6, 360)
    (elsewhere / "baseline.tif").write_bytes(held_out.geotiff(other, other.baseline))
    real = (f"--real={folder}" for folder in (judged, elsewhere))
    few = ("--scenes=3", "--cases=1", "--steps=5", "--jobs=1")
    out = tmp_path / "model" / "evidence.npz"
    monkeypatch.setattr(sys, "argv", ["training", *real, *few, f"--cache={tmp_path / 'cache'}", f"--out={out}"])
    capsys.readouterr()

    main()

    told = capsys.readouterr()
    assert json.loads(told.out)["real"] == [judged.name]
    assert f"{elsewhere} is left out" in told.err
    assert load_models(out, None).version

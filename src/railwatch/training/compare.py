"""An old model and a new one on looks that neither has learned from: whether the new one may replace the old."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from railwatch.services.detector.cars.evidence import MODEL_FILE, Models, load_models
from railwatch.services.detector.counting import count_tile
from railwatch.services.detector.imagery.geotiff import read_raster
from railwatch.shared.errors import ConfigurationError
from railwatch.training.cases import middles, tracks_of
from railwatch.training.matching import MATCH_M, matches

# The new model must be better with at least this probability, by drawing sites anew.
SURE = 0.9
DRAWS = 2000
# Fewer sites say nothing about others.
LEAST_SITES = 3
# Of all looks, intervals of the new model may hold the truth of so many fewer.
FEWER_HELD = 0.05


@dataclass(frozen=True)
class Found:
    """What one model made of one tile: cars missed, places that are none, and whether its interval holds the truth."""

    missed: int
    false: int
    holds: bool

    @property
    def wrong(self) -> int:
        """All mistakes."""
        return self.missed + self.false


@dataclass(frozen=True)
class Comparison:
    """Both models on the same tiles.

    Attributes:
        tiles: how many.
        sites: how many sites they are of.
        cars: true cars on them.
        old: what the old model made of each.
        new: what the new one made of it.
        sure: how probable it is that the new one makes fewer mistakes at other sites.
    """

    tiles: int
    sites: int
    cars: int
    old: tuple[Found, ...]
    new: tuple[Found, ...]
    sure: float

    @property
    def why_not(self) -> str | None:
        """Why the new model may not replace the old one; null if it may."""
        if self.sites < LEAST_SITES:
            return f"The tiles are of {self.sites} sites; at least {LEAST_SITES} must be held out."
        if not _sum(self.new) < _sum(self.old):
            return f"The new model makes {_sum(self.new)} mistakes, the present one {_sum(self.old)}."
        if self.sure < SURE:
            return f"That the new model is better at other sites is only {self.sure:.0%} sure; it must be {SURE:.0%}."
        held = [sum(one.holds for one in some) for some in (self.old, self.new)]
        if held[1] < held[0] - FEWER_HELD * self.tiles:
            return f"The new model's intervals hold the truth of {held[1]} tiles, the present one's of {held[0]}."
        return None


def model_of(folder: Path) -> Models:
    """The model files of a folder, named as those that are shipped; without a joined network if it has none.

    Raises:
        ConfigurationError: there is no model.
    """
    evidence, joined = folder / MODEL_FILE.name, folder / "joined.onnx"
    if not evidence.exists():
        raise ConfigurationError(f"{folder} has no {MODEL_FILE.name}; it must be a folder with model files.")
    return load_models(evidence, joined if joined.exists() else None)


def compare(old: Models, new: Models, folders: Sequence[Path]) -> Comparison:
    """Count all tiles with both models.

    Args:
        old: the present model.
        new: the one that may replace it.
        folders: labelled tiles, as `railwatch verdicts export` writes them.

    Raises:
        ConfigurationError: there is no tile.
    """
    tiles = sorted({truth.parent for folder in folders for truth in folder.rglob("truth.json")})
    if not tiles:
        raise ConfigurationError("There is no labelled tile in these folders.")
    found = [(_site(tile), _counted(tile, old), _counted(tile, new)) for tile in tiles]
    by_site: dict[str, int] = defaultdict(int)
    for site, (_, before), (_, after) in found:
        by_site[site] += before.wrong - after.wrong
    gains = np.array(list(by_site.values()))
    drawn = np.random.default_rng(0).integers(0, len(gains), (DRAWS, len(gains)))
    return Comparison(
        tiles=len(found),
        sites=len(gains),
        cars=sum(cars for _, (cars, _), _ in found),
        old=tuple(before for _, (_, before), _ in found),
        new=tuple(after for _, _, (_, after) in found),
        sure=float((gains[drawn].sum(axis=1) > 0).mean()),
    )


def _sum(found: Sequence[Found]) -> int:
    return sum(one.wrong for one in found)


def _site(folder: Path) -> str:
    return str(json.loads((folder / "truth.json").read_text(encoding="utf-8")).get("site", folder.name))


def _counted(folder: Path, models: Models) -> tuple[int, Found]:
    """How many cars a tile has, and what a model makes of it."""
    tile, baseline = read_raster(folder / "tile.tif"), folder / "baseline.tif"
    tracks = tracks_of(json.loads((folder / "tracks.geojson").read_text(encoding="utf-8"))["features"])
    features = json.loads((folder / "cars.geojson").read_text(encoding="utf-8"))["features"]
    true = middles(tile, [feature["geometry"]["coordinates"][0][:4] for feature in features])
    counted = count_tile(tile, read_raster(baseline) if baseline.exists() else None, tracks, models=models)
    found = np.array([corners.mean(axis=0) for _, _, corners in counted.outlines]).reshape(-1, 2)
    hits = matches(found, true, MATCH_M / tile.gsd_m)
    low, high = counted.count.low, counted.count.high
    holds = low is not None and high is not None and low <= len(true) <= high
    return len(true), Found(len(true) - hits, len(found) - hits, holds)

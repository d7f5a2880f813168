"""The pictures of docs/method.md, from rendered scenes: `python -m tests.benchmarks.method_pictures docs/images`."""

import io
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from railwatch.services.alerting.history.frames import Frame, look_of
from railwatch.services.alerting.history.observations import reading
from railwatch.services.detector.alignment.ground import CORRIDOR_HALF_WIDTH_M, Ground, prepare
from railwatch.services.detector.alignment.registration import register
from railwatch.services.detector.cars.evidence import Models, by_track, load_models
from railwatch.services.detector.cars.looking import look, weighed
from railwatch.services.detector.cars.segmentation import decode
from railwatch.services.detector.counting import count_tile
from railwatch.services.detector.imagery.margins import trimmed
from railwatch.services.detector.imagery.raster import Raster, harmonise
from railwatch.services.detector.tracks.centrelines import corridor, project
from railwatch.services.detector.tracks.pieces import clip
from railwatch.services.detector.tracks.refinement import refine
from railwatch.services.detector.tracks.strips import ACROSS_M, PAD, SAMPLE_M, lay_out, straighten
from railwatch.shared.events import CountEvent
from railwatch.shared.sites import Site
from railwatch.training.cases import Case, rendered_case
from railwatch.training.coarse.scenes import Coarse, made_coarse, rendered
from tests.support.alerting import blob

ORANGE, BLUE, GREEN, PURPLE = "#E69F00", "#0072B2", "#009E73", "#CC79A7"
SQUARE_PX = 40
CROP_PX = 320
STRETCH_M = 150.0
# The rows that each frame of a pass shows, when it was taken, and the shortest car.
FRAMES_PX = ((0, 260), (210, 450), (400, 640))
TAKEN = datetime(2023, 10, 5, 2, 11, tzinfo=UTC)

Colours = NDArray[np.float32]


def registration(case: Case) -> Figure:
    """Squares of tile and baseline in turn, before and after."""
    baseline = _known(case)
    lines = corridor(project(case.tracks, case.tile), case.tile, CORRIDOR_HALF_WIDTH_M)
    match = register(case.tile, harmonise(baseline, case.tile), lines)
    figure, axes = _panels(2)
    y, x = np.indices(case.tile.shape) // SQUARE_PX
    squares = ((x + y) % 2 == 0)[..., None]
    for axis, picture, title in zip(
        axes,
        (baseline, match.baseline),
        ("by georeference alone", f"registered: {match.registration.dx_px:+.1f}, {match.registration.dy_px:+.1f} px"),
        strict=True,
    ):
        _show(axis, np.where(squares, _colours(case.tile), _colours(picture)), title)
    return figure


def placing(case: Case) -> Figure:
    """A yard under snow, its baseline placed by the tracks, and the cars counted there."""
    counted = count_tile(case.tile, case.baseline, case.tracks, sun=case.sun)
    if counted.baseline is None:
        raise ValueError("the case is not counted")
    figure, axes = _panels(3)
    titles = ("baseline, placed by the tracks", "tile", f"counted {len(counted.outlines)} of {len(case.cars)}")
    for axis, picture, title in zip(axes, (counted.baseline, case.tile, case.tile), titles, strict=True):
        _show(axis, _colours(picture), title, whole=True)
    for _, _, corners in counted.outlines:
        axes[2].fill(*corners.T, facecolor="none", edgecolor=ORANGE, linewidth=1.2)
    axes[2].set(xlim=axes[1].get_xlim(), ylim=axes[1].get_ylim())
    return figure


def radiometry(case: Case, ground: Ground) -> Figure:
    """The baseline as delivered and in the tile's light, beside the tile; all on one scale."""
    figure, axes = _panels(3)
    titles = ("baseline, as delivered", "baseline, in the tile's light", "tile")
    for axis, picture, title in zip(axes, (_known(case), _fitted(ground), case.tile), titles, strict=True):
        _show(axis, _colours(picture, like=case.tile), title)
    return figure


def visibility(case: Case, ground: Ground) -> Figure:
    """A clouded tile, and what of its tracks is seen."""
    figure, axes = _panels(2)
    colours = _colours(case.tile)
    _show(axes[0], colours, "tile", whole=True)
    _show(axes[1], np.where(ground.seen[..., None], colours, 0.5 * colours + 0.2), "what can be seen", whole=True)
    layout = lay_out([piece.xy_px for piece in clip(project(case.tracks, case.tile), case.tile.shape, 1)], 1.0)
    xy = layout.xy_px[layout.on_track]
    seen = ground.seen[tuple(np.clip(np.rint(xy[:, ::-1]).astype(int), 0, np.array(case.tile.shape) - 1).T)]
    for here, colour, label in ((seen, GREEN, "track in sight"), (~seen, ORANGE, "track hidden")):
        axes[1].plot(*xy[here].T, ".", color=colour, markersize=2, label=label)
    axes[1].legend(loc="lower right", markerscale=5)
    return figure


def tracks(case: Case, ground: Ground, models: Models) -> Figure:
    """Lines as drawn and as refined."""
    drawn = clip(project(case.tracks, case.tile), case.tile.shape, case.tile.gsd_m)
    refined = refine(drawn, case.tile, ground.baseline, ground.seen, models.axis)
    figure, axes = _panels(2)
    for axis, pieces, colour, title in (
        (axes[0], drawn, ORANGE, "as drawn"),
        (axes[1], refined, BLUE, "refined"),
    ):
        _show(axis, _colours(case.tile), title)
        for piece in pieces:
            axis.plot(*piece.xy_px.T, color=colour, linewidth=1.5)
    return figure


def cars(case: Case, ground: Ground, models: Models) -> Figure:
    """One track, straightened: both pictures, the evidence and the cars."""
    drawn = clip(project(case.tracks, case.tile), case.tile.shape, case.tile.gsd_m)
    layout = lay_out(
        [piece.xy_px for piece in refine(drawn, case.tile, ground.baseline, ground.seen, models.axis)], case.tile.gsd_m
    )
    looked = look(case.tile, ground.baseline, ground.seen, layout, case.sun)
    weights = weighed(models, looked)
    evidence = by_track(weights.logits, looked.seen, layout.on_track, layout, weights.disagreement)
    decoded = decode(evidence, models.pair.weights)
    number = int(np.argmax([len(track.cars) for track in decoded]))
    samples = layout.track(number)
    strips, _ = straighten([_fitted(ground), case.tile], layout)
    along = np.arange(samples.stop - samples.start) * SAMPLE_M
    figure, (before, now, says, stands) = plt.subplots(
        4, 1, figsize=(12, 7), height_ratios=(1, 1, 2, 0.7), sharex=True, layout="constrained"
    )
    extent = (0.0, float(along[-1]), float(ACROSS_M[0]), float(ACROSS_M[-1]))
    for axis, strip, title in ((before, strips[0], "baseline"), (now, strips[1], "tile")):
        axis.imshow(
            _stretched(strip[samples], strips[1][samples]).transpose(1, 0, 2),
            extent=extent,
            aspect="auto",
            origin="lower",
        )
        axis.set_ylabel(f"{title}\nacross (m)")
    inside = slice(PAD, PAD + len(along))
    says.axhline(0, color="0.6", linewidth=0.8)
    says.plot(along, evidence.train[number, inside], color=BLUE, label="train against empty track")
    says.plot(along, evidence.gap[number, inside], color=ORANGE, label="gap against body")
    says.set_ylabel("log-odds")
    says.legend(loc="lower right", ncols=2)
    for car in decoded[number].cars:
        start, length = (car.start - PAD) * SAMPLE_M, (car.stop - car.start) * SAMPLE_M
        stands.broken_barh([(start, length)], (0, 1), color=GREEN, alpha=0.3 + 0.7 * car.probability)
        stands.text(
            start + length / 2, 0.5, f"{car.probability:.2f}", ha="center", va="center", fontsize=8, clip_on=True
        )
    stands.set(yticks=[], ylabel="cars", xlabel="along the track (m)", ylim=(0, 1), xlim=(0, min(STRETCH_M, along[-1])))
    return figure


def one_look(case: Case) -> Figure:
    """A pass in three frames, what each shows of the site's track, and the look that they are together."""
    figure, axes = plt.subplots(1, 4, figsize=(14, 3.9), layout="constrained")
    rows, cols = case.tile.shape
    ring = case.tile.to_lonlat(np.array([[9, 9], [cols - 10, 9], [cols - 10, rows - 10], [9, rows - 10], [9, 9.0]]))
    area = tuple((float(lon), float(lat)) for lon, lat in ring)
    (cell,) = Site(id="yard", name="Yard", area=area, tracks=tuple(case.tracks), tile_size_m=5000).cells()
    track_px = lay_out([line.xy_px for line in project(case.tracks, case.tile)], 1.0).xy_px
    frames: list[Frame] = []
    for number, ((first, last), colour) in enumerate(zip(FRAMES_PX, (BLUE, GREEN, PURPLE), strict=True)):
        shown = np.zeros_like(case.tile.valid)
        shown[first:last] = True
        frame = trimmed(replace(case.tile, pixels=case.tile.pixels * shown, valid=shown))
        counted = count_tile(frame, case.baseline, case.tracks, sun=case.sun, cell=cell)
        event = CountEvent(
            recorded_at=TAKEN,
            site="yard",
            tile="r0c0",
            scene=f"frame-{number}",
            tiles_in_scene=("r0c0",),
            observed_at=TAKEN + timedelta(minutes=number),
            result=counted.count,
            image=blob("tile"),
        )
        frames.append(Frame(event.scene, {"r0c0": reading(event)}))
        seen = f"{counted.count.count:.0f} cars, coverage {counted.count.coverage:.0%}"
        colours = np.where(shown[..., None], _colours(case.tile), 0.9)
        _show(axes[number], colours, f"frame of {event.observed_at:%H:%M}: {seen}", whole=True)
        not_seen = (track_px[:, 1] < first) | (track_px[:, 1] >= last)
        axes[number].plot(*np.where(not_seen[:, None], track_px, np.nan).T, ":", color=ORANGE, linewidth=1.0)
        for axis in (axes[number], axes[3]):
            for _, _, corners in counted.outlines:
                axis.fill(*(corners + np.array([0, first])).T, facecolor="none", edgecolor=colour, linewidth=1.0)
    look = look_of(tuple(frames), {"r0c0": 1.0})
    together = f"one look: {look.count:.0f} of {len(case.cars)} cars, coverage {look.coverage:.0%}"
    _show(axes[3], _colours(case.tile), together, whole=True)
    for axis in axes:
        axis.set(xlim=(-0.5, cols - 0.5), ylim=(rows - 0.5, -0.5))
    return figure


def metres(scene: Coarse) -> Figure:
    """A pair with pixels of 3 m, and the track under trains as measured."""
    counted = count_tile(scene.tile, scene.baseline, scene.tracks, sun=scene.sun)
    found = counted.count.occupied
    if counted.baseline is None or found is None:
        raise ValueError("the scene is not measured")
    figure, axes = _panels(3)
    title = f"{found.occupied_m:.0f} m ({found.low_m:.0f} to {found.high_m:.0f} m), truth {scene.occupied_m:.0f} m"
    titles = ("baseline, registered", "tile, pixels of 3 m", title)
    for axis, picture, text in zip(axes, (counted.baseline, scene.tile, scene.tile), titles, strict=True):
        _show(axis, _colours(picture, like=scene.tile), text, whole=True)
    for _, line in counted.stretches:
        axes[2].plot(*line.T, color=ORANGE, linewidth=1.6)
    axes[2].set(xlim=axes[1].get_xlim(), ylim=axes[1].get_ylim())
    return figure


def main(folder: Path) -> None:
    """Draws them all."""
    models = load_models()
    clear = rendered_case("shift", 300_017, 640)
    clouded = rendered_case("cloud", 300_018, 640)
    ground, under_cloud = (
        prepare(case.tile, case.baseline, project(case.tracks, case.tile)) for case in (clear, clouded)
    )
    for name, figure in {
        "registration": registration(clear),
        "placing": placing(rendered_case("snow", 640_134, 640)),
        "radiometry": radiometry(clear, ground),
        "visibility": visibility(clouded, under_cloud),
        "tracks": tracks(clear, ground, models),
        "cars": cars(clear, ground, models),
        "look": one_look(clear),
        "metres": metres(made_coarse(rendered("clear", 300_000), 3.0, np.random.default_rng(0))),
    }.items():
        drawn = io.BytesIO()
        figure.savefig(drawn, dpi=100)
        Image.open(drawn).convert("RGB").save(folder / f"method-{name}.webp", quality=85)
        plt.close(figure)


def _known(case: Case) -> Raster:
    if case.baseline is None:
        raise ValueError("the case has no baseline")
    return case.baseline


def _fitted(ground: Ground) -> Raster:
    if ground.baseline is None:
        raise ValueError("the ground has no baseline")
    return ground.baseline


def _panels(number: int) -> tuple[Figure, NDArray[np.object_]]:
    return plt.subplots(1, number, figsize=(12, 12 / number + 0.4), layout="constrained")


def _show(axis: Axes, colours: NDArray[np.floating], title: str, *, whole: bool = False) -> None:
    axis.imshow(colours, interpolation="nearest")
    if not whole:
        rows, cols = colours.shape[:2]
        axis.set(
            xlim=((cols - CROP_PX) / 2, (cols + CROP_PX) / 2),
            ylim=((rows + CROP_PX) / 2, (rows - CROP_PX) / 2),
        )
    axis.set(xticks=[], yticks=[], title=title)


def _colours(picture: Raster, like: Raster | None = None) -> Colours:
    """(rows, cols, 3), on the scale of another picture where one is given."""
    scale = np.moveaxis((like or picture).pixels, 0, 2)
    return _stretched(np.moveaxis(picture.pixels, 0, 2), scale)


def _stretched(pixels: NDArray[np.float32], scale: NDArray[np.float32]) -> Colours:
    dark, bright = np.percentile(scale, (0.5, 99.5))
    grey = np.clip((pixels[..., :3] - dark) / (bright - dark), 0, 1)
    return np.asarray(np.broadcast_to(grey, (*grey.shape[:2], 3)), dtype=np.float32)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

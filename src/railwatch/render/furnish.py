"""Put objects beside and over the tracks of a yard, in plausible places."""

from itertools import pairwise

import numpy as np
from scipy.spatial import cKDTree

from railwatch.render import palette
from railwatch.render.canvas import Colour, Points
from railwatch.render.clutter import Kind, Overhead, Structure
from railwatch.render.ground import Road
from railwatch.render.yard import RenderedTrack, distances, position, resample

# Metres from a track's centreline to the nearest fixed object.
CLEARANCE_M = 2.4

# Tracks. No road crosses more than this on the level.
MOST_CROSSED = 4


def _track_points(tracks: tuple[RenderedTrack, ...]) -> Points:
    return np.concatenate([resample(track.points_m, 1.0) for track in tracks])


def structures(
    rng: np.random.Generator, tracks: tuple[RenderedTrack, ...], size_m: tuple[float, float], richness: float
) -> tuple[Structure, ...]:
    """Buildings, trees, platforms and piles clear of the tracks; `richness` 0 (none) to 1 (many)."""
    tree = cKDTree(_track_points(tracks))
    height, width = size_m
    heading = _heading(tracks)
    placed: list[Structure] = []

    def room(x: float, y: float, reach: float) -> bool:
        free = tree.query([x, y])[0] > reach + CLEARANCE_M
        return free and all(np.hypot(x - s.x_m, y - s.y_m) > 0.5 * (reach + s.length_m / 2) for s in placed)

    for _ in range(int(rng.poisson(5 * richness))):
        length, broad = float(rng.uniform(6, 60)), float(rng.uniform(4, 18))
        x, y = float(rng.uniform(0, width)), float(rng.uniform(0, height))
        if room(x, y, float(np.hypot(length, broad) / 2)):
            turn = heading + float(rng.choice([0, np.pi / 2]) + rng.normal(0, 0.05))
            colour = palette.vary(
                rng, palette.pick(rng, (*palette.ROOF, palette.RUST, palette.BODY[1], palette.BODY[6])), 0.2
            )
            placed.append(
                Structure(Kind.BUILDING, x, y, turn, length, broad, float(rng.uniform(2.5, 11)), colour, _seed(rng))
            )
    for _ in range(int(rng.poisson(6 * richness))):
        middle_x, middle_y = float(rng.uniform(0, width)), float(rng.uniform(0, height))
        for _ in range(int(rng.geometric(0.15))):
            x, y = middle_x + float(rng.normal(0, 12)), middle_y + float(rng.normal(0, 12))
            across = float(rng.uniform(2.5, 9))
            if tree.query([x, y])[0] > across / 2 + CLEARANCE_M + 1.0:
                colour = palette.vary(rng, palette.GREEN_LEAVES, 0.25)
                tall = float(across * rng.uniform(0.7, 1.4))
                placed.append(
                    Structure(
                        Kind.TREE, x, y, 0.0, across, across * float(rng.uniform(0.8, 1)), tall, colour, _seed(rng)
                    )
                )
    for _ in range(int(rng.poisson(3 * richness))):
        x, y, turn = beside(rng, tracks, tree, 2.6, 9)
        size = float(rng.uniform(1.5, 9))
        colour = palette.vary(
            rng, palette.pick(rng, (*palette.LOAD.values(), palette.WOODEN_SLEEPER, palette.RUST)), 0.2
        )
        thin = min(size, 2 * float(tree.query([x, y])[0]) - 3.4)
        if thin > 0.6:
            placed.append(
                Structure(Kind.PILE, x, y, turn, size, thin, float(rng.uniform(0.4, 1.6)), colour, _seed(rng))
            )
    if rng.random() < 0.25 * richness:
        x, y, turn = beside(rng, tracks, tree, 3.0, 6)
        thin = 2 * (float(tree.query([x, y])[0]) - 1.7)
        if thin > 1.5:
            colour = palette.vary(rng, palette.pick(rng, (palette.CONCRETE, palette.ASPHALT)))
            placed.append(
                Structure(
                    Kind.PLATFORM, x, y, turn, float(rng.uniform(20, 120)), min(thin, 6.0), 0.75, colour, _seed(rng)
                )
            )
    return tuple(placed)


def parked(rng: np.random.Generator, tracks: tuple[RenderedTrack, ...], count: int) -> tuple[Structure, ...]:
    """Lorries, containers and piles beside the tracks that come and go: the objects most like cars."""
    tree = cKDTree(_track_points(tracks))
    things = []
    for _ in range(count):
        x, y, turn = beside(rng, tracks, tree, 3.2, 14)
        room = 2 * (float(tree.query([x, y])[0]) - 1.6)
        kind = Kind.LORRY if rng.random() < 0.6 else Kind.CONTAINER
        length = float(rng.choice([6.06, 12.19]) if kind is Kind.CONTAINER else rng.uniform(4.5, 16))
        wide = min(room, 2.44)
        if wide < 1.6:
            continue
        colour = palette.vary(rng, palette.pick(rng, palette.BODY), 0.2)
        tall = float(rng.uniform(1.5, 3.9)) if kind is Kind.LORRY else 2.6
        things.append(
            Structure(
                kind, x, y, turn + float(rng.normal(0, 0.06)) * (room > 5), length, wide, tall, colour, _seed(rng)
            )
        )
    return tuple(things)


def beside(
    rng: np.random.Generator, tracks: tuple[RenderedTrack, ...], tree: cKDTree, near_m: float, far_m: float
) -> tuple[float, float, float]:
    """A place beside a track, away from other tracks if possible, and the track's heading there."""
    for _ in range(12):
        track = tracks[int(rng.integers(len(tracks)))]
        along = float(rng.uniform(0, track.length_m))
        ends = position(track.points_m, np.array([along - 2, along, along + 2]))
        direction = ends[2] - ends[0]
        direction = direction / (np.hypot(*direction) + 1e-9)
        side = float(rng.choice([-1, 1]) * rng.uniform(near_m, far_m))
        x, y = ends[1] + side * np.array([-direction[1], direction[0]])
        if tree.query([x, y])[0] >= min(near_m, abs(side)) - 0.05:
            break
    return float(x), float(y), float(np.arctan2(direction[1], direction[0]))


def overheads(
    rng: np.random.Generator, tracks: tuple[RenderedTrack, ...], size_m: tuple[float, float], electrified: bool
) -> tuple[Overhead, ...]:
    """Gantries and wires over electrified tracks, lamp masts, sometimes a footbridge."""
    heading = _heading(tracks)
    axis, normal = np.array([np.cos(heading), np.sin(heading)]), np.array([-np.sin(heading), np.cos(heading)])
    points = _track_points(tracks)
    grey: Colour = palette.vary(rng, palette.STEEL, 0.3)
    made: list[Overhead] = []
    along, across = points @ axis, points @ normal
    if electrified:
        spacing, tall = float(rng.uniform(40, 70)), float(rng.uniform(6.5, 9.5))
        wide = float(rng.uniform(0.25, 0.9))
        for place in np.arange(along.min() + rng.uniform(0, spacing), along.max(), spacing):
            here = across[np.abs(along - place) < 3]
            if len(here):
                ends = [
                    axis * place + normal * (limit + side * 3) for limit, side in ((here.min(), -1), (here.max(), 1))
                ]
                beam = [(float(end[0]), float(end[1]), tall) for end in ends]
                made.append(Overhead(beam[0], beam[1], wide, grey, float(rng.uniform(0.5, 0.95))))
                made.extend(Overhead((x, y, 0.0), (x, y, z), 0.35, grey) for x, y, z in beam)
        if rng.random() < 0.7:
            for track in tracks:
                line = resample(track.points_m, 25.0)
                made.extend(
                    Overhead((float(a[0]), float(a[1]), 5.6), (float(b[0]), float(b[1]), 5.6), 0.05, grey, 0.6)
                    for a, b in pairwise(line)
                )
    tree = cKDTree(points)
    for _ in range(int(rng.poisson(4))):
        x, y, _ = beside(rng, tracks, tree, 2.1, 6)
        tall = float(rng.choice([rng.uniform(4, 9), rng.uniform(10, 30)]))
        made.append(Overhead((x, y, 0.0), (x, y, tall), float(rng.uniform(0.15, 0.4)), palette.vary(rng, grey, 0.4)))
    if rng.random() < 0.08:
        place = float(rng.uniform(0.2, 0.8)) * np.array([size_m[1], size_m[0]])
        tilt = normal + axis * float(rng.normal(0, 0.2))
        reach = tilt / np.hypot(*tilt) * max(size_m)
        start, end = place - reach, place + reach
        high, wide = float(rng.uniform(6, 9)), float(rng.uniform(1.8, 9))
        made.append(
            Overhead(
                (float(start[0]), float(start[1]), high),
                (float(end[0]), float(end[1]), high),
                wide,
                palette.vary(rng, palette.CONCRETE),
            )
        )
    return tuple(made)


def roads(
    rng: np.random.Generator, tracks: tuple[RenderedTrack, ...], size_m: tuple[float, float], count: int
) -> tuple[Road, ...]:
    """Service roads along the yard, and sometimes a level crossing."""
    points = _track_points(tracks)
    made = []
    for _ in range(count):
        colour = palette.vary(rng, palette.pick(rng, (palette.ASPHALT, palette.CONCRETE, *palette.DIRT)), 0.15)
        if len(tracks) > MOST_CROSSED or rng.random() < 0.75:
            line = _along_the_edge(rng, tracks, points, float(rng.uniform(5, 25)))
        else:
            middle = points[int(rng.integers(len(points)))]
            angle = _heading(tracks) + np.pi / 2 + rng.normal(0, 0.2)
            reach = np.array([np.cos(angle), np.sin(angle)]) * max(size_m)
            line = np.array([middle - reach, middle + reach])
        made.append(Road(line, float(rng.uniform(3, 8)), colour))
    return tuple(made)


def _along_the_edge(
    rng: np.random.Generator, tracks: tuple[RenderedTrack, ...], points: Points, off_m: float
) -> Points:
    """A line that follows the yard, `off_m` beyond its outermost track on one side."""
    heading = _heading(tracks)
    axis, normal = np.array([np.cos(heading), np.sin(heading)]), np.array([-np.sin(heading), np.cos(heading)])
    side = float(rng.choice([-1, 1]))
    along, across = points @ axis, side * (points @ normal)
    places = np.arange(along.min(), along.max() + 20, 20)
    outermost = np.array([across[np.abs(along - place) < 21].max(initial=-np.inf) for place in places])
    seen = np.isfinite(outermost)
    edge = np.convolve(np.pad(outermost[seen], 2, mode="edge"), np.ones(5) / 5, mode="valid")
    edge = np.maximum(edge, outermost[seen]) + off_m
    return np.asarray(places[seen, None] * axis + side * edge[:, None] * normal, np.float64)


def _heading(tracks: tuple[RenderedTrack, ...]) -> float:
    longest = max(tracks, key=lambda track: distances(track.points_m)[-1])
    direction = longest.points_m[-1] - longest.points_m[0]
    return float(np.arctan2(direction[1], direction[0]))


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(1 << 30))

"""Looks with different cars give the ground without cars, and nothing where no ground was seen."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from railwatch.services.detector.alignment.radiometry import fit_radiometry
from railwatch.services.detector.alignment.registration import register
from railwatch.services.detector.composites.footprints import under_cars
from railwatch.services.detector.composites.measure import CHANGED_M2, changed_m2, fits
from railwatch.services.detector.composites.merging import Composite, as_geotiff, merge
from railwatch.services.detector.imagery.geotiff import read_raster
from railwatch.services.detector.imagery.outlines import covered
from railwatch.services.detector.imagery.raster import Raster, harmonise
from railwatch.services.detector.tracks.centrelines import corridor, project
from railwatch.shared.counts import Sun
from tests.support.yard_looks import cars_in, yard
from tests.support.yard_year import YearLook


def without_cars(look: YearLook) -> Raster:
    year, _ = yard()
    raster = read_raster(look.file)
    return replace(
        raster, valid=raster.valid & ~under_cars(raster, cars_in(look), year.site.tracks, look.picture.look.sun)
    )


def loading(pictures: list[Raster]) -> list[Callable[[], Raster]]:
    return [partial(replace, picture) for picture in pictures]


@cache
def merged() -> Composite:
    year, looks = yard()
    composite = merge(loading([without_cars(look) for look in looks]), year.site.tracks)
    assert composite is not None
    return composite


def on_tracks(raster: Raster, half_width_m: float = 1.5) -> NDArray[np.bool_]:
    year, _ = yard()
    return corridor(project(year.site.tracks, raster), raster, half_width_m)


def test_cars_and_their_shadows_are_hidden() -> None:
    year, looks = yard()
    raster = read_raster(looks[0].file)
    bodies = covered([truth.outline_m / raster.gsd_m - 0.5 for truth in looks[0].picture.cars], raster.shape)
    noon = Sun(azimuth_deg=180, elevation_deg=45)

    hidden = under_cars(raster, cars_in(looks[0]), year.site.tracks, noon)

    assert hidden[bodies].mean() > 0.97
    north_px = round(4 / raster.gsd_m)
    assert hidden[np.roll(bodies, -north_px, axis=0)].mean() > 0.9, "four metres north of them lies shadow"
    assert not under_cars(raster, (), year.site.tracks, noon).any()


def test_five_looks_with_different_cars_give_the_empty_ground() -> None:
    year, looks = yard()
    empty, composite = read_raster(year.empty), merged().picture
    first = read_raster(looks[0].file)

    def error(picture: Raster) -> float:
        """Mean difference from the empty yard along the tracks, in its light."""
        found = fits_onto(picture, empty)
        along = on_tracks(empty) & found.valid
        return float(np.abs(found.luminance() - empty.luminance())[along].mean())

    assert composite.valid[on_tracks(composite)].mean() > 0.6
    assert error(composite) < 0.7 * error(first)


def fits_onto(picture: Raster, empty: Raster) -> Raster:
    along = on_tracks(empty, 4.0)
    moved = register(empty, harmonise(picture, empty), along).baseline
    return fit_radiometry(empty, moved, along).apply(moved)


def test_the_shares_say_which_look_gave_the_ground() -> None:
    shares = merged().shares

    assert sum(shares) == pytest.approx(1, abs=1e-6)
    assert all(share > 0.05 for share in shares)


def test_a_car_that_never_leaves_does_not_become_ground() -> None:
    year, looks = yard()
    pictures = [without_cars(look) for look in looks]
    stays = on_tracks(pictures[0])
    stays[:, : stays.shape[1] // 2] = False
    hidden = [replace(picture, valid=picture.valid & ~stays) for picture in pictures[:1]]
    rest = [replace(picture, valid=picture.valid & ~stays_in(picture, stays)) for picture in pictures[1:]]

    composite = merge(loading([*hidden, *rest]), year.site.tracks)

    assert composite is not None
    assert composite.picture.valid[stays].mean() < 0.15


def stays_in(picture: Raster, stays: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The same ground in a picture that is displaced by a few pixels."""
    return np.asarray(ndimage.binary_dilation(stays, iterations=8))


def test_a_car_that_was_missed_once_does_not_become_ground() -> None:
    year, looks = yard()
    missed = read_raster(looks[0].file)
    composite = merge(loading([missed, *(without_cars(look) for look in looks[1:])]), year.site.tracks)
    assert composite is not None
    bodies = covered([truth.outline_m / missed.gsd_m - 0.5 for truth in looks[0].picture.cars], missed.shape)
    along = bodies & on_tracks(missed) & composite.picture.valid & merged().picture.valid

    apart = np.abs(composite.picture.luminance() - merged().picture.luminance())[along]

    missed_apart = np.abs(missed.luminance() - merged().picture.luminance())[along]
    assert apart.mean() < 0.35 * missed_apart.mean()


def test_the_file_says_what_the_composite_shows() -> None:
    composite = merged().picture

    again = read_raster(as_geotiff(composite))

    assert again.shape == composite.shape
    assert again.transform == composite.transform
    assert (again.valid == composite.valid).all()
    scale = composite.pixels[:, composite.valid].mean() / again.pixels[:, again.valid].mean()
    assert np.abs(scale * again.pixels - composite.pixels)[:, composite.valid].max() < 0.01
    assert not again.pixels[:, ~again.valid].any()


def test_ballast_keeps_its_tone_where_the_grass_beside_it_has_turned() -> None:
    """Looks of two seasons: brown grass and green, between them the same ballast."""
    year, looks = yard()
    first, *others = (without_cars(look) for look in looks)
    along = on_tracks(first, 4.0)
    turned = [green_beside(picture) for picture in others]

    composite = merge(loading([first, *turned]), year.site.tracks)

    assert composite is not None
    shown = along & composite.picture.valid & first.valid
    apart = (composite.picture.pixels - first.pixels)[:, shown].mean(axis=1)
    assert np.abs(apart).max() < 0.02


def green_beside(picture: Raster) -> Raster:
    """The picture with less red and blue beside the tracks."""
    beside = ~on_tracks(picture, 4.0)
    factors = np.array([0.6, 1.15, 0.6], np.float32)[:, None, None]
    return replace(picture, pixels=np.where(beside, factors * picture.pixels, picture.pixels))


def test_fewer_than_three_looks_that_fit_are_no_composite() -> None:
    year, looks = yard()
    first, second = (without_cars(look) for look in looks[:2])
    elsewhere = replace(second, pixels=second.pixels[:, ::-1, ::-1].copy())

    assert merge(loading([first, second, elsewhere]), year.site.tracks) is None


def test_a_new_building_is_ground_that_changed() -> None:
    year, looks = yard()
    old, new, look = (read_raster(looks[number].file) for number in (0, 1, 2))
    built, seen = with_building(new), with_building(look)

    changed = changed_m2(fits(old, seen, year.site.tracks), fits(built, seen, year.site.tracks))

    assert changed > CHANGED_M2
    same = changed_m2(fits(old, look, year.site.tracks), fits(new, look, year.site.tracks))
    assert same < CHANGED_M2


def with_building(picture: Raster) -> Raster:
    """A striped hall of 30 x 40 m beside the tracks."""
    beside = ndimage.distance_transform_edt(~on_tracks(picture, 4.0)) * picture.gsd_m
    rows, cols = (round(side / picture.gsd_m) for side in (30, 40))
    margin = round(12 / picture.gsd_m)
    free = ndimage.minimum_filter(beside, (rows, cols))
    free[: rows // 2 + margin], free[-rows // 2 - margin :] = 0, 0
    free[:, : cols // 2 + margin], free[:, -cols // 2 - margin :] = 0, 0
    row, col = np.unravel_index(int(free.argmax()), free.shape)
    place = np.s_[:, row - rows // 2 : row + rows // 2, col - cols // 2 : col + cols // 2]
    pixels = picture.pixels.copy()
    stripes = 0.35 + 0.4 * ((np.arange(cols // 2 * 2) // 6) % 2)
    pixels[place] = stripes[None, None]
    return replace(picture, pixels=pixels)

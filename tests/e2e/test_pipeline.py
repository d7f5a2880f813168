"""From ingest's API to the webhook: all three services as processes, on pixels."""

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import shapely
from typer.testing import CliRunner

from railwatch.cli import app
from railwatch.demo.system import System, running_services
from railwatch.render import Picture, RenderedLook, RenderedSite, geotiff, render_look, site_ground, tracks_geojson
from railwatch.render.canvas import Frame
from railwatch.render.consist import park
from railwatch.render.ground import Ground
from railwatch.render.light import sun_position
from railwatch.render.yard import lay_tracks
from railwatch.services.alerting.delivery.signature import verify
from railwatch.services.detector.imagery.geotiff import read_raster
from railwatch.shared.events import AlertEvent, CountEvent
from tests.support.bus import eventually, kafka_settings_of, topic_view
from tests.support.receivers import receiver

SECRET = "0123456789abcdef-desk"
FIRST = datetime(2024, 5, 1, 3, 0, tzinfo=UTC)
QUIET = (2, 3, 0, 4, 2, 1, 3, 2, 4, 3)
SURGE = 24


@cache
def yard() -> RenderedSite:
    frame = Frame(size_px=(420, 640), gsd_m=0.5, supersample=2, margin_m=14.0)
    tracks = lay_tracks(
        np.random.default_rng(5), frame.size_m, "parallel", 5, heading_rad=0.15, spacing_m=5.0, lateral_error_m=0.4
    )
    return RenderedSite(frame=frame, longitude_deg=30.5, latitude_deg=50.4, tracks=tracks)


@cache
def ground() -> Ground:
    return site_ground(yard())


def look(day: int, cars: int) -> Picture:
    """A clear look at the yard with about so many cars."""
    at = FIRST + timedelta(days=day)
    site = yard()
    standing = park(np.random.default_rng(day), site.tracks, cars, fleet="korean")
    sun = sun_position(at, site.longitude_deg, site.latitude_deg)
    return render_look(site, RenderedLook(observed_at=at, sun=sun, cars=standing, seed=day), ground())


def shown() -> dict[str, Any]:
    """What every look shows, a little within its edges: tracks that end outside would be waited for."""
    picture = read_raster(geotiff(look(0, 0)))
    rows, cols = picture.shape
    ring = np.array([[10, 10], [cols - 11, 10], [cols - 11, rows - 11], [10, rows - 11], [10, 10]], dtype=float)
    polygon = {"type": "Polygon", "coordinates": [picture.to_lonlat(ring).tolist()]}
    return {"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {}, "geometry": polygon}]}


def write_site(directory: Path, site: str, tracks: dict[str, Any]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{site}.geojson").write_text(json.dumps(tracks))
    (directory / f"{site}-area.geojson").write_text(json.dumps(shown()))
    (directory / f"{site}.yaml").write_text(
        f"id: {site}\nname: The {site} yard\ntracks: {site}.geojson\narea: {site}-area.geojson\n"
    )


def push(system: System, at: datetime, image: bytes, role: str = "observation") -> httpx.Response:
    return httpx.post(
        f"{system.urls['ingest']}/v1/scenes",
        headers={"Authorization": f"Bearer {system.token}"},
        files={"file": ("scene.tif", image, "image/tiff")},
        data={"metadata": json.dumps({"observed_at": at.isoformat(), "role": role})},
        timeout=60,
    )


def judged(ingest: str, token: str, scene: str) -> dict[str, Any] | None:
    """What was found in a scene's look, once ingest says that it is judged."""
    answer = httpx.get(f"{ingest}/v1/scenes/{scene}", headers={"Authorization": f"Bearer {token}"}, timeout=30)
    standing = answer.raise_for_status().json()
    return standing["sites"][0]["at_alerting"]["judgement"] if standing["state"] == "judged" else None


def check_cars(alerting: str, surge: Picture) -> None:
    """The cars of a surge that was pushed are those that were drawn, at their places, in every form."""
    asked: dict[str, str | int] = {"site": "made-up", "from": surge.look.observed_at.isoformat(), "limit": 500}
    cars = httpx.get(f"{alerting}/v1/cars", params=asked, timeout=30).raise_for_status().json()["items"]
    (look,) = httpx.get(f"{alerting}/v1/looks", params=asked, timeout=30).raise_for_status().json()["items"]
    assert (look["state"], look["quality"]) == ("alert", "ok")
    assert len(cars) == pytest.approx(look["count"], abs=2)
    assert len(cars) == pytest.approx(surge.count, rel=0.15)
    ground = shapely.from_geojson(json.dumps(shown()["features"][0]["geometry"]))
    assert all(ground.contains(shapely.Point(car["lon"], car["lat"])) for car in cars)
    features = httpx.get(f"{alerting}/v1/cars", params={**asked, "f": "geojson"}, timeout=30).json()["features"]
    assert [feature["id"] for feature in features] == [car["id"] for car in cars]
    baselines = {car["baseline"] for car in cars}
    assert baselines == set(look["baselines"]) != {"none"}


def test_a_surge_pushed_to_ingest_reaches_the_webhook_once_with_its_proof(
    tmp_path: Path, kafka_environment: dict[str, str], redis_environment: dict[str, str]
) -> None:
    write_site(tmp_path / "sites", "made-up", tracks_geojson(yard()))
    with receiver() as desk:
        settings = {
            **kafka_environment,
            **redis_environment,
            "RAILWATCH_WEBHOOK_URLS": f"desk={desk.url}",
            "RAILWATCH_WEBHOOK_SECRETS": f"desk={SECRET}",
        }
        with running_services(tmp_path, settings) as system:
            assert push(system, FIRST, geotiff(look(0, 0)), role="baseline").status_code == 201
            for number, cars in enumerate(QUIET, start=1):
                quiet = look(3 * number, cars)
                assert push(system, quiet.look.observed_at, geotiff(quiet)).status_code == 201
            surge = look(3 * len(QUIET) + 3, SURGE)
            surge_at = surge.look.observed_at
            assert push(system, surge_at, geotiff(surge)).status_code == 201
            assert push(system, surge_at, geotiff(surge)).status_code == 200, "the same scene again is known"
            eventually(lambda: desk.requests, "the webhook is called")

            [request] = desk.requests
            assert verify(SECRET, request.body, request.headers)
            alert = AlertEvent.model_validate(request.json["data"])
            assert alert.site == "made-up"
            assert alert.opened_at == surge_at
            assert alert.look.count is not None
            assert alert.look.threshold is not None
            assert alert.look.count > alert.look.threshold
            assert sum(before.count is not None for before in alert.history) >= 8
            page = httpx.get(alert.page_url, timeout=30)
            assert page.status_code == 200
            assert alert.sentence in page.text
            [evidence] = alert.evidence
            assert set(evidence.pictures) == {"baseline", "tile", "difference", "cars"}
            shown = f"{system.urls['alerting']}/v1/alerts/{alert.alert}"
            for picture in evidence.pictures.values():
                found = httpx.get(f"{shown}/pictures/{picture.sha256}", timeout=30)
                assert found.headers["content-type"].startswith("image/")
                assert len(found.content) == picture.size_bytes
            check_cars(system.urls["alerting"], surge)


def test_a_pair_that_a_provider_pushed_is_counted_against_its_baseline(
    tmp_path: Path, kafka_environment: dict[str, str], redis_environment: dict[str, str]
) -> None:
    full = look(2, 30)
    write_site(tmp_path / "sites", "made-up", tracks_geojson(yard()))
    with (
        topic_view(kafka_settings_of(kafka_environment), CountEvent) as counts,
        running_services(tmp_path, {**kafka_environment, **redis_environment}) as system,
    ):
        assert push(system, FIRST, geotiff(look(1, 0)), role="baseline").status_code == 201
        assert push(system, FIRST + timedelta(days=1), geotiff(full)).status_code == 201
        eventually(lambda: counts.ids(), "the tile is counted")
        [event] = counts.events()
        assert event.baseline is not None, "it was differenced"
        where = (system.urls["ingest"], system.token)
        eventually(lambda: judged(*where, event.scene), "the look is judged")
        (tmp_path / "again.tif").write_bytes(geotiff(full))
        when = (FIRST + timedelta(days=1)).isoformat()
        command = (
            "push",
            tmp_path / "again.tif",
            "--observed-at",
            when,
            "--wait",
            "--url",
            where[0],
            "--token",
            where[1],
        )
        done = CliRunner().invoke(app, [str(argument) for argument in command])
        assert done.exit_code == 0, done.output
        assert f"taken as {event.scene}: made-up (1 tile), known before" in done.output
        assert f"{event.scene}: made-up: {event.result.count:.0f} cars (" in done.output
        assert ": learning" in done.output
        assert event.result.count == pytest.approx(full.count, rel=0.1), event.result.reasons

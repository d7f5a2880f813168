"""Rows of products: what is known, under the names of `products.columns`, with the place where it is."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from shapely import Point
from shapely.geometry.base import BaseGeometry

from railwatch.services.alerting.history.cars import CountedCar
from railwatch.services.alerting.products.looks import SiteLook
from railwatch.services.alerting.products.said import Said, said_of_alert, said_of_cars, said_of_look
from railwatch.services.alerting.state.records import SiteStatus
from railwatch.shared.counts import BaselineRef, Quality
from railwatch.shared.events import AlertEvent, CountEvent, JudgedLook, Look, MissedLookEvent, VerdictEvent
from railwatch.shared.sites import Site

# Between the parts of an id. No part of one has it.
PART = ":"


@dataclass(frozen=True)
class Row:
    """One row of a product.

    Attributes:
        geometry: where it is, longitude and latitude; null for an alert of a site that is not in the catalogue.
        values: its properties, by the names of the product's columns, without those that are null.
    """

    geometry: BaseGeometry | None
    values: Mapping[str, Any]

    @property
    def id(self) -> str:
        """Its id, unique in its product."""
        return str(self.values["id"])


def site_row(site: Site, status: SiteStatus | None, missed: Iterable[MissedLookEvent], public_url: str) -> Row:
    """A site and how it stands."""
    values: dict[str, Any] = {
        "id": site.id,
        "name": site.name,
        "missed": [event.miss.value for event in missed if event.stands],
        "tracks": len(site.tracks),
        "track_length_m": round(site.track_length_m, 1),
        "tiles": len(site.cells()),
        "page_url": f"{public_url}/sites/{site.id}",
    }
    if status is not None:
        values |= {
            "state": status.state.value,
            "last_look_at": status.last_look_at,
            "alert": status.alert,
            "look_due_at": status.look_due_at,
        }
        if status.judged is not None:
            values |= _numbers(status.judged)
    return Row(site.polygon, _known(values))


def look_id(look: SiteLook) -> str:
    """The id of a look."""
    return PART.join((look.site.id, look.seen.scene))


def look_row(look: SiteLook, public_url: str) -> Row:
    """A look. Where the archive lacks its counts, quality and provenance are null."""
    seen, judgement, events = look.seen, look.judgement, look.events
    sensors = {event.sensor for event in events if event.sensor}
    values = {
        "id": look_id(look),
        "site": look.site.id,
        "site_name": look.site.name,
        "last_frame_at": seen.last_frame_at,
        "sensor": next(iter(sensors)) if len(sensors) == 1 else None,
        **_numbers(judgement or seen),
        "quality": _quality(look),
        "reasons": _each(reason for event in events for reason in event.result.reasons),
        "missing_tiles": list(seen.missing_tiles),
        "state": judgement and judgement.state.value,
        "no_state": look.no_state and look.no_state.value,
        "alert": look.alert,
        "archival": judgement.archival if judgement else None,
        "counted_at": seen.counted_at,
        "scenes": list(seen.scenes),
        **_provenance((event.result.algorithm, event.baseline, event.image.sha256) for event in events),
        "events": [event.id for event in events],
        "remarks": list(seen.remarks),
        **said_of_look(look.verdicts),
        "page_url": f"{public_url}/sites/{look.site.id}/looks/{seen.scene}",
    }
    return Row(look.site.polygon, _known(values))


def car_rows(look: SiteLook) -> Iterator[Row]:
    """The cars of a look, each once."""
    said = said_of_cars(look)
    for found in look.cars:
        yield _car_row(look, found, said(found))


def _car_row(look: SiteLook, found: CountedCar, said: Said) -> Row:
    event, car = found.event, found.car
    values = {
        "id": car_id(event, found.number),
        "site": look.site.id,
        "site_name": look.site.name,
        "look": look_id(look),
        "scene": event.scene,
        "tile": event.tile,
        "track": found.track,
        "observed_at": event.observed_at,
        "sensor": event.sensor,
        "lon": car.lon,
        "lat": car.lat,
        "length_m": car.length_m,
        "along_m": car.along_m,
        "probability": car.probability,
        "kind": car.kind and car.kind.value,
        "kind_probability": car.kind_probability,
        "tile_count": event.result.count,
        "tile_low": event.result.low,
        "tile_high": event.result.high,
        "tile_coverage": event.result.coverage,
        "quality": event.result.quality.value,
        "reasons": list(event.result.reasons),
        "algorithm": event.result.algorithm,
        "baseline": _baseline(event.baseline),
        "image": event.image.sha256,
        "event": event.id,
        "recorded_at": event.recorded_at,
        **said,
    }
    return Row(Point(car.lon, car.lat), _known(values))


def car_id(event: CountEvent, number: int) -> str:
    """The id of a car, by its count and its number there."""
    return PART.join((event.site, event.scene, event.tile, str(number)))


def alert_state(event: AlertEvent) -> str:
    """How an alert stands after its last event: `standing`, `resolved` or `retracted`."""
    return "standing" if event.stands else event.transition.value


def picture_url(event: AlertEvent) -> str | None:
    """The address of a tile of the look with each counted car drawn; null if there is no such picture."""
    drawn = next((item.pictures["cars"] for item in event.evidence if "cars" in item.pictures), None)
    public_url = event.page_url.rpartition("/alerts/")[0]
    return f"{public_url}/v1/alerts/{event.alert}/pictures/{drawn.sha256}" if drawn else None


def alert_row(event: AlertEvent, site: Site | None, verdict: VerdictEvent | None) -> Row:
    """An alert after its last event, with the verdict on it that holds."""
    onset = event.onset
    values = {
        "id": event.alert,
        "site": event.site,
        "site_name": event.site_name,
        "state": alert_state(event),
        "severity": event.severity.value,
        "opened_at": event.opened_at,
        "recorded_at": event.recorded_at,
        "transition": event.transition.value,
        "sequence": event.sequence,
        "reason": event.reason,
        "onset_at": onset and onset.at,
        "onset_low": onset and onset.low,
        "onset_high": onset and onset.high,
        **_numbers(event.look),
        "missing_tiles": list(event.missing_tiles),
        "scenes": _each(item.scene for item in event.evidence),
        **_provenance((item.algorithm, item.baseline, item.image.sha256) for item in event.evidence),
        **said_of_alert(verdict),
        "sentence": event.sentence,
        "page_url": event.page_url,
        "picture_url": picture_url(event),
    }
    return Row(site.polygon if site else None, _known(values))


def _numbers(look: Look) -> dict[str, Any]:
    values = {name: getattr(look, name) for name in ("observed_at", "count", "low", "high", "coverage")}
    if isinstance(look, JudgedLook):
        values |= {name: getattr(look, name) for name in ("expected", "threshold", "p_value")}
    if look.occupied is not None:
        values |= {
            "occupied_m": look.occupied.occupied_m,
            "occupied_low_m": look.occupied.low_m,
            "occupied_high_m": look.occupied.high_m,
            "cars_low": look.occupied.cars_low,
            "cars_high": look.occupied.cars_high,
        }
    if look.recalibrated is not None:
        values |= {
            "recalibrated_count": look.recalibrated.count,
            "recalibrated_low": look.recalibrated.low,
            "recalibrated_high": look.recalibrated.high,
            "recalibrated_looks": look.recalibrated.verdicts,
        }
    return values


def _quality(look: SiteLook) -> str | None:
    """The quality of a look: that of its tiles, if they agree; `partial` if they do not, or some are missing."""
    if look.seen.count is None:
        return Quality.REJECTED.value
    found = {event.result.quality for event in look.events}
    if not found:
        return None
    return Quality.OK.value if found == {Quality.OK} and not look.seen.missing_tiles else Quality.PARTIAL.value


def _provenance(counted: Iterable[tuple[str, BaselineRef | None, str]]) -> dict[str, list[str]]:
    found = list(counted)
    return {
        "algorithms": _each(algorithm for algorithm, _, _ in found),
        "baselines": _each(_baseline(baseline) for _, baseline, _ in found),
        "images": [image for _, _, image in found],
    }


def _baseline(baseline: BaselineRef | None) -> str:
    return f"{baseline.id}@{baseline.version}" if baseline else "none"


def _each(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}

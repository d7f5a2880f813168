"""Which acquisition a delivery shows, so that each of them is one scene in the events.

Providers deliver an acquisition again after new processing, sometimes under another id, sometimes with another time.
And some use one id for several acquisitions. What came before over a site decides:

1. the same pixels under the same id are the same acquisition, whatever its time: the time was corrected;
2. the same ground under the same id, at about the same time, is the same acquisition: the processing is new;
3. the same pixels under another id, at about the same time, are the same acquisition;
4. anything else is an acquisition of its own. If its id is in use, its time is added to it.

Alerting takes the last count of each tile of a scene. So the last delivery of an acquisition is the one that is valid.
"""

import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from pydantic import TypeAdapter
from shapely import box
from shapely.geometry.base import BaseGeometry

from railwatch.services.ingest.scenes.claims import Claims
from railwatch.services.ingest.scenes.metadata import slug
from railwatch.shared.counts import Frozen, UtcDatetime
from railwatch.shared.events import Slug, TileRole, derived_id

# What satellites of one orbit see of one place is at least an orbit apart, some 90 minutes. The times that a provider
# gives for one acquisition are minutes apart: its start, its middle, its end.
ONE_ACQUISITION = timedelta(minutes=10)
# A delivery replaces another one if both show the same ground: this share of what they show together. What shows less
# is a frame of its own. Alerting joins frames, so that nothing that the other one showed is lost.
SAME_GROUND = 0.9
# Deliveries under one id, or with the same pixels, that are remembered. Only an id that means nothing has more.
REMEMBERED = 64


class Delivery(Frozen):
    """What came under some id over one site.

    Attributes:
        observed_at: when the satellite saw it.
        scene: the scene id in its events.
        pixels: derived from all its tiles.
        bounds: west, south, east and north of the ground that it shows, degrees.
    """

    observed_at: UtcDatetime
    scene: Slug
    pixels: str
    bounds: tuple[float, float, float, float]


class Named(NamedTuple):
    """A delivery whose acquisition is known, and a remark on what came before."""

    delivery: Delivery
    remark: str | None


# Two scenes that come at one moment must not both take a name that is free.
_ONE_AT_A_TIME = threading.Lock()
_DELIVERIES = TypeAdapter(tuple[Delivery, ...])


class Acquisitions:
    """The deliveries of one site and role that come under one id."""

    def __init__(self, claims: Claims, site: str, role: TileRole, scene: str) -> None:
        self._claims = claims
        self._place = (site, role.value)
        self._id = scene

    def enter(self, observed_at: UtcDatetime, tiles: Sequence[str], ground: BaseGeometry) -> Named:
        """Finds out which acquisition a delivery shows, and remembers it.

        If the delivery cannot be published now, it comes again and has the same name.

        Args:
            observed_at: when the satellite saw it.
            tiles: the checksums of its tiles, with the cells.
            ground: what it shows around the site, longitude and latitude.

        Raises:
            TransientError: Redis is away.
        """
        with _ONE_AT_A_TIME:
            named = self._name(observed_at, tiles, ground)
            self._keep(named.delivery)
        return named

    def _name(self, observed_at: UtcDatetime, tiles: Sequence[str], ground: BaseGeometry) -> Named:
        new = Delivery(observed_at=observed_at, scene=self._id, pixels=derived_id(*tiles), bounds=tuple(ground.bounds))
        under_id, of_pixels = self._read("id", self._id), self._read("pixels", new.pixels)
        for held in under_id:
            if held.pixels == new.pixels:
                return Named(new.model_copy(update={"scene": held.scene}), None)
        for held in under_id:
            if _near(held, new) and _same_ground(held, new):
                replaced = f"It replaces what came before as scene {held.scene}."
                return Named(new.model_copy(update={"scene": held.scene}), replaced)
        before = min(of_pixels, key=lambda held: abs(held.observed_at - new.observed_at), default=None)
        if before and _near(before, new):
            dated = "" if before.observed_at == new.observed_at else f", dated {before.observed_at.isoformat()}"
            same = f"The same pixels came before as scene {before.scene}{dated}."
            return Named(new.model_copy(update={"scene": before.scene}), f"{same} It is the same look.")
        remark = f"The same pixels came before as scene {before.scene}." if before else None
        if under_id:
            new = new.model_copy(update={"scene": self._unused({held.scene for held in under_id}, new)})
            remark = f"The id {self._id} has another acquisition already; this one is scene {new.scene}."
        return Named(new, remark)

    def _keep(self, delivery: Delivery) -> None:
        for kind, name in (("id", self._id), ("pixels", delivery.pixels)):
            others = [held for held in self._read(kind, name) if held != delivery]
            kept = (*others, delivery)[-REMEMBERED:]
            self._claims.put(self._note(kind, name), _DELIVERIES.dump_json(kept).decode())

    def _unused(self, used: set[str], new: Delivery) -> str:
        dated = f"{self._id}-{new.observed_at:%Y%m%dT%H%M%SZ}"
        names = (slug(dated if number == 1 else f"{dated}-{number}") for number in range(1, len(used) + 2))
        return next(name for name in names if name not in used)

    def _read(self, kind: str, name: str) -> tuple[Delivery, ...]:
        note = self._claims.get(self._note(kind, name))
        return _DELIVERIES.validate_json(note) if note else ()

    def _note(self, kind: str, name: str) -> str:
        return derived_id("deliveries", *self._place, kind, name)


def _near(one: Delivery, other: Delivery) -> bool:
    return abs(one.observed_at - other.observed_at) <= ONE_ACQUISITION


def _same_ground(one: Delivery, other: Delivery) -> bool:
    ground, also = box(*one.bounds), box(*other.bounds)
    return bool(ground.intersection(also).area >= SAME_GROUND * ground.union(also).area)

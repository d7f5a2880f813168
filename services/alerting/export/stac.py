"""Looks as a static STAC catalogue: below it a collection for each site, with a catalogue for each month.

| path | holds |
| --- | --- |
| `catalog.json` | the catalogue |
| `<site>/collection.json` | the site |
| `<site>/<month>/catalog.json` | its looks of a month |
| `<site>/<month>/<scene>/<scene>.json` | a look |
| `<site>/<month>/<scene>/cars.geojson` | its cars |
| `<site>/<month>/<scene>/<tile>-<picture>.jpg` | its pictures; of several frames, `<scene>-<tile>-<picture>.jpg` |

All links are relative, so that the folder can be put anywhere. The months are there because a browser reads all links
of a catalogue at once.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path

import pystac

from railwatch.services.alerting.export.stac_item import add_cars, add_picture, item_of
from railwatch.services.alerting.products.formats import as_json
from railwatch.services.alerting.products.looks import SiteLook
from railwatch.services.alerting.products.rows import car_rows, look_row
from railwatch.shared.blobs import BlobStore
from railwatch.shared.counts import BlobRef
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.sites import Site

CATALOG, COLLECTION = "catalog.json", "collection.json"


@dataclass
class Written:
    """What was written: looks, pictures, and pictures that the object store has no more."""

    looks: int = 0
    pictures: int = 0
    missing_pictures: int = 0


class Catalogue:
    """A catalogue that is being written.

    Args:
        folder: an empty folder.
        blobs: where the pictures are.
        public_url: where people reach alerting.
    """

    def __init__(self, folder: Path, blobs: BlobStore, public_url: str) -> None:
        self._folder, self._blobs, self._public_url = folder, blobs, public_url
        self.written = Written()

    def write(self, sites: Iterable[tuple[Site, Iterable[SiteLook]]]) -> Written:
        """Write the looks of all sites, each in order of time. Sites without looks are left out.

        Raises:
            DependencyAwayError: the object store does not answer.
        """
        root = pystac.Catalog(id="railwatch", description="Looks at monitored rail sites, with the railcars counted.")
        for site, looks in sites:
            collection = self._collection(site, looks)
            if collection is not None:
                root.add_link(pystac.Link("child", f"./{site.id}/{COLLECTION}", "application/json", site.name))
        _save(self._folder / CATALOG, root, f"./{CATALOG}")
        return self.written

    def _collection(self, site: Site, looks: Iterable[SiteLook]) -> pystac.Collection | None:
        months: list[str] = []
        times: list[datetime] = []
        for month, found in groupby(looks, lambda look: f"{look.seen.observed_at:%Y-%m}"):
            times = [*times[:1], *self._month(site, month, found)]
            months.append(month)
        if not times:
            return None
        collection = pystac.Collection(
            id=site.id,
            title=site.name,
            description=f"Looks at {site.name}: how many railcars stand there, with a 90 % interval.",
            license="other",
            extent=pystac.Extent(
                pystac.SpatialExtent([[round(bound, 7) for bound in site.polygon.bounds]]),
                pystac.TemporalExtent([[times[0], times[-1]]]),
            ),
        )
        collection.item_assets = {
            "cars": pystac.ItemAssetDefinition.create(
                title="Railcars that were counted", description=None, media_type="application/geo+json", roles=["data"]
            )
        }
        for month in months:
            collection.add_link(pystac.Link("child", f"./{month}/{CATALOG}", "application/json", month))
        collection.add_link(pystac.Link("parent", f"../{CATALOG}", "application/json"))
        _save(self._folder / site.id / COLLECTION, collection, f"../{CATALOG}")
        return collection

    def _month(self, site: Site, month: str, looks: Iterable[SiteLook]) -> Iterator[datetime]:
        """Write the looks of a month; gives the time of each."""
        catalogue = pystac.Catalog(id=f"{site.id}-{month}", description=f"Looks at {site.name} in {month}.")
        for look in looks:
            scene = look.seen.scene
            self._look(look, self._folder / site.id / month / scene)
            catalogue.add_link(pystac.Link("item", f"./{scene}/{scene}.json", "application/geo+json", scene))
            yield look.seen.observed_at
        catalogue.add_link(pystac.Link("parent", f"../{COLLECTION}", "application/json"))
        _save(self._folder / site.id / month / CATALOG, catalogue, f"../../{CATALOG}")

    def _look(self, look: SiteLook, folder: Path) -> None:
        folder.mkdir(parents=True)
        row = look_row(look, self._public_url)
        item = item_of(look, row)
        if look.frames:
            (folder / "cars.geojson").write_bytes(add_cars(item, list(car_rows(look))))
        for name, picture in _pictures(look):
            try:
                data = self._blobs.get(picture)
            except UnprocessableError:
                self.written.missing_pictures += 1
                continue
            (folder / add_picture(item, name, picture)).write_bytes(data)
            self.written.pictures += 1
        for relation, href in (("root", "../../../"), ("parent", "../"), ("collection", "../../")):
            name = COLLECTION if relation == "collection" else CATALOG
            item.add_link(pystac.Link(relation, f"{href}{name}", "application/json"))
        item.add_link(pystac.Link("alternate", str(row.values["page_url"]), "text/html", "Its page"))
        document = item.to_dict(include_self_link=False, transform_hrefs=False)
        (folder / f"{look.seen.scene}.json").write_bytes(as_json(document))
        self.written.looks += 1


def _pictures(look: SiteLook) -> Iterator[tuple[str, BlobRef]]:
    for event in look.events:
        before = f"{event.scene}-" if len(look.frames) > 1 else ""
        for name, picture in sorted(event.evidence.items()):
            yield f"{before}{event.tile}-{name}", picture


def _save(path: Path, found: pystac.Catalog, root: str) -> None:
    found.clear_links("root")
    found.add_link(pystac.Link("root", root, "application/json"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(as_json(found.to_dict(include_self_link=False, transform_hrefs=False)))

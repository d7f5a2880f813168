"""All products of alerting: their rows, page by page or one by one, as far as somebody may read them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from railwatch.services.alerting.archive.store import Archive
from railwatch.services.alerting.products.columns import Product
from railwatch.services.alerting.products.kept import kept_of
from railwatch.services.alerting.products.looks import Looks, SiteLook
from railwatch.services.alerting.products.query import Cursor, NoSuchAlertError, Query, sites_asked_for
from railwatch.services.alerting.products.rows import PART, Row, alert_row, car_rows, look_row, site_row
from railwatch.services.alerting.state.store import Store
from railwatch.services.alerting.verdicts.corrected import judged_alerts
from railwatch.shared.access import Holder
from railwatch.shared.admission import EVERYONE
from railwatch.shared.events import AlertEvent, VerdictEvent
from railwatch.shared.sites import Site

# Sites that one request looks through. Where few have what is asked for, a page has fewer rows than it may have.
SITES_AT_ONCE = 200


@dataclass(frozen=True)
class Page:
    """Some rows, and what to ask for the next page with; null on the last."""

    rows: tuple[Row, ...]
    next: str | None


@dataclass(frozen=True)
class Products:
    """Where the products come from.

    Attributes:
        store: alerting's state.
        sites: the catalogue.
        archive: the archive of counts.
        span: the longest time from the first to the last frame of a pass.
        public_url: where people reach alerting.
    """

    store: Store
    sites: Mapping[str, Site]
    archive: Archive
    span: timedelta
    public_url: str

    def page(self, product: Product, query: Query, by: Holder, after: str | None, limit: int) -> Page:
        """A page of a product. Sites, looks and cars come in the order of site and time, alerts last opened first.

        Raises:
            BadQueryError: there is no such place to go on.
            TransientError: Redis or the object store does not answer.
            UnprocessableError: the archive is damaged.
        """
        rows: list[Row] = []
        last: str | None = None
        for cursor, row in self._rows(product, query, by, after):
            if len(rows) == limit:
                return Page(tuple(rows), last)
            last = cursor
            if row is None:
                return Page(tuple(rows), last)
            rows.append(row)
        return Page(tuple(rows), None)

    def rows(self, product: Product, query: Query) -> Iterator[Row]:
        """All rows of a product that are asked for, in the order of pages, for who may read everything.

        Raises:
            TransientError: Redis or the object store does not answer.
            UnprocessableError: the archive is damaged.
        """
        if product in (Product.SITES, Product.ALERTS):
            yield from (row for _, row in self._rows(product, query, EVERYONE, None) if row is not None)
            return
        for site in sites_asked_for(self.sites, query):
            for look in self.looks_of(site, query):
                yield from self._rows_of(product, look, query)

    def row(self, product: Product, row_id: str, by: Holder) -> Row | None:
        """One row; null if there is none, or not for this reader."""
        site, _, rest = row_id.partition(PART)
        if product is Product.ALERTS:
            events = [event for event in self.store.latest_of([row_id]) if by.reaches(event.site)]
            return self._alert(events[0]) if events else None
        if product is Product.SITES:
            return self._site(row_id) if by.reaches(row_id) else None
        if not by.reaches(site):
            return None
        look = self.look(site, rest.partition(PART)[0])
        if look is None:
            return None
        return next((row for row in self._rows_of(product, look, Query()) if row.id == row_id), None)

    def look(self, site: str, scene: str) -> SiteLook | None:
        """The look that a scene belongs to; null if there is none."""
        return self._looks(self.sites[site]).of_scene(scene) if site in self.sites else None

    def looks_of(self, site: str, query: Query) -> Iterator[SiteLook]:
        """The looks at a site that are asked for, in order of time."""
        for look in self._looks(self.sites[site]).between(query.since, query.before):
            if query.state is None or (look.judgement is not None and look.judgement.state == query.state):
                yield look

    def _rows(self, product: Product, query: Query, by: Holder, after: str | None) -> Iterator[tuple[str, Row | None]]:
        """The rows after a cursor, each with its own; null in place of a row where a request must end."""
        if product is Product.ALERTS:
            return self._alerts(query, by, after)
        cursor = Cursor.read(after) if after else None
        ids = [site for site in sites_asked_for(self.sites, query) if by.reaches(site)]
        if product is Product.SITES:
            return self._sites(query, ids, cursor)
        return self._of_looks(product, query, ids, cursor)

    def _sites(self, query: Query, ids: list[str], after: Cursor | None) -> Iterator[tuple[str, Row]]:
        statuses, missed = self.store.statuses(), self.store.missed()
        for site_id in ids:
            site, status = self.sites.get(site_id), statuses.get(site_id)
            if site is None or (after is not None and not site_id > after.site):
                continue
            in_state = query.state is None or (status is not None and status.state == query.state)
            if in_state and query.covers(status.last_look_at if status else None):
                yield site_id, site_row(site, status, missed.get(site_id, ()), self.public_url)

    def _site(self, site_id: str) -> Row | None:
        site = self.sites.get(site_id)
        if site is None:
            return None
        return site_row(site, self.store.status(site_id), self.store.missed_at(site_id), self.public_url)

    def _of_looks(
        self, product: Product, query: Query, ids: list[str], after: Cursor | None
    ) -> Iterator[tuple[str, Row | None]]:
        statuses = self.store.statuses() if query.since is not None else {}
        not_seen_since = {site for site, status in statuses.items() if not query.is_since(status.last_look_at)}
        left = [site for site in ids if (after is None or after.leaves(site)) and site not in not_seen_since]
        for site_id in left[:SITES_AT_ONCE]:
            begin = after if after is not None and after.site == site_id else None
            for look in self.looks_of(site_id, query.going_on(begin)):
                for number, row in enumerate(self._rows_of(product, look, query)):
                    cursor = Cursor(site_id, look.seen.observed_at, look.seen.scene, number)
                    if begin is None or cursor.place > begin.place:
                        yield str(cursor), row
        if len(left) > SITES_AT_ONCE:
            yield str(Cursor(left[SITES_AT_ONCE - 1])), None

    def _rows_of(self, product: Product, look: SiteLook, query: Query) -> Iterator[Row]:
        if product is Product.LOOKS:
            return iter((look_row(look, self.public_url),))
        return (row for row in car_rows(look) if query.touches(row.geometry))

    def _looks(self, site: Site) -> Looks:
        return Looks(self.archive, site, kept_of(self.store, site.id), self.span)

    def _alerts(self, query: Query, by: Holder, after: str | None) -> Iterator[tuple[str, Row]]:
        ids = self.store.alerts(query.site, query.since, query.before)
        if after is not None:
            if after not in ids:
                raise NoSuchAlertError(f"There is no alert {after!r} to go on after.")
            ids = ids[ids.index(after) + 1 :]
        judged_at = cache(self._judged_at)
        for event in self.store.latest_of(ids):
            row = alert_row(event, self.sites.get(event.site), judged_at(event.site).get(event.alert))
            if by.reaches(event.site) and query.state in (None, row.values["state"]) and query.touches(row.geometry):
                yield event.alert, row

    def _alert(self, event: AlertEvent) -> Row:
        return alert_row(event, self.sites.get(event.site), self._judged_at(event.site).get(event.alert))

    def _judged_at(self, site: str) -> dict[str, VerdictEvent]:
        return judged_alerts(self.store.verdicts(site))

"""The list of all sites: where they are, and what has changed."""

from railwatch.services.alerting.pages.listing import COLUMNS, Place, Places, listed, worst_first
from railwatch.services.alerting.rule.judgement import State
from railwatch.services.alerting.state.records import SiteStatus
from railwatch.shared.sites import PackedSites
from tests.support.alerting import judged, missed_look, on_day, small_site


def status(state: State, alert: str | None = None) -> SiteStatus:
    return SiteStatus(state=state, last_look_at=on_day(3), judged=judged(2, 7.0), alert=alert)


def test_a_place_is_the_middle_of_the_area() -> None:
    place = Place.of(small_site())
    assert (round(place.lon, 5), round(place.lat, 5)) == (130.61215, 42.416)


def test_places_are_those_of_the_present() -> None:
    assert Places({"a": small_site("a")}).all().keys() == {"a"}
    assert Places(PackedSites.of(small_site("a"), small_site("b"))).all().keys() == {"a", "b"}


def test_sites_with_an_alert_come_first() -> None:
    places = [Place(name, name, 0, 0) for name in ("a", "b", "c")]
    statuses = {"a": status(State.NORMAL), "c": status(State.ALERT, "an-alert")}
    assert [place.id for place in worst_first(places, statuses)] == ["c", "a", "b"]


def test_a_listed_site_says_how_it_stands() -> None:
    place = Place("a", "A", 1.0, 2.0)
    (seen,) = listed([place], {"a": status(State.ALERT, "an-alert")}, {"a": [missed_look()]})
    values = dict(zip(COLUMNS, seen, strict=True))
    assert values["found"] == "7 (5 to 9)"
    assert (values["state"], values["alert"], values["overdue"]) == ("alert", "an-alert", ["look"])
    assert values["judged_at"] == on_day(2).timestamp()
    (never,) = listed([place], {}, {})
    assert dict(zip(COLUMNS, never, strict=True))["state"] == "never"

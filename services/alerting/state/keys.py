"""The names under which alerting keeps its state in Redis, and what they hold.

| key, after `railwatch:alerting:` | type | holds |
| --- | --- | --- |
| `judgements:<site>` | string | the judged history, oldest first: one line of JSON per look (`Judgement`) |
| `record:<site>` | string | the rest of the history, and what was last announced of each alert (`SiteRecord`) |
| `scenes:<site>` | hash | by scene, the last recorded reading of each tile (`SceneRecord`) |
| `evidence:<site>` | hash | by scene, pictures and provenance by tile, of the newest scenes |
| `waiting:<site>` | set | the scenes that wait for tiles, or for other frames of their pass |
| `deadlines` | sorted set | `<site>/<scene>` of these, by the end of their wait |
| `outbox:<site>` | list | events to publish, in order: each its type and its body |
| `unpublished` | set | the sites that have such events |
| `publishing:<site>` | string | who publishes them at the moment |
| `silenced` | hash | by alert id, the end of its silence |
| `known-since` | hash | by site, when it entered the catalogue |
| `missed` | hash | by `<site>/<kind>`, the last event about missed looks |
| `sites` | hash | by site, how it stands (`SiteStatus`) |
| `verdicts:<site>` | string | what people said of its looks and alerts: one line of JSON each (`VerdictEvent`) |
| `taught` | hash | by site with verdicts, what they teach (`Taught`) |
| `alert:<id>` | hash | by sequence number, the alert's events |
| `latest` | hash | by alert id, its last event |
| `alerts` and `alerts:<site>` | sorted set | alert ids, by the time at which they opened |
| `standing` | set | ids of the alerts that stand |
| `progress` | hash | by `<topic>/<partition>`, an offset: the state holds all that comes of the records before it |
| `rebuilding` | string | who rebuilds all this at the moment |
| `schema-version` | string | the version of all this (`railwatch.services.alerting.state.schema_version`) |
| `incarnation` | hash | the mark by which services see that state was lost (`railwatch.shared.incarnation`) |

`redis-cli get railwatch:alerting:judgements:<site>` shows a site's history.
"""

from railwatch.shared.events import ActEvent, AlertEvent, Event, Miss, MissedLookEvent, VerdictEvent
from railwatch.shared.state import key

DEADLINES = key("alerting", "deadlines")
UNPUBLISHED = key("alerting", "unpublished")
SILENCED = key("alerting", "silenced")
SITES = key("alerting", "sites")
KNOWN_SINCE = key("alerting", "known-since")
MISSED = key("alerting", "missed")
TAUGHT = key("alerting", "taught")
ALERTS = key("alerting", "alerts")
LATEST = key("alerting", "latest")
STANDING_ALERTS = key("alerting", "standing")
PROGRESS = key("alerting", "progress")
REBUILDING = key("alerting", "rebuilding")
SCHEMA_VERSION_KEY = key("alerting", "schema-version")

_ANNOUNCED: dict[str, type[Event]] = {
    event.TYPE: event for event in (AlertEvent, MissedLookEvent, VerdictEvent, ActEvent)
}


def site_key(kind: str, site: str) -> str:
    """The name of a key that holds one kind of state of one site."""
    return key("alerting", kind, site)


def record_keys(site: str) -> tuple[str, str]:
    """The names of the keys that hold a site's record: all but the judgements, and the judgements."""
    return site_key("record", site), site_key("judgements", site)


def verdicts_key(site: str) -> str:
    """The name of the key that holds the verdicts on a site's looks and alerts."""
    return site_key("verdicts", site)


def alert_key(alert: str) -> str:
    """The name of the key that holds an alert's events."""
    return key("alerting", "alert", alert)


def missed_field(site: str, miss: Miss) -> str:
    """Where the last event about missed looks of one kind is kept."""
    return f"{site}/{miss}"


def waiting_key(site: str) -> str:
    """The name of the key that holds the scenes of a site that wait for more of their pass."""
    return site_key("waiting", site)


def waiting_member(site: str, scene: str) -> str:
    """The name of a scene that waits for more of its pass, among the deadlines."""
    return f"{site}/{scene}"


def outbox_item(event: Event) -> str:
    """An event in the outbox: its type, and its body."""
    return f"{event.TYPE} {event.model_dump_json()}"


def outbox_event(item: str) -> Event:
    """The inverse of `outbox_item`."""
    event_type, _, body = item.partition(" ")
    return _ANNOUNCED[event_type].model_validate_json(body)

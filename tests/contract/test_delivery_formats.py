"""What receivers are sent, against the contracts that they rely on."""

import json
from datetime import datetime, timedelta

import jsonschema
import pytest

from railwatch.services.alerting.delivery.formats import (
    alertmanager_alerts,
    alertmanager_webhook,
    cloudevent,
)
from railwatch.shared.events import STANDING, AlertEvent, MissedLookEvent, Severity, Transition
from railwatch.shared.schemas import schema_path
from tests.support.alerting import RECORDED, alert_event, missed_look

NOW = RECORDED + timedelta(minutes=3)
HOLD = timedelta(minutes=4)

STRINGS = {"type": "object", "additionalProperties": {"type": "string"}}
POSTABLE_ALERTS = {
    "description": "postableAlerts of Alertmanager's OpenAPI v2, api/v2/openapi.yaml",
    "type": "array",
    "items": {
        "type": "object",
        "required": ["labels"],
        "properties": {
            "labels": STRINGS,
            "annotations": STRINGS,
            "startsAt": {"type": "string", "format": "date-time"},
            "endsAt": {"type": "string", "format": "date-time"},
            "generatorURL": {"type": "string", "format": "uri"},
        },
        "additionalProperties": False,
    },
}
WEBHOOK_V4 = {
    "description": "Alertmanager's documentation of webhook_config, version 4",
    "type": "object",
    "required": [
        "version",
        "groupKey",
        "truncatedAlerts",
        "status",
        "receiver",
        "groupLabels",
        "commonLabels",
        "commonAnnotations",
        "externalURL",
        "alerts",
    ],
    "properties": {
        "version": {"const": "4"},
        "groupKey": {"type": "string"},
        "truncatedAlerts": {"type": "integer"},
        "status": {"enum": ["firing", "resolved"]},
        "receiver": {"type": "string"},
        "groupLabels": STRINGS,
        "commonLabels": STRINGS,
        "commonAnnotations": STRINGS,
        "externalURL": {"type": "string"},
        "alerts": {
            "type": "array",
            "items": {
                "type": "object",
                "required": [
                    "status",
                    "labels",
                    "annotations",
                    "startsAt",
                    "endsAt",
                    "generatorURL",
                    "fingerprint",
                ],
                "properties": {
                    "status": {"enum": ["firing", "resolved"]},
                    "labels": STRINGS,
                    "annotations": STRINGS,
                    "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
                },
                "additionalProperties": True,
            },
        },
    },
    "additionalProperties": False,
}


@pytest.mark.parametrize("transition", Transition)
def test_alertmanager_gets_alerts_as_its_api_says(transition: Transition) -> None:
    alerts = alertmanager_alerts(alert_event(transition), NOW, HOLD)
    jsonschema.validate(alerts, POSTABLE_ALERTS, format_checker=jsonschema.FormatChecker())
    (alert,) = alerts
    assert alert["labels"] == {"alertname": "RailcarSurge", "site": "tumangang", "severity": "warning"}
    assert alert["generatorURL"] == alert_event(transition).page_url
    ends_at = datetime.fromisoformat(alert["endsAt"])
    assert ends_at == (NOW + HOLD if transition in STANDING else NOW)
    assert datetime.fromisoformat(alert["startsAt"]) < ends_at


def test_alertmanager_learns_the_namespace_of_the_installation() -> None:
    event = alert_event(Transition.UPDATED, severity=Severity.CRITICAL)
    alerts = alertmanager_alerts(event, NOW, HOLD, [Severity.WARNING], "production")
    assert [alert["labels"].get("namespace") for alert in alerts] == ["production", "production"]


def test_alertmanager_learns_that_the_alert_of_the_earlier_severity_has_ended() -> None:
    event = alert_event(Transition.UPDATED, severity=Severity.CRITICAL)
    critical, warning = alertmanager_alerts(event, NOW, HOLD, earlier=[Severity.WARNING, Severity.CRITICAL])
    assert (critical["labels"]["severity"], critical["endsAt"]) == ("critical", (NOW + HOLD).isoformat())
    assert (warning["labels"]["severity"], warning["endsAt"]) == ("warning", NOW.isoformat())


@pytest.mark.parametrize(
    ("transition", "status"),
    [("opened", "firing"), ("updated", "firing"), ("resolved", "resolved"), ("retracted", "resolved")],
)
def test_a_webhook_in_the_format_alertmanager_gets_what_alertmanager_sends(transition: str, status: str) -> None:
    body = alertmanager_webhook(alert_event(Transition(transition)), "desk")
    jsonschema.validate(body, WEBHOOK_V4)
    assert (body["status"], body["alerts"][0]["status"], body["receiver"]) == (status, status, "desk")
    assert (body["alerts"][0]["endsAt"] == "0001-01-01T00:00:00Z") == (status == "firing")
    assert body["externalURL"] == "http://railwatch.example"


def test_our_own_webhook_is_a_cloudevent_whose_data_is_the_event() -> None:
    event = alert_event(Transition.OPENED)
    body = json.loads(json.dumps(cloudevent(event)))
    assert body["specversion"] == "1.0"
    assert body["type"] == "railwatch.alert.v1"
    assert body["id"] == event.id
    assert datetime.fromisoformat(body["time"]) == event.recorded_at
    assert AlertEvent.model_validate(body["data"]) == event


MISSED, SEEN_AGAIN = (
    missed_look(),
    missed_look(Transition.RESOLVED, sequence=2, recorded_at=RECORDED + timedelta(days=1)),
)


def test_alertmanager_gets_a_missed_look_as_an_alert_of_its_own() -> None:
    stands, ended = (alertmanager_alerts(event, NOW, HOLD)[0] for event in (MISSED, SEEN_AGAIN))
    jsonschema.validate([stands, ended], POSTABLE_ALERTS, format_checker=jsonschema.FormatChecker())
    labels = {"alertname": "SiteNotSeen", "site": "tumangang", "severity": "warning", "miss": "look"}
    assert stands["labels"] == ended["labels"] == labels
    assert (stands["startsAt"], stands["endsAt"]) == (MISSED.due_at.isoformat(), (NOW + HOLD).isoformat())
    assert ended["endsAt"] == NOW.isoformat()


@pytest.mark.parametrize(("event", "status"), [(MISSED, "firing"), (SEEN_AGAIN, "resolved")])
def test_a_webhook_in_the_format_alertmanager_gets_missed_looks(event: MissedLookEvent, status: str) -> None:
    body = alertmanager_webhook(event, "desk")
    jsonschema.validate(body, WEBHOOK_V4)
    (alert,) = body["alerts"]
    assert (body["status"], alert["status"]) == (status, status)
    assert body["groupLabels"] == {"alertname": "SiteNotSeen", "site": "tumangang"}
    assert alert["annotations"]["summary"] == event.sentence
    assert alert["endsAt"] == ("0001-01-01T00:00:00Z" if status == "firing" else event.recorded_at.isoformat())
    assert body["externalURL"] == "https://railwatch.example"
    assert alert["fingerprint"] == alertmanager_webhook(MISSED, "desk")["alerts"][0]["fingerprint"]


@pytest.mark.parametrize("event", [MISSED, SEEN_AGAIN])
def test_our_own_webhook_gives_a_missed_look_its_type(event: MissedLookEvent) -> None:
    body = json.loads(json.dumps(cloudevent(event)))
    assert (body["type"], body["id"], body["subject"]) == ("railwatch.missed-look.v1", event.id, "tumangang")
    schema = json.loads(schema_path(body["type"]).read_bytes())
    assert body["dataschema"] == schema["$id"]
    jsonschema.validate(body["data"], schema, jsonschema.Draft202012Validator)
    assert MissedLookEvent.model_validate(body["data"]) == event

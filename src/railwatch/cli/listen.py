"""`railwatch listen`: print alerts and missed looks as they arrive. It is also the reference for other consumers.

A consumer has three duties, on Kafka and as a webhook: check that each event is valid, process each transition once
even if it arrives several times, and never go back to an earlier transition.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated

import typer

from railwatch.cli.terminal import printable
from railwatch.shared.events import AlertEvent, MissedLookEvent, Notice
from railwatch.shared.settings import KafkaSettings

Receive = Callable[[Notice], None]

# The events that a consumer knows, by the type in their CloudEvent.
KNOWN: dict[str, type[Notice]] = {model.TYPE: model for model in (AlertEvent, MissedLookEvent)}

MAX_BODY_BYTES = 1_000_000


def listen(
    site: Annotated[str, typer.Option(help="Print only events of this site.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print each event as JSON, on its own line.")] = False,
    from_beginning: Annotated[bool, typer.Option(help="Start with the oldest event in Kafka.")] = False,
    group: Annotated[
        str, typer.Option(help="Store the position in this consumer group, and continue there next time.")
    ] = "",
    webhook: Annotated[
        int | None,
        typer.Option(min=0, max=65535, metavar="PORT", help="Receive events as a webhook on this loopback port."),
    ] = None,
    secret: Annotated[
        str, typer.Option(envvar="RAILWATCH_LISTEN_SECRET", help="Secret that signs the webhook.", show_default=False)
    ] = "",
) -> None:
    """Print alerts and missed looks as they arrive, from Kafka or as a webhook, until interrupted."""
    receive = _printer(site, as_json)
    if webhook is not None:
        if not secret:
            raise typer.BadParameter("a webhook needs a secret to check its signature", param_hint="--secret")
        serve_webhook(webhook, secret, receive)
    else:
        _from_kafka(receive, from_beginning, group)


def _printer(site: str, as_json: bool) -> Receive:
    """Prints each transition once. Leaves out a transition that comes after a later one."""
    last: dict[str, int] = {}

    def receive(event: Notice) -> None:
        if event.sequence <= last.get(event.about, 0) or (site and event.site != site):
            return
        last[event.about] = event.sequence
        typer.echo(json.dumps(event.model_dump(mode="json")) if as_json else in_two_lines(event))

    return receive


def in_two_lines(event: Notice) -> str:
    """An event as text of two lines, without characters that a terminal would obey."""
    when = f"{event.recorded_at:%Y-%m-%d %H:%M}Z"
    what = event.severity if isinstance(event, AlertEvent) else "missed look"
    lines = f"{when} {event.transition} ({what}) {event.sentence}", f"    {event.reason} {event.page_url}"
    return "\n".join(printable(" ".join(line.splitlines())) for line in lines)


def _from_kafka(receive: Receive, from_beginning: bool, group: str) -> None:
    from kafka.errors import KafkaError

    from railwatch.shared.environment import load
    from railwatch.shared.errors import TransientError
    from railwatch.shared.settings import ServiceSettings

    class Settings(ServiceSettings):
        kafka: KafkaSettings

    try:
        for event in notices(load(Settings).kafka, from_beginning, group):
            receive(event)
    except KafkaError as error:
        raise TransientError(f"Kafka is away: {error}") from error


def notices(settings: KafkaSettings, from_beginning: bool, group: str) -> Iterator[Notice]:
    """The events of the alerts topic, without end. The position is committed when the caller asks for the next event.

    So each event is delivered at least once. A record that is not a valid event of a known version is left out and
    named on standard error.
    """
    from kafka import KafkaConsumer, TopicPartition

    from railwatch.shared.bus.client import JoinsForCertain, connection, make_consumer
    from railwatch.shared.bus.codec import decode_record
    from railwatch.shared.bus.unreadable import pass_over_unreadable
    from railwatch.shared.errors import UnprocessableError

    topic = settings.prefix + Notice.TOPIC
    if group:
        consumer = make_consumer(settings, group)
        consumer.subscribe([topic], listener=JoinsForCertain(consumer))
    else:
        consumer = KafkaConsumer(**connection(settings), enable_auto_commit=False, allow_auto_create_topics=False)
        partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
        consumer.assign(partitions)
        (consumer.seek_to_beginning if from_beginning else consumer.seek_to_end)(*partitions)
    pass_over_unreadable(consumer)
    try:
        for record in consumer:
            try:
                event = decode_record(record)
            except UnprocessableError as error:
                typer.echo(
                    f"left out {record.topic}/{record.partition}/{record.offset}: {printable(str(error))}", err=True
                )
                continue
            if isinstance(event, Notice):
                yield event
            if group:
                consumer.commit()
    finally:
        consumer.close()


def serve_webhook(port: int, secret: str, receive: Receive, stop: threading.Event | None = None) -> None:
    """Receive events as a webhook on loopback, until stopped.

    The answer is 401 if the signature is missing, old or wrong, 400 if the body is not an event of a known type, and
    204 after the event was received. Only then does Railwatch take the event as delivered.
    """
    from fastapi import FastAPI, Request, Response

    from railwatch.shared.serving import serve
    from railwatch.shared.settings import HttpSettings

    app = FastAPI(openapi_url=None)

    @app.post("/{path:path}")
    async def take(request: Request) -> Response:
        try:
            receive(verified(secret, await request.body(), request.headers))
        except PermissionError as error:
            return Response(str(error), 401)
        except ValueError as error:
            return Response(str(error), 400)
        return Response(status_code=204)

    with serve(app, HttpSettings(port=port), MAX_BODY_BYTES) as url:
        typer.echo(f"listening on {url}", err=True)
        (stop or threading.Event()).wait()


def verified(secret: str, body: bytes, headers: Mapping[str, str]) -> Notice:
    """The event in a webhook's body.

    Raises:
        PermissionError: the signature is missing, old or wrong.
        ValueError: the body is not an event of a known type and version.
    """
    from railwatch.services.alerting.delivery.signature import verify

    if not verify(secret, body, headers):
        raise PermissionError("the signature is missing, old or wrong")
    envelope = json.loads(body)
    if not isinstance(envelope, dict) or envelope.get("type") not in KNOWN:
        raise ValueError(f"the type is not one of {', '.join(KNOWN)}")
    event = KNOWN[envelope["type"]].model_validate(envelope.get("data"))
    if envelope.get("id") != event.id:
        raise ValueError("the id is not that of the content")
    return event

"""`railwatch listen`: print alerts and missed looks as they come. Also the reference for programs that consume them.

What a consumer has to do, whichever way they reach it: check that each is what it claims to be, take each transition
once however often it comes, and never step back to an earlier one.
"""

import threading
from collections.abc import Callable, Iterator
from typing import Annotated

import typer

from railwatch.shared.events import AlertEvent, MissedLookEvent, Notice
from railwatch.shared.settings import KafkaSettings

Heard = Callable[[Notice], None]

# What is understood, by the type that a CloudEvent gives.
TAKEN: dict[str, type[Notice]] = {model.TYPE: model for model in (AlertEvent, MissedLookEvent)}

MAX_BODY_BYTES = 1_000_000


def listen(
    site: Annotated[str, typer.Option(help="Only what is told of this site.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One event a line, as it travels.")] = False,
    from_beginning: Annotated[bool, typer.Option(help="Begin with the oldest that Kafka still has.")] = False,
    group: Annotated[str, typer.Option(help="Remember the place under this consumer group, and go on there.")] = "",
    webhook: Annotated[
        int | None, typer.Option(min=0, max=65535, metavar="PORT", help="Hear of them as a webhook on this port.")
    ] = None,
    secret: Annotated[
        str, typer.Option(envvar="RAILWATCH_LISTEN_SECRET", help="What signs the webhook.", show_default=False)
    ] = "",
) -> None:
    """Print alerts and missed looks as they come, from Kafka or as a webhook, until interrupted."""
    heard = _printer(site, as_json)
    if webhook is not None:
        if not secret:
            raise typer.BadParameter("a webhook's signature cannot be checked without one", param_hint="--secret")
        serve_webhook(webhook, secret, heard)
    else:
        _from_kafka(heard, from_beginning, group)


def _printer(site: str, as_json: bool) -> Heard:
    """Prints each transition once, and none that a later one has overtaken."""
    last: dict[str, int] = {}

    def heard(event: Notice) -> None:
        if event.sequence <= last.get(event.about, 0) or (site and event.site != site):
            return
        last[event.about] = event.sequence
        typer.echo(event.model_dump_json() if as_json else told(event))

    return heard


def told(event: Notice) -> str:
    """An event in two lines."""
    when = f"{event.recorded_at:%Y-%m-%d %H:%M}Z"
    what = event.severity if isinstance(event, AlertEvent) else "missed look"
    return f"{when} {event.transition} ({what}) {event.sentence}\n    {event.reason} {event.page_url}"


def _from_kafka(heard: Heard, from_beginning: bool, group: str) -> None:
    from kafka.errors import KafkaError

    from railwatch.shared.errors import TransientError
    from railwatch.shared.settings import ServiceSettings, load

    class Settings(ServiceSettings):
        kafka: KafkaSettings

    try:
        for event in notices(load(Settings).kafka, from_beginning, group):
            heard(event)
    except KafkaError as error:
        raise TransientError(f"Kafka is away: {error}") from error


def notices(settings: KafkaSettings, from_beginning: bool, group: str) -> Iterator[Notice]:
    """The alerts topic, without end. An event's place is committed once the next is asked for: at least once.

    Records that are not valid events of a known version are left out and told on standard error.
    """
    from kafka import KafkaConsumer, TopicPartition

    from railwatch.shared.bus import decode
    from railwatch.shared.bus.client import connection, make_consumer
    from railwatch.shared.errors import UnprocessableError

    topic = settings.prefix + Notice.TOPIC
    if group:
        consumer = make_consumer(settings, group)
        consumer.subscribe([topic])
    else:
        consumer = KafkaConsumer(**connection(settings), enable_auto_commit=False, allow_auto_create_topics=False)
        partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
        consumer.assign(partitions)
        (consumer.seek_to_beginning if from_beginning else consumer.seek_to_end)(*partitions)
    try:
        for record in consumer:
            try:
                event = decode(record.headers, record.value)
            except UnprocessableError as error:
                typer.echo(f"left out {record.topic}/{record.partition}/{record.offset}: {error}", err=True)
                continue
            if isinstance(event, Notice):
                yield event
            if group:
                consumer.commit()
    finally:
        consumer.close()


def serve_webhook(port: int, secret: str, heard: Heard, stop: threading.Event | None = None) -> None:
    """Take events as a webhook on loopback, until stopped.

    A request is answered 401 without a fresh signature made with the secret, 400 if it is not an event of a known type,
    and 204 when the event has been taken: only then does Railwatch consider it delivered.
    """
    from fastapi import FastAPI, Request, Response

    from railwatch.services.alerting.delivery.signature import HEADER
    from railwatch.shared.health import serve
    from railwatch.shared.settings import HttpSettings

    app = FastAPI(openapi_url=None)

    @app.post("/{path:path}")
    async def take(request: Request) -> Response:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                return Response("too long", 413)
        try:
            heard(verified(secret, body, request.headers.get(HEADER, "")))
        except PermissionError as error:
            return Response(str(error), 401)
        except ValueError as error:
            return Response(str(error), 400)
        return Response(status_code=204)

    with serve(app, HttpSettings(port=port)) as url:
        typer.echo(f"listening on {url}", err=True)
        (stop or threading.Event()).wait()


def verified(secret: str, body: bytes, signature: str) -> Notice:
    """The event in a webhook's body.

    Raises:
        PermissionError: the signature is missing, old, or not made with the secret for this body.
        ValueError: the body is not an event of a known type and version.
    """
    import json
    import time

    from railwatch.services.alerting.delivery.signature import verify

    if not verify(secret, body, signature, time.time()):
        raise PermissionError("the signature is missing, old or wrong")
    envelope = json.loads(body)
    if not isinstance(envelope, dict) or envelope.get("type") not in TAKEN:
        raise ValueError(f"not one of {', '.join(TAKEN)}")
    event = TAKEN[envelope["type"]].model_validate(envelope.get("data"))
    if envelope.get("id") != event.id:
        raise ValueError("the id is not that of the content")
    return event

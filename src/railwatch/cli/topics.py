"""`railwatch topics`: create the Kafka topics."""

from typing import Annotated

import typer


def topics(
    partitions: Annotated[
        int,
        typer.Option(min=1, help="Partitions of each topic: the largest number of consumers that can share its work."),
    ] = 12,
    replication: Annotated[int, typer.Option(min=1, help="Copies of each partition.")] = 3,
) -> None:
    """Create the Kafka topics that are missing. Topics that exist are not changed."""
    from railwatch.shared.bus.topics import TopicPlan, ensure_topics
    from railwatch.shared.environment import load
    from railwatch.shared.settings import KafkaSettings, ServiceSettings

    class Settings(ServiceSettings):
        kafka: KafkaSettings

    for topic in ensure_topics(load(Settings).kafka, TopicPlan(partitions, replication)):
        typer.echo(topic)

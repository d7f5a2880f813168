"""The services as in production, in which an operator types commands."""

import base64
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from deploy.tests.commands import OPERATE, ROOT, Snippet
from deploy.tests.operating import KAFKA_TOOLS, operated
from deploy.tests.rendering import name_of, of_kind, overlay, pod_templates
from deploy.tests.running.secured import PASSWORD, REDIS_ADMIN, SCRAM, Secured
from deploy.tests.running.stack import RAILWATCH
from railwatch.demo.episode import LOOKS
from railwatch.demo.yard import SITE
from railwatch.embedded import free_port, running
from railwatch.shared.bus import Publisher
from railwatch.shared.bus.codec import encode
from railwatch.shared.bus.letters import read_letters
from railwatch.shared.bus.read import read_partitions
from railwatch.shared.events import Coordinates, DeadLetter, TileEvent
from tests.support.apache_kafka import JAVA

SCENES = (LOOKS[24], *LOOKS[26:28])
# What redis-cli says and ends with 0 all the same.
REFUSED = ("NOAUTH", "NOPERM", "AUTH failed")
# What the reasons of the runbooks' commands are about: one letter for each.
REASONS = ("checksum-mismatch", "unknown-site", "no-site-overlap")


@dataclass
class Production:
    """The services as in production, after some looks.

    Attributes:
        secured: Kafka and Redis.
        directory: with sites, tokens and pictures.
        given: variables that the test adds to all settings.
        services: for stopping them.
    """

    secured: Secured
    directory: Path
    given: dict[str, str]
    services: dict[str, ExitStack] = field(default_factory=dict)

    def run(self, snippet: Snippet) -> subprocess.CompletedProcess[str]:
        """Run a command as it is typed, each step of its pipe in turn."""
        given: str | None = None
        for words in snippet.steps():
            step = subprocess.run(
                self._command([self._filled(word) for word in words]),
                input=given,
                capture_output=True,
                encoding="utf-8",
                errors="surrogateescape",
                timeout=300,
                check=False,
                # Pictures that a command writes stay out of the repository, whose files promtool reads.
                cwd=ROOT if words[0] == "promtool" else self.directory,
            )
            said = step.stdout + step.stderr
            assert step.returncode == 0, (words, said)
            assert not any(refused in said for refused in REFUSED), (words, said)
            given = step.stdout
        return step

    def _command(self, words: list[str]) -> list[str]:
        """The command of one step on this machine."""
        if words[0] == "kubectl":
            assert words[:4] == ["kubectl", "-n", "railwatch", "exec"]
            service = words[words.index("--service") + 1]
            settings = self.settings_of(pod_templates(overlay("production"))[f"railwatch-{service}"])
            return [*_with(settings), *RAILWATCH, *words[words.index("--") + 2 :]]
        if words[0] == OPERATE:
            pod, ran = operated("production", *words[1:])
            if ran[0] == "railwatch":
                return [*_with(self.settings_of(pod)), *RAILWATCH, *ran[1:]]
            return self._kafka(list(ran))
        if words[0] == "railwatch":
            return [*RAILWATCH, *words[1:]]
        environment = {"REDISCLI_AUTH": PASSWORD, "SSL_CERT_FILE": str(self.secured.authority.file)}
        return [*_with(environment), *words]

    def settings_of(self, template: dict[str, object]) -> dict[str, str]:
        return {**self.secured.settings_of(template, self.directory), **self.given}

    def _kafka(self, ran: list[str]) -> list[str]:
        """A command of Kafka with the shipped configuration and a Secret as Strimzi writes it."""
        mounted = self.directory / "operator"
        mounted.mkdir(exist_ok=True)
        (shipped,) = (each for each in of_kind(overlay("production"), "ConfigMap") if name_of(each) == "kafka-operator")
        text = shipped["data"]["client.properties"]
        (mounted / "client.properties").write_text(text.replace("/etc/railwatch/operator", str(mounted)))
        (mounted / "ca.crt").write_text(self.secured.authority.file.read_text())
        login = f'{SCRAM} required username="kafka-operator" password="{PASSWORD}";'
        (mounted / "sasl.jaas.config").write_text(login)
        address = {
            "railwatch-kafka-bootstrap:9093": f"127.0.0.1:{self.secured.kafka_port}",
            "/etc/railwatch/operator/client.properties": str(mounted / "client.properties"),
        }
        return [*JAVA, KAFKA_TOOLS[ran[0]], *(address.get(word, word) for word in ran[1:])]

    def _filled(self, word: str) -> str:
        if word == "ID":
            return read_letters(self.secured.kafka_settings("kafka-operator"))[0].id[:8]
        places = {"SITE": SITE, "TILE": "r0c0", "SCENE": SCENES[2].scene, "N": "1", "WHY": "because", "L": "3"}
        places |= {"$REDIS": self.secured.redis_url, "ADMIN": REDIS_ADMIN}
        return {**places, "FOLDER": str(self.directory / "sites")}.get(word, word)


@contextmanager
def started(production: Production, service: str) -> Iterator[str]:
    """Start a service with its settings of production. Gives its address."""
    port = free_port()
    settings = production.settings_of(pod_templates(overlay("production"))[f"railwatch-{service}"])
    with ExitStack() as stack:
        production.services[service] = stack
        command = [*_with({**settings, "RAILWATCH_HTTP_PORT": str(port)}), *RAILWATCH, service]
        stack.enter_context(running(service, command, port, grace_s=60))
        yield f"http://127.0.0.1:{port}"


def _with(environment: dict[str, str]) -> list[str]:
    """The beginning of a command that runs with these variables."""
    return ["env", *(f"{name}={value}" for name, value in environment.items())]


def bury(secured: Secured) -> None:
    """A dead letter of each reason about the first tile, as the detector writes it."""
    operator = secured.kafka_settings("kafka-operator")
    (offset, tile) = next(each for _, part in read_partitions(operator, TileEvent) for each in part)
    record = encode(tile)
    publisher = Publisher(secured.kafka_settings("kafka-detector"))
    for reason in REASONS:
        letter = DeadLetter(
            recorded_at=datetime.now(UTC),
            service="detector",
            reason=reason,
            detail="Why.",
            subject=tile.id,
            original=Coordinates(topic=TileEvent.TOPIC, partition=0, offset=offset),
            headers={name: value.decode() for name, value in record.headers},
            value_base64=base64.b64encode(record.value).decode(),
        )
        publisher.publish(letter)
    publisher.close()

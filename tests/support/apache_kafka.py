"""Apache Kafka in KRaft mode on loopback, from the jars that `tests/kafka/fetch` brought."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from railwatch.embedded import free_port, running

JARS = Path(__file__).parents[2] / ".cache" / "kafka"
CLUSTER_ID = "cmFpbHdhdGNoLXRlc3RzLg"
JAVA = ("java", "-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{JARS}/*")


@contextmanager
def apache_broker(
    directory: Path, port: int | None = None, properties: str = "", users: Sequence[str] = ()
) -> Iterator[dict[str, str]]:
    """A broker that keeps its log in the directory. Another broker may continue with it later.

    Args:
        directory: for the log and the configuration.
        port: of the listener; by default a free one.
        properties: more lines for the server's properties, with `{port}` and `{controller_port}` where they belong.
        users: SCRAM credentials, as Kafka's storage tool takes them.
    """
    port = port or free_port()
    with running("Apache Kafka", broker_command(directory, port, properties, users), port):
        yield {
            "RAILWATCH_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{port}",
            "RAILWATCH_KAFKA_SESSION_TIMEOUT_MS": "6000",
        }


def broker_command(
    directory: Path, port: int, properties: str = "", users: Sequence[str] = (), host: str = "127.0.0.1"
) -> list[str]:
    """The command of such a broker, whose log is made if there is none. It listens on the host's address."""
    controller_port = free_port()
    configuration = directory / "server.properties"
    configuration.write_text(
        f"""\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://{host}:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
log.dirs={directory / "log"}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
{properties.format(port=port, controller_port=controller_port)}
"""
    )
    format_log = [*JAVA, "kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", CLUSTER_ID]
    format_log += ["-c", str(configuration), *(word for user in users for word in ("--add-scram", user))]
    subprocess.run(format_log, check=True, capture_output=True, env={**os.environ, "LANG": "C"})
    return [*JAVA, "kafka.Kafka", str(configuration)]

"""The pod that deploy/kubernetes/operate makes, and what it runs there."""

import json
import re
import shlex
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy.tests.commands import OPERATE, ROOT
from deploy.tests.fake_kubectl import run_script
from deploy.tests.rendering import Resource, name_of, of_kind, overlay

# Kafka's own commands that the documents name, as classes of its jars.
KAFKA_TOOLS = {
    "bin/kafka-consumer-groups.sh": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "bin/kafka-log-dirs.sh": "org.apache.kafka.tools.LogDirsCommand",
    "bin/kafka-topics.sh": "org.apache.kafka.tools.TopicCommand",
}
IMAGE_OF_BROKERS = "quay.example/strimzi/kafka:of-the-operator"


@cache
def operated(name: str, *words: str) -> tuple[Resource, tuple[str, ...]]:
    """What `operate` does with some words in an overlay: the pod, and the words that run in it."""
    resources = overlay(name)
    secrets = {name_of(resource) for resource in of_kind(resources, "KafkaUser", "ExternalSecret", "Secret")}
    deployments = {name_of(deployment): deployment for deployment in of_kind(resources, "Deployment")}
    answers = {
        **{f'"get secret {secret} "*': f"secret/{secret}" for secret in secrets},
        **{f'"get deployment {each} "*': json.dumps(resource) for each, resource in deployments.items()},
        '"get pods --selector strimzi.io/name=railwatch-kafka "*': IMAGE_OF_BROKERS,
    }
    with TemporaryDirectory() as directory:
        ended = run_script([str(ROOT / OPERATE), *words], Path(directory), answers)
    assert ended.result.returncode == 0, ended.result.stderr
    assert ended.made is not None
    pod = name_of(ended.made)
    (ran,) = (call for call in ended.calls if call.startswith("exec "))
    assert ended.calls[-1].startswith(f"delete pod {pod} "), "the pod ends with its command"
    return ended.made, tuple(shlex.split(re.sub(rf"^exec {pod} -- ", "", ran)))

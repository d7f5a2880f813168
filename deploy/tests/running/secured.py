"""Kafka and Redis as production has them: TLS by a private authority, and a user for each service."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from kafka import KafkaAdminClient
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ACLResourcePatternType, ResourcePattern, ResourceType
from pydantic import SecretStr

from deploy.tests.rendering import DEPLOY, Resource, environment, name_of, of_kind, overlay
from railwatch.embedded import free_port, running
from railwatch.shared.bus.topics import TopicPlan, ensure_topics
from railwatch.shared.settings import KafkaSettings, RedisSettings
from tests.support.apache_kafka import apache_broker

KAFKA_USERS = {name_of(user): user for user in of_kind(overlay("production"), "KafkaUser")}
# Each line without a password, by the user's name.
REDIS_USERS = {line.split()[1]: line for line in (DEPLOY / "redis" / "users.acl").read_text().splitlines()}
# Whoever keeps Redis running: a user of the platform, not one of ours.
REDIS_ADMIN = "platform"
PASSWORD = "hush"
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
PATTERNS = {"prefix": ACLResourcePatternType.PREFIXED, "literal": ACLResourcePatternType.LITERAL}


@dataclass(frozen=True)
class Authority:
    """An authority that nobody knows, and a certificate for 127.0.0.1 that it made.

    Attributes:
        file: the authority's own certificate.
        certificate: the certificate of a server, with its key in the same file.
    """

    file: Path
    certificate: Path


@dataclass(frozen=True)
class Secured:
    """The servers.

    Attributes:
        authority: who vouches for them.
        kafka_port: where each client must say who it is.
        redis_port: where each client must say who it is.
        admin: may do anything at Kafka.
    """

    authority: Authority
    kafka_port: int
    redis_port: int
    admin: KafkaAdminClient

    @property
    def redis_url(self) -> str:
        """Redis' address, without a user."""
        return f"rediss://127.0.0.1:{self.redis_port}/0"

    def kafka_settings(self, user: str) -> KafkaSettings:
        """Kafka for a user."""
        return KafkaSettings(
            bootstrap_servers=f"127.0.0.1:{self.kafka_port}",
            security_protocol="SASL_SSL",
            sasl_mechanism="SCRAM-SHA-512",
            sasl_username=user,
            sasl_password=SecretStr(PASSWORD),
            ssl_cafile=self.authority.file,
            session_timeout_ms=6000,
        )

    def redis_settings(self, user: str) -> RedisSettings:
        """Redis for a user."""
        return RedisSettings(
            url=self.redis_url,
            username=user,
            password=SecretStr(PASSWORD),
            tls_ca_file=self.authority.file,
        )

    def settings_of(self, template: Resource, directory: Path) -> dict[str, str]:
        """The variables of a pod of production. Addresses, paths and passwords are those of this machine.

        Args:
            template: the pod, or its template.
            directory: with `sites` and `tokens.yaml`; the pictures lie in its `store`.
        """
        (directory / "store").mkdir(exist_ok=True)
        (directory / "sources.yaml").write_text("sources: []\n")
        authority = str(self.authority.file)
        return {
            **environment(overlay("production"), template),
            "RAILWATCH_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{self.kafka_port}",
            "RAILWATCH_KAFKA_SASL_PASSWORD": PASSWORD,
            "RAILWATCH_KAFKA_SSL_CAFILE": authority,
            "RAILWATCH_KAFKA_SESSION_TIMEOUT_MS": "6000",
            "RAILWATCH_REDIS_URL": self.redis_url,
            "RAILWATCH_REDIS_PASSWORD": PASSWORD,
            "RAILWATCH_REDIS_TLS_CA_FILE": authority,
            "SSL_CERT_FILE": authority,
            "RAILWATCH_BLOBS_URL": (directory / "store").as_uri(),
            "RAILWATCH_SITES_DIR": str(directory / "sites"),
            "RAILWATCH_TOKENS_FILE": str(directory / "tokens.yaml"),
            "RAILWATCH_SOURCES_FILE": str(directory / "sources.yaml"),
            "RAILWATCH_ALERTMANAGER_URLS": "",
            "RAILWATCH_HTTP_HOST": "127.0.0.1",
            "OMP_NUM_THREADS": "1",
        }


def make_authority(directory: Path) -> Authority:
    """A new authority, with its files in a directory of its own."""
    directory.mkdir()
    made = Authority(directory / "ca.pem", directory / "server.pem")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(made.file))
    issued = authority.issue_cert("127.0.0.1")
    key = load_pem_private_key(issued.private_key_pem.bytes(), password=None)
    made.certificate.write_bytes(
        b"".join(
            [
                key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),  # Kafka reads no other form
                *(certificate.bytes() for certificate in issued.cert_chain_pems),
            ]
        )
    )
    return made


@contextmanager
def secured_servers(directory: Path) -> Iterator[Secured]:
    """Start Kafka with the topics, and Redis, both with the shipped users and their rights."""
    authority = make_authority(directory / "authority")
    with ExitStack() as stack:
        kafka_port, admin = stack.enter_context(_kafka(directory, authority))
        redis_port = stack.enter_context(_redis(directory, authority))
        yield Secured(authority, kafka_port, redis_port, admin)


@contextmanager
def _kafka(directory: Path, authority: Authority) -> Iterator[tuple[int, KafkaAdminClient]]:
    port = free_port()
    properties = f"""\
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL
listeners=PLAINTEXT://127.0.0.1:{{port}},CONTROLLER://127.0.0.1:{{controller_port}},SASL_SSL://127.0.0.1:{port}
advertised.listeners=PLAINTEXT://127.0.0.1:{{port}},SASL_SSL://127.0.0.1:{port}
ssl.keystore.type=PEM
ssl.keystore.location={authority.certificate}
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config={SCRAM} required;
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"""
    users = [f"SCRAM-SHA-512=[name={user},password={PASSWORD}]" for user in KAFKA_USERS]
    with apache_broker(directory, properties=properties, users=users) as environment:
        servers = environment["RAILWATCH_KAFKA_BOOTSTRAP_SERVERS"]
        ensure_topics(KafkaSettings(bootstrap_servers=servers), TopicPlan(partitions=1, replication=1))
        admin = KafkaAdminClient(bootstrap_servers=servers)
        admin.create_acls([acl for user in KAFKA_USERS.values() for acl in _acls(user)])
        yield port, admin
        admin.close()


def _acls(user: Resource) -> Iterator[ACL]:
    for rule in user["spec"]["authorization"]["acls"]:
        resource = rule["resource"]
        kind = ResourceType[resource["type"].upper()]
        name, pattern_type = resource.get("name", "kafka-cluster"), resource.get("patternType", "literal")
        pattern = ResourcePattern(kind, name, PATTERNS[pattern_type])
        for operation in rule["operations"]:
            who = f"User:{name_of(user)}"
            named = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", operation).upper()
            yield ACL(who, "*", ACLOperation[named], ACLPermissionType.ALLOW, pattern)


@contextmanager
def _redis(directory: Path, authority: Authority) -> Iterator[int]:
    port, users = free_port(), directory / "users.acl"
    lines = (line + ("" if user == "default" else f" >{PASSWORD}") for user, line in REDIS_USERS.items())
    users.write_text("\n".join([*lines, f"user {REDIS_ADMIN} on ~* +@all >{PASSWORD}"]) + "\n")
    command = ["redis-server", "--bind", "127.0.0.1", "--port", "0", "--tls-port", str(port), "--save", ""]
    command += ["--tls-cert-file", str(authority.certificate), "--tls-key-file", str(authority.certificate)]
    command += ["--tls-ca-cert-file", str(authority.file), "--tls-auth-clients", "no", "--aclfile", str(users)]
    with running("Redis", command, port):
        yield port

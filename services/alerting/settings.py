"""Settings of alerting."""

from base64 import b64decode
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from railwatch.services.alerting.rule.judgement import Rule
from railwatch.shared.base_map import TILES, TILES_PATTERN
from railwatch.shared.proxy import ProxySettings
from railwatch.shared.settings import (
    BlobSettings,
    Group,
    HttpSettings,
    KafkaSettings,
    RedisSettings,
    Separated,
    ServiceSettings,
    SiteSettings,
    TokenSettings,
)

# Beginning of a webhook's secret that is written in base64, as the Standard Webhooks specification asks for.
BASE64_PREFIX = "whsec_"


def _decodable(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if text.startswith(BASE64_PREFIX):
        try:
            b64decode(text.removeprefix(BASE64_PREFIX), validate=True)
        except ValueError:
            raise ValueError(f"what follows {BASE64_PREFIX} must be base64") from None
    return secret


WebhookSecret = Annotated[SecretStr, Field(min_length=16), AfterValidator(_decodable)]
Token = Annotated[SecretStr, Field(min_length=16)]
HttpUrl = Annotated[str, Field(pattern=r"^https?://[^/\s]+")]
_RULE = Rule()

WebhookFormat = Literal["cloudevents", "alertmanager"]
ReceiverName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]

# What the addresses of receivers must look like, as the reference and the faults say it.
URLS_BY_NAME = "name=url[,name=url], with names of lower-case letters, digits and hyphens"


def _pairs(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    pairs = [pair.partition("=") for pair in value.split(",") if pair]
    if not all(separator for _, separator, _ in pairs):
        raise ValueError("must be pairs name=value, separated by commas")
    return {name.strip(): value.strip() for name, _, value in pairs}


# For a field of several named values, `name=value,name=value`.
ByName = BeforeValidator(_pairs)


class AlertingSettings(Group):
    """The rule, and how alerts are shown: `RAILWATCH_ALERTING_*`.

    Attributes:
        public_url: where people reach this service; alerts link to their page below it.
        tokens: bearer tokens without names, at least 16 characters each. They may read, acknowledge, judge and silence
            at all sites. For people of their own rights, see `RAILWATCH_TOKENS_FILE`.
        reading: whether everyone who reaches the service may read (`open`), or those with a token (`token`).
        scene_wait_s: how long to wait, after a scene's first tile, for its other tiles and other frames of its pass.
        pass_s: the longest time from the first to the last frame of a pass. Scenes of one sensor over one site that
            were taken within it are frames of one look.
        first_look_days: how long a site may wait for its first look before the look is reported as missed. After some
            looks, the site's own history says how often it is seen.
        false_alarm_rate: chance that a look exceeds its threshold although nothing changed at the site.
        minimum_looks: observed looks that a site needs before one may open an alert.
        minimum_coverage: share of the track length below which a look is unobserved.
        base_map: address of map tiles for the maps on the pages, `https://host/{z}/{x}/{y}.png`. Without it, they show
            bundled coasts and borders.
        base_map_credit: whose map it is, in words for its corner.
    """

    public_url: HttpUrl = Field(default="http://127.0.0.1:8080", description="https://host[/path]")
    tokens: Annotated[tuple[Token, ...], Separated] = ()
    reading: Literal["open", "token"] = "open"
    scene_wait_s: float = Field(default=900.0, gt=0)
    pass_s: float = Field(default=600.0, ge=0, le=3600)
    first_look_days: float = Field(default=30.0, gt=0)
    false_alarm_rate: float = Field(default=_RULE.false_alarm_rate, gt=0, lt=0.5)
    minimum_looks: int = Field(default=_RULE.minimum_looks, ge=2)
    minimum_coverage: float = Field(default=_RULE.minimum_coverage, ge=0, le=1)
    base_map: str | None = Field(default=None, pattern=TILES_PATTERN, description=TILES)
    base_map_credit: str = ""

    @property
    def scene_wait(self) -> timedelta:
        """How long to wait for all tiles of a scene, and for other frames of its pass."""
        return timedelta(seconds=self.scene_wait_s)

    @property
    def pass_span(self) -> timedelta:
        """The longest time from the first to the last frame of a pass."""
        return timedelta(seconds=self.pass_s)

    @property
    def first_wait(self) -> timedelta:
        """How long a site may wait for its first look."""
        return timedelta(days=self.first_look_days)

    @property
    def rule(self) -> Rule:
        """The alerting rule."""
        return Rule(
            false_alarm_rate=self.false_alarm_rate,
            minimum_looks=self.minimum_looks,
            minimum_coverage=self.minimum_coverage,
        )


class DeliverySettings(Group):
    """How alerts are delivered to receivers: `RAILWATCH_DELIVERY_*`.

    Attributes:
        timeout_s: how long a receiver may take to answer, from connecting to the end of its answer.
        give_up_after_s: age at which an alert that a receiver does not take becomes a dead letter.
        first_retry_s: wait after the first failure. It doubles with each further failure.
        longest_retry_s: longest wait.
    """

    timeout_s: float = Field(default=10.0, gt=0, le=120)
    give_up_after_s: float = Field(default=21_600.0, gt=0)
    first_retry_s: float = Field(default=1.0, gt=0)
    longest_retry_s: float = Field(default=300.0, gt=0)

    @property
    def give_up_after(self) -> timedelta:
        """Age at which an alert that a receiver does not take becomes a dead letter."""
        return timedelta(seconds=self.give_up_after_s)


class AlertmanagerSettings(Group):
    """Alertmanagers to post to: `RAILWATCH_ALERTMANAGER_*`.

    Attributes:
        urls: base address by receiver name, `main=http://alertmanager:9093`. Of a cluster, name every member.
        tokens: bearer token by receiver name, for those that need one.
        resend_s: how often a standing alert is sent again. If Alertmanager does not hear of an alert for four times as
            long, it takes the alert as resolved.
        namespace: the label `namespace` that Prometheus gives to what it scrapes of this installation. Alerts carry it,
            too, so that Alertmanager does not confuse installations.
    """

    urls: Annotated[dict[ReceiverName, HttpUrl], ByName] = Field(default={}, description=URLS_BY_NAME)
    tokens: Annotated[dict[ReceiverName, SecretStr], ByName] = Field(default={}, description="name=token[,name=token]")
    resend_s: float = Field(default=60.0, gt=0)
    namespace: str | None = None

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        for name in self.tokens.keys() - self.urls.keys():
            raise ValueError(f"TOKENS names {name!r}, but URLS does not")
        return self


class WebhookSettings(Group):
    """Webhooks to call: `RAILWATCH_WEBHOOK_*`.

    Attributes:
        urls: address by receiver name, `desk=https://desk.example/hooks/railwatch`.
        secrets: the secret that signs the requests, by receiver name; every receiver needs one. `whsec_` and base64
            stands for the key's bytes. Any other text is the key itself.
        formats: `cloudevents`, the default, or `alertmanager`, by receiver name.
    """

    urls: Annotated[dict[ReceiverName, HttpUrl], ByName] = Field(default={}, description=URLS_BY_NAME)
    secrets: Annotated[dict[ReceiverName, WebhookSecret], ByName] = Field(
        default={}, description="name=secret[,name=secret] of at least 16 characters each"
    )
    formats: Annotated[dict[ReceiverName, WebhookFormat], ByName] = Field(
        default={}, description="name=cloudevents or name=alertmanager"
    )

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        for name in self.urls.keys() - self.secrets.keys():
            raise ValueError(f"SECRETS has no secret for {name!r}: every request must be signed")
        for name in (self.secrets.keys() | self.formats.keys()) - self.urls.keys():
            raise ValueError(f"{name!r} has no address in URLS")
        return self


class SecondLookSettings(Group):
    """Webhooks that hear of requests for a second look, of colleagues or of tasking: `RAILWATCH_SECOND_LOOK_*`.

    Attributes:
        urls: address by receiver name, `tasking=https://tasking.example/hooks/railwatch`. Each gets a CloudEvent.
        secrets: the secret that signs the requests, by receiver name, as for `RAILWATCH_WEBHOOK_SECRETS`.
    """

    urls: Annotated[dict[ReceiverName, HttpUrl], ByName] = Field(default={}, description=URLS_BY_NAME)
    secrets: Annotated[dict[ReceiverName, WebhookSecret], ByName] = Field(
        default={}, description="name=secret[,name=secret] of at least 16 characters each"
    )

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        for name in self.urls.keys() ^ self.secrets.keys():
            raise ValueError(f"{name!r} needs an address in URLS and a secret in SECRETS: every request must be signed")
        return self


class Settings(ServiceSettings):
    """All settings of alerting."""

    kafka: KafkaSettings
    redis: RedisSettings
    blobs: BlobSettings
    sites: SiteSettings
    tokens: TokenSettings = TokenSettings()
    proxy: ProxySettings = ProxySettings()
    http: HttpSettings = HttpSettings()
    alerting: AlertingSettings = AlertingSettings()
    delivery: DeliverySettings = DeliverySettings()
    alertmanager: AlertmanagerSettings = AlertmanagerSettings()
    webhook: WebhookSettings = WebhookSettings()
    second_look: SecondLookSettings = SecondLookSettings()

    @model_validator(mode="after")
    def _receivers_are_distinct(self) -> Self:
        for name in self.alertmanager.urls.keys() & self.webhook.urls.keys():
            raise ValueError(f"RAILWATCH_ALERTMANAGER_URLS and RAILWATCH_WEBHOOK_URLS both name a receiver {name!r}")
        return self

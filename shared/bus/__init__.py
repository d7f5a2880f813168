"""The bus: CloudEvents over Kafka, one publisher and one worker loop for all services."""

from shared.bus.attempt import RetryPolicy
from shared.bus.codec import Message, decode, encode
from shared.bus.lineage import Lineage, lineage
from shared.bus.publisher import Publisher
from shared.bus.worker import Worker

__all__ = ["Lineage", "Message", "Publisher", "RetryPolicy", "Worker", "decode", "encode", "lineage"]

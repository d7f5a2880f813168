"""The bus: CloudEvents over Kafka, with one publisher and one worker loop for all services."""

from railwatch.shared.bus.attempt import RetryPolicy
from railwatch.shared.bus.codec import Message, decode, encode
from railwatch.shared.bus.lineage import Lineage, lineage
from railwatch.shared.bus.publisher import Publisher
from railwatch.shared.bus.timers import Timer
from railwatch.shared.bus.worker import Worker

__all__ = ["Lineage", "Message", "Publisher", "RetryPolicy", "Timer", "Worker", "decode", "encode", "lineage"]

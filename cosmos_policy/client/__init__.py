"""The thin client: a model at the other end of a wire. numpy, msgpack, websockets and httpx; Python 3.10; no torch."""

from cosmos_policy.client.broker import ActionChunkBroker
from cosmos_policy.client.connection import ServerRefusal, ServerUnreachable
from cosmos_policy.client.remote_model import RemoteModel, connect, is_address

__all__ = ["ActionChunkBroker", "RemoteModel", "ServerRefusal", "ServerUnreachable", "connect", "is_address"]

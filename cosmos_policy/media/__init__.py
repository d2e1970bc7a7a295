"""Pictures and videos on disk: Pillow and PyAV, with errors that say what was wrong."""

from cosmos_policy.media.generated import encode_media, read_settings, settings_of, write_media
from cosmos_policy.media.images import read_image
from cosmos_policy.media.video import read_video, write_video

__all__ = [
    "encode_media",
    "read_image",
    "read_settings",
    "read_video",
    "settings_of",
    "write_media",
    "write_video",
]

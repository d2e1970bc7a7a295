"""Pictures and videos on disk: Pillow and PyAV, with errors that say what was wrong."""

from cosmos_policy.media.images import read_image
from cosmos_policy.media.video import read_video, write_video

__all__ = ["read_image", "read_video", "write_video"]

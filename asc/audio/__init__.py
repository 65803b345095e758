"""Audio files: what their bytes hold, and decoding them block by block."""

from asc.audio.decoding import ADVICE, AudioFile
from asc.audio.source import MISSING, checksums

__all__ = ["ADVICE", "MISSING", "AudioFile", "checksums"]

"""pytest fixtures around ``sniff``: record and judge what a client gets, or replay a recording.

The fixtures ``sniff_record`` and ``sniff_replay`` come with the plugin. What stands here serves for
annotations, and for fixtures of your own with another scope.
"""

from ._findings import Excerpt, Finding, Level, SniffFindings
from ._program import SniffError
from ._record import Recorder
from ._replay import Replay, Replayer

__all__ = [
    "Excerpt",
    "Finding",
    "Level",
    "Recorder",
    "Replay",
    "Replayer",
    "SniffError",
    "SniffFindings",
]

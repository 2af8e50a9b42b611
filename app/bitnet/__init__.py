"""A BitNet b1.58 engine for Python, in a browser tab through Pyodide and in CPython.

>>> model = await bitnet.load("tiny-tales")
>>> async for piece in model.chat([{"role": "user", "content": "Tell me a joke."}]):
...     print(piece, end="")
"""

import logging

from bitnet.chat import Conversation
from bitnet.delivery import Control, Origin, Shelf, Stored, resolve
from bitnet.errors import (
    BadArgument,
    BadFile,
    BadNumbers,
    BitNetError,
    ConnectionBroken,
    ContextFull,
    FetchError,
    NoCore,
    NotFound,
    NotReady,
    OutOfMemory,
    TemplateError,
    Unsupported,
)
from bitnet.loading import load
from bitnet.model import Model
from bitnet.records import (
    KV_PRECISIONS,
    PROFILES,
    Message,
    ModelInfo,
    Progress,
    Sampling,
    Timings,
    Token,
    WeightCounts,
)
from bitnet.saved_sessions import SavedSession, SavedSessions

__all__ = [
    "KV_PRECISIONS",
    "PROFILES",
    "BadArgument",
    "BadFile",
    "BadNumbers",
    "BitNetError",
    "ConnectionBroken",
    "ContextFull",
    "Control",
    "Conversation",
    "FetchError",
    "Message",
    "Model",
    "ModelInfo",
    "NoCore",
    "NotFound",
    "NotReady",
    "Origin",
    "OutOfMemory",
    "Progress",
    "Sampling",
    "SavedSession",
    "SavedSessions",
    "Shelf",
    "Stored",
    "TemplateError",
    "Timings",
    "Token",
    "Unsupported",
    "WeightCounts",
    "load",
    "resolve",
]

# What the core logs, errors too, also comes as exceptions and warnings: silent until the program asks for it.
logging.getLogger("bitnet").addHandler(logging.NullHandler())

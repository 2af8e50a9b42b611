"""How a model gets here, and stays: found, fetched without ever beginning anew, stored, checked, repaired.

origin, resolve, hub   what a person names -> the files of a model, with what is known about them
transfer, control      a URL as one body that outlives its connections; pause it, and let it go on
growth, segments       how many connections it is worth; what several fetch ahead, given in order
journal, kept          what is known of a stored file; a body that gives it, and stores what is missing
shelf, repair          all stored models, and how one is mended
delivery               one model from its origin, whatever of it is stored already
"""

from bitnet.delivery.control import Control
from bitnet.delivery.delivery import Delivery
from bitnet.delivery.growth import Plan
from bitnet.delivery.origin import Origin, Part
from bitnet.delivery.resolve import find_stored, resolve, resolve_one
from bitnet.delivery.shelf import Shelf, Stored

__all__ = [
    "Control",
    "Delivery",
    "Origin",
    "Part",
    "Plan",
    "Shelf",
    "Stored",
    "find_stored",
    "resolve",
    "resolve_one",
]

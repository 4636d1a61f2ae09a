"""The words that both ground floors share: views, hands, and the error that a person can mend."""

from typing import Literal, get_args

# `palm` is the region that recognisers compare. Every other view shows more: its palm is cut out to be
# judged, and where an engine has no measure of its own for it, that of the whole hand holds.
View = Literal["palm", "hand"]
Hand = Literal["left", "right"]
VIEWS: tuple[View, ...] = get_args(View)
HANDS: tuple[Hand, Hand] = ("left", "right")


class PalmforgeError(Exception):
    """Something that a person can mend; its text says what is wrong and what to do next."""

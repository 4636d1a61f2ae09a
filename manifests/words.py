"""The words that both ground floors share: views, hands, and the error that a person can mend."""

from typing import Literal

View = Literal["palm", "hand"]
Hand = Literal["left", "right"]
VIEWS: tuple[View, ...] = ("palm", "hand")
HANDS: tuple[Hand, Hand] = ("left", "right")


class PalmforgeError(Exception):
    """Something that a person can mend; its text says what is wrong and what to do next."""

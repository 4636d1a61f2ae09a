"""Question: what is compared with what, and the command that asks it."""

import shlex
from dataclasses import dataclass
from typing import Literal

from tasks.evaluate.sets.folder import PATTERN
from tasks.work.libraries import installed

Ways = Literal["with", "without", "both"]
RENDERER = "renderer"
RECOGNISER = ("competitive", "palmnet")  # the floor, and our small one
SOFTWARE = ("palmforge", "torch", "torchvision", "pytorch-metric-learning", "numpy", "opencv-python")


@dataclass(frozen=True)
class Budget:
    """What every recogniser gets, whatever it is trained on; 0 = as the recogniser's settings say."""

    steps: int = 0  # at the level learning rate, at most
    size: int = 0  # px, side of the grey palms
    augment: Ways = "with"  # rows whose pictures are augmented, rows whose are not
    seeds: int = 3
    seed: int = 0  # of the first training; the others follow


@dataclass(frozen=True)
class Question:
    """What is compared with what. Names of sets: a version or dataset folder, `renderer`, or known people.

    Known people: NAME:DIR, NAME@DEVICE:DIR (of tasks/evaluate/sets), a folder, or a CSV.
    """

    dataset: str
    real: tuple[str, ...] = ()  # known people to test on, beside the rendered test set
    against: tuple[str, ...] = (RENDERER,)  # further sets to train on
    recognisers: tuple[str, ...] = RECOGNISER  # NAME or module:factory, and KEY=VALUE behind commas
    protocols: tuple[str, ...] = ()  # which pairs are compared; () = as is usual for the set
    half: bool = (
        False  # also train on half of each real set: alone, with the dataset, after it; test on the other
    )
    curve: tuple[int, ...] = ()  # numbers of identities to train on
    curve_captures: tuple[int, ...] = ()  # numbers of captures of each identity to train on
    identities: int = 0  # trained on at most; 0 = all of the train split
    budget: Budget = Budget()
    roi: bool | None = None  # known people are regions of interest; None = as set and pictures say
    turn: int | None = None  # degrees clockwise that bring the fingers of regions up; None = as the set says
    id_pattern: str = PATTERN
    work: str = ".palmforge/evaluate"  # aligned photographs and trained recognisers, local
    workers: int = 0  # processes; 0 = one a core; the figures do not depend on it

    def command(self) -> str:
        """The command that asks it; what is left at its default is left out."""
        b, said = self.budget, ["palmforge", "evaluate", self.dataset]
        lists = [("--real", self.real), ("--protocol", self.protocols)]
        lists.append(("--against", () if self.against == (RENDERER,) else self.against))
        lists.append(("--recogniser", () if self.recognisers == RECOGNISER else self.recognisers))
        for option, values in lists:
            said += [word for value in values for word in (option, value)]
        said += {None: [], True: ["--roi"], False: ["--no-roi"]}[self.roi]
        said += ["--half"] if self.half else []
        said += [] if b.augment == "with" else ["--augment", b.augment]
        numbers = {
            "--turn": (self.turn, None), "--curve": (",".join(map(str, self.curve)), ""),
            "--curve-captures": (",".join(map(str, self.curve_captures)), ""),
            "--identities": (self.identities, 0), "--steps": (b.steps, 0), "--size": (b.size, 0),
            "--seeds": (b.seeds, Budget.seeds), "--seed": (b.seed, 0),
            "--id-pattern": (self.id_pattern, PATTERN),
        }  # fmt: skip
        said += [w for name, (value, usual) in numbers.items() if value != usual for w in (name, str(value))]
        return shlex.join(said)


def software() -> dict[str, str]:
    """Versions of what the figures depend on."""
    return installed(SOFTWARE)

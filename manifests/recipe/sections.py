"""The sections of a recipe: one documented, constrained line an option."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from manifests.effects import Effect
from manifests.files.remote import without_keys
from manifests.recipe.parts import PartName, registry
from manifests.words import Hand, View

KAGGLE_HANDLE = r"^$|^[\w-]+/[\w-]+/versions/[1-9]\d*$"


class Section(BaseModel):
    """A part of a recipe: frozen, unknown keys refused, text trimmed, no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, str_strip_whitespace=True)


def _unique(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(values)) < len(values):
        raise ValueError("names something twice")
    return values


def _controls(controls: dict[str, Any]) -> dict[str, Any]:
    for field, control in controls.items():
        _check_control(field, control)
    return controls


def _check_control(field: str, control: Any) -> None:
    """A control is a fixed value, a range, a normal distribution or a list of choices."""
    if isinstance(control, bool | int | float | str):
        return
    keys = set(control) if isinstance(control, dict) else set()
    if keys == {"low", "high"}:
        if not all(_is_number(control[k]) for k in keys) or control["low"] > control["high"]:
            raise ValueError(f"{field}: low and high must be numbers, low <= high")
    elif keys == {"mean", "sd"}:
        if not all(_is_number(control[k]) for k in keys) or control["sd"] < 0:
            raise ValueError(f"{field}: mean and sd must be numbers, sd >= 0")
    elif keys == {"choices"}:
        if not isinstance(control["choices"], list) or not control["choices"]:
            raise ValueError(f"{field}: choices must be a list with at least one value")
    else:
        raise ValueError(
            f"{field}: give a fixed value, {{low = a, high = b}}, {{mean = m, sd = s}} or {{choices = [...]}}"
        )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


Views = Annotated[tuple[View, ...], Field(min_length=1), AfterValidator(_unique)]
Hands = Annotated[tuple[Hand, ...], Field(min_length=1), AfterValidator(_unique)]
GateNames = Annotated[tuple[Annotated[str, PartName("gate")], ...], AfterValidator(_unique)]
Share = Annotated[float, Field(ge=0, le=1)]
Controls = Annotated[dict[str, Any], AfterValidator(_controls)]


class Source(Section):
    """Where the photographs of real palms come from."""

    kind: Annotated[str, PartName("source")] = Field(default="none", description="where they come from")
    path: str = Field(
        default="", description="folder or archive with the photographs, local or an address (s3://…)"
    )
    dataset: str = Field(
        default="",
        pattern=KAGGLE_HANDLE,
        description="Kaggle dataset at a pinned version: owner/name/versions/N",
    )
    licence: str = Field(
        default="", description="licence of the photographs, recorded with every image made from them"
    )
    credit: str = Field(default="", description="who made the photographs, printed in the dataset card")
    limit: int = Field(default=0, ge=0, description="take at most this many photographs; 0 = all")
    identities: int = Field(
        default=20, ge=1, description="identities that kind renderer draws as photographs"
    )
    captures: int = Field(
        default=4, ge=1, description="photographs of each identity that kind renderer draws"
    )
    retries: Annotated[int, Effect.NOTHING] = Field(
        default=5, ge=0, le=20, description="further attempts when the network is to blame"
    )

    @field_validator("path")
    @classmethod
    def _without_keys(cls, path: str) -> str:
        return without_keys(path)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        registry("source").get(self.kind).check(self)
        return self


class Align(Section):
    """How hands are found in the photographs and brought into the canonical frames."""

    views: Views = Field(
        default=("palm", "hand"), description="views to cut: palm (region of interest), hand (with fingers)"
    )
    size: int = Field(default=256, ge=32, le=2048, description="side of the aligned pictures in pixels")
    confidence: float = Field(default=0.5, gt=0, lt=1, description="least detection score of a hand, 0 to 1")
    max_hands: int = Field(default=2, ge=1, le=4, description="hands taken from one photograph at most")
    attempts: int = Field(
        default=8, ge=1, le=8, description="tries with padding and quarter turns before a photo is rejected"
    )
    passes: int = Field(
        default=2, ge=1, le=8, description="readings of each hand; each brings repeated results closer"
    )
    decode_side: int = Field(
        default=1024, ge=256, le=8192, description="larger photographs are decoded to about this side"
    )
    model: str = Field(
        default="", description="path of a hand_landmarker.task; empty = the one made at set-up"
    )
    workers: Annotated[int, Effect.NOTHING] = Field(
        default=0, ge=0, description="processes that align; 0 = one a core"
    )


class Train(Section):
    """How the generator learns from the aligned palms."""

    checkpoint: str = Field(
        default="shipped", min_length=1, description="shipped, train, or the path of a checkpoint folder"
    )
    steps: Annotated[int, Effect.CONTINUES] = Field(
        default=8000, ge=1, description="training steps in all, also over resumed runs"
    )
    batch: int = Field(default=8, ge=1, description="pictures in one training step of a device")
    devices: int = Field(
        default=1, ge=1, le=1024, description="processes that train, each on a GPU or, without, on the CPU"
    )
    learning_rate: float = Field(default=6e-4, gt=0, lt=1, description="peak learning rate")
    warmup: int = Field(default=100, ge=0, description="steps over which the learning rate rises")
    cooldown: Share = Field(default=0.3, description="last share of the steps, over which it falls to zero")
    ema: float = Field(default=0.999, ge=0, lt=1, description="decay of the averaged weights that draw")
    condition_dropout: float = Field(
        default=0.1, ge=0, lt=1, description="share of pictures trained without their structure"
    )
    palm_share: Share = Field(
        default=0.7, description="share of view palm among the pictures; the rest is hand"
    )
    size: int = Field(
        default=128, ge=32, le=1024, multiple_of=32, description="side of the pictures in pixels"
    )
    dim: int = Field(default=64, ge=8, le=512, multiple_of=8, description="width of the network")
    save_every: Annotated[int, Effect.NOTHING] = Field(
        default=250, ge=1, description="steps between checkpoints to resume from"
    )
    sample_every: Annotated[int, Effect.NOTHING] = Field(
        default=500, ge=1, description="steps between sample sheets"
    )


class EngineOptions(Section):
    """What turns structure maps into pixels."""

    name: Annotated[str, PartName("engine")] = Field(default="atlas", description="what draws")
    steps: int = Field(
        default=8,
        ge=1,
        le=1000,
        description="network evaluations of diffusion (a picture) and refined (an identity)",
    )
    start: float = Field(
        default=0.65, gt=0, le=1, description="noise level to start at; below 1 from the rendered picture"
    )
    guidance: float = Field(
        default=1.0, ge=0, le=20, description="strength of the structure condition; 1 = as trained"
    )
    release: float = Field(
        default=0.0, ge=0, lt=1, description="noise level below which the structure condition is let go"
    )
    device: str = Field(
        default="cpu",
        pattern=r"^(cpu|cuda(:\d+)?)$",
        description="where the networks of diffusion and refined run: cpu, cuda",
    )
    runner: Annotated[Literal["local", "dask"], Effect.NOTHING] = Field(
        default="local", description="who draws: local (processes of this machine) or dask"
    )
    workers: Annotated[int, Effect.NOTHING] = Field(
        default=0, ge=0, description="processes that draw; 0 = one a core"
    )
    dask_address: Annotated[str, Effect.NOTHING] = Field(
        default="",
        pattern=r"^$|^[a-z]+://\S+$",
        description="scheduler of runner dask, for example tcp://10.0.0.5:8786; empty = a local cluster",
    )


class Splits(Section):
    """Shares of the subjects in each split; drawn by hash, so the counts come near them."""

    train: Share = Field(default=0.8, description="share of subjects to train on")
    validation: Share = Field(default=0.1, description="share of subjects to validate on")
    test: Share = Field(default=0.1, description="share of subjects to test on")

    @model_validator(mode="after")
    def _sum_to_one(self) -> Self:
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"train + validation + test must be 1, they are {total:g}")
        return self


class Dataset(Section):
    """What is made: how many identities and captures, and how they are stored."""

    identities: int = Field(default=20, ge=1, description="identities: hands, the classes of the dataset")
    captures: int = Field(default=8, ge=1, description="captures of each identity")
    views: Views = Field(default=("palm",), description="views of each capture: palm, hand")
    size: int = Field(default=128, ge=16, le=2048, description="side of the pictures in pixels")
    hand_size: int = Field(
        default=0, ge=0, le=2048, description="side of view hand in pixels; 0 = as view palm"
    )
    hands: Hands = Field(default=("left", "right"), description="hands of each subject: left, right")
    splits: Splits = Field(default=Splits(), description="shares of subjects in each split")
    shard_identities: int = Field(
        default=8, ge=1, description="identities made in one unit of work and of resume"
    )
    image_format: Literal["png", "jpeg", "webp"] = Field(
        default="png", description="png (lossless), jpeg or webp"
    )
    quality: int = Field(
        default=95, ge=1, le=100, description="quality of jpeg and webp; webp at 100 is lossless"
    )
    version: str = Field(
        default="", pattern=r"^$|^[\w][\w.-]*$", description="name of the version; empty = from the content"
    )

    def side(self, view: View) -> int:
        """Side of the pictures of a view, pixels."""
        return (self.hand_size or self.size) if view == "hand" else self.size


class Report(Section):
    """What the report of a version may show."""

    photographs: bool = Field(
        default=False,
        description="publish photographs of people in report and contact sheet; else in the work folder only",
    )


class Transform(Section):
    """One albumentations transform."""

    name: str = Field(
        min_length=1, description="class of albumentations, for example RandomBrightnessContrast"
    )
    p: Share = Field(default=1.0, description="probability of the transform")
    params: dict[str, Any] = Field(default_factory=dict, description="its arguments")


class Augment(Section):
    """Further pictures derived from the captures, their parameters recorded."""

    copies: int = Field(default=0, ge=0, description="augmented pictures of each capture; 0 = none")
    transforms: tuple[Transform, ...] = Field(
        default=(), description="albumentations transforms: {name, p, params}"
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.copies and not self.transforms:
            raise ValueError("copies > 0 needs at least one entry in augment.transforms")
        return self


class Nightly(Section):
    """What a night adds to the version before it, and how many versions are kept; never what a picture is."""

    add_identities: int = Field(
        default=0, ge=0, description="identities that each night adds to the newest version; 0 = none"
    )
    keep_versions: int = Field(
        default=0, ge=0, description="newest versions that are kept, never fewer than 2; 0 = all"
    )
    night: str = Field(
        default="",
        description="name of the night, all runs of which build one version; empty = the run's date",
    )


class Gates(Section):
    """What a picture and an identity must pass to be published. A threshold of 0 is the calibrated one."""

    use: GateNames = Field(
        default_factory=lambda: tuple(registry("gate").ours), description="gates that judge, [] = none"
    )
    quality: Share = Field(
        default=0.0, description="least quality of a picture, 0 to 1; 0 = only what no clean picture has"
    )
    hand: float = Field(
        default=0.0, ge=0, description="farthest that landmarks are found again, in palm widths (view hand)"
    )
    identity: float = Field(
        default=0.0, ge=0, lt=1, description="least similarity of a picture to its own identity"
    )
    twins: float = Field(
        default=0.0, ge=0, lt=1, description="similarity from which two identities count as one"
    )
    leakage: float = Field(
        default=0.0, ge=0, lt=1, description="similarity from which a picture counts as a photograph's copy"
    )
    duplicates: int = Field(
        default=6,
        ge=0,
        le=128,
        description="bits of 256 by which captures of an identity differ at most to be one",
    )
    attempts: float = Field(
        default=2.0,
        ge=1,
        le=100,
        description="captures, and identities, drawn at most for each one asked for",
    )
    max_rejected: Share = Field(
        default=0.5, description="release: share of pictures that may be rejected for any reason"
    )
    max_twins: Share = Field(
        default=0.02, description="release: share of identities that may be twins of others"
    )
    max_leaks: Share = Field(
        default=0.01, description="release: share of pictures that may be copies of photographs"
    )

"""The sections of the two baselines; their defaults are the published settings of the hackathon entry."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from manifests.effects import Effect
from manifests.recipe.sections import Section

Mult = Annotated[int, Field(ge=1, le=16)]


class Wgan(Section):
    """The engine wgan-gp: an individual is a latent, its captures are latents near it."""

    size: int = Field(
        default=256, ge=16, le=1024, description="side of its pictures in pixels, a power of two"
    )
    latent: int = Field(default=100, ge=1, le=4096, description="length of a latent")
    width: int = Field(default=64, ge=2, le=256, description="channels: 16 times this at 4×4 pixels")
    batch: int = Field(default=16, ge=1, description="pictures in one training step")
    epochs: Annotated[int, Effect.CONTINUES] = Field(
        default=1000, ge=1, description="passes over the photographs, also over resumed runs"
    )
    generator_rate: float = Field(default=5e-5, gt=0, lt=1, description="learning rate of the generator")
    critic_rate: float = Field(default=2e-5, gt=0, lt=1, description="learning rate of the critic")
    beta1: float = Field(default=0.5, ge=0, lt=1, description="Adam's memory of the gradient")
    beta2: float = Field(default=0.999, ge=0, lt=1, description="Adam's memory of the squared gradient")
    penalty: float = Field(default=10.0, ge=0, description="weight of the gradient penalty")
    critic_steps: int = Field(default=1, ge=1, description="critic updates for each of the generator")
    ema: float = Field(default=0.999, ge=0, lt=1, description="decay of the averaged weights that draw")
    save_epochs: Annotated[int, Effect.NOTHING] = Field(
        default=10, ge=1, description="epochs between checkpoints with a sample grid"
    )
    noise: Annotated[float, Effect.DRAWING] = Field(
        default=0.02, ge=0, description="a capture is the individual's latent + noise × normal"
    )
    angle: Annotated[float, Effect.DRAWING] = Field(
        default=0.0,
        ge=0,
        le=90,
        description="degrees a capture is turned from the individual on the latents' sphere; 15 is visible",
    )

    @model_validator(mode="after")
    def _power_of_two(self) -> Self:
        if self.size & (self.size - 1):
            raise ValueError(f"size must be a power of two, {self.size} is none")
        return self


class Ddpm(Section):
    """The engine ddpm-tps: an individual is a recorded noise, its captures are warps of one picture."""

    size: int = Field(default=128, ge=8, le=1024, description="side of its pictures in pixels")
    dim: int = Field(default=64, ge=8, le=512, multiple_of=8, description="channels of the top level")
    mults: tuple[Mult, ...] = Field(
        default=(1, 2, 4, 8), min_length=1, max_length=6, description="channels of each level, in dim"
    )
    timesteps: int = Field(default=1000, ge=2, le=10_000, description="noise levels it learns")
    sampling_steps: Annotated[int, Effect.DRAWING] = Field(
        default=1000, ge=1, le=10_000, description="network evaluations a picture; fewer than timesteps: DDIM"
    )
    batch: int = Field(default=16, ge=1, description="pictures in one pass")
    accumulate: int = Field(default=2, ge=1, description="passes in one training step")
    learning_rate: float = Field(default=2e-5, gt=0, lt=1, description="of Adam (0.9, 0.99)")
    steps: Annotated[int, Effect.CONTINUES] = Field(
        default=50_000, ge=1, description="training steps in all, also over resumed runs"
    )
    ema: float = Field(default=0.995, ge=0, lt=1, description="decay of the averaged weights that draw")
    amp: bool = Field(default=True, description="half precision in training, where there is a GPU")
    flip: bool = Field(
        default=True,
        description="mirror half of the photographs, as published: left hands become right ones; better off",
    )
    save_every: Annotated[int, Effect.NOTHING] = Field(
        default=500, ge=1, description="steps between checkpoints to resume from"
    )
    sample_every: Annotated[int, Effect.NOTHING] = Field(
        default=500, ge=0, description="steps between sample grids; 0 = none"
    )
    samples: Annotated[int, Effect.NOTHING] = Field(
        default=25, ge=1, le=100, description="pictures of a sample grid"
    )
    jitter: Annotated[float, Effect.DRAWING] = Field(
        default=1.0, ge=0, description="landmarks move by up to this, px of its pictures"
    )
    bend: Annotated[float, Effect.DRAWING] = Field(
        default=0.0, ge=0, le=0.5, description="sd of a further move, palm widths; 0.03 is what skin does"
    )
    renoise: Annotated[float, Effect.DRAWING] = Field(
        default=0.0, ge=0, le=1, description="share of the noise levels that each capture is drawn anew from"
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.sampling_steps > self.timesteps:
            raise ValueError(f"sampling_steps is at most timesteps, {self.timesteps}")
        if self.size % 2 ** (len(self.mults) - 1):
            raise ValueError(f"size must be a multiple of {2 ** (len(self.mults) - 1)} for {self.mults}")
        return self

"""The section that says whether a version is signed, and with whose certificate and key."""

from typing import Self

from pydantic import Field, model_validator

from manifests.recipe.sections import Section

PEM = "-----BEGIN"  # how a certificate or a key begins that stands where its path should


class Publish(Section):
    """Content credentials of a version; never what a picture is."""

    sign: bool = Field(
        default=False, description="sign the manifest of a version (C2PA); needs the extra sign"
    )
    certificate: str = Field(
        default="",
        description="PEM file of the signer's certificate, those above it after it; "
        "empty = $PALMFORGE_SIGN_CERTIFICATE",
    )
    key: str = Field(
        default="",
        description="PEM file of its private key; empty = $PALMFORGE_SIGN_KEY",
    )
    unsigned: bool = Field(
        default=False, description="publish without a signature where signing fails, with a warning"
    )

    @model_validator(mode="before")
    @classmethod
    def _holds_no_key(cls, given: object) -> object:
        if isinstance(given, dict):
            for name in ("key", "certificate"):
                if PEM in str(given.get(name, "")):  # before types are checked, which repeat what they refuse
                    raise ValueError(f"{name}: name a file; what it holds has no place in a recipe")
        return given

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if not self.sign and (self.certificate or self.key):
            raise ValueError("certificate and key are named, and sign is false: set publish.sign = true")
        return self

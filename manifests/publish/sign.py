"""Signs a version with a content credential (C2PA), a file of its own that is bound to the manifest."""

import io
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from manifests.contract.images import SOURCE_TYPE
from manifests.extras import installed
from manifests.files.layout import MANIFEST
from manifests.recipe.signing import PEM
from manifests.words import PalmforgeError

MEDIA_TYPE = "application/vnd.apache.parquet"  # what is signed; C2PA's library binds any bytes to a sidecar
STATEMENT = "org.palmforge.version"  # the assertion that names the version and the sha256 of its files
CERTIFICATE, KEY = "PALMFORGE_SIGN_CERTIFICATE", "PALMFORGE_SIGN_KEY"  # a path each, or the PEM text
NO_REQUESTS = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}
CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


class SignError(PalmforgeError):
    """A version that cannot be signed; the message says what to mend, and nothing of what a key holds."""


@dataclass(frozen=True)
class Signer:
    """Who signs."""

    certificates: str  # PEM, the signer's own first
    key: str = field(repr=False)  # PEM, PKCS#8, not encrypted
    algorithm: str  # as C2PA calls it: es256, ed25519, …

    def sign(self, manifest: Path, statement: Mapping[str, Any]) -> bytes:
        """The credential of the file `manifest`; `statement` says, in JSON, what else is vouched for.

        Never twice the same bytes: a credential has an identifier and a time of its own. No request is made.
        Raises SignError when certificate and key do not sign.
        """
        with manifest.open("rb") as file, tempfile.TemporaryFile(dir=manifest.parent) as copy:
            return self._signed(file, copy, statement)

    def check(self) -> None:
        """Raise SignError when certificate and key do not sign: tried on a few bytes."""
        self._signed(io.BytesIO(b"palmforge"), io.BytesIO(), {})

    def _signed(self, file: IO[bytes], copy: IO[bytes], statement: Mapping[str, Any]) -> bytes:
        import c2pa

        told = {
            "claim_generator_info": [{"name": "palmforge"}],
            "title": MANIFEST,
            "assertions": [
                {"label": "c2pa.actions", "data": {"actions": [CREATED]}},
                {"label": STATEMENT, "data": dict(statement)},
            ],
        }
        try:
            who = c2pa.C2paSignerInfo(self.algorithm, self.certificates.encode(), self.key.encode(), None)
            context = c2pa.Context(c2pa.Settings.from_dict(NO_REQUESTS))
            with c2pa.Signer.from_info(who) as signer, c2pa.Builder(json.dumps(told), context) as builder:
                builder.set_no_embed()
                return bytes(builder.sign(signer, MEDIA_TYPE, file, copy))
        except c2pa.C2paError as error:
            raise SignError(
                f"cannot sign: {error}. The certificate must be valid today, belong to the key, be no "
                "authority's own, and be for signing (extended key usage emailProtection); docs/signing.md"
            ) from None


CREATED = {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPE}


def signer(certificate: str = "", key: str = "") -> Signer:
    """Who signs with the files `certificate` and `key`, or with what the environment names where they are "".

    Raises SignError when one lacks or cannot be used, MissingExtraError when the library is not installed.
    """
    installed("c2pa", "cryptography")
    certificates = _pem("certificate", certificate, CERTIFICATE)
    secret, algorithm = _private(_pem("key", key, KEY))
    return Signer(certificates, secret, algorithm)


def _pem(name: str, path: str, variable: str) -> str:
    """Text of the PEM file `path`, or of what the variable names or holds. Raises SignError."""
    place = path or os.environ.get(variable, "")
    if not place:
        raise SignError(
            f"publish.sign = true and no {name} is named: set publish.{name}, or the environment variable "
            f"{variable}, to a PEM file (docs/signing.md)"
        )
    if place.lstrip().startswith(PEM):
        return place
    return read_pem(place, f"publish.{name} = {path}" if path else f"${variable}")


def read_pem(place: str, where: str) -> str:
    """Text of a PEM file; `where` says whose wish it was. Raises SignError, which repeats none of it."""
    try:
        text = Path(place).expanduser().read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a PEM file"
        raise SignError(f"{where}: cannot be read: {reason}") from None
    if PEM not in text:
        raise SignError(f"{where}: not a PEM file: it has no line that begins with {PEM}")
    return text


def _private(text: str) -> tuple[str, str]:
    """The private key as C2PA's library reads it, and the name of its algorithm."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    try:
        key = serialization.load_pem_private_key(text.encode(), password=None)
    except TypeError:
        raise SignError(
            "the private key is encrypted: decrypt it (openssl pkcs8 -topk8 -nocrypt) into a file that only "
            "its owner can read"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise SignError("the private key cannot be read: give a PEM file (BEGIN PRIVATE KEY)") from None
    if isinstance(key, ec.EllipticCurvePrivateKey):
        algorithm = CURVES.get(key.curve.name, "")
    else:
        kinds = ((ed25519.Ed25519PrivateKey, "ed25519"), (rsa.RSAPrivateKey, "ps256"))
        algorithm = next((name for kind, name in kinds if isinstance(key, kind)), "")
    if not algorithm:
        raise SignError("the private key is of a kind that C2PA does not know: take EC P-256, Ed25519 or RSA")
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return plain.decode(), algorithm

"""An authority that lives as long as a test, and signers below it: PEM files as publish.sign takes them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


@dataclass
class Authority:
    """Who vouches for signers."""

    folder: Path
    name: str = "Palm Works Root"

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.trust = self.folder / "root.pem"
        self.trust.write_bytes(pem(self._certify(self.name, self.key, authority=True)))

    def signer(
        self, name: str = "Ada Signer", key: Any = None, ends: timedelta = timedelta(days=30)
    ) -> tuple[Path, Path]:
        """Files of a new certificate chain and of its private key."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        chain, secret = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        chain.write_bytes(pem(self._certify(name, key, ends=ends)) + self.trust.read_bytes())
        secret.write_bytes(private(key))
        return chain, secret

    def _certify(
        self, name: str, key: Any, *, authority: bool = False, ends: timedelta = timedelta(days=30)
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(named(name))
            .issuer_name(named(self.name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=2))
            .not_valid_after(now + ends)
            .add_extension(x509.BasicConstraints(authority, None), critical=True)
            .add_extension(usage(authority), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
            )
        )
        if not authority:
            made = made.add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False
            )
        return made.sign(self.key, hashes.SHA256())


def named(name: str) -> x509.Name:
    company = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Palm Works")
    return x509.Name([company, x509.NameAttribute(NameOID.COMMON_NAME, name)])


def usage(authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=authority, crl_sign=authority,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def private(key: Any, form: PrivateFormat = PrivateFormat.PKCS8, password: bytes = b"") -> bytes:
    """A private key as a PEM file holds it."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        form = PrivateFormat.PKCS8
    return key.private_bytes(
        Encoding.PEM, form, BestAvailableEncryption(password) if password else NoEncryption()
    )

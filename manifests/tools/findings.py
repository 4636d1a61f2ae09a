"""What `palmforge verify` found: counts, and a line for each thing that is wrong."""

from dataclasses import dataclass, field

from manifests.files.remote import Location

SHOWN = 20  # problems that are printed
KEPT = 1000  # problems that are kept: a version that is wrong everywhere must not fill the memory


@dataclass
class Findings:
    """An empty list of problems means that every byte is as it was published."""

    path: Location
    images: int = 0
    identities: int = 0
    files: int = 0
    bytes: int = 0
    signed: str = ""  # who signed it
    problems: list[str] = field(default_factory=list)
    more: int = 0  # problems beyond KEPT

    @property
    def ok(self) -> bool:
        """True when nothing is wrong."""
        return not self.problems

    def add(self, problem: str) -> None:
        """Keep a problem; the same one is kept once."""
        if len(self.problems) >= KEPT:
            self.more += 1
        elif problem not in self.problems[-SHOWN:]:
            self.problems.append(problem)

    def __str__(self) -> str:
        """A line of counts, then a line a problem."""
        counts = (
            f"{self.path}: {self.images} images of {self.identities} identities, "
            f"{self.files} files, {self.bytes / 1e6:.1f} MB"
        )
        if self.ok:
            signed = f"\n  {self.signed}" if self.signed else ""
            return f"{counts}: every byte is as it was published{signed}"
        total = len(self.problems) + self.more
        lines = [f"  {p}" for p in self.problems[:SHOWN]]
        lines += [f"  and {total - SHOWN} more"] if total > SHOWN else []
        return "\n".join([f"{counts}: {total} problem{'s' * (total > 1)}", *lines])

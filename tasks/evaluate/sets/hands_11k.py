"""11k Hands (Afifi 2019): photographs of both sides of the hand, described by a list."""

from pathlib import Path

from manifests.files.lists import ListError, read_list
from tasks.evaluate.sets.kind import Listed, Shot, TestSet
from tasks.photographs.sources.found import SourceError

LIST, FOLDER = "HandInfo.csv", "Hands"


class Hands11k(TestSet):
    """Only the palm side counts; the list says which that is."""

    name = "11k"
    summary = "11k Hands: photographs of 190 people, of both sides; the palm side counts"
    form = f"{LIST} (id, aspectOfHand, imageName) with the pictures beside it or in {FOLDER}/"
    link = "https://sites.google.com/view/11khands"

    def shot(self, path: Path, name: str) -> Shot | None:
        """Names say nothing here."""
        return None

    def listed(self, folder: Path) -> Listed:
        """The palmar rows of the list whose picture is there. Raises SourceError."""
        table = next(
            (folder / name / LIST for name in (".", "..", FOLDER) if (folder / name / LIST).is_file()), None
        )
        if table is None:
            raise SourceError("not_this_set", f"{folder}: not {self.name}: looked for {self.form}")
        try:
            rows = read_list(table, ["id", "aspectOfHand", "imageName"])
        except ListError as error:
            raise SourceError("not_this_set", f"{error}; {self.name} is {self.form}") from None
        palmar = [row for row in rows if row["aspectOfHand"].lower().startswith("palmar")]
        places = (folder, folder / FOLDER)
        shots = [
            Shot(path, row["id"], row["aspectOfHand"].split()[-1].lower())
            for row in palmar
            if (path := next((p for f in places if (p := f / row["imageName"]).is_file()), None))
        ]
        if not shots:
            raise SourceError(
                "not_this_set", f"{table}: none of its {len(palmar)} palmar pictures is in {folder}"
            )
        people = f"{len({row['id'] for row in rows})} people, {len(rows)} of 11076 rows"
        note = f"{people}; {len(shots)} of {len(palmar)} palmar pictures"
        lacking = len(shots) < len(palmar) or len(rows) < 11_076
        return Listed(shots, note + (f"; INCOMPLETE: {self.form}" if lacking else ""))


HANDS_11K = Hands11k()

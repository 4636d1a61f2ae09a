"""Says of a value that is not there what it may have meant, and what there is."""

import difflib
from collections.abc import Iterable, Sequence

NAMED = 3  # unknown values that a message names
LISTED = 20  # valid values that a message lists; of more it says how many


def meant(value: str, valid: Iterable[str]) -> list[str]:
    """The valid values that are most like `value`, the likeliest first: other case, a longer name, a slip."""
    known = list(valid)
    low = value.lower()
    same = [name for name in known if name.lower() == low]
    longer = [name for name in known if low and (name.lower().startswith(low) or name.lower().endswith(low))]
    close = difflib.get_close_matches(value, known, n=3, cutoff=0.6)
    return list(dict.fromkeys([*same, *sorted(longer, key=len), *close]))[:3]


def unknown(what: str, values: Sequence[str], valid: Iterable[str], where: str) -> str:
    """A sentence that names the unknown values, the likely ones, and what is valid in `where`."""
    known = list(valid)
    named = []
    for value in values[:NAMED]:
        likely = meant(str(value), known)
        named.append(f"{value!r}" + (f" (did you mean {likely[0]!r}?)" if likely else ""))
    more = f" and {len(values) - NAMED} more" if len(values) > NAMED else ""
    there = f"there is {', '.join(known)}" if len(known) <= LISTED else f"the first one there is {known[0]}"
    return f"{where}: no {what} {', '.join(named)}{more}; {there}"

"""The recognisers by name: ours below, those of others through the entry point palmforge.recognisers."""

from dataclasses import dataclass

from manifests.extras import installed
from manifests.registry import Registry
from tasks.evaluate.recognisers.kind import Recogniser, Settings
from tasks.evaluate.recognisers.learned import OwnRecogniser

LEARNED = "tasks.evaluate.recognisers.learned"
RECOGNISERS: Registry[Recogniser] = Registry(
    "palmforge.recognisers",
    "recogniser",
    {
        "competitive": "tasks.evaluate.recognisers.competitive:COMPETITIVE",
        "palmnet": f"{LEARNED}:PALMNET",
        "compnet": f"{LEARNED}:COMPNET",
        "mobilefacenet": f"{LEARNED}:MOBILEFACENET",
        "resnet18": f"{LEARNED}:RESNET18",
    },
    "tasks.evaluate.recognisers.kind:Recogniser",
)


@dataclass(frozen=True)
class Chosen:
    """A recogniser with its settings, as `resnet18,width=32` asks for it."""

    text: str
    kind: Recogniser
    settings: Settings


def parse_recogniser(text: str, size: int = 0, steps: int = 0) -> Chosen:
    """Read NAME or module:factory, and KEY=VALUE behind commas.

    size, steps: of every recogniser that learns, unless its text has its own; 0 = as the recogniser says.
    Raises PluginError for a name that nobody brings, RecogniserError for a setting that it cannot have.
    """
    name, *changes = text.split(",")
    kind = OwnRecogniser(name) if ":" in name else RECOGNISERS.get(name)
    installed(*kind.requires)
    settings = kind.settings
    if kind.learns:
        for key, given in (("size", size), ("steps", steps)):
            settings = settings.changed(key, str(given)) if given else settings
    for change in changes:
        key, _, value = change.partition("=")
        settings = settings.changed(key.strip(), value.strip())
    kind.check(settings)
    return Chosen(text, kind, settings)

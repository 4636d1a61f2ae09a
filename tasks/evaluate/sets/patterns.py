"""The sets whose names say everything: one pattern each, as their authors name the files."""

import re
from pathlib import Path
from typing import ClassVar

from tasks.evaluate.sets.kind import Shot, TestSet

END = r"\.\w+$"


class PatternSet(TestSet):
    """A set whose pictures' names match `pattern`; its groups are those fields of a Shot that it names."""

    pattern: ClassVar[str]

    def shot(self, path: Path, name: str) -> Shot | None:
        """By the pattern's groups; hands are told by their first letter."""
        found = re.search(self.pattern, name, re.IGNORECASE)
        if not found:
            return None
        groups = {key: value or "" for key, value in found.groupdict().items()}
        hand = {"l": "left", "r": "right"}.get(groups.get("hand", "")[:1].lower(), "")
        device = groups.get("device", "").strip("/")
        return Shot(path, groups["subject"], hand, self.session(groups), device)

    def session(self, groups: dict[str, str]) -> str:
        """The session by the groups."""
        return groups.get("session", "")


class Tongji(PatternSet):
    """Zhang et al. 2017: contactless, two sessions two months apart."""

    name = "tongji"
    summary = "Tongji contactless palmprints: 600 palms, 2 sessions of 10"
    form = "session1/NNNNN.bmp and session2/NNNNN.bmp, ten consecutive numbers a palm"
    pattern = rf"(?P<session>session[12])/(?P<subject>\d{{5}}){END}"
    palms, pictures = 600, 12_000
    link = "https://cslinzhang.github.io/ContactlessPalm/"

    def shot(self, path: Path, name: str) -> Shot | None:
        """Ten consecutive pictures show one palm."""
        found = super().shot(path, name)
        palm = (int(found.subject) - 1) // 10 + 1 if found else 0
        return Shot(path, f"{palm:03d}", session=found.session[-1]) if found else None


class Iitd(PatternSet):
    """Kumar 2008: touchless, one session."""

    name = "iitd"
    summary = "IIT Delhi touchless palmprints: 460 palms"
    form = "Left/SSS_K.bmp and Right/SSS_K.bmp, or lSSS_K.bmp and rSSS_K.bmp"
    pattern = (
        r"(?:(?P<hand>left|right)[^/]*/(?:[^/]+/)?[lr]?|(?:^|/)[lr])"
        rf"(?P<subject>\d{{1,3}})_\d+{END}"
    )
    palms, pictures = 460, 2_601
    link = "https://www4.comp.polyu.edu.hk/~csajaykr/IITD/Database_Palm.htm"

    def shot(self, path: Path, name: str) -> Shot | None:
        """The folder names the hand; where there is none, the first letter does."""
        found = super().shot(path, name)
        letter = path.name[0].lower()
        hand = found.hand or {"l": "left", "r": "right"}.get(letter, "") if found else ""
        return Shot(path, found.subject.zfill(3), hand) if found else None


class CasiaMs(PatternSet):
    """Hao et al. 2008: six spectra, contactless."""

    name = "casia-ms"
    summary = "CASIA multi-spectral palmprints: 200 palms, 6 spectra of 6"
    form = "SSS_(l|r)_(460|630|700|850|940|WHT)_KK.jpg"
    pattern = rf"(?:^|/|roi_)(?P<subject>\d+)_(?P<hand>[lr])_(?P<device>460|630|700|850|940|WHT)_\d+{END}"
    palms, pictures = 200, 7_200
    link = "http://biometrics.idealtest.org"


class PolyuMs(PatternSet):
    """Zhang et al. 2010: four spectra, two sessions of six."""

    name = "polyu-ms"
    summary = "PolyU multi-spectral palmprints: 500 palms, 4 spectra of 2 sessions of 6"
    form = "(R|G|B|N)_III_KK.bmp, KK 1 to 6 in session 1, 7 to 12 in session 2"
    pattern = rf"(?:^|/)(?P<device>[RGBN])_(?P<subject>\d+)_(?P<k>\d+){END}"
    palms, pictures = 500, 24_000
    link = "https://www4.comp.polyu.edu.hk/~biometrics/MultispectralPalmprint/MSP.htm"

    def session(self, groups: dict[str, str]) -> str:
        """Six pictures each."""
        return "1" if int(groups["k"]) <= 6 else "2"


class Coep(PatternSet):
    """College of Engineering, Pune: photographs of the right hand on pegs."""

    name = "coep"
    summary = "COEP palm prints: photographs of 168 people, 8 each"
    form = "SSS_… (K).jpg, eight of a person"
    pattern = rf"(?:^|/)(?P<subject>\d+)_[^/]*\(\d+\){END}"
    palms, pictures = 168, 1_344
    link = "https://www.coep.org.in/resources/coeppalmprintdatabase"


class MpdV2(PatternSet):
    """Zhang et al. 2020: two telephones, two sessions."""

    name = "mpdv2"
    summary = "Tongji mobile palmprints: 400 palms, 2 telephones, 2 sessions of 10"
    form = "S_session_(h|m)_(l|r)_K.jpg"
    pattern = rf"(?:^|/)(?P<subject>\d+)_(?P<session>\d)_(?P<device>[hm])_(?P<hand>[lr])_\d+{END}"
    palms, pictures = 400, 16_000
    link = "https://cslinzhang.github.io/MobilePalmPrint/"


class XjtuUp(PatternSet):
    """Shao et al. 2020: unconstrained, telephones with and without flash."""

    name = "xjtu-up"
    summary = "XJTU unconstrained palmprints: 200 palms, telephones with flash and in daylight"
    form = "(iPhone|huawei|…)/(Flash|Nature)/(L|R)_NNN/picture.jpg, or NNNN_KKKK.jpg in place of the folder"
    pattern = (
        r"(?P<device>[^/]+/(?:flash|nature))/(?:[^/]+/)*?"
        rf"(?:(?P<hand>[lr])_(?P<subject>\d+)/[^/]+|(?P<palm>\d+)_\d+){END}"
    )
    palms = 200
    link = "https://gr.xjtu.edu.cn/en/web/bell"

    def shot(self, path: Path, name: str) -> Shot | None:
        """One form names person and hand, the other the palm."""
        found = super().shot(path, name)
        subject = found.subject or path.name.partition("_")[0] if found else ""
        return Shot(path, subject, found.hand, device=found.device) if found else None


TONGJI, IITD, CASIA_MS, POLYU_MS = Tongji(), Iitd(), CasiaMs(), PolyuMs()
COEP, MPD_V2, XJTU_UP = Coep(), MpdV2(), XjtuUp()

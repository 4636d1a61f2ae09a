"""Every distribution of the atlas engine: what a hand is, what a capture adds, and how devices differ."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from palm_models.hand import priors
from palm_models.hand.controls import Prior, chance, choice, count, lognormal, normal, uniform

# What one hand is for life; lengths in palm widths. Traits of palm_models/hand/priors.py keep their meaning.
IDENTITY: dict[str, Prior] = priors.IDENTITY | {
    "skin_tone": uniform("individual typology angle (ITA) of the skin, degrees", -45.0, 62.0, shared=0.995),
    "redness": normal("CIELAB a* of the skin", 14.0, 2.5, 6.0, 22.0, shared=0.97),
    "mottling": lognormal("strength of blotches", 1.2, 0.3, 0.1, 4.0, shared=0.9),
    "mottle_size": uniform("size of blotches", 0.018, 0.04, shared=0.8),
    "crease_pigment": lognormal("how much darker creases are than skin", 1.0, 0.33, 0.2, 3.0, shared=0.95),
    "grain": lognormal("depth of fine isotropic skin grain", 1.2, 0.176, 0.1, 3.0, shared=0.9),
    "ridge_depth": lognormal("depth of the friction ridges", 1.0, 0.4, 0.1, 4.0, shared=0.9),
    "ridge_period": uniform("distance of ridges", 0.0088, 0.0130, shared=0.9),
    "principal_depth": lognormal("depth of the principal creases", 0.66, 0.28, 0.3, 2.5, shared=0.9),
    "principal_width": lognormal("width of the principal creases", 0.015, 0.32, 0.005, 0.04, shared=0.9),
    "branches": count("side branches of the principal creases", 10.0, 30, shared=0.7),
    "wrinkles": count("wrinkles beside the principal creases", 70.0, 200, shared=0.8),
    "wrinkle_depth": lognormal("median depth of wrinkles", 0.18, 0.3, 0.1, 2.0, shared=0.9),
    "wrinkle_length": lognormal("median length of wrinkles", 0.25, 0.25, 0.08, 0.4, shared=0.8),
    "thenar_mesh": lognormal(
        "depth of criss-cross lines, most on the ball of the thumb", 0.8, 0.5, 0.0, 2.5, shared=0.9
    ),
    # only of this engine
    "fine_lines": lognormal("number of thin lines all over the palm", 800.0, 0.22, 0.0, 1500.0, shared=0.85),
    "fine_depth": lognormal("median depth of thin lines", 0.246, 0.2, 0.0, 1.5, shared=0.9),
    "fine_length": lognormal("median length of thin lines", 0.20, 0.25, 0.05, 0.4, shared=0.8),
    "soft_lines": lognormal("number of broad soft lines", 330.0, 0.25, 0.0, 900.0, shared=0.85),
    "soft_depth": lognormal("median depth of broad soft lines", 0.358, 0.216, 0.0, 2.0, shared=0.9),
    "flow": lognormal("how strongly one direction prevails locally", 1.2, 0.4, 0.0, 4.0, shared=0.7),
    "edges": lognormal("height of the raised edges of creases", 1.0, 0.35, 0.0, 3.0, shared=0.9),
    "fray": lognormal("how uneven creases are along their course", 1.0, 0.35, 0.0, 3.0, shared=0.8),
    "fans": lognormal("strength of fans at the thumb and between fingers", 1.0, 0.4, 0.0, 3.0, shared=0.85),
    "thumb_folds": lognormal("depth of the broad folds of the thenar", 1.0, 0.5, 0.0, 3.0, shared=0.9),
    "rim_pigment": lognormal("darker skin where lines gather at the rim", 0.8, 0.5, 0.0, 3.0, shared=0.95),
}  # fmt: skip

# Here `shared` is the correlation of captures of one session.
CAPTURE: dict[str, Prior] = priors.CAPTURE | {
    "device": choice(
        "device that takes the picture", shared=0.5,
        contactless_box=3.5, phone_indoors=0.6, phone_outdoors=0.4, webcam=0.85, spectral=0.8, scanner=0.25,
    ),
    "rotation": normal("turn of the view against the true frame, degrees", 0.0, 1.7, -18.0, 18.0, shared=0.4),
    "scale": normal("size of the hand in the view, as a factor", 1.0, 0.027, 0.82, 1.2, shared=0.4),
    "shift_x": normal("shift of the view, as a share of its side", 0.0, 0.019, -0.12, 0.12, shared=0.3),
    "shift_y": normal("shift of the view, as a share of its side", 0.0, 0.019, -0.12, 0.12, shared=0.3),
    "tilt_x": normal("tilt about the horizontal axis, degrees", 0.0, 3.2, -30.0, 30.0, shared=0.3),
    "tilt_y": normal("tilt about the vertical axis, degrees", 0.0, 3.2, -30.0, 30.0, shared=0.3),
    "deformation": lognormal("size of the smooth skin deformation, in palm widths", 0.0008, 1.0, 0.0, 0.024),
    "stretch": uniform("stretch of the skin: 0 loose, 1 taut with closed lines", 0.15, 0.75, shared=0.6),
    "fading": lognormal("how unevenly creases show over the palm", 0.04, 0.5, 0.0, 1.0),
    "principal_gain": lognormal("visibility of principal creases, a factor", 1.0, 0.10, 0.4, 1.8, shared=0.5),
    "texture_gain": lognormal("visibility of thin lines, a factor", 1.0, 0.12, 0.0, 3.0, shared=0.5),
    "saturation": normal("saturation, as a factor", 1.12, 0.12, 0.0, 1.6, shared=0.7),
    "warmth": normal("colour of the light: blue below 0, yellow above", 0.2, 0.3, -1.0, 1.0, shared=0.7),
    "flush": normal("blood in the skin: added CIELAB a*", 0.0, 1.2, -6.0, 8.0, shared=0.7),
    "mottle_drift": normal("share of blotches that is the session's", 0.3, 0.1, 0.0, 0.9, shared=0.9),
    "light_azimuth": normal("azimuth of the light, degrees from above", 0.0, 60.0, -180.0, 360.0, shared=0.7),
    "light_elevation": normal("height of the light, degrees", 62.0, 9.0, 18.0, 88.0, shared=0.6),
    "unevenness": lognormal("fall-off of light over the palm", 0.2, 0.35, 0.0, 0.6),
    "ambient": uniform("share of light without direction", 0.65, 0.92, shared=0.6),
    "exposure": normal("exposure, in stops", 0.0, 0.22, -2.0, 1.6, shared=0.4),
    "metering": normal("how far exposure evens out light and skin", 0.62, 0.12, 0.0, 1.0, shared=0.6),
    "contrast": normal("contrast of the tone curve, as a factor", 1.03, 0.06, 0.5, 2.0, shared=0.5),
    "defocus": lognormal("defocus, standard deviation in pixels", 0.55, 0.3, 0.1, 4.0, shared=0.3),
    "motion": lognormal("motion blur, length in pixels", 0.3, 0.7, 0.0, 5.0),
    "infrared": chance("taken in near infrared light: grey, with veins", 0.0),
    "grey": chance("taken by a grey sensor", 0.0),
    "band": normal("wavelength that a grey sensor sees, nm", 540.0, 30.0, 430.0, 940.0, shared=0.9),
    "equalise": uniform("how far tones of a palm are made equal, 0 to 1", 0.0, 0.25, shared=0.6),
    "lines": uniform("strength of a scanner's lines, in grey levels", 0.0, 0.1, shared=0.8),
    "veil": uniform("light scattered over the picture, as a share of white", 0.0, 0.03, shared=0.5),
    "strain": lognormal("stretch of the whole palm as the hand is hollowed, a share", 0.008, 0.9, 0.0, 0.1),
}  # fmt: skip

# What a device changes: everything not named is drawn as above.
DEVICES: dict[str, dict[str, Prior]] = {
    "contactless_box": {
        "light_elevation": normal("", 62.0, 9.0, 18.0, 88.0, shared=0.6),
        "ambient": uniform("", 0.65, 0.92, shared=0.7),
        "unevenness": lognormal("", 0.19, 0.35, 0.0, 0.6, shared=0.6),
        "defocus": lognormal("", 0.58, 0.14, 0.1, 4.0, shared=0.4),
        "contrast": normal("", 1.155, 0.05, 0.5, 2.0, shared=0.7),
        "equalise": uniform("", 0.35, 0.55, shared=0.7),
        "noise": lognormal("", 1.6, 0.2, 0.0, 14.0),
        "grey": chance("", 0.35, shared=0.95),
        "band": normal("", 560.0, 25.0, 430.0, 940.0, shared=0.95),
        "background": choice("", dark=1.0),
        "warmth": normal("", 0.1, 0.2, -1.0, 1.0, shared=0.8),
        "jpeg": uniform("", 80.0, 103.0),
    },
    "phone_indoors": {
        "light_elevation": normal("", 55.0, 12.0, 18.0, 88.0, shared=0.6),
        "unevenness": lognormal("", 0.21, 0.35, 0.0, 0.6, shared=0.5),
        "warmth": normal("", 0.25, 0.35, -1.0, 1.0, shared=0.7),
        "defocus": lognormal("", 0.6, 0.18, 0.1, 4.0),
        "noise": lognormal("", 2.4, 0.3, 0.0, 14.0, shared=0.5),
        "sharpening": uniform("", 0.2, 1.0, shared=0.9),
        "jpeg": uniform("", 60.0, 95.0),
    },
    "phone_outdoors": {
        "light_elevation": normal("", 50.0, 13.0, 18.0, 88.0, shared=0.6),
        "ambient": uniform("", 0.45, 0.8, shared=0.6),
        "warmth": normal("", 0.0, 0.3, -1.0, 1.0, shared=0.7),
        "defocus": lognormal("", 0.44, 0.22, 0.1, 4.0),
        "noise": lognormal("", 1.0, 0.3, 0.0, 14.0),
        "sharpening": uniform("", 0.3, 1.1, shared=0.9),
        "background": choice("", clutter=3.0, gradient=1.0, plain=0.5),
    },
    "webcam": {
        "unevenness": lognormal("", 0.22, 0.35, 0.0, 0.6, shared=0.6),
        "defocus": lognormal("", 0.9, 0.18, 0.1, 4.0, shared=0.6),
        "noise": lognormal("", 3.2, 0.3, 0.0, 14.0, shared=0.5),
        "sharpening": uniform("", 0.4, 1.3, shared=0.9),
        "jpeg": uniform("", 40.0, 80.0),
        "saturation": normal("", 0.98, 0.14, 0.0, 1.6, shared=0.8),
        "veil": uniform("", 0.0, 0.08, shared=0.6),
    },
    "spectral": {
        "light_elevation": normal("", 58.0, 9.0, 18.0, 88.0, shared=0.7),
        "ambient": uniform("", 0.62, 0.88, shared=0.7),
        "grey": chance("", 1.0),
        "band": uniform("", 440.0, 700.0, shared=0.9),
        "equalise": uniform("", 0.3, 0.9, shared=0.8),
        "defocus": lognormal("", 0.46, 0.15, 0.1, 4.0, shared=0.5),
        "noise": lognormal("", 1.6, 0.25, 0.0, 14.0, shared=0.5),
        "background": choice("", dark=1.0),
        "jpeg": uniform("", 90.0, 103.0),
    },
    "scanner": {
        "light_elevation": normal("", 40.0, 6.0, 18.0, 88.0, shared=0.8),
        "light_azimuth": normal("", 180.0, 12.0, 0.0, 360.0, shared=0.8),
        "ambient": uniform("", 0.5, 0.7, shared=0.8),
        "unevenness": lognormal("", 0.15, 0.35, 0.0, 0.6, shared=0.6),
        "defocus": lognormal("", 0.46, 0.15, 0.1, 4.0, shared=0.5),
        "motion": lognormal("", 0.05, 0.5, 0.0, 5.0),
        "noise": lognormal("", 1.0, 0.3, 0.0, 14.0, shared=0.6),
        "contrast": normal("", 1.12, 0.06, 0.5, 2.0, shared=0.8),
        "equalise": uniform("", 0.22, 0.48, shared=0.8),
        "lines": uniform("", 0.2, 1.2, shared=0.9),
        "stretch": uniform("", 0.35, 1.0, shared=0.6),
        "warmth": normal("", 0.0, 0.1, -1.0, 1.0, shared=0.9),
        "tint": normal("", 0.0, 0.08, -1.0, 1.0, shared=0.9),
        "tilt_x": normal("", 0.0, 0.6, -30.0, 30.0),
        "tilt_y": normal("", 0.0, 0.6, -30.0, 30.0),
        "background": choice("", dark=2.0, plain=1.0),
        "jpeg": uniform("", 85.0, 103.0),
    },
}


def admitting(
    table: Mapping[str, Prior], controls: Collection[str], others: Iterable[Mapping[str, Prior]]
) -> dict[str, Prior]:
    """The table, in which what is controlled may have any value that one of the other tables allows."""
    known = [table, *others]
    out = dict(table)
    for name in set(controls) & set(table):
        same = [t[name] for t in known if name in t and t[name].kind not in ("chance", "choice")]
        if same and table[name].kind not in ("chance", "choice"):
            out[name] = replace(table[name], low=min(p.low for p in same), high=max(p.high for p in same))
    return out

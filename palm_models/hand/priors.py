"""Every distribution of identity and capture in one table, so that they are tuned without touching code."""

from __future__ import annotations

from dataclasses import dataclass

from palm_models.hand.controls import Prior, chance, choice, count, lognormal, normal, uniform

# What one hand is for life. Lengths in palm widths (joint 5 to joint 17) unless the help says otherwise.
IDENTITY: dict[str, Prior] = {
    # geometry: factors on the mean hand of palm_models/hand/skeleton.py
    "palm_length": normal("palm length, as a factor", 1.0, 0.06, 0.8, 1.25, shared=0.95),
    "finger_length": normal("length of all fingers, as a factor", 1.0, 0.055, 0.8, 1.25, shared=0.95),
    "thumb_length": normal("thumb length, as a factor", 1.0, 0.05, 0.8, 1.2, shared=0.9),
    "index_length": normal("index finger length, as a factor", 1.0, 0.03, 0.85, 1.15, shared=0.85),
    "middle_length": normal("middle finger length, as a factor", 1.0, 0.02, 0.85, 1.15, shared=0.85),
    "ring_length": normal("ring finger length, as a factor", 1.0, 0.03, 0.85, 1.15, shared=0.85),
    "little_length": normal("little finger length, as a factor", 1.0, 0.045, 0.8, 1.2, shared=0.85),
    "finger_width": normal("finger width, as a factor", 1.0, 0.07, 0.75, 1.3, shared=0.95),
    "taper": normal("how much fingers narrow to the tip", 0.8, 0.05, 0.6, 0.95, shared=0.95),
    "mounds": lognormal("height of the palm's mounds", 1.0, 0.3, 0.3, 2.5, shared=0.9),
    # skin
    "skin_tone": normal(
        "individual typology angle (ITA) of the skin, degrees", 15.0, 30.0, -60.0, 65.0, shared=0.995
    ),
    "redness": normal("CIELAB a* of the skin", 15.0, 3.0, 6.0, 25.0, shared=0.97),
    "mottling": lognormal("strength of blotches", 0.35, 0.5, 0.1, 4.0, shared=0.9),
    "mottle_size": uniform("size of blotches", 0.05, 0.14, shared=0.8),
    "veins": lognormal("visibility of veins", 0.25, 0.8, 0.0, 2.0, shared=0.9),
    "sheen": lognormal("oiliness of the skin: strength of its highlights", 0.5, 0.7, 0.0, 3.0, shared=0.8),
    "crease_pigment": lognormal("how much darker creases are than skin", 1.6, 0.35, 0.2, 3.0, shared=0.95),
    "grain": lognormal("depth of fine isotropic skin grain", 1.0, 0.4, 0.1, 3.0, shared=0.9),
    # ridges
    "ridge_depth": lognormal("depth of the friction ridges", 0.9, 0.38, 0.1, 4.0, shared=0.9),
    "ridge_period": uniform("distance of visible ridges", 0.011, 0.028, shared=0.9),
    "ridge_angle": normal("mean direction of ridges, degrees", 0.0, 35.0, -90.0, 90.0, shared=0.5),
    "ridge_curl": lognormal("how much the ridge flow turns over the palm", 0.7, 0.35, 0.1, 2.0, shared=0.5),
    # creases
    "principal_depth": lognormal("depth of the principal creases", 1.25, 0.25, 0.4, 2.5, shared=0.9),
    "principal_width": lognormal("width of the principal creases", 0.023, 0.28, 0.008, 0.04, shared=0.9),
    "waviness": lognormal("how much creases wander", 1.0, 0.35, 0.2, 3.0, shared=0.7),
    "chaining": lognormal("how much principal creases split into strands", 0.6, 0.6, 0.0, 2.5, shared=0.8),
    "simian": chance("heart and head crease are one", 0.04, shared=0.6),
    "branches": count("side branches of the principal creases", 9.0, 30, shared=0.7),
    "wrinkles": count("wrinkles beside the principal creases", 60.0, 200, shared=0.8),
    "wrinkle_depth": lognormal("median depth of wrinkles", 0.75, 0.35, 0.1, 2.0, shared=0.9),
    "wrinkle_length": lognormal("median length of wrinkles", 0.25, 0.25, 0.08, 0.4, shared=0.8),
    "wrinkle_disorder": uniform(
        "spread of wrinkle directions about the dominant ones, degrees", 6.0, 28.0, shared=0.6
    ),
    "thenar_mesh": lognormal(
        "depth of criss-cross lines, most on the ball of the thumb", 0.8, 0.6, 0.0, 2.5, shared=0.9
    ),
    # marks
    "scars": count("scars on the palm side", 0.10, 8, shared=0.0),
    "moles": count("moles on the palm side", 0.05, 12, shared=0.2),
    "calluses": lognormal("hardened skin under the fingers", 0.1, 0.7, 0.0, 2.0, shared=0.8),
}

# What one act of photographing adds. Pixels are those of a 128 × 128 view.
CAPTURE: dict[str, Prior] = {
    # pose
    "rotation": normal("turn of the view against the true frame, degrees", 0.0, 4.0, -18.0, 18.0),
    "scale": normal("size of the hand in the view, as a factor", 1.0, 0.045, 0.82, 1.2),
    "shift_x": normal("shift of the view, as a share of its side", 0.0, 0.035, -0.12, 0.12),
    "shift_y": normal("shift of the view, as a share of its side", 0.0, 0.035, -0.12, 0.12),
    "tilt_x": normal("tilt about the horizontal axis, degrees", 0.0, 4.0, -30.0, 30.0),
    "tilt_y": normal("tilt about the vertical axis, degrees", 0.0, 4.0, -30.0, 30.0),
    "spread": normal("finger spread added to the resting hand, degrees", 0.0, 5.0, -10.0, 14.0),
    "sway": normal("all fingers leaning to one side, degrees", 0.0, 3.5, -10.0, 10.0),
    "thumb": normal("how far the thumb is brought in from where it rests, degrees", 0.0, 9.0, -28.0, 22.0),
    "bend": lognormal("bend of the fingers towards the camera, degrees", 10.0, 0.5, 0.0, 40.0),
    # skin
    "deformation": lognormal("size of the smooth skin deformation, in palm widths", 0.009, 0.4, 0.0, 0.05),
    "stretch": uniform("stretch of the skin: 0 loose with deep wrinkles, 1 taut with closed ones", 0.0, 1.0),
    "stretch_angle": uniform("direction in which the skin is stretched, degrees", 0.0, 180.0),
    "fading": lognormal("how unevenly creases show over the palm", 0.08, 0.5, 0.0, 1.0),
    "principal_gain": lognormal("visibility of the principal creases, as a factor", 1.0, 0.2, 0.4, 1.8),
    "texture_gain": lognormal("visibility of ridges and grain, as a factor", 0.9, 0.38, 0.0, 3.0),
    "flush": normal("blood in the skin: added CIELAB a*", 0.0, 2.0, -6.0, 8.0),
    # light
    "light_azimuth": uniform("where the light comes from, degrees clockwise from above", 0.0, 360.0),
    "light_elevation": normal("height of the light over the palm, degrees", 50.0, 14.0, 18.0, 88.0),
    "ambient": uniform("share of light without direction", 0.5, 0.9),
    "unevenness": lognormal("fall-off of light over the palm", 0.16, 0.55, 0.0, 0.6),
    "warmth": normal("colour of the light: negative blue, positive yellow", 0.0, 0.35, -1.0, 1.0),
    "tint": normal("colour of the light: negative green, positive magenta", 0.0, 0.25, -1.0, 1.0),
    "infrared": chance("taken in near infrared light: grey, with veins", 0.06),
    # camera
    "exposure": normal("exposure, in stops", 0.0, 0.35, -2.0, 1.6),
    "contrast": normal("contrast of the tone curve, as a factor", 1.0, 0.14, 0.6, 1.5),
    "saturation": normal("saturation, as a factor", 1.0, 0.14, 0.0, 1.6),
    "defocus": lognormal("defocus, standard deviation in pixels", 1.9, 0.35, 0.25, 4.0),
    "motion": lognormal("motion blur, length in pixels", 0.5, 0.8, 0.0, 5.0),
    "motion_angle": uniform("direction of the motion blur, degrees", 0.0, 180.0),
    "sharpening": uniform("strength of the camera's sharpening", 0.0, 0.8),
    "noise": lognormal("sensor noise, standard deviation in grey levels", 1.8, 0.6, 0.0, 14.0),
    "jpeg": uniform("JPEG quality; above 97 none", 45.0, 103.0),
    # scene
    "background": choice(
        "what lies behind the hand", plain=5.0, gradient=2.0, cloth=1.5, clutter=1.5, dark=1.0
    ),
    "background_tone": uniform("lightness of the background, 0 to 1", 0.1, 0.97),
    "shadow": uniform("depth of the hand's shadow on the background", 0.0, 0.6),
    "ring": chance("a ring is worn", 0.12),
    "ring_finger": choice("finger that wears the ring", index=1.0, middle=1.5, ring=4.0, little=1.0),
    "bracelet": choice("what is worn at the wrist", none=8.0, bracelet=1.0, watch=1.0),
    "sleeve": chance("a sleeve covers the forearm", 0.35),
    "sleeve_tone": uniform("lightness of the sleeve, 0 to 1", 0.03, 0.95),
    "metering": normal("how far the camera's automatic levels even out light and skin", 0.92, 0.08, 0.0, 1.0),
    "levels": lognormal("contrast that the automatic levels aim at, as a factor", 1.0, 0.2, 0.2, 4.0),
}


@dataclass(frozen=True)
class Line:
    """How one principal crease of a right hand runs; pairs are (mean, sd), heading 0 = thumb, 90 = wrist."""

    x: tuple[float, float]  # start, palm widths
    y: tuple[float, float]
    heading: tuple[float, float]  # degrees at the start
    length: tuple[float, float]  # palm widths
    turn: tuple[tuple[float, float], ...]  # degrees a palm width, at equal distances along the crease
    depth: tuple[float, float]
    width: tuple[float, float]  # factor on principal_width
    chance: float = 1.0


# Heart, head and life: fitted to the mean crease map of 300 aligned photographs (bench.palms.layout).
PRINCIPAL: dict[str, Line] = {
    "heart": Line(
        (-0.68, 0.012), (0.228, 0.033), (-6.7, 4.8), (1.105, 0.084),
        ((7, 15), (-12, 15), (-49, 17), (-86, 23), (-64, 36)), (1.0, 0.18), (1.0, 0.2),
    ),
    "head": Line(
        (0.607, 0.018), (0.151, 0.027), (180.5, 4.8), (1.068, 0.096),
        ((-19, 21), (-62, 17), (-47, 16), (-35, 18), (-29, 33)), (0.9, 0.18), (0.95, 0.2),
    ),
    "life": Line(
        (0.61, 0.018), (0.182, 0.03), (187.5, 6), (1.124, 0.072),
        ((-98, 21), (-136, 17), (-49, 16), (-42, 17), (-30, 24)), (1.0, 0.18), (1.05, 0.2),
    ),
    "fate": Line(
        (-0.02, 0.09), (0.82, 0.10), (-82, 9), (0.55, 0.2),
        ((0, 30), (0, 35), (0, 35), (0, 40), (0, 50)), (0.42, 0.18), (0.7, 0.15), 0.65,
    ),
    "sun": Line(
        (-0.20, 0.07), (0.42, 0.15), (-86, 10), (0.40, 0.13),
        ((0, 35), (0, 35), (0, 40), (0, 40), (0, 50)), (0.30, 0.14), (0.6, 0.15), 0.35,
    ),
    "mercury": Line(
        (0.10, 0.10), (0.85, 0.10), (-112, 12), (0.55, 0.2),
        ((0, 30), (0, 35), (0, 35), (0, 40), (0, 50)), (0.30, 0.14), (0.6, 0.15), 0.3,
    ),
    "inner_life": Line(
        (0.62, 0.04), (0.36, 0.07), (165, 12), (0.75, 0.15),
        ((-50, 35), (-55, 35), (-45, 30), (-30, 30), (-20, 40)), (0.45, 0.2), (0.75, 0.15), 0.35,
    ),
}  # fmt: skip
TURN_MEMORY = 0.6  # correlation of neighbouring turns along a crease
HAND_MEMORY = 0.55  # correlation of a principal crease between the two hands of a subject


@dataclass(frozen=True)
class Branch:
    """How side branches leave a principal crease; pairs are (low, high) unless said otherwise."""

    place: tuple[float, float]  # beta distribution of the share of the parent's length
    angle: tuple[float, float]  # degrees
    length: tuple[float, float]  # median in palm widths, log-sd
    turn: float  # sd, degrees a palm width
    depth: tuple[float, float]  # share of the parent's
    width: tuple[float, float]  # share of the parent's


BRANCH = Branch((2.2, 1.2), (10, 42), (0.17, 0.5), 50.0, (0.25, 0.75), (0.5, 0.85))


@dataclass(frozen=True)
class Field:
    """Where a family of wrinkles lies on a right hand and which way it runs; (mean, sd) as in Line."""

    share: float  # relative number of wrinkles
    x: tuple[float, float]
    y: tuple[float, float]
    heading: tuple[float, float] | None  # None: along the identity's dominant directions
    length: float  # factor on wrinkle_length
    depth: float  # factor on wrinkle_depth


WRINKLES: dict[str, Field] = {
    "all": Field(0.42, (0.03, 0.36), (0.32, 0.36), None, 1.0, 1.0),
    "thenar": Field(0.16, (0.36, 0.20), (0.62, 0.18), (168, 22), 1.05, 0.9),
    "thenar_long": Field(0.08, (0.26, 0.16), (0.60, 0.15), (112, 14), 1.5, 0.9),
    "web": Field(0.10, (0.58, 0.05), (0.42, 0.09), (190, 38), 0.85, 1.5),
    "hypothenar": Field(0.08, (-0.48, 0.08), (0.55, 0.22), (10, 18), 0.7, 0.9),
    "finger_base": Field(0.10, (0.03, 0.32), (-0.10, 0.06), (-88, 18), 0.6, 0.55),
    "heel": Field(0.06, (0.05, 0.25), (0.95, 0.10), (175, 25), 1.0, 0.9),
}
WRINKLE_LENGTH_SD = 0.55  # log-sd of wrinkle length about the identity's median
WRINKLE_STATURE = 0.6  # long wrinkles are deeper: depth grows with this power of length
WRINKLE_DEPTH_SD = 0.55  # log-sd of wrinkle depth
WRINKLE_WIDTH = (0.0095, 0.35)  # median in palm widths, log-sd
WRINKLE_BUNDLES = 0.4  # share of wrinkles that run beside the one before them
BUNDLE_GAP = (0.018, 0.05)  # their distance, palm widths
WRINKLE_TURN = 75.0  # sd of the turn, degrees a palm width

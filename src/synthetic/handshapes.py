"""The 36 signs as poses: joint angles, contacts and the way the palm faces, after the American Sign Language chart.

Angles are degrees here, because that is how a handshape is read and corrected; everything else uses radians. A sign may
be held in more than one common way; each signer keeps to one of them. Palm directions are for a right hand seen by the
person opposite.
"""

from dataclasses import KW_ONLY, dataclass, replace

import numpy as np

from src.synthetic.contact import Contact, PalmSpot, Spot
from src.synthetic.skeleton import INDEX, LITTLE, MIDDLE, RING, THUMB

Finger = tuple[float, float, float, float]


@dataclass(frozen=True)
class Handshape:
    """One way to hold a sign.

    Attributes:
        thumb: degrees of saddle joint beside the palm and out of it, middle joint, last joint.
        index, middle, ring, little: degrees of knuckle flexion, knuckle abduction (to the thumb's side), then the two
            joints.
        contacts: what touches what.
        around: fingers folded over the thumb.
        free: angles that the contacts may change, besides the thumb's.
        yaw, pitch, roll: degrees, as in `rotation`.
        wrist: degrees of flexion and abduction.
    """

    thumb: Finger
    index: Finger
    middle: Finger
    ring: Finger
    little: Finger
    _: KW_ONLY
    contacts: tuple[Contact, ...] = ()
    free: tuple[int, ...] = ()
    around: tuple[int, ...] = ()
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    wrist: tuple[float, float] = (0.0, 0.0)

    @property
    def angles(self) -> np.ndarray:
        """(22,) radians."""
        return np.radians([*self.thumb, *self.index, *self.middle, *self.ring, *self.little, *self.wrist])


# Fingers that are straight: spread as in 5, or side by side as in B.
_SPREAD = {INDEX: (4, 11, 5, 3), MIDDLE: (2, 1, 5, 3), RING: (4, -10, 5, 3), LITTLE: (6, -22, 6, 4)}
_TOGETHER = {INDEX: (3, -3.5, 5, 4), MIDDLE: (2, -0.5, 5, 4), RING: (3, 2.8, 5, 4), LITTLE: (5, 6, 6, 4)}
# Curled: tips in the palm, so that no nail is seen. Beside straight fingers, ring and little curl less tightly, and
# bent fingers point to one place at the wrist (the scaphoid bone).
_FIST = {INDEX: (82, 3, 105, 58), MIDDLE: (84, 1, 107, 58), RING: (85, -3, 108, 58), LITTLE: (85, -8, 105, 58)}
_CURLED = {RING: (70, -7, 110, 52), LITTLE: (72, -13, 108, 52)}

_PAD = Spot(THUMB, 2, 0.7)
_OUT: Finger = (46, 10, -4, -4)


def _bent(*fingers: int) -> tuple[int, ...]:
    """Indices of the flexion angles of these fingers."""
    return tuple(4 * finger + joint for finger in fingers for joint in (0, 2))


def _tips_meet(*fingers: int, weight: float = 1.0, share: float = 0.7) -> tuple[Contact, ...]:
    return tuple(Contact(_PAD, Spot(finger, 2, share), weight=weight) for finger in fingers)


def _across(finger: int, bone: int = 1, share: float = 0.5) -> tuple[Contact, ...]:
    """The thumb's pad on the back of a curled finger."""
    return (Contact(_PAD, Spot(finger, bone, share, "back")),)


def _from_behind(shape: Handshape) -> Handshape:
    """The palm to the signer: how 1 to 5 are counted in American Sign Language, and what `gesture_images` shows."""
    return replace(shape, yaw=shape.yaw + 180)


_ROUND: dict[int, Finger] = {
    INDEX: (52, 0, 46, 24),
    MIDDLE: (50, 0, 48, 24),
    RING: (44, 3, 48, 24),
    LITTLE: (36, 7, 46, 24),
}
_O = Handshape(
    (34, 50, 14, 26),
    *_ROUND.values(),
    contacts=(
        Contact(Spot(THUMB, 2, 0.95), Spot(INDEX, 2, 0.95)),
        Contact(Spot(THUMB, 2, 0.95), Spot(MIDDLE, 2, 0.95), weight=0.7),
    ),
    free=_bent(INDEX, MIDDLE),
    yaw=60,
    pitch=4,
)
_C = Handshape((36, 44, -2, 22), (30, -1, 42, 26), (30, 0, 44, 26), (28, 2, 42, 26), (24, 6, 38, 26), yaw=62)
_ONE = Handshape(
    (22, 46, 32, 42), (2, 1, 4, 3), _FIST[MIDDLE], _FIST[RING], _FIST[LITTLE], contacts=_across(MIDDLE, share=0.5)
)
_TWO = Handshape((16, 46, 42, 48), (3, 10, 4, 3), (3, -7, 4, 3), *_CURLED.values(), contacts=_across(RING, share=0.35))
_TWO_ON_NAIL = replace(_TWO, contacts=(Contact(_PAD, Spot(RING, 2, 0.4, "back")),))
_THREE = Handshape(_OUT, (3, 11, 4, 3), (3, -7, 4, 3), *_CURLED.values())
_FOUR = Handshape((12, 20, 48, 30), *_SPREAD.values(), contacts=(Contact(_PAD, PalmSpot(-13, 70, 14)),))
_FIVE = Handshape((48, 8, 0, -4), *_SPREAD.values())
_U = replace(_TWO, index=(3, -3.5, 4, 3), middle=(3, 3.5, 4, 3))
_SIX = Handshape(
    (14, 44, 44, 26),
    (4, 6, 5, 3),
    (2, 0, 5, 3),
    (4, -6, 5, 3),
    (66, -6, 76, 34),
    contacts=_tips_meet(LITTLE),
    free=_bent(LITTLE),
)
# A W is spread, and the thumb holds the little finger down.
_W = replace(
    _SIX,
    index=(4, 14, 5, 3),
    ring=(4, -13, 5, 3),
    little=(74, -8, 92, 40),
    contacts=(Contact(_PAD, Spot(LITTLE, 1, 0.6, "back")),),
)
_F = Handshape(
    (32, 40, 10, 22),
    (56, 2, 58, 28),
    (8, 2, 6, 4),
    (5, -8, 6, 4),
    (5, -20, 6, 4),
    contacts=_tips_meet(INDEX),
    free=_bent(INDEX),
    yaw=4,
)
_G = Handshape(
    (18, 34, 10, 8),
    (12, 0, 4, 3),
    _FIST[MIDDLE],
    _FIST[RING],
    _FIST[LITTLE],
    contacts=(Contact(_PAD, Spot(MIDDLE, 1, 0.1, "radial")),),
    yaw=-14,
    roll=80,
    wrist=(0, 26),
)
# The thumb stands off, parallel to the index, as if it measured something small.
_G_OPEN = replace(
    _G,
    thumb=(30, 40, 6, 6),
    index=(24, 0, 8, 5),
    contacts=(Contact(_PAD, Spot(INDEX, 1, 0.5), gap_mm=24.0, weight=0.6),),
)
_H = Handshape(
    (16, 46, 42, 46),
    (10, -3, 4, 3),
    (8, 3, 4, 3),
    _FIST[RING],
    _FIST[LITTLE],
    contacts=_across(RING, share=0.3),
    yaw=-14,
    roll=80,
    wrist=(0, 26),
)
_I = Handshape(
    (22, 46, 30, 44), _FIST[INDEX], _FIST[MIDDLE], _FIST[RING], (4, -8, 4, 3), contacts=_across(MIDDLE, share=0.5)
)
_K = Handshape(
    (22, 40, 8, 10),
    (2, 6, 4, 3),
    (18, -5, 5, 4),
    *_CURLED.values(),
    contacts=(Contact(_PAD, Spot(MIDDLE, 0, 0.85, "radial")),),
)
_FORWARD: Finger = (55, -3, 8, 5)
_Q = Handshape(
    (34, 58, 0, 0),
    (26, 1, 12, 8),
    (84, 1, 102, 50),
    (86, -2, 102, 50),
    (86, -6, 98, 55),
    contacts=(Contact(_PAD, Spot(INDEX, 2, 0.7), gap_mm=66.0, weight=0.6),),
    yaw=-98,
    pitch=-8,
    roll=134,
    wrist=(25, -5),
)
_X = Handshape(
    (22, 44, 30, 42),
    (14, 1, 84, 46),
    _FIST[MIDDLE],
    _FIST[RING],
    _FIST[LITTLE],
    contacts=_across(MIDDLE, share=0.45),
    yaw=-34,
)

_D = Handshape(
    (24, 46, 24, 26),
    (2, 1, 4, 3),
    (62, 0, 62, 36),
    (66, -1, 62, 36),
    (68, -4, 58, 36),
    contacts=(*_tips_meet(MIDDLE), *_tips_meet(RING, weight=0.3)),
    free=_bent(MIDDLE, RING),
    yaw=8,
)
_D_TIGHT = Handshape(
    (20, 42, 34, 34),
    (2, 1, 4, 3),
    (56, 0, 104, 34),
    (60, -1, 104, 34),
    (64, -4, 100, 34),
    contacts=(Contact(_PAD, Spot(MIDDLE, 2, 0.8, "back")),),
)
_E = Handshape(
    (18, 36, 40, 40),
    (40, 0, 112, 40),
    (42, 0, 113, 40),
    (44, 0, 112, 40),
    (50, -2, 108, 40),
    contacts=(
        Contact(Spot(THUMB, 2, 0.0, "axis"), PalmSpot(13, 64, 33)),
        Contact(Spot(THUMB, 2, 1.0, "axis"), PalmSpot(-16, 60, 31)),
    ),
)
_M = Handshape(
    (-2, 32, 30, 22),
    (64, 2, 92, 26),
    (66, 0, 92, 26),
    (68, -2, 92, 26),
    (88, -8, 106, 60),
    contacts=(Contact(Spot(THUMB, 2, 0.9, "axis"), PalmSpot(-25, 79, 44)),),
    around=(INDEX, MIDDLE, RING),
    yaw=10,
    roll=6,
)
_N = Handshape(
    (0, 32, 22, 16),
    (70, 1, 88, 20),
    (72, -1, 88, 20),
    _FIST[RING],
    _FIST[LITTLE],
    contacts=(Contact(Spot(THUMB, 2, 0.9, "axis"), PalmSpot(-6, 90, 46)),),
    around=(INDEX, MIDDLE, RING),
    pitch=6,
)


def _between(x: float, y: float, z: float) -> tuple[Contact, ...]:
    """The thumb's tip looks out between index and middle, whatever the habits."""
    return (Contact(Spot(THUMB, 2, 0.95, "axis"), PalmSpot(x, y, z), weight=1.8),)


_T = Handshape(
    (-2, 24, 2, 2),
    (60, 14, 102, 40),
    (84, -6, 105, 58),
    _FIST[RING],
    _FIST[LITTLE],
    contacts=_between(12, 113, 40),
    around=(INDEX, MIDDLE),
    roll=6,
)
_RING = _tips_meet(INDEX, share=0.9)

# The first way is the chart's; a signer takes one of a sign's ways for good.
HANDSHAPES: dict[str, tuple[Handshape, ...]] = {
    "0": (_O, replace(_O, yaw=46), replace(_O, yaw=72)),
    "1": (_ONE, replace(_ONE, contacts=_across(MIDDLE, share=0.2), yaw=-14, roll=4), _from_behind(_ONE)),
    "2": (_TWO, _TWO_ON_NAIL, _from_behind(_TWO)),
    "3": (
        _THREE,
        Handshape(_OUT, (3, 9, 4, 3), (3, -5, 4, 3), (62, -8, 112, 55), (62, -15, 110, 55)),
        _from_behind(_THREE),
    ),
    "4": (
        _FOUR,
        replace(_FOUR, contacts=(Contact(_PAD, PalmSpot(-3, 76, 14)),)),
        _from_behind(_FOUR),
    ),
    "5": (_FIVE, replace(_FIVE, thumb=(40, 14, 4, 0)), _from_behind(_FIVE)),
    "6": (_SIX, replace(_SIX, contacts=(Contact(Spot(THUMB, 2, 0.9), Spot(LITTLE, 2, 0.9)),))),
    "7": (
        Handshape(
            (18, 44, 34, 22),
            (4, 11, 5, 3),
            (2, 2, 5, 3),
            (58, -4, 62, 38),
            (6, -22, 6, 4),
            contacts=_tips_meet(RING),
            free=_bent(RING),
        ),
    ),
    "8": (
        Handshape(
            (24, 44, 22, 22),
            (4, 11, 5, 3),
            (58, 0, 60, 34),
            (4, -9, 5, 3),
            (6, -22, 6, 4),
            contacts=_tips_meet(MIDDLE),
            free=_bent(MIDDLE),
        ),
    ),
    "9": (
        _F,
        replace(_F, index=(62, 2, 50, 26)),
        replace(_F, thumb=(42, 36, 0, 30), index=(36, 8, 72, 36), contacts=_RING),
    ),
    "A": (
        Handshape(
            (20, 26, 4, 2),
            *_FIST.values(),
            contacts=(Contact(Spot(THUMB, 2, 0.0), Spot(INDEX, 1, 0.15, "radial")),),
            roll=6,
        ),
    ),
    "B": (
        Handshape((10, 20, 48, 32), *_TOGETHER.values(), contacts=(Contact(_PAD, PalmSpot(-10, 70, 14)),)),
        Handshape((10, 20, 48, 32), *_TOGETHER.values(), contacts=(Contact(_PAD, PalmSpot(-2, 75, 14)),)),
    ),
    "C": (_C, replace(_C, yaw=46), replace(_C, yaw=76)),
    "D": (_D, replace(_D, yaw=24), _D_TIGHT, replace(_D_TIGHT, yaw=16)),
    "E": (
        _E,
        # Closed: the tips press on the thumb.
        replace(
            _E,
            index=(52, 0, 110, 34),
            middle=(54, 0, 111, 34),
            ring=(56, -1, 110, 34),
            little=(60, -3, 106, 34),
            contacts=(
                Contact(Spot(THUMB, 2, 0.0, "axis"), PalmSpot(13, 60, 34)),
                Contact(Spot(THUMB, 2, 1.0, "axis"), PalmSpot(-16, 57, 33)),
            ),
        ),
    ),
    "F": (
        replace(_F, middle=(10, -1, 6, 4), ring=(6, 2, 6, 4), little=(6, 4, 6, 4), yaw=8),
        replace(_F, middle=(4, 1, 6, 4), ring=(3, -1, 6, 4), little=(5, -4, 6, 4), yaw=0),
        # Spread wide, the ring of thumb and index turned out to the side.
        replace(
            _F,
            thumb=(42, 36, 0, 30),
            index=(36, 8, 72, 36),
            middle=(22, 4, 10, 6),
            ring=(8, -10, 6, 4),
            little=(-4, -26, 6, 4),
            contacts=_RING,
            yaw=34,
            roll=-12,
        ),
    ),
    "G": (
        _G,
        # The curled fingers look at the viewer more, and the forearm comes from below.
        replace(_G, yaw=-34, roll=70, wrist=(10, 32)),
        replace(_G_OPEN, yaw=-24),
        replace(_G, yaw=2, roll=72, wrist=(0, 32)),
        # Its back to the viewer, pointing to the other side.
        replace(_G, yaw=160, roll=-78, wrist=(0, 20)),
    ),
    "H": (_H, replace(_H, yaw=-30, roll=72, wrist=(8, 32)), replace(_H, yaw=160, roll=-78, wrist=(0, 20))),
    "I": (
        _I,
        replace(_I, thumb=(20, 28, 6, 4), contacts=(Contact(Spot(THUMB, 2, 0.2), Spot(INDEX, 1, 0.2, "radial")),)),
    ),
    "J": (replace(_I, roll=24), replace(_I, roll=42, yaw=-18), replace(_I, roll=14, yaw=-42, pitch=14)),
    "K": (
        _K,
        replace(_K, middle=(8, -9, 4, 3)),
        replace(_K, middle=(30, -7, 5, 4), yaw=-24),
        replace(_K, middle=_FORWARD),
    ),
    "L": (Handshape((56, 8, -4, -6), (2, 3, 4, 3), _FIST[MIDDLE], _FIST[RING], _FIST[LITTLE]),),
    "M": (
        _M,
        replace(
            _M,
            index=(72, 2, 98, 36),
            middle=(74, 0, 98, 36),
            ring=(74, -2, 98, 36),
            contacts=(Contact(Spot(THUMB, 2, 0.9, "axis"), PalmSpot(-24, 74, 28)),),
            yaw=24,
            roll=-8,
        ),
        # Flat: the fingers hang over the thumb.
        replace(_M, index=(72, 2, 84, 16), middle=(74, 0, 84, 16), ring=(74, -1, 84, 18), yaw=0, pitch=6, roll=0),
        # Tipped over: the knuckles look at the viewer and the fingertips hang down.
        replace(
            _M,
            index=(76, 2, 78, 10),
            middle=(78, 0, 78, 10),
            ring=(78, -1, 80, 12),
            yaw=4,
            pitch=27,
            roll=0,
            wrist=(30, 0),
        ),
    ),
    "N": (
        _N,
        replace(
            _N,
            index=(72, 1, 94, 30),
            middle=(73, -1, 95, 30),
            contacts=(Contact(Spot(THUMB, 2, 0.9, "axis"), PalmSpot(-6, 80, 30)),),
            yaw=16,
        ),
    ),
    "O": (_O, replace(_O, yaw=46), replace(_O, yaw=72)),
    "P": (
        replace(_K, middle=(62, -3, 8, 5), yaw=-66, roll=84, wrist=(36, 6)),
        # The forearm stands and the hand hangs from it.
        replace(_K, middle=(66, -3, 8, 5), yaw=-72, roll=88, wrist=(62, 0)),
        replace(_K, middle=(56, -3, 8, 5), yaw=-54, roll=96, wrist=(54, 8)),
        replace(_K, middle=(70, -3, 8, 5), yaw=-58, roll=104, wrist=(32, 0)),
    ),
    "Q": (
        _Q,
        # The forearm stands and the hand hangs from it like a bird's head.
        replace(_Q, yaw=-92, pitch=0, roll=112, wrist=(68, 0)),
        replace(_Q, yaw=-74, pitch=4, roll=118, wrist=(66, 4)),
        replace(_Q, yaw=-84, roll=150, wrist=(40, 0)),
    ),
    "R": (
        Handshape(
            (16, 46, 42, 48),
            (10, -10, 5, 3),
            (-5, 12, 9, 6),
            *_CURLED.values(),
            contacts=_across(RING, share=0.35),
        ),
        # The middle finger lies closer round the index, and bends at its end.
        Handshape(
            (16, 46, 42, 48),
            (12, -7, 4, 3),
            (-3, 9, 14, 8),
            *_CURLED.values(),
            contacts=_across(RING, share=0.35),
            yaw=-10,
        ),
    ),
    "S": (
        Handshape((24, 46, 28, 46), *_FIST.values(), contacts=_across(MIDDLE, share=0.75)),
        Handshape((20, 46, 34, 50), *_FIST.values(), contacts=_across(RING, share=0.8)),
        # Steeper: the tip lies on the knuckles of index and middle.
        Handshape(
            (16, 40, 18, 24),
            *_FIST.values(),
            contacts=(Contact(_PAD, Spot(INDEX, 1, 0.3, "back")), Contact(_PAD, Spot(MIDDLE, 1, 0.1, "back"))),
        ),
    ),
    "T": (_T, replace(_T, yaw=-14, roll=0), replace(_T, contacts=_between(12, 108, 44), yaw=8, pitch=8)),
    "U": (_U, replace(_U, contacts=(Contact(_PAD, Spot(RING, 2, 0.4, "back")),))),
    "V": (_TWO, _TWO_ON_NAIL),
    "W": (
        _W,
        replace(_W, contacts=(Contact(_PAD, Spot(LITTLE, 1, 0.35, "back")),)),
    ),
    "X": (_X, replace(_X, index=(34, 1, 66, 30), yaw=-52, roll=16), replace(_X, yaw=-8)),
    "Y": (
        Handshape((46, 8, -4, -8), _FIST[INDEX], _FIST[MIDDLE], _FIST[RING], (6, -26, 4, 3), roll=14),
        Handshape((52, 12, -4, -8), _FIST[INDEX], _FIST[MIDDLE], _FIST[RING], (14, -24, 8, 5), roll=4),
    ),
    "Z": (replace(_ONE, roll=32), replace(_ONE, roll=36, yaw=-24), replace(_ONE, pitch=30, roll=30)),
}

"""A person: bone lengths, flesh, skin, nails, and the habits that make two signers' A differ.

Hand length varies with a coefficient of about 7% over adult men and women taken together, and breadth, digit ratios and
girth vary apart from it by a few per cent: Garrett, "The adult human hand: some anthropometric and biomechanical
considerations", Human Factors 13(2), 1971; Greiner, "Hand anthropometry of U.S. Army personnel", 1991. Skin is drawn
from the whole human range of the individual typology angle, ITA = atan((L* - 50) / b*), of Chardon, Cretois & Hourseau,
Int. J. Cosmetic Science 13, 1991: about +60 degrees (very light) to -60 (dark).
"""

from dataclasses import dataclass

import numpy as np

from src.synthetic.skeleton import (
    MEAN_BASES_MM,
    MEAN_BONE_LENGTHS_MM,
    MEAN_PULP_MM,
    MEAN_RADII_MM,
    NUM_ANGLES,
    Proportions,
    mean_proportions,
)

ITA_RANGE_DEG = (-58.0, 62.0)
HABIT_DEG = 4.0
_LEFT_HANDED_SHARE = 0.15


@dataclass(frozen=True, eq=False)
class Skin:
    """Reflectances, linear RGB in [0, 1].

    Attributes:
        ita_deg: individual typology angle of the back of the hand.
        dorsum, palm, nail: (3,) the back of the hand, its inside (lighter on dark hands), and the nails.
        blush: how red knuckles and fingertips are, 0 to 1.
        gloss: how much the skin shines, 0 to 1.
        creases: how deep the lines at the joints look, 0 to 1.
    """

    ita_deg: float
    dorsum: np.ndarray
    palm: np.ndarray
    nail: np.ndarray
    blush: float
    gloss: float
    creases: float


@dataclass(frozen=True, eq=False)
class Signer:
    """One person who signs.

    Attributes:
        name: e.g. "r017".
        proportions: bones and flesh.
        skin: colours.
        habits: (36 + 1, 22) radians added to each sign's joint angles (the last row: to any other pose).
        stance: (36 + 1, 3) radians added to each sign's yaw, pitch and roll.
        variant: (36,) in [0, 1): picks among the ways a sign is commonly held.
        left_handed: whether this person signs with the left hand.
    """

    name: str
    proportions: Proportions
    skin: Skin
    habits: np.ndarray
    stance: np.ndarray
    variant: np.ndarray
    left_handed: bool


def lab_to_linear_rgb(lab: np.ndarray) -> np.ndarray:
    """(..., 3) CIE L*a*b* (D65) as linear sRGB, clipped to [0, 1]."""
    light = (lab[..., 0] + 16.0) / 116.0
    steps = np.stack([light + lab[..., 1] / 500.0, light, light - lab[..., 2] / 200.0], -1)
    xyz = np.where(steps > 6.0 / 29.0, steps**3, 3 * (6.0 / 29.0) ** 2 * (steps - 4.0 / 29.0)) * (0.9505, 1.0, 1.089)
    to_rgb = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])
    return np.clip((to_rgb * xyz[..., None, :]).sum(-1), 0.0, 1.0)


def skin_of(ita_deg: float, redness: float, blush: float = 0.5, gloss: float = 0.4, creases: float = 0.6) -> Skin:
    """Skin with this individual typology angle.

    Args:
        ita_deg: degrees, about -60 (dark) to 62 (very light).
        redness: shift of a*, about -2 to 4.
        blush, gloss, creases: see `Skin`.
    """
    # Yellowness peaks in tanned and brown skin and falls towards both ends (Chardon's banana-shaped volume).
    from_tan = (ita_deg - 18.0) / 60.0
    b_star = 17.5 - (8.0 if from_tan > 0 else 3.2) * from_tan**2
    l_star = 50.0 + b_star * np.tan(np.radians(ita_deg))
    a_star = 11.5 + redness - 1.5 * (ita_deg / 60.0)
    dorsum = np.array([l_star, a_star, b_star])
    # Melanin is sparse in palms: the darker the back of the hand, the larger the step.
    palm = np.array([max(l_star, 0.45 * l_star + 34.0) + 1.0, a_star + 3.5, 0.7 * b_star + 3.0])
    nail = np.array([0.82 * palm[0] + 12.0, palm[1] + 2.0, 0.75 * palm[2]])
    return Skin(
        ita_deg, lab_to_linear_rgb(dorsum), lab_to_linear_rgb(palm), lab_to_linear_rgb(nail), blush, gloss, creases
    )


def draw_signer(rng: np.random.Generator, name: str, num_signs: int = 36) -> Signer:
    """A person drawn at random."""
    size = float(np.clip(rng.normal(1.0, 0.075), 0.8, 1.2))
    breadth = float(np.clip(rng.normal(1.0, 0.05), 0.88, 1.12))
    girth = float(np.clip(rng.normal(1.0, 0.08), 0.84, 1.2))
    lengths = MEAN_BONE_LENGTHS_MM * size * rng.normal(1.0, 0.035, (5, 1)) * rng.normal(1.0, 0.025, (5, 3))
    bases = MEAN_BASES_MM * size * (breadth, rng.normal(1.0, 0.03), 1.0)
    radii = MEAN_RADII_MM * size * breadth * girth * rng.normal(1.0, 0.025, (5, 1)) * rng.normal(1.0, 0.02, (5, 4))
    skin = skin_of(
        rng.uniform(*ITA_RANGE_DEG),
        rng.uniform(-2.0, 5.0),
        blush=rng.uniform(0.1, 1.0),
        gloss=rng.uniform(0.1, 0.8),
        creases=rng.uniform(0.2, 0.9),
    )
    own_way = rng.normal(0.0, np.radians(HABIT_DEG), (1, NUM_ANGLES)) * 0.7
    return Signer(
        name=name,
        proportions=Proportions(bases, lengths, radii, MEAN_PULP_MM * size, size, girth),
        skin=skin,
        habits=own_way + rng.normal(0.0, np.radians(HABIT_DEG), (num_signs + 1, NUM_ANGLES)),
        stance=rng.normal(0.0, np.radians([9.0, 7.0, 7.0]), (num_signs + 1, 3)),
        variant=rng.random(num_signs),
        left_handed=bool(rng.random() < _LEFT_HANDED_SHARE),
    )


def chart_signer(num_signs: int = 36) -> Signer:
    """The person of the chart: mean bones, no habits."""
    return Signer(
        name="chart",
        proportions=mean_proportions(),
        skin=skin_of(30.0, 2.0, blush=0.5, gloss=0.3, creases=0.8),
        habits=np.zeros((num_signs + 1, NUM_ANGLES)),
        stance=np.zeros((num_signs + 1, 3)),
        variant=np.zeros(num_signs),
        left_handed=False,
    )

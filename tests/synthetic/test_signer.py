"""People: skin over the whole human range, plausible bones."""

import numpy as np

from src.synthetic.signer import ITA_RANGE_DEG, draw_signer, lab_to_linear_rgb, skin_of
from src.synthetic.skeleton import MEAN_BONE_LENGTHS_MM


def test_white_and_grey_have_no_hue():
    white, grey = lab_to_linear_rgb(np.array([[100.0, 0.0, 0.0], [50.0, 0.0, 0.0]]))
    np.testing.assert_allclose(white, 1.0, atol=2e-3)
    np.testing.assert_allclose(grey, 0.184, atol=2e-3)


def test_skin_darkens_with_the_typology_angle_and_palms_are_never_darker_than_backs():
    skins = [skin_of(ita, 1.0) for ita in np.linspace(*ITA_RANGE_DEG, 12)]
    backs = [skin.dorsum.mean() for skin in skins]
    assert (np.diff(backs) > 0).all()
    assert backs[0] < 0.08
    assert backs[-1] > 0.42
    assert all(skin.palm.mean() > 0.95 * skin.dorsum.mean() for skin in skins)
    assert all((skin.dorsum[0] >= skin.dorsum[1]) and (skin.dorsum[1] >= skin.dorsum[2]) for skin in skins)


def test_people_differ_but_stay_people():
    people = [draw_signer(np.random.default_rng(seed), "p") for seed in range(60)]
    ratios = np.stack([person.proportions.lengths_mm / MEAN_BONE_LENGTHS_MM for person in people])
    assert ratios.min() > 0.6
    assert ratios.max() < 1.5
    assert ratios.std(0).min() > 0.03
    assert 0 < sum(person.left_handed for person in people) < 30

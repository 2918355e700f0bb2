"""The finder's network: stages like every other's, and answers that are read off its maps inside the exported file."""

from pathlib import Path

import numpy as np
import pytest
import torch

from src.hands.finder import HandFinder
from src.inference.finder_exporting import export_finder
from src.nets.finder import FinderNetwork, Maps, build_finder, decoded, mean_places
from src.onnx_session import open_session

STAGES = ("stem", "block1", "block2", "block3", "block4", "block5", "context", "fuse", "head")


@pytest.fixture(scope="module")
def network() -> FinderNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build_finder()[0].eval()


def maps(rows: int = 10, columns: int = 10) -> Maps:
    return Maps(
        torch.full((1, rows, columns), -9.0),
        torch.zeros(1, 4, rows, columns),
        torch.zeros(1, 21, rows, columns),
        torch.full((1,), -9.0),
        torch.zeros(1),
    )


def test_its_stages_go_from_stem_to_head_and_a_frozen_one_stays_bit_for_bit(network: FinderNetwork) -> None:
    learning = build_finder()[0]
    assert learning.stage_names == STAGES
    learning.train().set_trained(STAGES[4:])
    before = {stage: learning.fingerprint(stage) for stage in STAGES}
    optimizer = torch.optim.SGD(learning.parameters(), lr=0.1)
    said = learning(torch.rand(2, 3, 64, 64))
    sum(part.square().mean() for part in said).backward()
    optimizer.step()
    changed = [stage for stage in STAGES if learning.fingerprint(stage) != before[stage]]
    assert changed == list(STAGES[4:])


def test_maps_have_an_eighth_of_the_views_side_in_cells(network: FinderNetwork) -> None:
    with torch.no_grad():
        said = network(torch.zeros(2, 3, 96, 96, dtype=torch.uint8))
    assert said.middle.shape == (2, 12, 12)
    assert said.box.shape == (2, 4, 12, 12)
    assert said.joints.shape == (2, 21, 12, 12)
    assert said.nothing.shape == said.right.shape == (2,)


def test_the_hand_is_where_the_map_of_middles_peaks_with_the_box_that_this_cell_says() -> None:
    said = maps()
    said.middle[0, 3, 7] = 9
    said.box[0, :, 3, 7] = torch.tensor([0.25, -0.25, np.log(0.3), np.log(0.6)])
    found = decoded(said)
    assert found.hand.item() > 0.99
    assert found.box[0].tolist() == pytest.approx([0.775, 0.325, 0.3, 0.6])


def test_no_hand_is_one_more_place_that_the_peak_may_be_in() -> None:
    said = maps()
    said.nothing[0] = 9
    assert decoded(said).hand.item() < 0.01


def test_a_joint_lies_between_the_cells_that_share_it() -> None:
    logits = torch.full((1, 1, 10, 10), -50.0)
    logits[0, 0, 4, 2] = logits[0, 0, 4, 3] = 10
    assert mean_places(logits)[0, 0].tolist() == pytest.approx([0.3, 0.45])


def test_the_exported_file_answers_as_the_network_does_and_is_stored_in_half_precision(
    network: FinderNetwork, tmp_path: Path
) -> None:
    views = np.random.default_rng(0).integers(0, 256, (3, 160, 160, 3), dtype=np.uint8)
    file = tmp_path / "finder.onnx"
    said = export_finder(network, file, 0.4, {"epochs": 3}, views)
    assert "float32" in said
    assert file.stat().st_size < 2.2 * sum(parameter.numel() for parameter in network.parameters())
    outputs = open_session(file, file.read_bytes()).run(["hand", "joints"], {"views": views})
    with torch.no_grad():
        wanted = decoded(network(torch.from_numpy(views).permute(0, 3, 1, 2)))
    assert np.abs(outputs[0] - wanted.hand.numpy()).max() < 1e-3
    assert np.abs(outputs[1] - wanted.joints.numpy()).max() * 160 < 0.05
    assert HandFinder(file).threshold == 0.4

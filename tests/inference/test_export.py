"""The exported file: equal to the run, sure of its preprocessing, readable by onnxruntime alone."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest

from src import export, predict
from src.errors import UserError
from src.inference import onnx_file
from src.inference.agreement import HALVES_DIFFERENCE, check_equal
from src.inference.export_images import RealImages
from src.inference.recognizer import OnnxRecognizer, RunRecognizer, open_recognizer
from src.inference.square_graph import square_graph
from src.signs.labels import SIGNS
from src.sources.images import fit_square

# Equal, half, whole factors, odd factors, wide, tall, one side growing, slivers, and enlarged.
SHRINKING = [(32, 32), (64, 64), (96, 96), (192, 192), (128, 64), (100, 100), (67, 51), (120, 160), (97, 211), (7, 300)]
MIXED = [(100, 20), (20, 100), (31, 90), (16, 64)]
GROWING = [(20, 20), (23, 29), (9, 31), (16, 16)]


def image(height: int, width: int) -> np.ndarray:
    """`(height, width, 3) uint8`: noise on a gradient, so that every weight counts."""
    draw = np.random.default_rng((height, width))
    slope = np.add.outer(np.linspace(0, 120, height), np.linspace(0, 60, width))[..., None]
    return (slope + draw.integers(0, 70, (height, width, 3))).astype(np.uint8)


def run_graph(model: onnx.ModelProto | Path) -> Callable[[np.ndarray], np.ndarray]:
    """The first output of a model for one image."""
    content = model.read_bytes() if isinstance(model, Path) else model.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return lambda pixels: session.run(None, {"images": pixels[None]})[0][0]


@pytest.fixture(scope="module")
def exported(cnn_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The CNN's run as a float and an int8 file."""
    file = tmp_path_factory.mktemp("exported") / "hands.onnx"
    export.main([f"run={cnn_run}", f"output={file}", "quantize=int8"])
    return file


@pytest.mark.parametrize("fit", ["pad", "crop", "stretch"])
def test_the_graph_makes_the_very_squares_of_training(fit: str) -> None:
    graph = run_graph(square_graph(32, fit, onnx_file.OPSET, onnx_file.IR_VERSION))
    for shape in SHRINKING + (MIXED if fit == "stretch" else []):
        pixels = image(*shape)
        np.testing.assert_array_equal(graph(pixels).transpose(1, 2, 0), fit_square(pixels, 32, fit), err_msg=str(shape))


@pytest.mark.parametrize("fit", ["pad", "crop", "stretch"])
def test_enlarged_pictures_differ_by_a_grey_level_at_most(fit: str) -> None:
    graph = run_graph(square_graph(32, fit, onnx_file.OPSET, onnx_file.IR_VERSION))
    for shape in GROWING:
        pixels = image(*shape)
        apart = graph(pixels).transpose(1, 2, 0).astype(int) - fit_square(pixels, 32, fit)
        assert np.abs(apart).max() <= 1, shape


def test_a_batch_is_as_good_as_one_by_one(exported: Path) -> None:
    session = onnxruntime.InferenceSession(exported)
    pixels = np.stack([image(50, 70), image(50, 70)[::-1], image(50, 70)[:, ::-1]])
    together = session.run(["probabilities"], {"images": pixels})[0]
    alone = np.concatenate([session.run(["probabilities"], {"images": one[None]})[0] for one in pixels])
    np.testing.assert_allclose(together, alone, atol=1e-6)
    np.testing.assert_allclose(together.sum(axis=1), 1, rtol=1e-5)


def test_the_file_answers_as_the_run_for_every_shape(exported: Path, cnn_run: Path) -> None:
    answer, trained = run_graph(exported), RunRecognizer(cnn_run)
    for shape in SHRINKING:
        pixels = image(*shape)
        wanted = trained.probabilities(trained.square(pixels)[None])[0]
        np.testing.assert_allclose(answer(pixels), wanted, atol=1e-4, err_msg=str(shape))


def test_a_mobilenet_is_exported_equal_and_half_as_large_in_16_bits(mobilenet_run: Path, tmp_path: Path) -> None:
    trained = RunRecognizer(mobilenet_run)
    graph = onnx_file.network_graph(trained.network, trained.about)
    model = onnx_file.whole_model(graph, trained.about, {})
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    real = RealImages([image(*shape) for shape in SHRINKING + GROWING], "made-up images")
    assert check_equal(trained, tmp_path / "model.onnx", real).largest < 1e-4
    small = onnx_file.whole_model(onnx_file.in_half_precision(graph), trained.about, {"precision": "fp16"})
    (tmp_path / "small.onnx").write_bytes(small.SerializeToString())
    check_equal(trained, tmp_path / "small.onnx", real, HALVES_DIFFERENCE)  # raises where they differ
    assert (tmp_path / "small.onnx").stat().st_size < 0.6 * (tmp_path / "model.onnx").stat().st_size


def test_the_file_says_what_it_is(exported: Path, cnn_run: Path) -> None:
    values = onnxruntime.InferenceSession(exported).get_modelmeta().custom_metadata_map
    assert json.loads(values["labels"]) == list(SIGNS)
    metrics = json.loads((cnn_run / "metrics.json").read_text())
    assert json.loads(values["metrics"])["test/accuracy"] == metrics["test/accuracy"]
    assert values["split"] == metrics["split"]
    assert values["sources"] == metrics["sources"]
    assert {"temperature", "abstain_below", "run", "exported_by", "image_size_px", "fit"} <= set(values)


def test_the_file_holds_standard_operators_and_all_its_weights(exported: Path) -> None:
    for file in (exported, exported.with_name("hands.int8.onnx")):
        model = onnx.load(file, load_external_data=False)
        assert {node.domain for node in model.graph.node} <= {"", "ai.onnx"}
        assert not model.functions
        assert all(tensor.data_location == onnx.TensorProto.DEFAULT for tensor in model.graph.initializer)


def test_the_file_does_not_say_where_it_was_made(exported: Path) -> None:
    content = exported.read_bytes()
    assert str(Path(__file__).parents[2]).encode() not in content
    assert b"Traceback" not in content
    assert b".py" not in content


def test_int8_is_smaller_and_nearly_as_good(exported: Path, cnn_run: Path) -> None:
    small = exported.with_name("hands.int8.onnx")
    assert small.stat().st_size < exported.stat().st_size
    floats, ints = OnnxRecognizer(exported), OnnxRecognizer(small)
    squares = np.stack([floats.square(image(40, 40 + extra)) for extra in range(30)])
    same = floats.probabilities(squares).argmax(axis=1) == ints.probabilities(squares).argmax(axis=1)
    assert same.mean() > 0.7


def test_predict_works_from_the_file_alone(
    exported: Path, cnn_run: Path, images: Path, door: Callable, tmp_path: Path
) -> None:
    for name, place in (("run", cnn_run), ("file", exported)):
        run = door(predict.main, f"run={place}", f"input={images}", f"output={tmp_path}/{name}.csv")
        assert run.status == 0, run.err
    by_run, by_file = ((tmp_path / f"{name}.csv").read_text().splitlines() for name in ("run", "file"))
    assert [row.split(",")[:3] for row in by_run] == [row.split(",")[:3] for row in by_file]


def test_an_export_that_answers_otherwise_is_not_written(
    cnn_run: Path, door: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = onnx_file.network_graph

    def wrong(network: object, about: object) -> onnx.ModelProto:
        graph = honest(network, about)
        for tensor in graph.graph.initializer:
            if len(tensor.dims) == 4:
                tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor) * 1.01, tensor.name))
        return graph

    monkeypatch.setattr(onnx_file, "network_graph", wrong)
    run = door(export.main, f"run={cnn_run}", f"output={tmp_path}/model.onnx")
    assert run.status == 2
    assert "no file was written" in run.err
    assert not (tmp_path / "model.onnx").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("quantize=int8",), "needs run="),
        (("datamodule.root=x",), "needs run="),
        (("run={tmp}",), "not a run's folder"),
        (("run={run}", "output=x.txt"), "must end in .onnx"),
        (("run={run}", "quantize=int4"), "choose from int8, fp16"),
    ],
)
def test_every_wrong_argument_is_said(
    cnn_run: Path, door: Callable, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    run = door(export.main, *(argument.format(run=cnn_run, tmp=tmp_path) for argument in arguments))
    assert (run.status, said in run.err) == (2, True), run.err


def test_a_file_from_elsewhere_is_refused_in_a_sentence(exported: Path, tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no network")
    (tmp_path / "empty.onnx").touch()
    foreign = onnx.load(exported)
    del foreign.metadata_props[:]
    onnx.save(foreign, tmp_path / "foreign.onnx")
    onnx.save(onnx.load(exported), tmp_path / "parts.onnx", save_as_external_data=True, location="weights.bin")
    cases = {"text": "no ONNX file", "empty": "no ONNX file", "foreign": "was not written by", "parts": "other files"}
    for name, said in cases.items():
        with pytest.raises(UserError, match=said):
            open_recognizer(tmp_path / f"{name}.onnx")


def test_a_missing_library_is_named_with_its_cure(
    cnn_run: Path, door: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "onnxscript", None)
    assert "pip install -e .[export]" in door(export.main, f"run={cnn_run}").err


def test_an_enlarging_that_differs_by_more_than_a_level_is_refused(
    exported: Path, cnn_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = RunRecognizer(cnn_run)
    monkeypatch.setattr(trained, "square", lambda pixels: cv2.resize(pixels, (32, 32), interpolation=cv2.INTER_NEAREST))
    with pytest.raises(UserError, match="grey value"):
        check_equal(trained, exported, RealImages([image(60, 60)], "an image"))

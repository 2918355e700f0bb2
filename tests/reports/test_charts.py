"""Charts: the same text each time, in the page's colours, with words for whoever cannot see or wants to know more."""

import numpy as np

from src.evaluation.figures import confusion_figure
from src.evaluation.metrics import calibration_bins
from src.reports.charts import Series, as_svg, curves, reliability
from tests.reports.runs import EVIL


def accuracy_chart(name: str = "validation") -> str:
    points = [(epoch, 0.1 * epoch) for epoch in range(1, 8)]
    words = [f"{name}: epoch {epoch}, {value:.0%}" for epoch, value in points]
    return as_svg(curves([Series(name, points, words)], best_epoch=3, share=True), "Accuracy by epoch")


def test_a_chart_is_drawn_the_same_each_time() -> None:
    assert accuracy_chart() == accuracy_chart()


def test_a_chart_has_a_label_and_every_point_says_its_values() -> None:
    chart = accuracy_chart()
    assert 'role="img" aria-label="Accuracy by epoch"' in chart
    assert chart.count("<title>validation: epoch ") == 7


def test_a_chart_takes_its_colours_from_the_page_and_nothing_from_elsewhere() -> None:
    labels = np.arange(40) % 12
    predicted = np.where(np.arange(40) % 5, labels, 3)
    bins = [("calibrated", calibration_bins(np.linspace(0.1, 1, 40), labels == predicted))]
    for chart in (accuracy_chart(), as_svg(confusion_figure(labels, predicted), "x"), as_svg(reliability(bins), "x")):
        assert "var(--c0)" in chart
        unwanted = ("#17649c", "http", "url(", "<style", "font-family", "<?xml", "<!")
        assert not [word for word in unwanted if word in chart]


def test_names_in_a_chart_are_text() -> None:
    chart = accuracy_chart(EVIL)
    assert "<script" not in chart
    assert "alert(1)" in chart


def test_a_confusion_matrix_says_what_was_read_as_what() -> None:
    chart = as_svg(confusion_figure(np.array([0, 0, 10]), np.array([0, 1, 10])), "Confusions")
    assert {"0 read as 0: 1 of 2", "0 read as 1: 1 of 2", "A read as A: 1 of 1"} == {
        part.partition("</title>")[0] for part in chart.split("<title>")[1:]
    }

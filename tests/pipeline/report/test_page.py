"""The page of a report: one file, for every reader and every screen."""

import dataclasses
import json
import re

import msgspec
import pytest

from components.gate.predictions import Answer, Prediction
from components.gate.settings import GateSettings
from pipeline.report import page, tables
from tests.pipeline.report.making import make

SIZES = (2, 10, 200)
DRAWN = 20  # the fewest for which the matrix is drawn, about: the audit is slow with more
EVIL = "<img src=x onerror=window.hit=1>"


@pytest.fixture(scope="session")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")
    for number in (*SIZES, DRAWN):
        # Without a model in service where there are two classes.
        text = rendered(number=number, with_baseline=number > 2)
        (folder / f"{number}.html").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def visit(driver, pages):
    def go(number, width=1100, scheme="light"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        screen = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        driver.get((pages / f"{number}.html").as_uri())
        return driver

    yield go
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    driver.get("about:blank")


def rendered(**options):
    facts, picks, images = make(**options)
    return page.render(facts, picks, images, tables.files(facts, picks))


def test_a_page_asks_for_nothing_and_is_small(pages):
    for number in SIZES:
        text = (pages / f"{number}.html").read_text(encoding="utf-8")
        assert len(text.encode()) < 5_000_000
        assert re.findall(r"https?://", text) == []
        assert "<script" not in text


def test_the_checks_before_training_are_told_what_was_broken_first():
    text = rendered(number=2)
    assert text.index("too alike") < text.index("balanced")
    assert "(checks.one_size)" in text


def test_suspect_labels_are_shown_and_listed_and_where_they_were_looked_for():
    facts, picks, images = make(number=2)
    files = tables.files(facts, picks)
    text = page.render(facts, picks, images, files)
    assert "species 000?<br>rather species 001" in text
    assert "heads that were trained without the picture" in text
    lines = files["suspects.csv"].decode().splitlines()
    assert lines[1] == "species 000/901.jpg,train,species 000,species 001,0.010000"
    assert json.loads(files["suspects.jsonl"])["suggested"] == "species 001"
    alone = dataclasses.replace(facts, suspects=(), looked_for_suspects=("eval",))
    text = page.render(alone, picks, images, tables.files(alone, picks))
    assert "Looked for in the evaluation split alone" in text


def test_the_verdict_is_there_in_words_with_what_was_broken_first():
    gate = GateSettings(min_accuracy=0.99)
    text = rendered(number=3, with_baseline=False, gate=gate)
    assert "Not blessed: nothing was pushed" in text
    assert text.index("is below the floor 0.9900") < text.index("a note")
    assert "Blessed" in rendered(number=3, with_baseline=False)


@pytest.mark.parametrize("number", [3, 40])
def test_names_are_text_and_no_markup(number):
    labels = [EVIL, *(f"plain {index}" for index in range(number - 1))]
    text = rendered(labels=labels)
    assert EVIL not in text
    assert "&lt;img src=x" in text


@pytest.mark.parametrize("number", [3, 40])
def test_a_name_as_long_as_a_folders_may_be_is_shortened(number):
    long = "x" * 255
    text = rendered(labels=[long, *(f"plain {index}" for index in range(number - 1))])
    assert f'<th scope="row"><span title="{long}">{"x" * 39}…</span></th>' in text
    assert re.findall(r"(?<!<title)(?:>|: )x{41,}", text) == []


def test_a_model_whose_scores_are_not_finite_has_a_page_too():
    nothing = Answer((), (), None)
    found = [Prediction(f"{n}.jpg", "", f"class {n % 2}", nothing) for n in range(4)]
    text = rendered(labels=["class 0", "class 1"], found=found)
    assert "not finite numbers on 4 of 4" in text
    assert "No score is a finite number." in text


def test_a_perfect_model_and_one_of_a_single_picture_have_a_page_too():
    found = [
        Prediction("a.jpg", "", "class 0", Answer(("class 0",), (1.0,), 1.0)),
        Prediction("b.jpg", "", "class 1", Answer(("class 1",), (1.0,), 1.0)),
    ]
    text = rendered(labels=["class 0", "class 1"], found=found)
    assert "every evaluation picture is answered with its class" in text


@pytest.mark.browser
@pytest.mark.parametrize("number", SIZES)
def test_nothing_scrolls_sideways_and_nothing_is_fetched(visit, number):
    visit(number).get_log("performance")
    for width in (360, 1100):
        driver = visit(number, width)
        root = "const root = document.documentElement; return root.scrollWidth <= innerWidth"
        assert driver.execute_script(root)
        assert driver.execute_script("return window.violations") == []
        broken = "return [...document.images].filter((one) => !one.naturalWidth).length"
        assert driver.execute_script(broken) == 0
    entries = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    urls = {
        entry["params"]["request"]["url"]
        for entry in entries
        if entry["method"] == "Network.requestWillBeSent"
    }
    assert urls
    assert {url for url in urls if not url.startswith(("file:", "data:"))} == set()


@pytest.mark.browser
@pytest.mark.parametrize(("number", "scheme"), [(10, "light"), (DRAWN, "dark")])
def test_a_page_passes_the_accessibility_audit(visit, number, scheme):
    axe = pytest.importorskip("axe_core_python.selenium", reason="axe-core-python is missing")
    driver = visit(number, scheme=scheme)
    driver.execute_script("document.querySelectorAll('details').forEach((one) => one.open = true)")
    found = axe.Axe().run(driver)
    assert len(found["passes"]) > 15
    faults = [
        (rule["id"], [node["html"] for node in rule["nodes"]][:3]) for rule in found["violations"]
    ]
    assert faults == []


@pytest.mark.browser
def test_all_that_scrolls_or_opens_is_reached_by_keyboard(visit):
    driver = visit(200)
    unreachable = """
      return [...document.querySelectorAll(".scroll, summary, a")].filter((one) => {
        if (!one.checkVisibility()) return false;
        one.focus();
        return document.activeElement !== one;
      }).length"""
    assert driver.execute_script(unreachable) == 0
    names = "return [...document.querySelectorAll('.scroll')].every((one) => one.ariaLabel)"
    assert driver.execute_script(names)


def test_what_no_gate_has_judged_is_told_without_a_verdict():
    facts, picks, images = make(3)
    told = dataclasses.replace(
        facts, verdict=None, notes=("two notes",), stages=(), decision={}, sizes=(),
        called=("A/1", "B/2"), data_checks=(),
        told=msgspec.structs.replace(facts.told, settings=()),
    )  # fmt: skip
    text = page.render(told, picks, images, tables.files(told, picks))
    assert "two notes" in text
    assert "A/1" in text
    assert "recall of B/2" in text
    of_runs = "Blessed|Not blessed|HyperRule|in service|Stages|Configuration|before training"
    assert re.findall(of_runs, text) == []
    assert all(f'id="{name}"' in text for name in re.findall(r'href="#([a-z]+)"', text))


def test_answers_that_are_no_class_are_a_column_of_the_matrix_and_no_mistakes():
    sure, unsure = (
        Answer(("a", "b"), (0.9, 0.1), 0.9),
        Answer(("b", "a"), (0.6, 0.4), 0.4, "unknown"),
    )
    found = [
        Prediction("a/1.jpg", "1", "a", sure), Prediction("a/2.jpg", "2", "a", unsure),
        Prediction("b/3.jpg", "3", "b", unsure),
    ]  # fmt: skip
    facts, picks, images = make(labels=["a", "b"], found=found, with_baseline=False)
    assert picks.mistakes == picks.confusions == ()
    files = tables.files(facts, picks)
    assert files["confusion.csv"].decode().splitlines() == [
        "true class,a,b,unknown", "a,1,0,1", "b,0,0,1",
    ]  # fmt: skip
    text = page.render(facts, picks, images, files)
    assert "Answered <em>unknown</em>: 2 of 3 pictures" in text
    assert '<th scope="row">unknown</th>' not in text
    assert "coverage 0.3333, precision of the other answers 1.0000" in text
    assert "unknown:</span> b?<br>true: a" in text
    assert [row["class"] for row in tables.classes(facts.measured)] == ["a", "b"]

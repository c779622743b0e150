"""The network that is loaded in the background: the page gets it, or what went wrong."""

from dataclasses import replace
from threading import Event

import pytest
from streamlit import runtime

from pneumo_core.detector import PneumoniaDetector
from pneumo_core.errors import RunError
from ui import warm_up


@pytest.fixture(autouse=True)
def server(monkeypatch):
    """As on a server that has just started, and does not wait."""
    monkeypatch.setattr(runtime, "exists", lambda: True)
    monkeypatch.setattr(warm_up, "_loading", {})
    monkeypatch.setattr(warm_up, "AFTER", 0.0)


def loaded():
    """Wait for all that was begun."""
    return [future.result(60) for future in warm_up._loading.values()]


def test_the_page_gets_the_network_that_was_loaded_and_it_has_read(tiny_run, monkeypatch):
    read = []
    monkeypatch.setattr(PneumoniaDetector, "read", lambda self, image: read.append((self, image)))
    warm_up.begin(tiny_run)
    (detector,) = loaded()
    assert warm_up.load(tiny_run) is detector
    ((reader, image),) = read
    assert reader is detector
    assert image.min() == image.max()


def test_a_page_that_comes_early_waits_for_the_same_network(tiny_run, monkeypatch):
    made, go = [], Event()
    build = PneumoniaDetector.__init__

    def slow(self, run):
        go.wait(60)
        made.append(self)
        build(self, run)

    monkeypatch.setattr(PneumoniaDetector, "__init__", slow)
    warm_up.begin(tiny_run)
    warm_up.begin(tiny_run)
    go.set()
    assert warm_up.load(tiny_run) is made[0]
    assert len(made) == 1


def test_only_the_first_run_is_loaded_and_others_as_they_are_asked_for(tiny_run, monkeypatch):
    monkeypatch.setattr(PneumoniaDetector, "read", lambda *_: None)
    other = replace(tiny_run, title="another", temperature=2.0, weights_sha256="0" * 64)
    warm_up.begin(tiny_run)
    warm_up.begin(other)
    assert len(loaded()) == 1
    with pytest.raises(RunError, match="wrong SHA-256"):
        warm_up.load(other)


def test_what_goes_wrong_is_quiet_until_a_page_asks(tiny_run, tmp_path, capfd):
    damaged = replace(tiny_run, weights_sha256="0" * 64)
    warm_up.begin(damaged)
    assert loaded() == [None]
    assert capfd.readouterr() == ("", "")
    with pytest.raises(RunError, match="wrong SHA-256"):
        warm_up.load(damaged)
    warm_up._loading.clear()
    warm_up.begin(replace(tiny_run, path=tmp_path))  # figures only
    assert not warm_up._loading


def test_a_network_that_cannot_read_is_no_reason_to_fail(tiny_run, monkeypatch, capfd):
    def broken(*_):
        raise ValueError("at the first film")

    monkeypatch.setattr(PneumoniaDetector, "read", broken)
    warm_up.begin(tiny_run)
    (detector,) = loaded()
    assert detector is not None
    assert warm_up.load(tiny_run) is detector
    assert capfd.readouterr() == ("", "")


def test_without_a_server_nothing_is_loaded(tiny_run, monkeypatch):
    monkeypatch.setattr(runtime, "exists", lambda: False)
    warm_up.begin(tiny_run)
    assert not warm_up._loading


def test_a_network_that_a_page_has_loaded_is_not_loaded_again(tiny_run, monkeypatch):
    detector = warm_up.load(tiny_run)
    monkeypatch.setattr(PneumoniaDetector, "__init__", lambda *_: pytest.fail("loaded again"))
    warm_up.begin(tiny_run)
    assert loaded() == [None]
    assert detector.run is tiny_run

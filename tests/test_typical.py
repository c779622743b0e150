"""Average films: averaged by hand, and set to the brightness and contrast of the film at hand."""

import numpy as np
import pytest
import torch

from pneumo_core.errors import DataError
from pneumo_core.preprocess import Preprocess
from pneumo_core.splits import Split
from pneumo_core.typical import opposite, typical_films

SAME = Preprocess(input_size=4, mean=(0.5,), std=(0.25,))


def split_of(levels, labels):
    """Films of 4 x 4 pixels, each a ramp that starts at its level."""
    names = tuple(map(str, range(len(levels))))
    ramp = np.arange(16).reshape(4, 4)
    return Split(
        ids=names,
        labels=np.array(labels),
        patients=names,
        groups=("",) * len(levels),
        read=lambda position: ((levels[position] + ramp) / 255).astype(np.float32),
    )


def test_the_average_of_each_class_by_hand():
    found = typical_films(split_of([10, 20, 100], [0, 0, 1]), SAME)
    assert list(found) == ["Normal", "Pneumonia"]
    assert found["Normal"][0] == bytes([15, 16, 17, 18]).hex()
    assert found["Pneumonia"][3] == bytes([112, 113, 114, 115]).hex()
    with pytest.raises(DataError, match="no film of class Pneumonia"):
        typical_films(split_of([1], [0]), SAME)


def test_it_is_the_other_class_at_this_films_mean_and_contrast():
    typical = {
        "Normal": tuple(bytes([100, 100, 150, 150]).hex() for _ in range(4)),
        "Pneumonia": tuple(bytes([0, 0, 0, 40]).hex() for _ in range(4)),
    }
    grey = torch.linspace(0.3, 0.6, 16).view(1, 1, 4, 4)
    fill = opposite(typical, "Pneumonia", SAME, grey)
    grey_again = fill * 0.25 + 0.5
    assert fill.shape == (1, 4, 4)
    assert grey_again.mean().item() == pytest.approx(0.45, abs=1e-5)
    assert grey_again.std().item() == pytest.approx(grey.std().item(), rel=1e-4)
    assert (grey_again[0, :, 2] > grey_again[0, :, 1]).all()  # the step of the normal film
    assert torch.allclose(grey_again[0, :, 0], grey_again[0, :, 1])
    other = opposite(typical, "Normal", SAME, grey)
    assert not torch.allclose(other, fill)
    assert torch.allclose(other[0, :, 1], other[0, :, 2])


@pytest.mark.parametrize(
    "typical",
    [{}, {"Normal": ("00",)}, {"Normal": ("zz" * 4,) * 4}, {"Normal": 5}, {"Normal": [1, 2]}],
)
def test_damaged_films_are_an_error_in_words(typical):
    with pytest.raises(DataError, match="run explain-audit again"):
        opposite(typical, "Pneumonia", SAME, torch.rand(1, 1, 4, 4))

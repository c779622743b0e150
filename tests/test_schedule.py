"""What comes next in a training run, by hand and against torch's own scheduler."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from pneumo_core.architectures import ModelSpec
from pneumo_core.preprocess import Preprocess
from pneumo_core.recipe import Phase, Recipe
from pneumo_core.schedule import EpochRecord, best_epoch, learning_rate, next_epoch


def made_recipe(*phases: Phase, select: str = "val_auc") -> Recipe:
    return Recipe(
        name="made",
        title="Made",
        data="chest_xray",
        model=ModelSpec("cnn", channels=1, stem="small"),
        preprocess=Preprocess(32),
        phases=phases,
        select=select,
    )


def history(*metric: float, phase: int = 0, start: int = 1, select: str = "val_auc"):
    """Records in which the named metric takes these values and the rest stands still."""
    row = EpochRecord(
        epoch=0,
        phase=phase,
        lr=0.1,
        train_loss=0.5,
        train_auc=0.5,
        train_accuracy=0.5,
        val_loss=0.5,
        val_auc=0.5,
        val_accuracy=0.5,
        val_f1=0.5,
        seconds=1.0,
    )
    return [
        replace(row, epoch=start + index, **{select: value}) for index, value in enumerate(metric)
    ]


# Which epoch comes next


def test_epochs_are_counted_through_the_phases():
    recipe = made_recipe(Phase(2, 0.1), Phase(3, 0.01))
    records, places = [], []
    while (place := next_epoch(recipe, records)) is not None:
        places.append(place)
        records += history(0.5, phase=place[0], start=len(records) + 1)
    assert places == [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2)]


def test_a_phase_stops_when_its_patience_is_over():
    recipe = made_recipe(Phase(10, 0.1, patience=2))
    assert next_epoch(recipe, history(0.7, 0.8, 0.7)) == (0, 3)
    assert next_epoch(recipe, history(0.7, 0.8, 0.7, 0.75)) is None
    assert next_epoch(recipe, history(0.7, 0.8, 0.7, 0.81)) == (0, 4)


def test_standing_still_is_no_improvement():
    recipe = made_recipe(Phase(10, 0.1, patience=2))
    assert next_epoch(recipe, []) == (0, 0)
    assert next_epoch(made_recipe(Phase(10, 0.1, patience=1)), []) == (0, 0)
    assert next_epoch(recipe, history(0.8, 0.8)) == (0, 2)
    assert next_epoch(recipe, history(0.8, 0.8, 0.8)) is None


def test_without_patience_a_phase_runs_to_its_end():
    recipe = made_recipe(Phase(4, 0.1))
    assert next_epoch(recipe, history(0.9, 0.8, 0.7)) == (0, 3)
    assert next_epoch(recipe, history(0.9, 0.8, 0.7, 0.6)) is None


def test_a_stopped_phase_stays_stopped_and_the_next_has_patience_of_its_own():
    recipe = made_recipe(Phase(10, 0.1, patience=1), Phase(10, 0.1, patience=2))
    first = history(0.9, 0.8)
    assert next_epoch(recipe, first) == (1, 0)
    # Worse than the first phase's best, yet improving within its own.
    second = history(0.6, 0.7, phase=1, start=3)
    assert next_epoch(recipe, first + second) == (1, 2)
    better = history(0.95, phase=1, start=3)
    assert next_epoch(recipe, first + better) == (1, 1)
    assert next_epoch(recipe, first + history(0.6, 0.5, 0.4, phase=1, start=3)) is None


def test_patience_follows_the_selected_metric():
    phase = Phase(10, 0.1, patience=2)
    falling = history(0.5, 0.4, 0.3, select="val_loss")
    assert next_epoch(made_recipe(phase, select="val_loss"), falling) == (0, 3)
    assert next_epoch(made_recipe(phase, select="val_auc"), falling) is None
    rising = history(0.3, 0.4, 0.5, select="val_loss")
    assert next_epoch(made_recipe(phase, select="val_loss"), rising) is None


# Which epoch is kept


@pytest.mark.parametrize("select", ["val_auc", "val_accuracy", "val_f1"])
def test_the_highest_is_best_and_the_earliest_of_equals(select):
    recipe = made_recipe(Phase(9, 0.1), select=select)
    assert best_epoch(recipe, history(0.7, 0.9, 0.8, select=select)) == 2
    assert best_epoch(recipe, history(0.7, 0.9, 0.9, 0.9, select=select)) == 2
    assert best_epoch(recipe, history(0.9, select=select)) == 1


def test_the_lowest_loss_is_best_and_the_earliest_of_equals():
    recipe = made_recipe(Phase(9, 0.1), select="val_loss")
    assert best_epoch(recipe, history(0.7, 0.2, 0.3, 0.2, select="val_loss")) == 2


def test_the_best_epoch_may_lie_in_any_phase():
    recipe = made_recipe(Phase(2, 0.1), Phase(2, 0.1))
    first = history(0.7, 0.9)
    assert best_epoch(recipe, first + history(0.8, 0.9, phase=1, start=3)) == 2
    assert best_epoch(recipe, first + history(0.8, 0.91, phase=1, start=3)) == 4


def test_epochs_at_another_input_size_do_not_count():
    grown = made_recipe(Phase(2, 0.1, input_size=24), Phase(2, 0.1), Phase(2, 0.1, input_size=32))
    small = history(0.9, 0.95)
    assert best_epoch(grown, small) == 2
    second = small + history(0.7, 0.6, phase=1, start=3)
    assert best_epoch(grown, second) == 3
    # The third phase's size is the second's, though it says so itself.
    assert best_epoch(grown, second + history(0.65, 0.69, phase=2, start=5)) == 3
    assert best_epoch(grown, second + history(0.65, 0.71, phase=2, start=5)) == 6
    # And back again: the weights of the first phase are no longer there.
    sizes = (None, 24, None)
    back = made_recipe(*(Phase(2, 0.1, input_size=size) for size in sizes))
    assert best_epoch(back, second + history(0.5, 0.4, phase=2, start=5)) == 5


def test_the_last_epoch_of_a_phase_is_kept_where_the_recipe_says_so():
    recipe = made_recipe(Phase(2, 0.1), Phase(2, 0.1, keep_last=True, patience=1), Phase(2, 0.1))
    first = history(0.9, 0.95)
    assert best_epoch(recipe, first) == 2
    assert best_epoch(recipe, first + history(0.7, phase=1, start=3)) == 3
    second = first + history(0.7, 0.6, phase=1, start=3)
    assert best_epoch(recipe, second) == 4
    # The third goes on from the second's last epoch: from there on the best counts.
    assert best_epoch(recipe, second + history(0.55, 0.59, phase=2, start=5)) == 4
    assert best_epoch(recipe, second + history(0.55, 0.61, phase=2, start=5)) == 6


def test_a_phase_that_keeps_its_last_epoch_is_not_stopped_early():
    kept = Phase(3, 0.1, keep_last=True, patience=1)
    assert next_epoch(made_recipe(kept), history(0.9, 0.8)) == (0, 2)
    recipe = made_recipe(Phase(2, 0.1), kept)
    first = history(0.9, 0.8)
    assert next_epoch(recipe, first + history(0.7, phase=1, start=3)) == (1, 1)
    assert next_epoch(recipe, first + history(0.7, 0.6, phase=1, start=3)) == (1, 2)
    assert next_epoch(recipe, first + history(0.7, 0.6, 0.5, phase=1, start=3)) is None


# The learning rate


def test_cosine_falls_from_the_peak_to_zero():
    recipe = made_recipe(Phase(10, 0.4, "cosine"))
    rates = [learning_rate(recipe, [], 0, passed) for passed in (0, 2.5, 5, 7.5, 10)]
    side = 0.2 * math.sqrt(0.5)
    assert rates == pytest.approx([0.4, 0.2 + side, 0.2, 0.2 - side, 0.0])


def test_warmup_rises_in_a_line_and_the_rest_of_the_phase_is_the_cosine():
    recipe = made_recipe(Phase(6, 0.4, "cosine", warmup=2))
    rates = [learning_rate(recipe, [], 0, passed) for passed in (0.5, 1, 1.5, 2, 4, 6)]
    assert rates == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.2, 0.0])
    # Not quite zero, for a first step that does something.
    assert 0 < learning_rate(recipe, [], 0, 0.0) < 0.001


def test_a_phase_that_is_all_warmup_does_not_divide_by_zero():
    recipe = made_recipe(Phase(1, 0.4, "cosine", warmup=1))
    assert learning_rate(recipe, [], 0, 0.75) == pytest.approx(0.3)
    assert learning_rate(recipe, [], 0, 1.0) == pytest.approx(0.4)


def test_constant_stays():
    recipe = made_recipe(Phase(5, 0.3, "constant", warmup=1))
    rates = [learning_rate(recipe, [], 0, passed) for passed in (0.5, 1, 3.3, 4.99)]
    assert rates == pytest.approx([0.15, 0.3, 0.3, 0.3])


def test_each_phase_has_its_own_rate():
    recipe = made_recipe(Phase(2, 0.3, "constant"), Phase(4, 0.02, "cosine"))
    assert learning_rate(recipe, history(0.5, 0.5), 0, 1.5) == 0.3
    assert learning_rate(recipe, history(0.5, 0.5), 1, 2.0) == pytest.approx(0.01)


def test_plateau_by_hand():
    recipe = made_recipe(Phase(20, 0.8, "plateau", plateau=1, factor=0.5))

    def rate(*values: float) -> float:
        return learning_rate(recipe, history(*values), 0, float(len(values)))

    assert rate() == 0.8
    assert rate(0.7) == 0.8
    assert rate(0.7, 0.6) == 0.8
    assert rate(0.7, 0.6, 0.7) == 0.4
    assert rate(0.7, 0.6, 0.7, 0.6) == 0.4
    assert rate(0.7, 0.6, 0.7, 0.6, 0.5) == 0.2
    assert rate(0.7, 0.6, 0.7, 0.71, 0.5) == 0.4


def test_plateaus_of_the_phase_before_are_forgotten():
    phase = Phase(5, 0.8, "plateau", plateau=0, factor=0.5)
    recipe = made_recipe(phase, phase)
    before = history(0.9, 0.8, 0.7)
    assert learning_rate(recipe, before, 0, 3.0) == 0.2
    assert learning_rate(recipe, before, 1, 0.0) == 0.8
    assert learning_rate(recipe, before + history(0.5, phase=1, start=4), 1, 1.0) == 0.8


@pytest.mark.parametrize("plateau", [0, 1, 3])
@pytest.mark.parametrize("select", ["val_auc", "val_loss"])
def test_plateaus_are_counted_as_torch_counts_them(plateau, select):
    phase = Phase(200, 1.0, "plateau", plateau=plateau, factor=0.5)
    recipe = made_recipe(phase, select=select)
    rng = np.random.default_rng(plateau)
    trend = np.linspace(0, 0.4, 60) * (-1 if select == "val_loss" else 1)
    # Rounded, so that equal values occur.
    values = (0.5 + trend + rng.normal(0, 0.1, 60)).round(2).tolist()
    assert len(set(values)) < 60

    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimiser,
        mode="min" if select == "val_loss" else "max",
        factor=0.5,
        patience=plateau,
        threshold=0,
        eps=0,
    )
    for done, value in enumerate(values, 1):
        scheduler.step(value)
        records = history(*values[:done], select=select)
        found = learning_rate(recipe, records, 0, float(done))
        assert found == pytest.approx(optimiser.param_groups[0]["lr"], rel=1e-9)
    assert optimiser.param_groups[0]["lr"] < 0.01, "else nothing was counted"

"""A run's recipe in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pneumo_core.architectures import ARCHITECTURES
from pneumo_core.errors import RecipeError
from pneumo_core.model_table import ModelRow, members
from pneumo_core.runs import Run
from ui.models_table import figure_words
from ui.threshold_show import as_text, count
from ui.words import models as words

if TYPE_CHECKING:
    from pneumo_core.augment import Augmentation
    from pneumo_core.losses import Loss
    from pneumo_core.preprocess import Preprocess
    from pneumo_core.recipe import Phase, Recipe


def facts(row: ModelRow) -> Iterator[tuple[str, str]]:
    """What there is to say of a run's training: a key of `FACT_NAMES` and Markdown, in order.

    Raises:
        RecipeError: the recipe in `run.json` is damaged or of another version.
    """
    from pneumo_core.recipe import Recipe

    run, training = row.run, row.run.training
    recipe = Recipe.from_json(run.recipe)
    yield "network", _network(row)
    start = words.START[row.start]
    named = row.start in ("imagenet", "other")
    yield "start", words.ORIGIN.format(start=start, origin=as_text(row.origin)) if named else start
    films = {split: count(sum(parts.values())) for split, parts in run.data["counts"].items()}
    yield "data", words.COUNTS.format(title=as_text(run.data["title"]), **films)
    yield "split", words.SPLITS.get(run.data["split_rule"], as_text(run.data["split_rule"]))
    yield "input", input_words(run.preprocess)
    yield "augmentation", augmentation_words(recipe.augmentation)
    yield "loss", loss_words(recipe.loss)
    yield "optimiser", _optimiser(recipe)
    phases = [phase_words(phase, recipe) for phase in recipe.phases]
    numbered = len(phases) > 1
    yield (
        "phases",
        "  \n".join(f"{i}. {text}" if numbered else text for i, text in enumerate(phases, 1)),
    )
    kept = ", ".join(map(str, kept_epochs(run)))
    yield "keeping", words.KEPT.format(best=kept, epochs=training["epochs"], why=why_kept(run))
    serving = [words.TEMPERATURE.format(temperature=run.temperature)]
    yield "serving", "; ".join(serving + [words.FLIPPED] * run.flip_average)
    yield "run", _ran(row)
    yield "published", _published(row)


def kept_epochs(run: Run) -> list[int]:
    """The epoch whose weights were kept; of an ensemble, that of each network."""
    return [one["best_epoch"] for one in members(run) or (run.training,)]


def input_words(preprocess: Preprocess) -> str:
    """What becomes of a film before the network sees it."""
    size, source = preprocess.input_size, preprocess.source_size
    parts = [words.INPUT.format(size=size)]
    if source is not None and source != size:
        parts[0] += words.INPUT_FROM.format(source=source)
    parts.append(words.CROPS[preprocess.crop])
    if preprocess.sharpen:
        parts.append(words.SHARPENED)
    if preprocess.equalise != "none":
        parts.append(words.EQUALISED[preprocess.equalise])
    return ", ".join(parts)


def augmentation_words(augmentation: Augmentation) -> str:
    """Every effect that is switched on, with how far it goes."""
    parts = [
        words.AUGMENTATION.get(name, words.AUGMENTATION_OTHER).format(
            name=name, value=value, percent=round(100 * value, 4), gamma=1 + value
        )
        for name, value in vars(augmentation).items()
        if value
    ]
    return ", ".join(parts) or words.NO_AUGMENTATION


def loss_words(loss: Loss) -> str:
    """Which loss, and how it weighs the classes."""
    parts = [words.LOSSES.get(loss.name, loss.name).format(gamma=loss.gamma)]
    if loss.balanced:
        parts.append(words.BALANCED)
    if loss.label_smoothing:
        parts.append(words.SMOOTHED.format(value=loss.label_smoothing))
    return ", ".join(parts)


def phase_words(phase: Phase, recipe: Recipe) -> str:
    """How long and how fast a phase trains, and what it does its own way."""
    schedule = words.SCHEDULES[phase.schedule]
    parts = [words.PHASE.format(epochs=phase.epochs, lr=phase.lr, schedule=schedule)]
    if phase.input_size is not None:
        parts.append(words.PHASE_INPUT.format(size=phase.input_size))
    if phase.freeze:
        stages = len(ARCHITECTURES[recipe.model.architecture].stages)
        parts.append(words.FROZEN.format(count=len(phase.freeze), all=stages))
    if phase.sampler == "balanced":
        parts.append(words.DRAWN)
    if phase.patience:
        parts.append(words.PATIENCE.format(count=phase.patience))
    if phase.keep_last:
        parts.append(words.KEEPS_LAST)
    if phase.blend < 1:
        parts.append(words.BLENDED.format(share=100 * phase.blend))
    if phase.loss is not None:
        parts.append(loss_words(phase.loss))
    if phase.augmentation is not None:
        parts.append(augmentation_words(phase.augmentation))
    return "; ".join(parts)


def why_kept(run: Run) -> str:
    """Why a run kept the epoch that it kept; its recipe may be of another version."""
    from pneumo_core.recipe import Recipe

    try:
        recipe = Recipe.from_json(run.recipe)
    except RecipeError:
        return words.KEPT_SOMEHOW
    if recipe.phases[-1].keep_last:
        return words.LAST_EPOCH
    return words.BEST_EPOCH.format(metric=words.METRICS[recipe.select])


def _network(row: ModelRow) -> str:
    network, networks = ARCHITECTURES[row.run.model.architecture].title, members(row.run)
    parts = [words.MEMBERS.format(count=len(networks), network=network) if networks else network]
    if row.parameters is not None:
        parts.append(words.PARAMETERS.format(count=f"{row.parameters / 1e6:.1f}"))
    return ", ".join(parts)


def _optimiser(recipe: Recipe) -> str:
    name = words.OPTIMISERS[recipe.optimiser]
    parts = [words.OPTIMISER.format(name=name, batch=recipe.batch_size)]
    for value, text in (
        (recipe.weight_decay, words.DECAY),
        (recipe.clip, words.CLIP),
        (recipe.ema, words.EMA),
    ):
        if value:
            parts.append(text.format(value=value))
    return ", ".join(parts)


def _ran(row: ModelRow) -> str:
    training = row.run.training
    minutes = round(training["duration_s"] / 60)
    lasted = words.A_MINUTE if minutes == 1 else words.MINUTES.format(count=minutes)
    device = str(training.get("device", ""))
    seeds = [one["seed"] for one in members(row.run) or (training,)]
    seed_words = words.SEED if len(seeds) == 1 else words.MANY_SEEDS
    return words.RUN.format(
        seeds=as_text(seed_words.format(seeds=", ".join(map(str, seeds)))),
        minutes=lasted if training["duration_s"] >= 60 else words.UNDER_A_MINUTE,
        device=as_text(words.DEVICES.get(device.split(":")[0], device)),
        date=as_text(training["date"]),
    )


def _published(row: ModelRow) -> str:
    published = row.published
    parts = [
        f"{title} {figure_words(name, published.figures[name])}"
        for name, title in words.FIGURES.items()
        if name in published.figures
    ]
    if published.note:
        parts.append(as_text(published.note))
    return ", ".join(parts) or words.NO_PUBLISHED

"""`python -m pneumo_core card`: a run's model card, every figure from the run itself.

The sections follow Mitchell et al., "Model Cards for Model Reporting", FAT* 2019. The same run
always gives the same text: nothing depends on the day or the machine.
"""

import re
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

from pneumo_core import NOTICE, markdown
from pneumo_core import model_card_words as words
from pneumo_core.calibration import expected_calibration_error, probability, reliability
from pneumo_core.class_report import COLUMNS, ROWS
from pneumo_core.comparison import compare_splits
from pneumo_core.confusion import figures_at
from pneumo_core.errors import RunError
from pneumo_core.files import written_whole
from pneumo_core.groups import group_rows
from pneumo_core.model_card_commands import commands
from pneumo_core.model_card_figures import (
    estimate_words,
    on_another_set,
    on_spoilt_films,
    over_seeds,
    own_points,
    share_words,
)
from pneumo_core.model_table import members
from pneumo_core.operating_point import split_words, threshold_words, zone_rows
from pneumo_core.runs import RUN_FILE, WEIGHTS_FILE, Run, default_run, patients_of, read_run
from pneumo_core.threshold_report import FIGURES

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from pneumo_core.losses import Loss
    from pneumo_core.recipe import Recipe

SPLITS = ("val", "test")


def card(options: Namespace) -> int:
    """Run the command; returns the exit status.

    Raises:
        RunError: As `read_run` and `model_card`, or the file cannot be written.
    """
    run = read_run(options.run) if options.run else default_run()
    text, target = model_card(run), Path(options.out).expanduser()
    try:
        with written_whole(target) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunError(f"{target} cannot be written ({error.strerror}).") from error
    print(f"{target}: the model card of {run.name}.")
    return 0


def model_card(run: Run) -> str:
    """Write a run's model card, as Markdown.

    Raises:
        RunError: If the run's scores or its `robustness.json` are damaged.
        RecipeError: If its recipe is.
    """
    from pneumo_core.export import graph_words, square_words

    scores = {split: _Scores(run, split) for split in SPLITS}
    limits = words.LIMITS.format(
        answers=words.ANSWERS[run.model.outputs == 3], shape=words.SHAPES[run.preprocess.crop]
    )
    sections = {
        "What it is": _what(run),
        "Intended use": words.INTENDED,
        "Data": _data(run, scores),
        "Training": _training(run),
        "From a film to a probability": f"{square_words(run.preprocess)}\n\n{graph_words(run)}",
        "Figures": _figures(run),
        "Over seeds": over_seeds(run),
        "Other thresholds": _points(run, scores),
        "Three zones": _zones(run, scores),
        "By class": _classes(run),
        "By kind of pneumonia": _kinds(run, scores),
        "Calibration": _calibration(run, scores),
        "Spoilt films": on_spoilt_films(run),
        "Films of another set": on_another_set(run),
        "Limits": f"{_holds(run, scores)}\n{limits}",
        "How to get the same": commands(run),
        "Data and licence": words.ATTRIBUTION,
        "Identity": _identity(run),
    }
    parts = [f"# Model card: {run.title}", f"**{NOTICE}**"]
    parts += [f"## {title}\n\n{text}" for title, text in sections.items() if text]
    return "\n\n".join(map(_wrapped, "\n\n".join(parts).split("\n\n"))) + "\n"


class _Scores:
    """Labels, probabilities, patients and groups of one split."""

    def __init__(self, run: Run, split: str) -> None:
        table: pd.DataFrame = run.scores(split)
        self.split = split
        self.labels: np.ndarray = table["label"].to_numpy()
        self.logits: np.ndarray = table["logit"].to_numpy()
        self.probabilities: np.ndarray = table["probability"].to_numpy()
        self.groups: np.ndarray = table["group"].to_numpy(str)
        self.patients = patients_of(table)
        self.unknown = int((table["patient"] == "").sum())


def _what(run: Run) -> str:
    from pneumo_core.architectures import ARCHITECTURES

    title, members = ARCHITECTURES[run.model.architecture].title, run.model.members
    kind = f"a {title}" if members == 1 else f"the mean of {members} {title} networks"
    parameters = run.training.get("parameters")
    size = f" of {parameters / 1e6:.1f} million parameters" if parameters else ""
    return (
        f"Run `{run.name}`: {kind}{size} that reads a child's chest X-ray, front view, and gives "
        "the calibrated probability of pneumonia, a verdict at a threshold, and a heatmap of its "
        f"evidence. A tool for research and teaching. `python -m pneumo_core card {run.name}` "
        "wrote this page; its figures are the run's own."
    )


def _data(run: Run, scores: Mapping[str, _Scores]) -> str:
    counts = run.data["counts"]
    rows = [
        (split_words(split), str(each["normal"]), str(each["pneumonia"]), str(sum(each.values())))
        for split, each in ((name, counts[name]) for name in ("train", *SPLITS))
    ]
    unknown = [
        f"The patients of {one.unknown} of {len(one.labels)} {split_words(one.split)} films are "
        "not known: each film counts as a patient of its own."
        for one in scores.values()
        if one.unknown
    ]
    rule = " ".join([words.SPLIT_RULES.get(run.data["split_rule"], ""), *unknown])
    films = markdown.table([("Films", "Normal", "Pneumonia", "All"), *rows])
    return f"{run.data['title']}. {words.FILMS}\n\n{films}\n\n{rule}"


def _training(run: Run) -> str:
    from pneumo_core.recipe import Recipe

    recipe, training = Recipe.from_json(run.recipe), run.training
    phases = "; ".join(
        f"{phase.epochs} at most, {phase.schedule} from {phase.lr:g}"
        + (f", {', '.join(phase.freeze)} frozen" if phase.freeze else "")
        + (", its last epoch is kept" if phase.keep_last else "")
        + (f", {100 * phase.blend:.0f} % of what it teaches" if phase.blend < 1 else "")
        for phase in recipe.phases
    )
    augmentations = [phase.augmentation or recipe.augmentation for phase in recipe.phases]
    changes = [", ".join(one.effects) or "none" for one in augmentations]
    losses = [_loss(phase.loss or recipe.loss) for phase in recipe.phases]
    networks = members(run) or (training,)
    seeds, kept = (", ".join(str(one[key]) for one in networks) for key in ("seed", "best_epoch"))
    where = [
        f"{key}: {training[key]}" for key in ("device", "threads", "precision") if key in training
    ]
    rows = [
        ("Recipe", f"`{recipe.name}`, all of it in `{RUN_FILE}`"),
        ("Starting weights", str(training.get("pretrained", "unknown"))),
        ("Input", f"{run.preprocess.input_size} × {run.preprocess.input_size} pixels"),
        ("Optimiser", f"{recipe.optimiser}, weight decay {recipe.weight_decay:g}, "
         f"{recipe.batch_size} films a step"),
        ("Epochs", phases),
        ("Epoch kept", f"{kept}, {_why_kept(recipe)}{_cut(training)}"),
        ("Average of weights", f"decay {recipe.ema:g}" if recipe.ema else "none"),
        ("Loss", _by_phase(losses)),
        ("Augmentation", _by_phase(changes)),
        ("Seed", seeds),
        ("Minutes", f"{training['duration_s'] / 60:.0f} ({', '.join(where)})"),
        ("Date", training["date"]),
    ]  # fmt: skip
    return markdown.table([("", ""), *rows])


def _why_kept(recipe: "Recipe") -> str:
    if recipe.phases[-1].keep_last:
        return "the last of its phase"
    return f"by {recipe.select} on validation"


def _cut(training: Mapping[str, Any]) -> str:
    if not training.get("cut_short", False):
        return ""
    if training.get("members"):
        return "; not every network was trained to the end"
    return f"; ended by hand after epoch {training['epochs']}"


def _loss(loss: "Loss") -> str:
    balanced = ", classes balanced" if loss.balanced else ""
    return f"{loss.name}, label smoothing {loss.label_smoothing:g}{balanced}"


def _by_phase(each: Sequence[str]) -> str:
    """What the phases do, one after the other; said once where all do the same."""
    return "; ".join(each) if len(set(each)) > 1 else each[0]


def _figures(run: Run) -> str:
    point = run.operating_point
    rows = [
        (title, *(estimate_words(run.metrics[split][key]) for split in SPLITS))
        for key, title in {**FIGURES, "auprc": "Average precision"}.items()
        if not key.startswith("lr_")  # likelihood ratios follow from the first two
    ]
    rows += [
        (title, *(f"{run.metrics[split][key]:.3f}" for split in SPLITS))
        for key, title in (
            ("accuracy_at_half", "Accuracy at 0.5"),
            ("brier", "Brier score"),
            ("ece", "Calibration error"),
        )
    ]
    for at, title in enumerate(("Normal, called normal", "False alarms", "Missed", "Found")):
        rows.append((title, *(str(run.metrics[split]["confusion"][at]) for split in SPLITS)))
    header = ["", *(f"{split_words(split)}, {run.metrics[split]['n']} films" for split in SPLITS)]
    share = run.metrics["test"]["prevalence"]
    return (
        f"At the default operating point, “{point.name}”: a film is called pneumonia from a "
        f"probability of {threshold_words(point.threshold)}, {point.rule}, chosen on "
        f"{split_words(point.split)}. Temperature and thresholds were chosen on "
        "validation; test was scored once, after that. Brackets hold 95 % intervals: "
        "Wilson's for shares, DeLong's for the AUC, the bootstrap's for the average precision; "
        "films of one patient do not count as "
        f"independent.\n\n{markdown.table([header, *rows])}\n\n"
        f"PPV, NPV and accuracy hold only where {100 * share:.1f} % have pneumonia, as on test."
    )


def _points(run: Run, scores: Mapping[str, _Scores]) -> str:
    rows = []
    for point in own_points(run):
        cells = [point.name, point.rule, threshold_words(point.threshold)]
        for one in scores.values():
            found = figures_at(one.labels, one.probabilities, point.threshold, one.patients)
            cells += [
                estimate_words(found[key].to_json()) for key in ("sensitivity", "specificity")
            ]
        rows.append(cells)
    names = [
        f"{key}, {split_words(split)}" for split in SPLITS for key in ("Sensitivity", "Specificity")
    ]
    lead = "Every operating point that the run came with, each chosen on validation."
    return f"{lead}\n\n{markdown.table([('Name', 'Rule', 'Threshold', *names), *rows])}"


def _zones(run: Run, scores: Mapping[str, _Scores]) -> str:
    test, zones = scores["test"], run.zones
    low, high = threshold_words(zones.rule_out), threshold_words(zones.rule_in)
    titles = (f"Rule out, below {low}", "Uncertain: needs a reader", f"Rule in, from {high}")
    rows = [
        (
            title,
            estimate_words(row.share.to_json()),
            str(row.positives),
            str(row.negatives),
            "–" if row.zone == "uncertain" else estimate_words(row.error_rate.to_json()),
        )
        for title, row in zip(
            titles, zone_rows(test.labels, test.probabilities, zones), strict=True
        )
    ]
    header = ("Test", "Share of films", "Pneumonia", "Normal", "Wrong in it")
    lead = f"{zones.rule[:1].upper()}{zones.rule[1:]}, chosen on {split_words(zones.split)}."
    return f"{lead}\n\n{markdown.table([header, *rows])}"


def _classes(run: Run) -> str:
    rows = [
        (
            ROWS.get(name, name),
            *(str(row[key]) if key == "support" else share_words(row[key]) for key in COLUMNS),
        )
        for name, row in run.metrics["test"]["per_class"].items()
    ]
    return markdown.table([("Test", *COLUMNS.values()), *rows])


def _kinds(run: Run, scores: Mapping[str, _Scores]) -> str:
    rows = []
    for one in scores.values():
        found = group_rows(
            one.labels,
            one.probabilities,
            one.groups,
            run.operating_point.threshold,
            patients=one.patients,
        )
        rows += [
            (
                split_words(one.split),
                row.name,
                str(row.confusion.n),
                estimate_words(row.figures["sensitivity"].to_json()),
                estimate_words(row.auc.to_json()),
            )
            for row in found
            if row.name in ("bacteria", "virus")
        ]
    if not rows:
        return ""
    header = ("", "Kind", "Films", "Sensitivity", "AUC against all normal films")
    lead = "As the names of the original files tell; at the default operating point."
    return f"{lead}\n\n{markdown.table([header, *rows])}"


def _calibration(run: Run, scores: Mapping[str, _Scores]) -> str:
    errors = [
        (
            split_words(one.split),
            f"{expected_calibration_error(one.labels, probability(one.logits)):.3f}",
            f"{run.metrics[one.split]['ece']:.3f}",
            f"{run.metrics[one.split]['brier']:.3f}",
        )
        for one in scores.values()
    ]
    test = scores["test"]
    bins = [
        (
            f"{part.low:.1f}–{part.high:.1f}",
            str(part.n),
            f"{part.mean_probability:.3f}",
            estimate_words(part.observed.to_json()),
        )
        for part in reliability(test.labels, test.probabilities)
        if part.n
    ]
    header = ("", "Calibration error before", "after", "Brier score after")
    return (
        f"Logits are divided by the temperature {run.temperature:.3f}, which was fitted on "
        "validation. The calibration error is the mean gap between promised and observed share "
        f"over ten bins of equal width.\n\n{markdown.table([header, *errors])}\n\n"
        f"{markdown.table([('Probability, test', 'Films', 'Promised', 'Observed'), *bins])}"
    )


def _holds(run: Run, scores: Mapping[str, _Scores]) -> str:
    """How sensitivity and specificity change from validation to test."""
    val, test = (scores[split] for split in SPLITS)
    changes = compare_splits(
        (val.labels, val.probabilities),
        (test.labels, test.probabilities),
        run.operating_point.threshold,
        SPLITS,
        (val.patients, test.patients),
    )[:2]
    said = " ".join(f"{one.sentence[:1].upper()}{one.sentence[1:]}." for one in changes)
    return f"- A threshold chosen on validation need not keep its promise on test. {said}"


def _identity(run: Run) -> str:
    versions = run.training.get("versions", {})
    rows = [
        ("Run", f"`{run.name}`"),
        (f"SHA-256 of `{WEIGHTS_FILE}`", f"`{run.weights_sha256}`"),
        ("Data", f"{run.data['title']}, `{run.data['fingerprint']}`"),
        ("Versions", ", ".join(f"{name} {number}" for name, number in versions.items())),
    ]
    return markdown.table([("", ""), *rows])


def _wrapped(block: str) -> str:
    """A paragraph or list in lines of a hundred characters; other blocks as they are."""
    if block.startswith(("#", "|", "```")):
        return block
    items = re.split(r"\n(?=- )", block)
    indent = "  " if block.startswith("- ") else ""
    how = {"subsequent_indent": indent, "break_long_words": False, "break_on_hyphens": False}
    return "\n".join(fill(" ".join(item.split()), 100, **how) for item in items)

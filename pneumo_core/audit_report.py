"""An audit in words: a few sentences of what matters, and tables of everything."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pneumo_core.audit import NEAR, Audit, PairAudit
from pneumo_core.audit_measures import FEATURES
from pneumo_core.audit_shortcuts import PARTLY_DISEASE, PERCENTILES, SHIFT_LEVEL, SHORTCUT_LEVEL
from pneumo_core.markdown import columns
from pneumo_core.operating_point import split_words
from pneumo_core.proportions import Estimate

_SPLIT_RULES = {"patient": "split by patient", "official": "split as published"}


def audit_summary(audit: Audit) -> tuple[str, ...]:
    """What matters of an audit, in plain sentences."""
    return (
        *_patients(audit),
        *_copies(audit),
        *_prevalence(audit),
        *_shifts(audit),
        *_shortcuts(audit),
    )


def audit_brief(audit: Audit) -> dict[str, Any]:
    """What a run keeps of an audit: the sentences and the figures behind them, ready for JSON.

    Returns:
        "summary", "decoded"; "splits" by name: prevalence, patients, unknown, repeats; "pairs" by
        "train-val" and so on: shared_patients, first_images, second_images, identical, near (None
        undecoded), prevalence_difference; "label_conflicts", the number of groups; "shortcuts" by
        feature: flagged, and by split auc [value, low, high] and direction.
    """
    return {
        "summary": list(audit_summary(audit)),
        "decoded": audit.decoded,
        "splits": {
            one.name: {
                "prevalence": _rounded(one.prevalence),
                "patients": one.patients,
                "unknown": one.unknown,
                "repeats": one.repeats,
            }
            for one in audit.splits
        },
        "pairs": {
            f"{pair.first}-{pair.second}": {
                "shared_patients": pair.shared_patients,
                "first_images": pair.first_images,
                "second_images": pair.second_images,
                "identical": pair.identical,
                "near": None if pair.near is None else len(pair.near),
                "prevalence_difference": _rounded(pair.prevalence_difference),
            }
            for pair in audit.pairs
        },
        "label_conflicts": len(audit.conflicts),
        "shortcuts": {
            shortcut.feature: {
                "flagged": shortcut.flagged,
                **{
                    name: {"auc": _rounded(one.auc), "direction": one.direction}
                    for name, one in shortcut.splits.items()
                },
            }
            for shortcut in audit.shortcuts
        },
    }


def audit_text(audit: Audit) -> str:
    """Everything as plain text: the sentences first, then the tables."""
    rule = _SPLIT_RULES.get(audit.split_rule, audit.split_rule)
    parts = [f"{audit.title}, {rule}", *_bullets(audit_summary(audit)), "", "Splits"]
    parts += _table(
        ["", "images", "normal", "pneumonia", "prevalence", "patients", "unknown", "repeated"],
        [
            [
                split_words(one.name),
                *map(str, (one.images, one.normal, one.pneumonia)),
                _share(one.prevalence),
                *map(str, (one.patients, one.unknown, one.repeats)),
            ]
            for one in audit.splits
        ],
    )
    parts += ["", "Between two splits: difference of prevalence; patients in both and their images"]
    parts += _table(
        ["", "prevalence", "patients", "images", "identical", "nearly"],
        [
            [
                _pair_words(pair),
                _points(pair.prevalence_difference),
                str(pair.shared_patients),
                f"{pair.first_images} + {pair.second_images}",
                str(pair.identical),
                "not decoded" if pair.near is None else str(len(pair.near)),
            ]
            for pair in audit.pairs
        ],
    )
    if audit.decoded:
        parts += ["", "Intensity of the pixels, in grey levels of 0 to 255, and its percentiles"]
        parts += _table(
            ["", "", "mean", "SD", *(f"{percent} %" for percent in PERCENTILES)],
            [
                [
                    split_words(row.split),
                    row.label,
                    *(f"{255 * value:.1f}" for value in (row.mean, row.sd)),
                    *(f"{255 * value:.0f}" for value in row.percentiles),
                ]
                for row in audit.intensities
            ],
        )
        parts += ["", "From one split to another, in standard deviations of the images"]
        parts += _table(
            ["", "", "feature", "difference"],
            [
                [
                    f"{split_words(shift.first)} to {split_words(shift.second)}",
                    shift.label,
                    FEATURES[shift.feature],
                    _signed(shift.difference),
                ]
                for shift in audit.shifts
            ],
        )
    parts += ["", "AUC for pneumonia of one feature alone, and the side that pneumonia is on"]
    names = [one.name for one in audit.splits]
    parts += _table(
        ["", *map(split_words, names), "shortcut"],
        [
            [
                FEATURES[shortcut.feature],
                *(
                    f"{_figure(shortcut.splits[name].auc)} {shortcut.splits[name].direction}"
                    for name in names
                ),
                "yes" if shortcut.flagged else "no",
            ]
            for shortcut in audit.shortcuts
        ],
    )
    parts += [
        f"Left out: {FEATURES[feature]}, because {reason}."
        for feature, reason in audit.left_out.items()
    ]
    parts += [
        f"A shortcut: on training the lower limit is above {SHORTCUT_LEVEL}, and on test the "
        "feature is better than chance in the same direction.",
        "Brackets hold 95 % intervals that count patients, not images: Wilson's for prevalence, "
        "Newcombe's for its difference, DeLong's for the AUC.",
    ]
    return "\n".join(parts)


def _patients(audit: Audit) -> Iterator[str]:
    shared = [pair for pair in audit.pairs if pair.shared_patients]
    for pair in shared:
        first, second = split_words(pair.first), split_words(pair.second)
        advice = f": {second} is not independent of {first}."
        if (pair.first, pair.second) == ("train", "val") and audit.split_rule == "official":
            advice = ": use --split patient."
        count, of = pair.second_images, audit.split(pair.second).images
        come = "comes" if count == 1 else "come"
        yield (
            f"{count} of {of} {second} images {come} from a patient who is also in {first}{advice}"
        )
    blind = [split_words(one.name) for one in audit.splits if not one.patients]
    if len(blind) == len(audit.splits):
        yield "No patient is known: whether one is in two splits cannot be told."
        return
    if not shared:
        yield "No patient is known to be in two splits."
    if blind:
        yield (
            f"No patient of the {_listed(blind)} images is known: whether one is in another split "
            "too cannot be told."
        )
    some = [
        f"{one.unknown} {split_words(one.name)}"
        for one in audit.splits
        if one.patients and one.unknown
    ]
    if some:
        yield (
            f"The patients of {_listed(some)} images are not known; they may be in another split."
        )


def _copies(audit: Audit) -> Iterator[str]:
    what = "image" if audit.decoded else "file"
    found = False
    for pair in audit.pairs:
        first, second = split_words(pair.first), split_words(pair.second)
        of = audit.split(pair.second).images
        for count, how in (
            (pair.identical, "identical"),
            (len(pair.near or ()), "nearly identical"),
        ):
            if count:
                found = True
                note = f" (thumbnails correlate by {NEAR} or more)" if how != "identical" else ""
                be = "is" if count == 1 else "are"
                yield f"{count} of {of} {second} {what}s {be} {how} to a {first} {what}{note}."
    if not found:
        yield f"No {what} is in two splits."
    repeats = [f"{one.repeats} in {split_words(one.name)}" for one in audit.splits if one.repeats]
    if repeats:
        yield f"Within a split, {what}s that repeat another: {_listed(repeats)}."
    for group in audit.conflicts:
        yield f"Identical {what}s carry both labels: {_listed(group)}."


def _prevalence(audit: Audit) -> Iterator[str]:
    shares = [
        f"{_percent(one.prevalence.value)} of {split_words(one.name)}" for one in audit.splits
    ]
    said = f"Pneumonia is {_listed(shares)}"
    differing = [f"between {_pair_words(pair)}" for pair in audit.pairs if pair.prevalence_differs]
    if differing:
        yield (
            f"{said}. It differs beyond chance {', '.join(differing)}: accuracy, PPV and NPV do "
            "not carry over."
        )
    else:
        yield f"{said}: no difference beyond chance."


def _shifts(audit: Audit) -> Iterator[str]:
    if not audit.decoded:
        return
    flagged = [shift for shift in audit.shifts if shift.flagged and shift.label != "all"]
    for shift in flagged:
        more = "higher" if (shift.difference.value or 0) > 0 else "lower"
        yield (
            f"The {FEATURES[shift.feature]} of {shift.label} images is {more} in "
            f"{split_words(shift.second)} than in {split_words(shift.first)}, by "
            f"{_signed(shift.difference)} standard deviations."
        )
    if not flagged:
        yield (
            "Within a class, neither mean intensity nor contrast is shown to differ between splits "
            f"by more than {SHIFT_LEVEL} standard deviations."
        )


def _shortcuts(audit: Audit) -> Iterator[str]:
    flagged = [shortcut for shortcut in audit.shortcuts if shortcut.flagged]
    for shortcut in flagged:
        train, test = shortcut.splits["train"], shortcut.splits["test"]
        name = FEATURES[shortcut.feature]
        partly = "; it may partly be the disease" if shortcut.feature in PARTLY_DISEASE else ""
        yield (
            f"{name[:1].upper()}{name[1:]} alone tells the label: {train.direction} in pneumonia, "
            f"AUC {_figure(train.auc)} on training, {_figure(test.auc)} on test{partly}."
        )
        if shortcut.feature == "aspect":
            yield "Crop the images to one shape: squashing or padding them shows it to the network."
    if not flagged:
        looked = _listed([FEATURES[shortcut.feature] for shortcut in audit.shortcuts])
        yield (
            f"No shortcut among {looked}."
            if audit.shortcuts
            else "No feature for a shortcut could be looked at."
        )
    if not audit.decoded:
        yield (
            "No picture was decoded: for brightness, contrast and near copies run "
            f"python -m pneumo_core audit --data {audit.name}."
        )


def _bullets(sentences: Sequence[str]) -> list[str]:
    return [f"- {sentence}" for sentence in sentences]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return columns([header, *rows]).splitlines()


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _pair_words(pair: PairAudit) -> str:
    return f"{split_words(pair.first)} and {split_words(pair.second)}"


def _rounded(estimate: Estimate) -> list[float | None]:
    return [None if part is None else round(part, 4) for part in estimate.to_json()]


def _figure(estimate: Estimate) -> str:
    return _with_limits(estimate, lambda part: f"{part:.3f}")


def _share(estimate: Estimate) -> str:
    return _with_limits(estimate, _percent)


def _points(estimate: Estimate) -> str:
    return _with_limits(estimate, lambda part: f"{100 * part:+z.1f}")


def _signed(estimate: Estimate) -> str:
    return _with_limits(estimate, lambda part: f"{part:+z.2f}")


def _with_limits(estimate: Estimate, words: Callable[[float], str]) -> str:
    value, low, high = estimate.to_json()
    if value is None:
        return "undefined"
    if low is None or high is None:
        return words(value)
    return f"{words(value)} ({words(low)} to {words(high)})"


def _percent(share: float | None) -> str:
    return "undefined" if share is None else f"{100 * share:.1f} %"

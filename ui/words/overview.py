"""Words of the Overview page."""

from ui.words.glossary import meaning

TITLE = "Look inside a pneumonia model"
INTRO = (
    "PneumoLens shows why a model called a chest X-ray pneumonia, how far to trust that answer, "
    "and where to set the threshold for it. It reads front views of children's chests, and every "
    "figure here comes from films that the model never learned from."
)

MODEL_HEADING = "How good is this model?"
MODEL_LINE = (
    "Model: **{title}**. Operating point “{point}”: a film is called pneumonia from a probability "
    "of **{threshold}**, chosen on validation for {rule}."
)
OTHER_POINT = (
    "This session works with another threshold, {threshold} (“{point}”). The figures here are at "
    "the model's own; the Threshold page has them at yours."
)

ON_TEST = "On the {n} test films, {normal} normal and {pneumonia} with pneumonia"
FIGURES = {
    key: (name, meaning(name))
    for key, name in (
        ("auc", "AUC"),
        ("sensitivity", "Sensitivity"),
        ("specificity", "Specificity"),
        ("accuracy_at_half", "Accuracy at 0.5"),
    )
}
BESIDE_VALIDATION = "Validation: {value}"
HONEST = (
    "Calibration and threshold were chosen on validation; test was scored once, after that. Expect "
    "validation to look better than test. Intervals are 95 %."
)

ELSEWHERE = (
    "**As uploads come**: on the {n} test films of {title}, files of {side} pixels, the AUC is "
    "{auc}, the sensitivity {sensitivity} and the specificity {specificity} at this threshold."
)

ROC_HEADING = "Sensitivity against false alarms"
ROC_ALT = (
    "ROC curves on test and validation. On test the area is {auc}; at the operating point the "
    "sensitivity is {sensitivity} and the specificity {specificity}."
)

TRAINED_HEADING = "What it learned from"
TRAINED_ON = (
    "**{title}**: front views of children aged one to five from one hospital in Guangzhou "
    "(Kermany et al. 2018, CC BY 4.0). Adults, side views, other machines and other diseases are "
    "not in it, and nothing here says how the model does on them."
)
COUNTS = ("Films", "Normal", "Pneumonia")
SPLITS = {"train": "Training", "val": "Validation", "test": "Test"}
SPLIT_RULES = {
    "official": "Training and validation as published: some children are in both.",
    "patient": "No child is in both training and validation.",
}
TRAINED_HOW = (
    "Trained for {epochs} epochs (best: {best}), seed {seed}, in {minutes} minutes, on {date}."
)
JOINED_HOW = (
    "The mean of {count} networks, trained for up to {epochs} epochs each (best: {best}), seeds "
    "{seed}, in {minutes} minutes together, joined on {date}."
)

WAYS = {
    "predict": (
        "Read an X-ray",
        "Drop in a film or take a sample: the probability, the verdict, and where the evidence "
        "lies.",
    ),
    "threshold": (
        "Set the threshold",
        "Trade misses against false alarms and see every figure follow.",
    ),
    "misclassified": (
        "See its mistakes",
        "Walk through the films it gets wrong, the worst first.",
    ),
}

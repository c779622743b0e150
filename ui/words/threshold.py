"""Words of the threshold page and of its live control."""

from typing import Any

TITLE = "Threshold"

CONTROL: dict[str, Any] = {
    "scores": "Scores",
    "threshold": "Threshold",
    "scale": "Axis of the scores",
    "odds": "Log-odds",
    "even": "Linear",
    "slider": "Threshold on the probability of pneumonia",
    "missed": "← pneumonia, missed",
    "caught": "pneumonia, found →",
    "cleared": "← normal, cleared",
    "alarmed": "normal, false alarm →",
    "matrix": "Confusion matrix",
    "called_pneumonia": "called pneumonia",
    "called_normal": "called normal",
    "is_pneumonia": "pneumonia",
    "is_normal": "normal",
    "tp": "found",
    "fn": "missed",
    "fp": "false alarms",
    "tn": "cleared",
    "roc": "ROC",
    "pr": "Precision–recall",
    "figures": "At this threshold",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "PPV",
    "npv": "NPV",
    "f1": "F1",
    "accuracy": "Accuracy",
    "axes": {
        "roc": ("false positive rate", "sensitivity"),
        "pr": ("recall", "precision"),
    },
    "value": "{threshold}, sensitivity {sensitivity}, specificity {specificity}",
    "summary": (
        "Threshold {threshold}: sensitivity {sensitivity}, specificity {specificity}, "
        "PPV {ppv}, NPV {npv}, F1 {f1}, accuracy {accuracy}; "
        "{fn} missed, {fp} false alarms."
    ),
    "aria": {
        "histogram": (
            "Scores of the two classes. Threshold {threshold}: of the pneumonia cases {tp} are "
            "found and {fn} missed, of the normal ones {tn} are cleared and {fp} are false alarms."
        ),
        "roc": (
            "ROC curve. At the threshold {threshold} the sensitivity is {sensitivity} and the "
            "specificity {specificity}."
        ),
        "pr": (
            "Precision-recall curve. At the threshold {threshold} the precision is {ppv} and the "
            "recall {sensitivity}."
        ),
    },
}

SPLIT = "Images"
BY_HAND = "set by hand"
BY_HAND_RULE = "set by hand on the Threshold page"
IN_USE_MARK = "in use: {threshold}"
AUC = "AUC {auc}"
AP = "AP {ap}"

IN_USE = "**{threshold}** is in use on every page: {name}."
NOT_IN_USE = "In use on every page: **{threshold}** ({name})."
USE = "Use {threshold} instead"
NOW_IN_USE = "In use on every page from now on: {threshold}"
RESET = "Back to it"

TABS = {
    "ask": "Ask for what you want",
    "sure": "How sure, and does it hold",
    "clinic": "Your clinic",
    "calibration": "Calibration",
    "take": "Take away",
}

RULE = "I want"
RULES = {
    "sensitivity": "sensitivity of at least",
    "specificity": "specificity of at least",
    "ppv": "PPV of at least",
    "npv": "NPV of at least",
    "youden": "the best sum of sensitivity and specificity (Youden)",
    "cost": "the lowest cost, a miss costing … false alarms",
    "fbeta": "the best F-beta",
    "alerts": "alerts on at most … of 100 images",
}
RULE_NUMBERS = {
    "sensitivity": "this many %",
    "specificity": "this many %",
    "ppv": "this many %",
    "npv": "this many %",
    "cost": "false alarms a miss",
    "fbeta": "beta",
    "alerts": "alerts of 100",
}
PREVALENCE = "at a prevalence of, %"
PREVALENCE_AS_HERE = "as in these images"
FIND = "Find it"
SAVED = "Saved with the model"
SAVED_POINT = "{name}: {threshold}"
CHOSEN_ON_TEST = (
    "Chosen on the test images, so their figures now flatter it: choose on validation, and keep "
    "test for the proof."
)
RESAMPLED = (
    "Another {n} images of the same kind would have put it between **{low}** and **{high}** "
    "(95 % of {repeats} resamples by patient)."
)
ZONES = "Three zones instead of one threshold"
ZONE_OUT = "Rule out: sensitivity of at least, %"
ZONE_IN = "Rule in: specificity of at least, %"
ZONE_COLUMNS = ("Zone", "Images", "Pneumonia", "Normal", "Wrong in it")
ZONE_NAMES = {
    "rule out": "Rule out, below {low}",
    "uncertain": "Uncertain: needs a reader",
    "rule in": "Rule in, from {high}",
}

FIGURES = {
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "PPV",
    "npv": "NPV",
    "f1": "F1",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "lr_positive": "LR+",
    "lr_negative": "LR−",
}
FIGURE = "At {threshold}"
CHANGE = "Change, points"
DIFFER = (
    "The two sets differ in prevalence ({val} of validation, {test} of test is pneumonia){more}."
)
DIFFER_BACTERIA = "; of the pneumonia {val} and {test} is bacterial"
SHARED_PATIENTS = (
    "Part of the validation images come from children who are also in training, which no test "
    "image does: expect validation to flatter."
)
INTERVALS = (
    "95 % intervals: Wilson's, widened where images share a patient; Newcombe's for changes."
)
COMPARISON_ALT = "Figures on validation and test with their 95 % intervals, as in the table."

CLINIC_PREVALENCE = "Pneumonia among my patients, %"
CLINIC_PARTS = ("found", "missed", "false alarms", "cleared")
CLINIC_SENTENCE = (
    "An alert means pneumonia with **{ppv}**, an all-clear means none with **{npv}**. "
    "An alert multiplies the odds of pneumonia by {lr_positive}, an all-clear by {lr_negative}."
)
CLINIC_ASSUMES = (
    "Sensitivity and specificity are taken over from the {split} images, children of one hospital; "
    "in sicker or healthier patients they may be others."
)
CLINIC_ALT = "Of 1000 patients: {tp} found, {fn} missed, {fp} false alarms, {tn} cleared."
USEFUL = (
    "With the threshold set to one's preference, the model does more good than treating everybody "
    "or nobody for preferences from **{low}** to **{high}**."
)
NOT_USEFUL = "At this prevalence the model does no more good than treating everybody or nobody."
NET_BENEFIT_ALT = (
    "Net benefit over the preference, of the model, of the threshold {threshold}, of treating "
    "everybody and of treating nobody."
)

CALIBRATION_COLUMNS = ("{split}", "before", "calibrated")
ECE = "Gap between promise and outcome (ECE)"
BRIER = "Brier score"
TEMPERATURE = (
    "Scores are divided by a temperature of **{temperature}**, fitted on validation, before they "
    "are called probabilities."
)
RELIABILITY_ALT = (
    "Reliability diagram on {split}: calibration error {before} before and {after} after "
    "calibration."
)

LINK = "This page at this threshold"
TABLE = "Every threshold with its figures, CSV"
POINT = "This operating point, JSON"

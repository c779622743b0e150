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
    "save": "Save {chart} as {format}",
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

SOURCE = "Scores"
SOURCES = {"model": "This model", "own": "Your own scores"}
SPLIT = "Images"
KIND = "kind"
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
    "ask": "Ask for one",
    "sure": "How sure",
    "clinic": "Your clinic",
    "groups": "By group",
    "models": "Two models",
    "calibration": "Calibration",
    "take": "Take away",
}

OWN_SET = "Your scores"
OWN_SPLIT = "your scores"
OWN_POINT = "even odds"
OWN_POINT_RULE = "0.5, where the page starts"
OWN_FILE = "CSV of labels and scores, from any model"
OWN_FORMAT = (
    "A row an image, up to 1 000 000. Columns: **label** (0 normal, 1 pneumonia) and **score** "
    "(a probability, or a logit), the higher the more like pneumonia; **id** and **patient** if "
    "you have them; every other column with 50 values or fewer gives groups. Stays in this "
    "session's memory, is never stored, and is gone when you leave."
)
OWN_TEMPLATE = "A small example to fill in"
OWN_TEMPLATE_CSV = """label,score,id,patient,hospital
1,0.97,film-1,p1,north
1,0.81,film-2,p1,north
1,0.35,film-3,p2,south
0,0.62,film-4,p3,south
0,0.12,film-5,p4,north
0,0.04,film-6,p5,south
"""
OWN_READING = "Reading the scores…"
OWN_ABOUT = "{count} images of your own, {share} with pneumonia."
OWN_OTHER = "Bring others"
OWN_COLUMNS = {"label": "Labels are in", "score": "Scores are in", "kind": "Scores are"}
OWN_KINDS = {None: "what they look like", "probability": "probabilities", "logit": "logits"}

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
    "(95 % of {repeats} resamples {how})."
)
BY_PATIENT = "by patient"
BY_IMAGE = "image by image"
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
    "auc": "AUC",
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
    "95 % intervals: Wilson's, widened where images share a patient; DeLong's for the AUC; "
    "Newcombe's for changes."
)
INTERVALS_ONE = (
    "95 % intervals: Wilson's, widened where images share a patient; DeLong's for the AUC."
)
COMPARISON_ALT = "Figures with their 95 % intervals, as in the table."

CLINIC_PARTS = ("found", "missed", "false alarms", "cleared")
CLINIC_SENTENCE = (
    "An alert means pneumonia with **{ppv}**, an all-clear means none with **{npv}**. "
    "An alert multiplies the odds of pneumonia by {lr_positive}, an all-clear by {lr_negative}."
)
CLINIC_MEANS = "There a probability of {threshold} stands for one of {means}."
CLINIC_ASSUMES = {
    split: (
        f"Sensitivity and specificity are taken over from {name}; in sicker or healthier patients "
        "they may be others. Probabilities are moved to your prevalence by Bayes."
    )
    for split, name in (
        ("val", "the validation images, children of one hospital"),
        ("test", "the test images, children of one hospital"),
        (OWN_SPLIT, "your own scores"),
    )
}
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

BEFORE = "before"
AFTER = "calibrated"
ECE = "Gap between promise and outcome (ECE)"
BRIER = "Brier score"
TEMPERATURE = (
    "Scores are divided by a temperature of **{temperature}**, fitted on validation, before they "
    "are called probabilities."
)
FIT_TEMPERATURE = "Fit a temperature"
AS_BROUGHT = "as brought"
AS_BROUGHT_TEXT = "Your scores as you brought them."
FITTED = "fitted"
FITTED_TEXT = (
    "Dividing the log-odds of your scores by **{temperature}** fits these images best. It was "
    "fitted on these very images, so it flatters. The order of the images stays, and so do the "
    "ROC curve and what a threshold can do."
)
RELIABILITY_ALT = "Reliability diagram of {name}; calibration error: {gaps}."

GROUP_COLUMN = "Groups by"
GROUP_RULE = "A threshold for each group, by"
GROUP_ALL = "all images"
GROUP_NAMES = {"bacteria": "bacterial", "virus": "viral"}
GROUP_PNEUMONIA = "Pneumonia"
GROUP_NORMAL = "Normal"
GROUP_OWN = "Chosen on"
GROUP_ELSEWHERE = {
    "sensitivity": "{share} of all pneumonia",
    "specificity": "{share} of all normals",
}
GROUP_LINES = "Dotted: all images, with the 95 % interval as a band."
GROUP_AGAINST = "The AUC of a group of one class is against {against}."
GROUP_ALT = (
    "Sensitivity, specificity and AUC of {count} groups by {column}, with their 95 % intervals, as "
    "in the table."
)
NO_GROUPS = (
    "These scores have no column of groups: add one (hospital, sex, age band …) with 50 values or "
    "fewer to your CSV."
)

RIVAL = "Beside"
RIVAL_POINT = "at its threshold"
RIVAL_FIGURES = ("auc", "sensitivity", "specificity", "accuracy", "ppv", "npv")
RIVAL_TESTS = (
    "p is DeLong's for the AUC and McNemar's for the others, which counts the images that only one "
    "of the two gets right, first : second."
)
RIVAL_FIGURE = "Figure"
DIFFERENCE = "Difference, points"
P_VALUE = "p"
RIVALS_ALT = "ROC curves of {a} and {b} on the same images, each with its threshold."
ONLY_ONE = "Only one right"
NO_RIVAL = (
    "No other model here has scored these images. Train one, and it can be set beside this: "
    "`python train_cli.py --seed 2`."
)
NO_RIVAL_OF_OWN = (
    "To set your scores beside a model of PneumoLens, give them the ids of its validation or test "
    "images (such as test-0007) in a column **id**, all of them."
)

LINK = "This page at this threshold"
SUMMARY = "One-page summary, HTML"
SUMMARY_OF = "{model} on {data}"
POINT = "This operating point, JSON"
TABLE = "Every threshold with its figures, CSV"
TABLE_THINNED = "{rows} of the thresholds with their figures, CSV"
CHART_FORMAT = "Charts saved by the camera at their top right"
CHART_FORMATS = {"svg": "SVG", "png": "PNG"}
LIVE_CHARTS = "The live charts have SVG and PNG beside their titles."
SAVE_WITH_MODEL = "To offer it to everybody who uses this model, in the project's folder:"
ASK_TO_SAVE = (
    "A threshold that a rule has chosen can be saved with the model for everybody, on the command "
    "line: ask for one first."
)

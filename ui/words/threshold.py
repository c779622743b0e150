"""Words of the threshold page and of its live control."""

from typing import Any

TITLE = "Threshold"

CONTROL: dict[str, Any] = {
    "scores": "Scores",
    "threshold": "Threshold",
    "scale": "Axis of the scores",
    "odds": "Log-odds",
    "even": "Even",
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

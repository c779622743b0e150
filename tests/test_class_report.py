"""Figures by class as text."""

from pneumo_core.class_report import report_text
from pneumo_core.confusion import Confusion
from pneumo_core.metrics import class_report

# Normal: precision 32/42, recall 32/40; pneumonia: precision 90/98, recall 90/100.
TABLE = """\
test           precision  recall      F1  support  FP rate  FN rate
Normal            0.7619  0.8000  0.7805       40   0.1000   0.2000
Pneumonia         0.9184  0.9000  0.9091      100   0.2000   0.1000
macro mean        0.8401  0.8500  0.8448      140   0.1500   0.1500
weighted mean     0.8737  0.8714  0.8723      140   0.1714   0.1286"""


def test_a_table_by_hand():
    figures = {"per_class": class_report(Confusion(tp=90, fp=8, tn=32, fn=10))}
    assert report_text("test", figures) == TABLE


def test_what_is_undefined_is_a_dash():
    figures = {"per_class": class_report(Confusion(tp=3, fp=0, tn=0, fn=1))}
    rows = [line.split() for line in report_text("val", figures).splitlines()]
    assert rows[1] == ["Normal", "0.0000", "-", "0.0000", "0", "0.2500", "-"]
    assert rows[2] == ["Pneumonia", "1.0000", "0.7500", "0.8571", "4", "-", "0.2500"]
    assert [row[3] for row in rows[3:]] == ["-", "0.7500"]


def test_kinds_follow_where_they_are_known():
    report = class_report(Confusion(tp=90, fp=8, tn=32, fn=10))
    kinds = {"sensitivity": {"bacteria": [0.96, 0.9, 0.98], "virus": [None, None, None]}}
    lines = report_text("test", {"per_class": report, "kinds": kinds}).splitlines()
    assert lines[:5] == TABLE.splitlines()
    assert lines[5:] == [
        "Sensitivity for films of bacteria: 0.960 (0.900-0.980)",
        "Sensitivity for films of virus: undefined",
    ]


def test_three_classes_are_crossed():
    apart = {
        "threshold": 0.61,
        "counts": {"bacteria": 60, "virus": 40},
        "auc": [0.94, 0.9, 0.97],
        "sensitivity": [0.886, 0.8, 0.93],
        "specificity": [0.909, 0.83, 0.95],
        "accuracy": [0.9, 0.85, 0.94],
    }
    kinds = {
        "sensitivity": {},
        "bacteria_against_virus": apart,
        "confusion": [[32, 3, 5], [4, 50, 6], [6, 8, 26]],
    }
    report = class_report(Confusion(tp=90, fp=8, tn=32, fn=10))
    lines = report_text("test", {"per_class": report, "kinds": kinds}).splitlines()
    assert lines[5:] == [
        "Bacterial (60 films) against viral (40), score at least 0.610: "
        "AUC 0.940 (0.900-0.970), accuracy 0.900 (0.850-0.940),",
        "sensitivity for bacterial 0.886 (0.800-0.930), specificity 0.909 (0.830-0.950)",
        "true / called  normal  bacteria  virus",
        "normal             32         3      5",
        "bacteria            4        50      6",
        "virus               6         8     26",
    ]

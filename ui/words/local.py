"""Words of the Your films page."""

TITLE = "Does it hold on your films?"
INTRO = (
    "Give labelled films of your own hospital, neither seen in training nor in the model's test: "
    "the model scores them, and its figures there stand beside those of its test.  \n"
    "Labels come from folders called NORMAL and PNEUMONIA, however deep, or from a CSV beside the "
    "films."
)
LAYOUT = "How to lay them out"
LAYOUT_FOLDERS = """my-site.zip
├── NORMAL
│   ├── 0001.dcm
│   └── 0002.png
└── PNEUMONIA
    ├── bacterial
    │   └── 0003.dcm
    └── viral
        └── 0004.jpg"""
LAYOUT_CSV = """file,label,patient,group
0001.dcm,normal,p1,ward
0002.png,0,p1,ward
0003.dcm,pneumonia,p2,clinic
0004.jpg,1,p3,clinic"""
LAYOUT_WORDS = (
    "Folders may also be called healthy, negative, bacteria, virus and the like; kinds of "
    "pneumonia are optional. A CSV needs **file** and **label** (0 or 1, normal or pneumonia); "
    "**patient** keeps films of one patient together in the intervals, **group** parts the films "
    "in the threshold lab. Where there is a CSV, it decides."
)

HOW = "I give"
HOWS = {"files": "Files or a ZIP", "folder": "A folder"}
UPLOADER = "Drop films, ZIP archives and a CSV here: up to {size} MB together"
UPLOADER_FOLDER = "Choose a folder that holds class folders: up to {size} MB"
PRIVACY = "The films stay in this session's memory and are gone when you close the page."
TOO_MUCH = (
    "These files have {size} MB together, more than the {most} MB a session may hold: give fewer."
)
CLEAR = "Remove all films"

LABELLED = {
    True: "{films} films have a label in the CSV",
    False: "{films} films have a label by their folder",
}
LABELLED_OUT = "; {left_out} files have none"
LABELLED_STRAYS = "; {strays} rows of the CSV name no film here"
NO_LABELS = (
    "None of these files has a label: put films into folders called NORMAL and PNEUMONIA, or name "
    "them in a CSV with the columns file and label."
)
SCORING = "Scoring: {done} of {total}"
STOP = "Stop"
GO_ON = "Go on"
STOPPED = "Stopped after {done} of {total}: the figures are of those."

VERDICTS = {
    "holds": "It holds on your films",
    "does not hold": "It does not hold on your films",
    "cannot be said yet": "It cannot be said yet with so few",
}
ICONS = {
    "holds": ":green[:material/check_circle:]",
    "does not hold": ":red[:material/cancel:]",
    "cannot be said yet": ":gray[:material/help:]",
}
MARGIN = "It may lose"
MARGINS = {0.03: "3 points", 0.05: "5 points", 0.1: "10 points"}
MARGIN_HELP = (
    "By how much AUC, sensitivity and specificity may lie below the model's test. Each has to be "
    "shown to be better than that: its whole 95 % interval must lie above."
)
COUNT = "Counted are"
COUNTS = {
    "all": "All films",
    "films": "All that may be chest X-rays",
    "familiar": "Those that look familiar",
}
COUNT_HELP = (
    "The model's check says which films look unlike those it learned from. Leaving them out "
    "flatters, unless they are left out in use as well."
)
AMONG = "Among them: {parts}."
AMONG_PARTS = {
    "unread": "{n} that could not be read",
    "copies": "{n} copied from another",
    "contradicted": "{n} with both labels",
    "unusual": "{n} unlike the films the model knows",
    "foreign": "{n} like no chest X-ray",
}
LOOKS_NONE = "All look like the films the model knows."
LOOKS_UNKNOWN = "Whether films look familiar is not known for this model."
NOTHING_COUNTS = "No film is left to count."

HERE = "Your films"
TEST = "The model's test"
FIGURE = "At {threshold}"
CHANGE = "Change, points"
FLOOR = "At least"
FIGURES = {"auc": "AUC", "sensitivity": "Sensitivity", "specificity": "Specificity"}
BASIS = "{pneumonia} films with pneumonia, {normal} normal{patients}. 95 % intervals{by}."
PATIENTS = ", of {patients} patients"
BY_PATIENT = ", by patient where known"
CALIBRATION = (
    "On average it promises **{promised}** pneumonia; **{observed}** of these films have it. "
    "Calibration error {ece}."
)
CALIBRATION_LARGE = (
    "Calibration in the large {large}: what the log-odds lack; 0 is perfect, below 0 the model "
    "promises too much. It follows the share of pneumonia among the films you chose."
)
CALIBRATION_ONE = "Calibration needs normal films and films with pneumonia."
ROC_ALT = (
    "ROC curves of your films and of the model's test films, with the operating point on both. "
    "AUC on your films {here}, on the test {test}."
)

CASES = "How many films it takes"
CASES_COLUMNS = ("To know", "With pneumonia", "Normal", "In all, mixed as here")
CASES_WIDTH = "Sensitivity, specificity to ±{points} points"
CASES_DECIDE = "For a clear answer, in 4 of 5 tries"
CASES_HERE = "Here now"
CASES_NONE = "–"
CASES_OTHER = "cannot be told"
CASES_WORDS = (
    "If the figures stay as they are, and each film is of another patient. Wilson's interval "
    "(Piegorsch 2004); for the answer the score test and, for the AUC, Hanley and McNeil (1982). "
    "In all: Buderer (1996)."
)

LAB = "Open in the threshold lab"
LAB_NOTE = "Scored by {run} on the Your films page."
LAB_NAME = "Your films"
LAB_POINT = "as on Your films"
LAB_RULE = "the operating point that was in use on Your films"
CSV = "Scores (CSV)"
CSV_NAME = "pneumolens-your-films.csv"
LEFT_OUT = "What does not count ({count})"
LEFT_OUT_COLUMNS = {"name": "File", "reason": "Why"}

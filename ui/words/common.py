"""Words of the frame and words that more than one page uses."""

APP_NAME = "PneumoLens"
NOTICE = "For research and teaching. **Not a medical device: never base care on it.**"

PAGE_OVERVIEW = "Overview"
PAGE_PREDICT = "Predict"
PAGE_BATCH = "Batch"
PAGE_THRESHOLD = "Threshold"
PAGE_MODELS = "Models"
PAGE_MISCLASSIFIED = "Misclassified"
PAGE_LOCAL = "Your films"
PAGE_SESSION = "Session"
PAGE_HELP = "Help"

SPLITS = {"val": "Validation", "test": "Test"}

MODEL = "Model"
MODEL_HELP = "Every page shows this model. The address of the page keeps the choice."
LOGGED = (
    "This server logs every verdict: time, digests of film and model, probability and threshold; "
    "no film, no name."
)
NOT_LOGGED = (
    "This server must log every verdict and cannot do so now, so none is shown: please tell "
    "whoever runs it. {reason}"
)
LOST = (
    "The server has lost this session, most likely because it was restarted: films you gave it "
    "and the notes of the session are gone. Please give them again."
)
LOST_READ = "All right"

BROKEN_RUNS = "Unusable models ({count})"
NO_RUN = (
    "There is no trained model yet. Run `python train_cli.py` (about 20 minutes on two cores), "
    "then reload this page."
)
RUN_NOT_HERE = "The link asks for a model that is not here, so this is **{shown}** instead."
BAD_THRESHOLD = (
    "The link asks for a threshold that is not a number from 0 to 1, so this is the model's own."
)

LINKED_POINT = "from the link"
LINKED_RULE = "taken from the address of the page"

LOADING_MODEL = "Loading the model…"
READING_DATA = "Reading the data set…"

DATA_MISSING = (
    "The images of {title} are not on this machine, so they cannot be shown. What comes from the "
    "model's saved scores is all here."
)
DOWNLOAD = "Download the images"
DOWNLOADING = "Downloading…"
BY_HAND = "Or by hand, in the project's folder; then reload this page:"
BY_HAND_COMMAND = (
    "curl -L --create-dirs -o data/{name}.npz "
    '"https://zenodo.org/records/10519652/files/{name}.npz?download=1"'
)
FOLDER_BY_HAND = (
    "Get *Chest X-Ray Images (Pneumonia)* from Kaggle and unpack it, so that "
    "`data/chest_xray/test/NORMAL` exists; then reload this page."
)

INTERVAL = "95 % interval {low} to {high}"
NOT_DEFINED = "–"
UNDER_ONE = "under 1 %"
OVER_99 = "over 99 %"
FEWER_THAN_ONE = "fewer than 1"
MORE_THAN_99 = "more than 99"
ABOUT = "about {count}"


def truth(label: int, group: str) -> str:
    """The known answer of a sample, in words."""
    kinds = {"bacteria": "bacterial pneumonia", "virus": "viral pneumonia"}
    return kinds.get(group, "pneumonia" if label else "normal")

"""Words of the frame and words that more than one page uses."""

APP_NAME = "PneumoLens"
NOTICE = "For research and teaching. **Not a medical device: never base care on it.**"

PAGE_OVERVIEW = "Overview"
PAGE_PREDICT = "Predict"
PAGE_THRESHOLD = "Threshold"
PAGE_MISCLASSIFIED = "Misclassified"

SPLITS = {"val": "Validation", "test": "Test"}
GROUPS = {"normal": "normal", "bacteria": "bacterial", "virus": "viral"}

MODEL = "Model"
MODEL_HELP = "Every page shows this model. The address of the page keeps the choice."
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

DATA_MISSING = (
    "The images of {title} are not on this machine, so none can be shown. Everything that comes "
    "from the model's saved scores still works."
)
DOWNLOAD = "Download the images (4 MB)"
DOWNLOADING = "Downloading…"
BY_HAND = "Or by hand, in the project's folder:"
BY_HAND_COMMAND = (
    'mkdir -p data && .venv/bin/python -c "import medmnist; '
    "medmnist.PneumoniaMNIST('test', download=True, root='data')\""
)
FOLDER_BY_HAND = (
    "Put the class folders in `data/chest_xray`, or set `PNEUMO_DATA` to where they are."
)
NO_SCORES = "no scores"

INTERVAL = "95 % interval {low} to {high}"
NOT_DEFINED = "–"

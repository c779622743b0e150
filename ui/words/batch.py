"""Words of the Batch page."""

TITLE = "Read many X-rays"
UPLOADER = "Drop films or ZIP archives here: DICOM, PNG, JPEG or TIFF, 64 MB each"
NO_FILES = (
    "You get a table of all films in the order in which to read them, with a thumbnail of the "
    "evidence, the probability and the zone. A click opens a film."
)
PRIVACY = "The films stay in this session's memory and are gone when you close the page."
TOO_MUCH = (
    "These files have {size} MB together, more than the {most} MB a session may hold: give fewer."
)
CLEAR = "Remove all films"

READING = "Reading: {done} of {total}"
STOP = "Stop"
GO_ON = "Go on"
STOPPED = "Stopped after {done} of {total}."
DONE = "{judged} films read."
DONE_ONE = "One film read."
DONE_BAD = "{judged} films read, {bad} files could not be."

ORDER = "Order"
ORDERS = {
    "pneumonia": "Most likely pneumonia first",
    "uncertain": "Most uncertain first",
    "given": "As they came",
}
SHOW = "Show"
SHOWN = {
    "all": "All",
    "rule in": "Rule in",
    "uncertain": "Uncertain",
    "rule out": "Rule out",
    "unusual": "Unusual",
    "bad": "Not read",
}
NONE_SHOWN = "None of the films."
COLUMNS = {
    "overlay": "Evidence",
    "probability": "Pneumonia",
    "zone": "Zone",
    "verdict": "Verdict",
    "name": "File",
    "remark": "Remark",
}
TABLE_HELP = "Tick a row to see it larger. Click a head to sort."
VERDICTS = {"Pneumonia": "pneumonia", "Normal": "normal"}
WITHHELD = "withheld"
AT_POINT = "Called at the threshold {threshold} (“{point}”). {trained}"
OPEN = "Open in Predict"
PICKED_ALT = "The film with the evidence for {target}"
CHANCE = "Probability of pneumonia **{percent}**: called **{verdict}**, zone “{zone}”."
PICK = "Tick a row on the left to see the film here."

CSV = "Table (CSV)"
CSV_NAME = "pneumolens-batch.csv"
OVERLAYS = "Overlays (ZIP)"
OVERLAYS_NAME = "pneumolens-overlays.zip"

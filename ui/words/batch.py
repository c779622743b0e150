"""Words of the Batch page."""

TITLE = "Read many X-rays"
UPLOADER = "Drop films or ZIP archives of them here: DICOM, PNG, JPEG or TIFF"
LIMITS = (
    "At most {files} films, {film} MB each and {most} MB together; one ZIP archive may be all of "
    "that."
)
NO_FILES = (
    "You get a table of all films in the order in which to read them, with a thumbnail of the "
    "evidence, the probability and the zone. A click opens a film."
)
PRIVACY = "The films stay in this session's memory and are gone when you close the page."
TOO_MUCH = (
    "These files have {size} MB together, more than the {most} MB a session may hold: give fewer."
)
TOO_MANY = "These are {files} files, more than the {most} of a batch: give fewer at a time."
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
    "number": "No.",
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
PICK = "Tick a row to see the film here."

CSV = "Table (CSV)"
CSV_NAME = "pneumolens-batch.csv"
OVERLAYS = "Overlays (ZIP)"
OVERLAYS_NAME = "pneumolens-overlays.zip"

REPORT = "Report"
REPORT_NAME = "Name on the report"
REPORT_HELP = (
    "On the films shown above: each with its evidence and verdict, and what could not be read. No "
    "file name is on it: films have the number that they have in the table. What you type stays in "
    "this session's memory."
)
REPORT_SIZE = "A report has 1 to {most} films, not {count}: show others above."
REPORT_KINDS = {"pdf": "Write a PDF", "html": "Write a page (HTML)"}
REPORT_WRITING = "Writing the report…"
REPORT_HALTED = "Stopped."
REPORT_FAILED = "The report could not be written: try again, or with fewer films."
REPORT_SAVE = {"pdf": "Save the PDF", "html": "Save the page"}
REPORT_FILE = "pneumolens-batch-{date}.{kind}"

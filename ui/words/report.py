"""Words of the part that offers a report."""

OPEN = "Save a report"
NAME = "Name on the report"
NAME_HELP = "Only what you type here is on it: no file name, nothing out of the file."
NOTES = "Notes"
PRIVACY = "Both stay in this session's memory and are gone when you close the page."
AT_PREVALENCE = (
    "It says what a call means where {prevalence:g} % have pneumonia, as set under “{place}”."
)
AT_TEST = "Say how common it is under “{place}”, and the report says what a call means there."
CHECKED = "The checks of the map are on it."
UNCHECKED = "The checks of the map are on it as soon as they are done."
HTML, PDF = "As a page (HTML)", "As a PDF"
FILE = "pneumolens-report-{date}.{kind}"

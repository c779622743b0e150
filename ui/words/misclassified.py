"""Words of the Misclassified page."""

TITLE = "Where the model is wrong"
INTRO = (
    "Films on the wrong side of the threshold **{threshold}** (operating point “{point}”), the "
    "most wrong first. Move it on the Threshold page and this list follows."
)
SPLIT = "Films"
CELL = "Which"
CELLS = {
    "fn": "Missed pneumonia",
    "fp": "False alarms",
    "tp": "Found pneumonia",
    "tn": "Cleared normals",
}
CELL_LINES = {
    "fn": "**{count} of {of}** films with pneumonia are called normal (false negatives).",
    "fp": "**{count} of {of}** normal films are called pneumonia (false positives).",
    "tp": "**{count} of {of}** films with pneumonia are called pneumonia (true positives), the "
    "least sure first.",
    "tn": "**{count} of {of}** normal films are called normal (true negatives), the least sure "
    "first.",
}
NONE = {
    "fn": "None: at this threshold no pneumonia is missed.",
    "fp": "None: at this threshold there is no false alarm.",
    "tp": "None: at this threshold no pneumonia is found.",
    "tn": "None: at this threshold no normal film is cleared.",
}
HEATMAPS = "Heatmaps"
HEATMAPS_HELP = "Show the evidence for the class that the model named, over each film."
COMPUTING = "Computing heatmaps…"
TILE = "Model: **{percent}**"
TILE_TRUTH = "Truth: {truth}"
TILE_WORTH = "map worth {worth} logit units"
TILE_ALT = "Film {id}, known as {truth}; the model says {percent} pneumonia"
OPEN = "Open in Predict"
DOWNLOAD = "Download this list (CSV)"
FILE_NAME = "{run}-{split}-{cell}.csv"
COLUMNS = {
    "id": "Film",
    "kind": "Known as",
    "probability": "Probability of pneumonia",
    "distance": "Distance from the threshold",
}

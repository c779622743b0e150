"""Words of the Misclassified page."""

TITLE = "Where the model is wrong"
INTRO = (
    "Films on the wrong side of the threshold **{threshold}** (operating point “{point}”), the "
    "most wrong first. Move it on the Threshold page and this list follows."
)
TABS = {
    "lists": "By outcome",
    "labels": "Likely label errors",
    "groups": "Groups of errors",
    "models": "Two models",
    "notes": "Notes",
}
SPLIT = "Films"
CELL = "Which"
CELLS = {
    "fn": "Missed pneumonia",
    "fp": "False alarms",
    "tp": "Found pneumonia",
    "tn": "Cleared normals",
}
OTHER_LISTS = {
    "confident": "Confident and wrong",
    "near": "Near the threshold",
    "all": "All films",
}
COUNTED = "{name} ({count})"
CELL_LINES = {
    "fn": "**{count} of {of}** films with pneumonia are called normal (false negatives).",
    "fp": "**{count} of {of}** normal films are called pneumonia (false positives).",
    "tp": "**{count} of {of}** films with pneumonia are called pneumonia (true positives), the "
    "least sure first.",
    "tn": "**{count} of {of}** normal films are called normal (true negatives), the least sure "
    "first.",
    "confident": "**{count} of {of}** films are wrong although the model is at least 90 % sure.",
    "near": "**{count} of {of}** films lie within 10 percentage points of the threshold, the "
    "nearest first: a small shift of it turns their verdict.",
    "all": "All **{count}** films, the most wrong first, the surest right ones last.",
}
NONE = {
    "fn": "None: at this threshold no pneumonia is missed.",
    "fp": "None: at this threshold there is no false alarm.",
    "tp": "None: at this threshold no pneumonia is found.",
    "tn": "None: at this threshold no normal film is cleared.",
    "confident": "None: no film is wrong with 90 % confidence.",
    "near": "None: no film lies within 10 percentage points of the threshold.",
    "all": "None.",
}
MORE = "More filters"
MORE_CHOSEN = "More filters: {chosen}"
OTHER = "Another list"
KIND = "Kind of pneumonia"
KINDS = {
    "any": "Any, and normal",
    "bacteria": "Bacterial",
    "virus": "Viral",
    "unknown": "Not known",
}
KIND_LINE = " Shown: the **{count}** with {kind} pneumonia."
KIND_NAMES = {"bacteria": "bacterial", "virus": "viral", "unknown": "an unknown kind of"}
SORT = "Order"
SORTS = {
    "listed": "As listed",
    "high": "Highest probability first",
    "low": "Lowest probability first",
    "near": "Nearest to the threshold first",
    "name": "By name",
}
OUTCOMES = {
    "fn": "Missed pneumonia",
    "fp": "False alarm",
    "tp": "Found pneumonia",
    "tn": "Cleared normal",
}

HEATMAPS = "Heatmaps"
HEATMAPS_HELP = "Show the evidence for the class that the model named, over each film."
COMPUTING = "Computing heatmaps…"
TILE = "Model: **{percent}**"
TILE_OTHER = "The other: {percent}"
TILE_TRUTH = "Truth: {truth}"
TILE_WORTH = "map worth {worth} logit units"
TILE_NOTE = ":material/edit_note: {tag}"
TILE_ALT = "Film {id}, known as {truth}; the model says {percent} pneumonia"
LOOK = "Look closer"
OPEN = "Open in Predict"
COLUMNS = {
    "id": "Film",
    "kind": "Known as",
    "probability": "Probability of pneumonia",
    "probability_b": "The other model's",
    "distance": "Distance from the threshold",
}

DOWNLOAD = "This list (CSV)"
FILE_NAME = "{run}-{split}-{name}.csv"
SHEET_PNG = "Contact sheet (PNG)"
SHEET_PDF = "Contact sheet (PDF)"
SHEET_NAME = "{run}-{split}-{name}.{suffix}"
SHEET_HELP = "With the heatmaps where they are switched on above."
SHEET_TITLE = "{title} ({count})"
SHEET_ABOUT = (
    "{model}, {split} films, threshold {threshold}. Below each film: its name, the truth, the "
    "model's probability of pneumonia."
)
SHEET_CAP = "A contact sheet holds {most} films: the first {most} of these {count}."
SHEET_LINE = "{percent} pneumonia"
SHEET_LINES = "{percent}, the other {other}"

CASE = "One film closely"
PREVIOUS = "Previous"
NEXT = "Next"
POSITION = "**{place} of {count}**"
NO_SUCH_FILM = "The address names a film that these scores do not have."
CASE_ALT = "Film {id}, enlarged"
CASE_MODEL = "The model says **{percent}** pneumonia: {called} at the threshold {threshold}."
CASE_OTHER = "{model} says **{percent}**."
CALLED = ("called normal", "called pneumonia")
CASE_TRUTH = "Labelled **{truth}**: {outcome}."
CASE_OUTCOMES = {
    "fn": "a missed pneumonia",
    "fp": "a false alarm",
    "tp": "found",
    "tn": "rightly cleared",
}
CASE_SUSPECT = (
    "Number {rank} of {count} likely label errors of these films: the model is confident of the "
    "other class."
)
COPIES = "**Near copies:**  \n{copies}"
COPY = "{id}, {place}, labelled {truth}"
COPY_PLACES = {"train": "in training", "val": "in validation", "test": "in test"}
NO_COPIES = "No near copy among the {count} films of the data set."
LOOK_FOR_COPIES = "Look for near copies"
LOOK_FOR_COPIES_HELP = "Reads all {count} films once: a minute or so. Then it is quick for all."
READING_FILMS = "Reading {count} films…"
METHODS = "Where each method sees evidence for {target}"
METHOD_ALT = "{method} over film {id}"
METHOD_CONTROL = "{method} (control)"
METHOD_WORTH = "{worth} logit units"
METHODS_HELP = (
    "All are read at the stage that this model's heatmaps are read at. The control weighs the "
    "network's channels at random: a method that looks like it shows nothing of what was learned. "
    "Where the methods differ, trust none of them alone."
)
NO_WEIGHTS = "This model comes as figures only, so there are no heatmaps and no similar films."
SIMILAR = "The most similar training films"
SIMILAR_ALT = "Training film {id}, known as {truth}"
SIMILAR_TILE = "{truth}, distance {distance}"
SIMILAR_COUNT = "**{positive} of {count}** of them are labelled pneumonia."
NO_SIMILAR = (
    "This model keeps nothing of its training films: `python -m pneumo_core reference {run}` adds "
    "it."
)
COMPARING = "Reading the film…"

NOTE = "Your note"
NOTE_HELP = "Kept in this session only: take it away in the tab “Notes”."
NOTE_HINT = "What do you see?"
TAG = "What is it?"
TAGS = {
    "": "No tag",
    "label": "Likely label error",
    "film": "Poor film",
    "model": "The model's fault",
    "other": "Other",
}
NOTED = "Noted"
NO_NOTES = (
    "No notes yet. “Look closer” at a film to write one, or bring back a file of notes below."
)
NOTES_LINE = (
    "**{count}** on films of {data}. They live in this session only and are gone when the page is "
    "closed."
)
NOTE_COUNT = ("1 note", "{count} notes")
NOTES_COLUMNS = {
    "film": "Film",
    "split": "Films",
    "truth": "Truth",
    "probability": "Probability of pneumonia",
    "tag": "Tag",
    "note": "Note",
}
NOTES_CSV = "Notes as CSV"
NOTES_JSON = "Notes as JSON"
NOTES_NAME = "{run}-notes.{suffix}"
IMPORT = "Bring back notes (JSON)"
IMPORT_MB = 8
IMPORTED = "{count} taken over."
IMPORTED_SOME = "{count} taken over; {other} on films that this model has no scores for left out."

SUSPECTS_LINE = (
    "**{count}** of {of} labels are likely errors: the model is confident of the other class. "
    "That is {normal} of {normals} labelled normal and {ill} of {ills} labelled pneumonia, the "
    "likeliest first."
)
SUSPECTS_HOW = (
    "Confident means: at least as sure as the model is on average of the films labelled so, which "
    "is {zero} for normal and {one} for pneumonia (confident learning, Northcutt et al. 2021). The "
    "model never learned from these films, so it has no reason to repeat their labels."
)
SUSPECTS_CAVEAT = (
    "**This cannot tell a bad label from a bad model.** It knows neither the film nor the patient, "
    "only where label and model part; what the model systematically gets wrong is listed too. Only "
    "a reader of the film can decide: note what you see."
)
NO_SUSPECTS = "None: the model is not confident of the other class on any film."

GROUPS_LINE = (
    "The **{count}** wrong films, grouped by what the network sees in them. {apart} The most "
    "typical films of each group come first."
)
APART = (
    "The groups hardly stand apart (silhouette {value}): take them as a way to sort, not as kinds.",
    "The groups overlap (silhouette {value}).",
    "The groups stand clearly apart (silhouette {value}).",
)
ONE_GROUP = "They are too few, or too much alike, for more than one group."
GROUPS_NONE = "None: at this threshold every film is right."
GROUPS_NO_WEIGHTS = (
    "This model comes as figures only: grouping its errors needs its weights, to see what the "
    "network sees."
)
GROUPING = "Looking at the wrong films…"
GROUP = "Group {number}: {count}"
GROUP_FILMS = ("1 film", "{count} films")
GROUP_LINE = "{parts}; mean probability **{percent}**."
GROUP_MORE = "{count} more: “Look closer” at the first and go on with Next."
GROUP_PARTS = {
    "fn bacteria": "{count} missed bacterial",
    "fn virus": "{count} missed viral",
    "fn ": "{count} missed",
    "fp normal": "{count} normal called pneumonia",
}

SECOND = "Compared with"
ONE_MODEL_ONLY = "No other model here has scored the same films."
COMPARED = (
    "**{a}** at {threshold_a} and **{b}** at its own threshold, {threshold_b}, on the same "
    "{count} films. {test}"
)
TEST_NONE = "They are wrong on the same films."
TEST = (
    "Only the one is wrong on {only_a}, only the other on {only_b}: {verdict} (McNemar's exact "
    "test, {p})."
)
TEST_EVEN = "no clear difference"
TEST_ODD = "more than chance would part them"
WRONG_FOR = "Who is wrong"
ONLY_FIRST = "Only this model"
BOTH = "Both"
ONLY_SECOND = "Only the other"
WRONG_FOR_TITLES = {
    "a": "Only {a} is wrong",
    "both": "{a} and {b} are both wrong",
    "b": "Only {b} is wrong",
}
NONE_WRONG = "None."

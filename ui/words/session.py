"""Words of the Session page, and of the reader's own opinion on Predict."""

OPINION = "Your opinion"
OPINIONS = {"agree": "Agree", "disagree": "Disagree", "unsure": "Unsure"}
COMMENT = "Comment"
COMMENT_HELP = "Kept on the Session page until you close the tab."
OPINION_ASKED = "What do you say?"
OPINION_BEFORE = "When it was called {verdict} you said: {opinion}. And now?"

TITLE = "This session"
ABOUT = (
    "The films that were read on Predict, and what you thought of them. All of it is in this "
    "tab's memory only and forgotten when you close or reload the tab; no film and no file name "
    "is kept."
)
NOTHING = (
    "Nothing has been read yet. Read a film on Predict and say there whether you agree: it is then "
    "listed here, with your agreement with the model and, where the answer is known, how often "
    "each of you was right."
)

COLUMNS = {
    "when": "When",
    "film": "Film",
    "run": "Model",
    "probability": "Pneumonia",
    "verdict": "Verdict",
    "opinion": "You",
    "truth": "Known answer",
    "comment": "Comment",
}
VERDICTS = {"Pneumonia": "pneumonia", "Normal": "normal"}
SHORT = {"agree": "agree", "disagree": "disagree", "unsure": "unsure", None: ""}
TABLE_HELP = "Tick a row to open its film or to enter the known answer. Click a head to sort."
PICK = "Tick a row of the table to see it here."

CALLED = "Called **{verdict}** at the threshold {threshold}, probability {percent}."
TRUTH = "Known answer"
TRUTH_HELP = "What the film turned out to show. It counts in the figures below."
OPEN = "Open in Predict"
NO_OPEN = "An upload cannot be opened again from here: the film itself is not kept."
NOT_HERE = "The model or the data set of this film is not here, so it cannot be opened."
SAMPLE_TRUTH = "A test film. Known answer: **{truth}**."

AGREEMENT = "You and the model"
AGREEMENT_LINE = "You had an opinion on {said} of {count}."
READINGS = ("1 reading", "{count} readings")
CALLED_BY_MODEL = "Model said"

RIGHT = "Who was right"
RIGHT_LINE = (
    "Over the {count} films whose answer is known and on which you agreed or disagreed. Being "
    "unsure does not count."
)
RIGHT_ONE = "Over the one film whose answer is known and on which you agreed or disagreed."
RIGHT_NONE = (
    "As soon as the answer of a film is known on which you agreed or disagreed, this counts how "
    "often you and the model were right. Test films bring their answer along; for an upload, tick "
    "its row and enter it."
)
RIGHT_NOTE = (
    "With 95 % intervals, which are wide for few films. Whoever sees the model's verdict, or the "
    "answer, before judging is not independent of it."
)
WHO = ("You", "The model")
TRUE_ANSWER = "Truth"
CELLS = {"Pneumonia": "Called pneumonia", "Normal": "Called normal"}
FIGURES = {"sensitivity": "Sensitivity {value}", "specificity": "Specificity {value}"}

EXPORT = "Save as JSON"
EXPORT_NAME = "pneumolens-session.json"
IMPORT = "Bring back a saved session (JSON)"
IMPORT_MB = 8
IMPORTED = "{count} from the file, {new} of them new."
CLEAR = "Forget all"
CLEAR_SURE = "This forgets all readings, opinions and comments of the session."
CLEAR_DO = "Yes, forget all"


def readings(count: int) -> str:
    """How many readings, in words."""
    one, several = READINGS
    return one if count == 1 else several.format(count=count)

"""Words of the Predict page."""

from ui.words.glossary import meaning

TITLE = "Read an X-ray"

SOURCE = "Where the film comes from"
UPLOAD = "Your own film"
SAMPLE = "A sample"
UPLOADER = "Drop or paste a chest X-ray here: DICOM, PNG, JPEG or TIFF, up to 64 MB"
FRAME = "Frame, 1 to {count}"
THROUGH = "Window of the file"
THROUGH_HELP = (
    "The file says through which ranges of grey it is to be seen (centre / width). This changes "
    "what you see, not the verdict."
)
THROUGH_OWN = "The network saw the film like this."
THROUGH_OTHER = "For your eyes only: the network saw the film through {own}."
NO_FILM = (
    "You get the calibrated probability of pneumonia, the verdict at the threshold in use, and "
    "where the network's evidence lies. No film at hand? Choose “A sample” above."
)
UPLOAD_PRIVACY = "The film stays in this session's memory and is gone when you close the page."
REMOVE = "Remove this film"
SAMPLE_PICKER = "Test film"
SAMPLE_HELP = "Films of the test set, which the model never learned from. Type to search."
SAMPLE_RANDOM = "Another one"
SAMPLE_TRUTH = "Known answer: **{truth}**."
READING = "Reading the film…"
TAKEN_AS = "Read as {kind}, {width} × {height} pixels{notes}."
COLOURFUL = (
    "This picture has colours, so it may not be an X-ray. The figures below mean nothing for "
    "anything but a chest film."
)

SHOW_ANYWAY = "Show the verdict anyway"

PROBABILITY = "Probability of pneumonia"
IN_HUNDRED = "Of 100 films with this score, {count} would show pneumonia."
IN_HUNDRED_HELP = (
    "Calibrated on the validation films, where {prevalence} have pneumonia. Where pneumonia is "
    "rarer, the true share is lower."
)
CALLED = {"Pneumonia": "Called pneumonia", "Normal": "Called normal"}
SIDE = {
    "Pneumonia": "At or above the threshold {threshold} of the operating point “{point}”.",
    "Normal": "Below the threshold {threshold} of the operating point “{point}”.",
}
MEMBERS_ALIKE = "Mean of {count} networks trained apart, which all say {percent}."
MEMBERS_AGREE = (
    "Mean of {count} networks trained apart, which say {low} to {high} (the fine marks) and call "
    "it alike."
)
MEMBERS_DIFFER = (
    "Mean of {count} networks trained apart, which say {low} to {high} (the fine marks): "
    "{positive} of them call it pneumonia, the others normal."
)
VIEWS_TO_COME = "Trying slight changes of the film…"
VIEWS_ALIKE = "{count} slightly changed views of the film (the fine marks) all give {percent}."
VIEWS_AGREE = (
    "{count} slightly changed views of the film give {low} to {high} (the fine marks), and the "
    "same call."
)
VIEWS_DIFFER = (
    "{count} slightly changed views of the film give {low} to {high} (the fine marks): {positive} "
    "of them are called pneumonia, the others normal."
)
ZONES = {
    "rule out": "**Rule out.** On the test films, {count} of {of} with pneumonia are in this zone "
    "too.",
    "uncertain": "**Uncertain: needs a reader.** The score lies between ruling out and ruling in.",
    "rule in": "**Rule in.** On the test films, {count} of {of} normal ones are in this zone too.",
}
CLASSES = {"Normal": "normal", "Pneumonia": "pneumonia"}
AT_POINT = "On the test films that means sensitivity {sensitivity}, specificity {specificity}."
TRAINED_ON = (
    "Trained on children of one to five from one hospital, front views. For any other film this "
    "is a guess."
)
NOTE = "Clinical note, to copy"


def odds(factor: float) -> str:
    """What a factor does to the odds, in words."""
    return f"{factor:,.0f}" if factor >= 10 else f"{factor:.1f}"


SCALE_THRESHOLD = "threshold {threshold}"
SCALE_SENTENCE = (
    "Probability of pneumonia {percent}, in the zone “{zone}”. The threshold is {threshold}."
)
ZONE_OUT = "rule out: below {low}"
ZONE_BETWEEN = "uncertain, needs a reader: {low} to {high}"
ZONE_IN = "rule in: from {high}"

TARGET = "Evidence for"
METHOD = "Method"
METHOD_HELP = (
    "Ways of drawing the map. The first choice is the one that did best on the model's validation "
    "films, if it was checked there, and Grad-CAM otherwise. Random weights say nothing, on "
    "purpose: what a real method must beat."
)
SLOW_METHOD = "{title} (slow)"
LAYER = "Read at layer"
LAYER_HELP = f"{meaning('Layer')} The first choice is the model's own."
FIRST_ORDER = (
    "Read before the last layer, this is a first-order estimate: it need not add up to the score."
)
FROM_BLUR = "Counted from the film's own blur: what the blur itself says is not in it."
MAP_CAPTION = (
    "It shows where this network's evidence lies, not where a disease is. {method} for “{target}” "
    "{where}, {rows} × {columns} cells; {model}."
)
AT_LAYER = "at {layer}"
ON_FILM = "on the film itself"
WORTH = (
    "The map as a whole is worth **{worth} logit units** towards “{target}” (odds × {odds}); "
    "{against} units speak against it."
)
WEAK = 0.5  # logit units: less than a change of the odds from 1 : 1 to 5 : 3
WORTH_WEAK = (
    "That is next to nothing. The colours are bright all the same, because every map is stretched "
    "to the full scale."
)
NO_UNITS = (
    "{method} has no units: its colours say where, not how much. Every map is stretched to the "
    "full scale, however weak it is."
)
NO_CLASS = "It knows no class: the map is the same for “pneumonia” and “normal”."
CONTROL = "Random weights show nothing of the network: this is what a map by chance looks like."
NO_EVIDENCE = "Here nothing on the film speaks for “{target}”, so the map is blank."
WORTH_HELP = (
    "Evidence adds up in units of the network's logit; after calibration one unit multiplies the "
    "odds by {factor}. Every map is stretched to the full scale of colours, so the colours alone "
    "do not say how strong the evidence is."
)
SLOW = "{method} runs the network hundreds of times. On this machine that takes {time}."
DRAW = "Draw this map"
DRAWING = "Drawing the maps…"


def duration(seconds: float) -> str:
    """How long something takes, in words and roughly."""
    if seconds < 1.5:
        return "about a second"
    if seconds < 45:
        return f"about {seconds if seconds < 10 else 5 * round(seconds / 5):.0f} seconds"
    if seconds < 90:
        return "about a minute"
    if seconds < 5400:
        return f"about {seconds / 60:.0f} minutes"
    return f"about {seconds / 3600:.0f} hours"


DOWNLOAD = "Download the overlay"
DOWNLOAD_NAME = "pneumolens-{target}.png"

SEEN = (
    "The network saw {size} × {size} pixels{enlarged}: what cannot be seen in the “Model’s view”, "
    "it cannot have used."
)
SEEN_ENLARGED = ", enlarged to {input} × {input}"

SIMILAR_HEADING = "Similar training films"
SIMILAR = (
    "Of the {count} training films that the network finds most like this one, **{positive} show "
    "pneumonia**."
)
SIMILAR_HELP = (
    "Near means alike in the network's own features, in standard deviations: two training films "
    "picked blindly are about 1.4 apart. It is a second look, not an independent opinion."
)
SIMILAR_TILE = "{truth}, {distance} away"
SIMILAR_ALT = "Training film {id}: {truth}"
SIMILAR_UNSEEN = (
    "The {count} nearest: {pneumonia} with pneumonia, {normal} normal. To see them, put the data "
    "set where PneumoLens finds it."
)


def unbroken(text: str) -> str:
    """Keep a number and its percent sign on one line."""
    return text.replace(" %", "\u00a0%")


COMPARE_HEADING = "Methods side by side"
COMPARE_ONE_SCALE = "One colour scale for {methods}"
COMPARE_ONE_SCALE_HELP = (
    "These are in units of the logit, so their strength can be compared: evidence for the same "
    "share of the film has the same colour. The others have no units and keep their own scales."
)
COMPARE_SHARED = "{methods} share one colour scale; each of the others has its own."
COMPARE_OWN = "Each map has its own colour scale: compare places, not colours."
COMPARE_CONTROL = "Control: {title}"
COMPARE_UNITS = "{worth} logit units"
COMPARE_NO_UNITS = "no units"
COMPARE_BLANK = "blank: no evidence"
COMPARE_BEATS = "beats chance on {share} of the {split} films"
COMPARE_ALT = "Evidence for “{target}” by {title} {where}"
AND = " and "

TRUST_HEADING = "How far this map can be trusted"
TRUST_HELP = (
    "Five checks of the picture, not of the verdict: a map may show faithfully why a network is "
    "wrong. docs/explanations.md in the project's folder says how each is made."
)
CHECKING = "Checking the map…"
CHECKED = {
    "holds": "This map holds up in its checks, see below.",
    "care": "Read this map with care: see its checks below.",
    "reject": ":orange-badge[**Do not go by this map**] See its checks below.",
}
NOT_CHECKED = "This map has not been checked."
CHECK_SLOW = "With this model and method the checks take {time}."
CHECK = "Check this map"
ANSWERS = {True: "Yes", False: "No", None: "Unknown"}
NO_TABLE = (
    "Where this film stands among others is not known: this model's maps have not been checked "
    "over its test films this way."
)
FIGURES = "The figures behind the answers"
ALIKE = (
    "How alike two maps are is Spearman's rank correlation over 64 parts of the film: 1 is the "
    "same map, 0 is unrelated. Log-odds are the film's own, without its mirror image."
)
NOT_MEASURED = "This cannot be measured: the map is the same everywhere."

FAITHFUL = {
    True: "What it marks moves the score more than {beaten} of random markings would.",
    False: (
        "What it marks moves the score more than {beaten} of random markings would: too few to "
        "tell it from chance."
    ),
}
LEARNED = {
    True: (
        "If the network forgets what it learned, it draws another map: {likeness} alike. Maps of "
        "different films reach {limit}."
    ),
    False: (
        "If the network forgets what it learned, it still draws much the same map: {likeness} "
        "alike. Maps of different films reach no more than {limit}."
    ),
    None: (
        "A network that forgot what it learned draws a map that is {likeness} alike; 1 would be "
        "the same. Which figure is too high is not known here."
    ),
}
STABLE = (
    "In {count} slightly changed views of the film the map stays {likeness} alike, and {turned}."
)
TURNED_NONE = "the answer stays the same"
TURNED = "the answer changes in {count} of them"
AGREEMENT = {
    True: "{methods}, which work differently, mark much the same places: {likeness} alike.",
    False: "{methods}, which work differently, mark other places: {likeness} alike.",
}
PLACE = {
    True: (
        "{outside} of the evidence lies at the film's edge, in its corners or beside the body, "
        "which make up {area} of the film."
    ),
    False: (
        "{outside} of the evidence crowds at the film's edge, in its corners or beside the body, "
        "which make up only {area} of the film."
    ),
}
STANDINGS = {
    "faithful": "Moves it more than on {share} of {count} {split} films",
    "learned": "More alike than on {share} of {count} {split} films",
    "stable": "Steadier than on {share} of {count} {split} films",
    "agreement": "Agree more than on {share} of {count} {split} films",
    "place": "More at the edge than on {share} of {count} {split} films",
}
SPLITS = {"val": "validation", "test": "test"}

"""Words of the Models page."""

TITLE = "Models"
INTRO = (
    "Every trained model here on test, beside what its source published. Calibration and threshold "
    "were chosen on validation. To choose among models go by validation too: the best of many on "
    "test is partly luck."
)
SETS = (
    "Models are compared on the same test images only. {titles} are different images, so no test "
    "runs across them."
)
AND = " and "
AT = "Operating point"
AT_HELP = (
    "Each model has its own threshold for each of these, chosen on validation. The sources rarely "
    "say how theirs was chosen. The first is the one that a model starts with."
)

FIGURES = {
    "auc": "AUC",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "accuracy": "Accuracy",
    "f1": "F1",
}
LEGEND = ("Ours, with its 95 % interval", "Published by the source system")
SET_LINE = (
    "{n} test films, {normal} normal and {pneumonia} with pneumonia. Sensitivity, specificity and "
    "accuracy are at each model's own threshold for the operating point above."
)
BESIDE_ALT = (
    "AUC, sensitivity, specificity and accuracy of {count} models on {title}, with 95 % intervals "
    "and the published figures, as in the table."
)

START = {
    "scratch": "from scratch",
    "instead": "from scratch, for want of ImageNet weights",
    "imagenet": "from ImageNet weights",
    "other": "from other weights",
    "unknown": "start not recorded",
}
IN_USE_MARK = "in use"
FIGURES_ONLY = "figures only"

MODEL = "Model"
VALIDATION = "on validation {auc}"
ALONE = "each alone {spread}"
PUBLISHED = "published {value} ({gain})"
SPEED = "{ms} ms a film"
THRESHOLD = "threshold {threshold}"
PARAMETERS = "{count} M weights"
MEGABYTES = "{count} MB"
GAIN_NOTE = "In brackets after a published figure: ours less theirs, in points."
THREADS = (" on 1 thread", " on {n} threads")
SPEED_NOTE = "Milliseconds: one film, one call, on the CPU of the machine that measured it."
PUBLISHED_NOTE = "**{label}**, as published: {note}."
DERIVED = "**{label}**: published {figures} worked out from the published matrix."
OTHER_DATA = "**{label}** learned from {title}; the test images are the same."
SEEDS = "**{title}**, {count} seeds: AUC {mean} on average, from {low} to {high}."
ALONE_NOTE = "Each alone: mean and standard deviation of an ensemble's networks, one a seed."
UNUSABLE = "Models that cannot be used or compared"

CURVES = "ROC curves, six at most"
CURVES_ALT = "ROC curves on {title}, each with its operating point: {areas}."
CORNER_ALT = "The upper left corner of the same curves, enlarged."
CORNER = "The upper left corner, enlarged"
NO_CURVES = "Choose a model to draw its curve."
MARKS = "Each mark is the model's own threshold, chosen on validation."

SECOND = "Beside"
ONE_MODEL_ONLY = (
    "No other model here has scored these test images. Train one, and it can be set beside this: "
    "`python train_cli.py --seed 2`."
)
BETTER = (
    "**{better} ranks the films better: AUC {more} against {less}, {gain} points more "
    "({low} to {high}).** If the two were equally good, a difference this large would come up in "
    "{often} ({p})."
)
NO_DIFFERENCE = (
    "**No clear difference in AUC: {a} has {auc_a}, {b} {auc_b}, {gain} points apart "
    "({low} to {high}).** If the two were equally good, a difference this large would come up in "
    "{often} ({p})."
)
NO_TEST = "**AUC {auc_a} and {auc_b}; too few errors for a test.**"
OFTEN = "{count} of 100 test sets"
RARELY = "fewer than 1 of 1000 test sets"
SELDOM = "{count} of 1000 test sets"
P_SMALL = "p <\u202f0.001"
P_VALUE = "p = {p}"
WRONG_LINE = (
    "At their thresholds {a} (**{threshold_a}**) and {b} (**{threshold_b}**) go wrong on these:"
)
ONLY = "only {label}"
BOTH = "both"
KINDS = {"pneumonia": "Pneumonia, missed", "normal": "Normal, false alarm"}
WRONG_ALT = "{rows}."
WRONG_ALT_ROW = "{kind}: only {a} {only_a}, both {both}, only {b} {only_b}"
WRONG = "Wrong"
OF = "of"
ALL = "All films"
P = "p"
TESTS = (
    "AUC: DeLong's test, for films that share patients. Films: McNemar's exact test of those that "
    "only one of the two gets wrong."
)

AUGMENTED_LINE = (
    "The same recipe with and without training augmentation, one seed. The difference is augmented "
    "less plain, in points."
)
NO_AUGMENTED = (
    "No recipe here was trained both ways. These are: `cnn-folder-augmented` and "
    "`cnn-folder-plain`, `mobilenetv2-folder-augmented` and `mobilenetv2-folder-plain`."
)
AUGMENTED_ALSO = "The two recipes also differ in {fields}: not all of it is augmentation."
AUGMENTED_ALT = "Differences of {stem}, augmented less plain, as in the table."
AUGMENTED_LEGEND = ("Ours, with its 95 % interval", "Published")
AUGMENTED_COLUMNS = ("Figure", "Augmented", "Plain", "Difference", "Published")
AUGMENTED_RATIO = "{augmented} / {plain}: {gain}"

CLOSELY = "A closer look"
USE = "Use this model"
IN_USE = "In use on every page."
CANNOT_USE = "It comes as figures only, without weights: it can be compared, not used."
NOW_IN_USE = "In use on every page from now on: {title}"
TABS = {
    "curves": "ROC curves",
    "pair": "Two models",
    "augmented": "Augmented or plain",
    "training": "Training",
    "calibration": "Calibration",
    "classes": "By class",
    "explanations": "Explanations",
    "recipe": "How it was trained",
    "preview": "What the network is shown",
}

CURVE_TITLES = {"loss": "Loss", "auc": "AUC", "accuracy": "Accuracy at 0.5"}
CURVE_LEGEND = ("Training", "Validation", "Epoch kept")
CURVES_OF = "Loss, AUC and accuracy of {title} over {epochs} epochs; kept: {best}."
TRAINING_LINE = "Epoch **{best}** of {epochs} was kept: {why}."
MEMBERS_LINE = "The mean of {count} networks. Kept of each: epoch **{best}**, {why}."
BEST_EPOCH = "the best {metric} on validation"
LAST_EPOCH = "the last, as the recipe has it"
KEPT_SOMEHOW = "by a recipe of another version of PneumoLens"
CUT_SHORT_LINE = "It was ended by hand: the recipe had more epochs to come."
PHASES_LINE = "Shaded: every second phase, with its own learning rate and frozen stages."
METRICS = {
    "val_auc": "AUC",
    "val_loss": "loss",
    "val_accuracy": "accuracy",
    "val_f1": "F1",
}

CLASSES_LINE = "On the {n} test films at the threshold **{threshold}** ({point})."
KINDS_LINE = "Found at this threshold: {kinds}."
KIND_FOUND = "of the {kind} films {share}"
KIND_NAMES = {"bacteria": "bacterial", "virus": "viral"}
APART_LINE = (
    "**Bacterial or viral**, over the {bacteria} bacterial and {virus} viral films; bacterial is "
    "the positive kind:"
)
KIND_FIGURE = "Figure"
KIND_FIGURES = {
    "auc": "AUC",
    "sensitivity": "Bacterial films called bacterial",
    "specificity": "Viral films called viral",
    "accuracy": "Called rightly",
}
OURS = "This model (95 % interval)"
THEIRS = "Published"
THREE_LINE = "All three answers; rows are what is known, columns what the model says:"
ANSWERS = {"normal": "Normal", "bacteria": "Bacterial", "virus": "Viral"}
TRUTH = "Known as"
CLASSES = {"macro": "Macro mean", "weighted": "Weighted mean"}
CLASS = "Class"
CLASS_COLUMNS = {
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "false_positive_rate": "False positives",
    "false_negative_rate": "False negatives",
    "support": "Films",
}
CLASSES_NOTE = (
    "Each class in turn taken as the one looked for. False positives are a share of the films of "
    "the other class, false negatives of its own."
)
MATRIX_ALT = "Confusion matrix: {tp} found, {fn} missed, {fp} false alarms, {tn} cleared."
PUBLISHED_MATRIX = "Published: {tp} found, {fn} missed, {fp} false alarms, {tn} cleared."

FACTS = ("", "As it was run")
FACT_NAMES = {
    "network": "Network",
    "start": "Initial weights",
    "data": "Data",
    "split": "Split",
    "input": "What it sees",
    "augmentation": "Augmentation",
    "loss": "Loss",
    "optimiser": "Optimiser",
    "phases": "Phases",
    "keeping": "Epoch kept",
    "serving": "When it answers",
    "run": "Run",
    "published": "Published",
}
ORIGIN = "{start} ({origin})"
SPLITS = {
    "official": "training and validation as published: some children are in both",
    "patient": "no child is in both training and validation",
}
COUNTS = "{title}: {train} films to learn from, {val} for validation, {test} for test"
INPUT = "{size} × {size} pixels"
INPUT_FROM = ", enlarged from {source}"
CROPS = {"centre": "centre square", "squash": "squeezed to a square", "pad": "padded to a square"}
EQUALISED = {"histogram": "histogram equalised", "clahe": "equalised by tiles (CLAHE)"}
SHARPENED = "sharpened"
AUGMENTATION = {
    "rotate": "rotated by up to {value:g}°",
    "shift": "shifted by up to {percent:g} %",
    "zoom": "zoomed by up to {percent:g} %",
    "stretch": "stretched by up to {percent:g} %",
    "shear": "sheared by up to {value:g}°",
    "flip": "mirrored in {percent:g} % of cases",
    "brightness": "brightness changed by up to {percent:g} %",
    "contrast": "contrast changed by up to {percent:g} %",
    "gamma": "gamma up to {gamma:.2g}",
    "noise": "noise of up to {percent:g} %",
    "blur": "blurred by up to {value:g} pixels",
    "coarsen": "taken down in size and up again in {percent:g} % of cases",
    "pixelate": "pixelated in {percent:g} % of cases",
    "erase": "a rectangle covered in {percent:g} % of cases",
    "invert": "black and white swapped in {percent:g} % of cases",
    "spare": "without blur, and without noise, in {percent:g} % of cases",
    "mixup": "mixed in pairs, targets likewise (mixup, alpha {value:g})",
    "on_square": "blur, noise and lost detail before it is enlarged",
}
AUGMENTATION_OTHER = "{name} {value:g}"
NO_AUGMENTATION = "none: each film as it is"
LOSSES = {"cross_entropy": "cross-entropy", "focal": "focal, exponent {gamma:g}"}
BALANCED = "classes weighed by their rarity"
SMOOTHED = "labels smoothed by {value:g}"
OPTIMISER = "{name}, {batch} films a step"
OPTIMISERS = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD"}
DECAY = "weight decay {value:g}"
CLIP = "gradients clipped at {value:g}"
EMA = "weights averaged (decay {value:g})"
MEMBERS = "{count} × {network}"
PHASE = "{epochs} epochs at {lr:g}, {schedule}"
SCHEDULES = {
    "constant": "constant",
    "cosine": "falling as a cosine",
    "plateau": "falling when validation stands still",
}
FROZEN = "{count} of {all} stages frozen"
PHASE_INPUT = "on {size} × {size} pixels"
DRAWN = "both classes drawn equally often"
PATIENCE = "stopped after {count} epochs without gain"
KEEPS_LAST = "its last epoch is kept"
BLENDED = "of what it teaches, {share:.0f} % is kept"
KEPT = "{best} of {epochs}: {why}"
TEMPERATURE = "logits divided by a temperature of {temperature:.2f}, fitted on validation"
FLIPPED = "the film and its mirror image averaged"
SEED = "seed {seeds}"
MANY_SEEDS = "seeds {seeds}"
RUN = "{seeds}, {minutes} on {device}, {date}"
MINUTES = "{count} minutes"
A_MINUTE = "1 minute"
UNDER_A_MINUTE = "less than a minute"
NO_PUBLISHED = "no figures: this recipe is not after a source system"
DEVICES = {"cpu": "CPU", "cuda": "GPU"}

EXPLAIN_DEFAULT = (
    "**Maps are read with {named} by default**, the choice made on validation: there it gains "
    "{gain} logits more than random weights, and its map changes when the network forgets on "
    "{forgets} of the films. {why}"
)
EXPLAIN_MOST = "No method that does so gains more."
EXPLAIN_SLOWER = (
    "{named} gains {gain}, but runs the network some fifty times: it is drawn on request only."
)
EXPLAIN_NONE = (
    "**Maps are read with {named}, the usual choice.** On validation no method gains clearly more "
    "than random weights and also changes when the network forgets."
)
EXPLAIN_UNCHECKED = (
    "**Maps are read with {named}, the usual choice: the maps of this model have not been checked "
    "over its films.** To check them, choose on validation and then look at test once:"
)
EXPLAIN_COMMANDS = (
    "python -m pneumo_core explain-audit {run} --split val\n"
    "python -m pneumo_core explain-audit {run} --split test"
)
EXPLAIN_NO_TEST = (
    "The test films have not been checked, so the Predict page cannot say where a film stands "
    "among them:"
)
EXPLAIN_COMMAND = "python -m pneumo_core explain-audit {run} --split test"
EXPLAIN_METHOD = "Method"
EXPLAIN_COLUMNS = {
    "validation": "Gain, validation",
    "better": "Gain, test",
    "beats": "Beats chance",
    "forgets": "Below the limit",
    "density": "Outside the chest",
}
EXPLAIN_BEST_STAGES = "Each method at the stage where it gains most on {split}."
EXPLAIN_ALL_STAGES = "Every method at every stage"
EXPLAIN_MARK = "default"
EXPLAIN_FILMS = "{count} {split} films"
EXPLAIN_SOME = "{count} of {of} {split} films, drawn at random"
EXPLAIN_SPLITS = {"val": "validation", "test": "test"}
EXPLAIN_NOTE = (
    "**Gain**: how much higher the log-odds are with the marked places kept than with them "
    "removed, less the same for random weights, with its 95 % interval. **Beats chance**: share "
    "of films where the map gains more than 95 % of random maps. **Below the limit**: share where "
    "the map changes when the network forgets what it learned. **Outside the chest**: how dense "
    "the evidence is at the edge and beside the body; 1 is evenly spread. docs/explanations.md in "
    "the project's folder says how each is measured, and after whom."
)

PREVIEW_LINE = (
    "Films of the training set, a row each: as the network would see them, then as training may "
    "show them."
)
PREVIEW_ALT = "Contact sheet: a row for each of {count} training films, under augmentation."
PREVIEW_OTHERS = "Other films"
PREVIEWING = "Drawing what the network is shown…"

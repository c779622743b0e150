"""One film closely: its heatmaps, its neighbours, its copies, and the reader's note."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from pneumo_core import CLASS_NAMES
from pneumo_core.film_notes import LONGEST, TAGS, FilmNote
from pneumo_core.label_errors import likely_label_errors
from pneumo_core.operating_point import threshold_words
from ui import cache, film_notes, gallery, numbers, pictures, state
from ui import misclassified_films as public
from ui.cases import judged
from ui.threshold_show import as_text
from ui.words import common
from ui.words import misclassified as words
from ui.words import predict as predict_words

if TYPE_CHECKING:
    import pandas as pd

    from pneumo_core.datasets import Dataset
    from pneumo_core.runs import Run

LARGE = 460
"""Side of the square that the film is shown in, in CSS pixels."""

SMALL = 150
"""Width of the films below it."""


@dataclass(frozen=True, eq=False)
class Shown:
    """What the films that can be looked at are, and by what they are judged.

    Attributes:
        run: The model.
        dataset: Where the films are.
        scores: Of all films of the split.
        split: "val" or "test".
        threshold: In use.
        films: Rows of `judged`, in the order in which one goes through them.
        other: Title of the model whose probabilities are probability_b, "" where there is none.
    """

    run: Run
    dataset: Dataset
    scores: pd.DataFrame
    split: str
    threshold: float
    films: pd.DataFrame
    other: str = ""


def open_case(shown: Shown) -> None:
    """Show the film that the address names, if it names one, in a dialog over the page."""
    asked = st.query_params.get("case")
    if asked is None:
        return
    if asked not in set(shown.films["id"]):
        one = judged(shown.scores[shown.scores["id"] == asked], shown.threshold)
        if one.empty:
            st.warning(words.NO_SUCH_FILM)
            return
        shown = Shown(shown.run, shown.dataset, shown.scores, shown.split, shown.threshold, one)
    st.dialog(words.CASE, width="large", on_dismiss=_close)(_case)(shown)


def _close() -> None:
    st.query_params.pop("case", None)


def _case(shown: Shown) -> None:
    ids = list(shown.films["id"])
    asked = st.query_params.get("case")
    place = ids.index(asked) if asked in ids else 0
    film = shown.films.iloc[place].to_dict()
    with st.container(key="case"):
        _steps(ids, place)
        picture, facts = st.columns([4, 5], gap="large")
        # MedMNIST's films, of one file, are squares; those of a folder are mostly wide.
        shape = "square" if shown.dataset.path.is_file() else "wide"
        with picture, st.container(key=f"case-film-{shape}"):
            st.image(
                gallery.picture(shown.run, shown.dataset, film["id"], None, 2 * LARGE),
                width="stretch",
                alt=words.CASE_ALT.format(id=film["id"]),
            )
        with facts:
            _facts(shown, film)
            _note(shown.run, film["id"])
            _copies(shown, film["id"])
            st.page_link(
                "pages/predict.py",
                label=words.OPEN,
                icon=":material/open_in_new:",
                query_params=state.address(sample=film["id"]),
            )
        if not shown.run.has_weights:
            st.info(words.NO_WEIGHTS)
            return
        _methods(shown, film)
        _similar(shown, film["id"])


def _steps(ids: list[str], place: int) -> None:
    """Back and on, by button or arrow key, and where in the list this is."""
    with st.container(horizontal=True, vertical_alignment="center", key="case-steps"):
        for label, key, step in ((words.PREVIOUS, "Left", -1), (words.NEXT, "Right", 1)):
            there = place + step
            st.button(
                label,
                key=f"case-{key}",
                shortcut=key,
                disabled=not 0 <= there < len(ids),
                on_click=gallery.look_closer,
                args=(ids[there % len(ids)],),
            )
        st.markdown(words.POSITION.format(place=place + 1, count=len(ids)), width="content")
        st.caption(as_text(ids[place]), width="content")


def _facts(shown: Shown, film: dict) -> None:
    called = film["cell"] in ("tp", "fp")
    lines = [
        words.CASE_MODEL.format(
            percent=numbers.percent(film["probability"]),
            called=words.CALLED[called],
            threshold=threshold_words(shown.threshold),
        )
    ]
    if "probability_b" in film and shown.other:
        other = numbers.percent(film["probability_b"])
        lines.append(words.CASE_OTHER.format(model=as_text(shown.other), percent=other))
    truth = common.truth(film["label"], film["group"])
    outcome = words.CASE_OUTCOMES[film["cell"]]
    lines.append(words.CASE_TRUTH.format(truth=truth, outcome=outcome))
    suspects = likely_label_errors(shown.scores["label"], shown.scores["probability"]).positions
    ranked = list(shown.scores["id"].iloc[suspects])
    if film["id"] in ranked:
        rank = ranked.index(film["id"]) + 1
        lines.append(words.CASE_SUSPECT.format(rank=rank, count=len(ranked)))
    st.markdown("  \n".join(lines))


def _note(run: Run, image_id: str) -> None:
    """The reader's tag and note on the film, kept as soon as either changes."""
    note = film_notes.of(run, image_id)
    tag, text = f"tag-{image_id}", f"note-{image_id}"
    st.session_state[tag], st.session_state[text] = note.tag, note.text

    def keep() -> None:
        changed = FilmNote(st.session_state[tag], st.session_state[text].strip())
        film_notes.keep(run, {image_id: changed})

    st.selectbox(words.TAG, TAGS, format_func=words.TAGS.get, key=tag, on_change=keep)
    st.text_area(
        words.NOTE,
        key=text,
        height=96,
        max_chars=LONGEST,
        placeholder=words.NOTE_HINT,
        help=words.NOTE_HELP,
        on_change=keep,
    )


def _copies(shown: Shown, image_id: str) -> None:
    """The films that are nearly identical to this one; on request where finding them takes long."""
    count = public.count_of(shown.dataset)
    number = f"{count:,}"
    slot, done = st.empty(), 0
    if not public.thumbnails_at_hand(shown.dataset):
        asked = slot.button(
            words.LOOK_FOR_COPIES,
            key="look-for-copies",
            icon=":material/content_copy:",
            help=words.LOOK_FOR_COPIES_HELP.format(count=number),
        )
        if not asked:
            return

    def step(films: int) -> None:
        nonlocal done
        done += films
        slot.progress(min(done / count, 1.0), words.READING_FILMS.format(count=number))

    copies = public.thumbnails(shown.dataset, step).copies(image_id)
    slot.empty()
    if not copies:
        st.caption(words.NO_COPIES.format(count=number))
        return
    lines = [
        words.COPY.format(
            id=as_text(one.id),
            place=words.COPY_PLACES[_split_of(shown.run, one.id)],
            truth=CLASS_NAMES[one.label].lower(),
        )
        for one in copies
    ]
    st.markdown(words.COPIES.format(copies="  \n".join(lines)))


def _split_of(run: Run, image_id: str) -> str:
    """The split that the run has a film in, which may differ from the one as published."""
    held_out = (name for name in common.SPLITS if image_id in set(cache.scores(run, name)["id"]))
    return next(held_out, "train")


def _methods(shown: Shown, film: dict) -> None:
    """The film under the map of every method that is quick to draw."""
    target = gallery.TARGETS[film["cell"]]
    st.subheader(words.METHODS.format(target=target.lower()), help=words.METHODS_HELP)
    with st.container(key="case-methods"):
        maps = public.method_maps(shown.run, shown.dataset, film["id"], target)
        with st.container(horizontal=True, gap="small"):
            for one in maps:
                with st.container(width=SMALL, gap="xsmall"):
                    st.image(
                        gallery.picture(
                            shown.run, shown.dataset, film["id"], one.heatmap, 2 * SMALL
                        ),
                        width=SMALL,
                        alt=words.METHOD_ALT.format(method=one.method, id=film["id"]),
                    )
                    title = words.METHOD_CONTROL if one.control else "{method}"
                    lines = [title.format(method=one.method)]
                    if one.heatmap.worth is not None:
                        lines.append(words.METHOD_WORTH.format(worth=f"{one.heatmap.worth:.1f}"))
                    st.caption("  \n".join(lines))


def _similar(shown: Shown, image_id: str) -> None:
    """The training films nearest to it, with their labels."""
    st.subheader(words.SIMILAR)
    near = public.neighbours(shown.run, shown.dataset, image_id)
    if not near:
        st.caption(words.NO_SIMILAR.format(run=shown.run.name))
        return
    positive = sum(one.label for one in near)
    st.markdown(words.SIMILAR_COUNT.format(positive=positive, count=len(near)))
    with st.container(horizontal=True, gap="small", key="case-similar"):
        for one in near:
            with st.container(width=SMALL, gap="xsmall"):
                truth = predict_words.CLASSES[CLASS_NAMES[one.label]]
                st.image(
                    pictures.sized(pictures.grey(shown.dataset.find(one.id)), 2 * SMALL, 4 * SMALL),
                    width=SMALL,
                    alt=words.SIMILAR_ALT.format(id=one.id, truth=truth),
                )
                distance = f"{one.distance:.2f}"
                st.caption(words.SIMILAR_TILE.format(truth=truth, distance=distance))

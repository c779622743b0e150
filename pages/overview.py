"""What this is, how good the model in use is, what it learned from, and the ways in."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pneumo_core.errors import RunError
from pneumo_core.intervals import wilson
from pneumo_core.model_table import members
from pneumo_core.operating_point import threshold_words
from pneumo_core.runs import Run
from pneumo_core.transfer import transfers
from ui import cache, numbers, state, tour
from ui.words import overview as words


def ways_in() -> None:
    """Three cards, each with a link to a page."""
    columns = st.container(key="ways").columns(3)
    for column, (page, (label, line)) in zip(columns, words.WAYS.items(), strict=True):
        with column.container(border=True, height="stretch"):
            st.page_link(
                f"pages/{page}.py",
                label=f"**{label}**",
                icon=":material/arrow_forward:",
                query_params=state.address(),
            )
            st.caption(line)


def model_line(run: Run) -> None:
    """Name the model and the operating point that the figures are for."""
    point, chosen = run.operating_point, state.operating_point()
    st.markdown(
        words.MODEL_LINE.format(
            title=run.title,
            point=point.name,
            threshold=threshold_words(point.threshold),
            rule=point.rule,
        )
    )
    if chosen.threshold != point.threshold:
        text = threshold_words(chosen.threshold)
        st.info(words.OTHER_POINT.format(threshold=text, point=chosen.name))


def headline(test: Mapping[str, Any], val: Mapping[str, Any]) -> None:
    """Four figures on test, each with its interval and its value on validation beside it."""
    tn, fp, fn, tp = test["confusion"]
    st.caption(words.ON_TEST.format(n=test["n"], normal=tn + fp, pneumonia=fn + tp))
    cells = st.container(key="figures").columns(4)
    for cell, (key, (label, meaning)) in zip(cells, words.FIGURES.items(), strict=True):
        write, write_interval = (
            (numbers.ratio, numbers.ratio_interval)
            if key == "auc"
            else (numbers.share, numbers.share_interval)
        )
        on_test, on_val = _estimate(test, key), _estimate(val, key)
        with cell.container(border=True):
            st.metric(label, write(on_test), help=meaning)
            beside = words.BESIDE_VALIDATION.format(value=write(on_val))
            st.caption(f"{write_interval(on_test)}  \n{beside}")
    st.caption(words.HONEST)


def as_uploads_come(run: Run) -> None:
    """What the model reaches on test films of another data set, where that was measured."""
    try:
        measured = transfers(run)
    except RunError as error:
        st.caption(str(error))
        return
    for found in measured:
        there = found.points[0]
        st.markdown(
            words.ELSEWHERE.format(
                n=found.films,
                title=found.title,
                side=found.short_side,
                auc=numbers.ratio(found.auc.to_json()),
                sensitivity=numbers.share(there.sensitivity.to_json()),
                specificity=numbers.share(there.specificity.to_json()),
            )
        )


def _estimate(summary: Mapping[str, Any], key: str) -> list[float | None]:
    """[value, low, high] of a figure; accuracy at 0.5 is kept without its interval."""
    if key != "accuracy_at_half":
        return summary[key]
    return wilson(round(summary[key] * summary["n"]), summary["n"]).to_json()


def roc_chart(run: Run) -> None:
    """The ROC curves of test and validation with the operating point on both."""
    # Here, so that what stands above the chart need not wait for Plotly.
    from pneumo_core import figures
    from pneumo_core.confusion import threshold_table

    st.header(words.ROC_HEADING)
    series = []
    for split in ("test", "val"):
        scores = cache.scores(run, split)
        table = threshold_table(scores["label"], scores["probability"])
        series.append(figures.Series(words.SPLITS[split], table, run.operating_point.threshold))
    test = run.metrics["test"]
    st.plotly_chart(
        figures.roc(series).update_layout(height=460),
        alt=words.ROC_ALT.format(
            auc=numbers.ratio(test["auc"]),
            sensitivity=numbers.share(test["sensitivity"]),
            specificity=numbers.share(test["specificity"]),
        ),
    )


def learned_from(run: Run) -> None:
    """The films behind the model: which children, how many, how split."""
    st.header(words.TRAINED_HEADING)
    st.markdown(words.TRAINED_ON.format(title=run.data["title"]))
    counts = run.data["counts"]
    st.table(
        {
            words.COUNTS[0]: [words.SPLITS[split] for split in counts],
            words.COUNTS[1]: [count["normal"] for count in counts.values()],
            words.COUNTS[2]: [count["pneumonia"] for count in counts.values()],
        },
        hide_index=True,
    )
    training = run.training
    networks = members(run) or (training,)
    st.caption(
        " ".join(
            (
                words.SPLIT_RULES.get(run.data["split_rule"], ""),
                (words.TRAINED_HOW if len(networks) == 1 else words.JOINED_HOW).format(
                    count=len(networks),
                    epochs=training["epochs"],
                    best=", ".join(str(one["best_epoch"]) for one in networks),
                    seed=", ".join(str(one["seed"]) for one in networks),
                    minutes=max(1, round(training["duration_s"] / 60)),
                    date=training["date"],
                ),
            )
        )
    )


def main() -> None:
    """Lay out the page."""
    run = state.current_run()
    st.title(words.TITLE)
    st.markdown(words.INTRO)
    tour.offer("tour_from_overview")
    ways_in()
    st.header(words.MODEL_HEADING)
    model_line(run)
    headline(run.metrics["test"], run.metrics["val"])
    as_uploads_come(run)
    chart, text = st.container(key="model").columns([3, 2], gap="large")
    with chart:
        roc_chart(run)
    with text:
        learned_from(run)


main()

"""A report as one HTML file: no scripts, nothing from elsewhere, one sheet of A4 a film.

Where a cover says what is true of all films, two of them fit on a sheet.

Whatever a user typed is escaped, so it never becomes markup.
"""

from base64 import b64encode
from collections.abc import Sequence
from html import escape

from pneumo_core import report_words as words
from pneumo_core.colouring import colour_table
from pneumo_core.report import CaseReport, Cover, Progress
from pneumo_core.report_pictures import Picture
from pneumo_core.report_scale import scale, spoken, svg
from pneumo_core.report_words import Section

_Columns = tuple[tuple[Section, ...], tuple[Section, ...]]

_STYLE = """
@page { size: A4; margin: 12mm }
:root { color-scheme: light; print-color-adjust: exact; -webkit-print-color-adjust: exact }
* { box-sizing: border-box }
body { font: 13px/1.4 system-ui, "DejaVu Sans", sans-serif; color: #1c2430; background: #fff;
  max-width: 194mm; margin: 2em auto; padding: 0 4mm; overflow-wrap: anywhere }
h1, h2, p, ul, dl, figure { margin: 0 }
h1 { font-size: 1.55em; line-height: 1.2 }
h2 { font-size: 1em; margin-bottom: .15em; padding-top: .35em; border-top: 1px solid #c9d0d8 }
header { display: flex; justify-content: space-between; gap: 2em; align-items: baseline }
.quiet, figcaption, .remark { color: #4d5966; font-size: .88em }
.kind { text-transform: uppercase; letter-spacing: .06em; font-size: .78em; white-space: nowrap }
.notice { border-left: 3px solid #b54708; padding-left: .6em; font-weight: 600; margin: .35em 0 }
.objection { background: #fff1e6; border: 1px solid #b54708; border-radius: 4px;
  padding: .4em .7em; margin: .5em 0 }
.objection ul { padding-left: 1.2em }
.verdict { display: flex; gap: 1.2em; align-items: center; margin: .5em 0 }
.verdict strong { font-size: 1.7em; line-height: 1.15; flex: none; max-width: 62mm }
.films { display: flex; gap: 4mm; align-items: start; margin: .6em 0 }
figure { flex: 1 1 0; min-width: 0; max-width: 50% }
.film { position: relative; display: table; margin: 0 auto; background: #000 }
.film img { display: block; width: auto; height: auto; max-width: 100%; max-height: 78mm }
.pixels img { image-rendering: pixelated }
.film i { position: absolute; border: 1px dashed #fff; outline: 1px dashed #0008 }
figcaption { margin-top: .3em }
.colours { display: flex; gap: .5em; align-items: center; white-space: nowrap }
.colours svg { flex: 1; height: 2.4mm; display: block }
.scale { width: 100%; height: auto; display: block; margin: .6em 0 1.1em; overflow: visible }
.columns { display: flex; gap: 6mm }
.columns > div { flex: 1 1 0; min-width: 0 }
section { margin-top: .6em }
.columns section:first-child { margin-top: .2em }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: left; vertical-align: top; padding: .1em .6em .1em 0; font-weight: normal }
tbody th { color: #4d5966 }
section td { min-width: 5.5em }
section th { min-width: 9.5em }
code { font: .82em/1.3 ui-monospace, "DejaVu Sans Mono", monospace; word-break: break-all }
.list th, .list td { border-bottom: 1px solid #e1e5ea; padding: .25em .6em .25em 0 }
.list th, .list td { white-space: nowrap; min-width: 0 }
.list td.name { white-space: normal; width: 40% }
.list thead th { font-weight: 600; color: #4d5966 }
.contents tr { break-inside: avoid }
.contents section:has(tr) { break-inside: auto }
a { color: #0b5cad }
.notes { white-space: pre-wrap }
article + article, .contents + article { border-top: 2px solid #1c2430; margin-top: 3em;
  padding-top: 1.5em }
@media print {
  body { margin: 0; padding: 0; max-width: none; font-size: 9.6px }
  .film img { max-height: 54mm }
  article + article, .contents + article { border: 0; margin: 0; padding: 0; break-before: page }
  .compact article + article, .compact .contents + article { border-top: 1px solid #1c2430;
    margin-top: 5mm; padding-top: 2mm; break-before: auto; break-inside: avoid }
  .compact .film img { max-height: 45mm }
  a { color: inherit; text-decoration: none }
  section, figure, .films, .verdict { break-inside: avoid }
  .notes { break-inside: auto }
}
@media (max-width: 640px) {
  .films, .columns, .verdict { flex-direction: column; align-items: stretch }
  figure { max-width: none }
  .list th, .list td { white-space: normal }
}
"""


def html(cases: Sequence[CaseReport], cover: Cover | None, progress: Progress) -> str:
    """Write cases, in a report's order, as a page, with a table of contents where asked."""
    shared = words.shared_sections(cases) if cover else ((), ())
    pages = []
    for done, case in enumerate(cases):
        progress(done / len(cases))
        pages.append(_case(case, shared=any(shared)))
    first = _contents(cases, cover, shared) if cover else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">"
        '<meta name="referrer" content="no-referrer">'
        f"<title>{words.HEADING}</title><style>{_STYLE}</style></head>"
        f"<body{' class=compact' if any(shared) else ''}>{first}{''.join(pages)}</body></html>\n"
    )


def _contents(cases: Sequence[CaseReport], cover: Cover, shared: _Columns) -> str:
    header, rows = words.contents(cases)
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    body = "".join(
        f'<tr><th scope="row"><a href="#film-{case.number}">{escape(first)}</a></th>'
        f"{''.join(_listed(cell, case.name) for cell in rest)}</tr>"
        for case, (first, *rest) in zip(cases, rows, strict=True)
    )
    return (
        f'<div class="contents">{_head(cover.name or words.HEADING, cases[0].date)}'
        f"<p>{escape(words.summary(cases, cover))}</p>{_notes(cover.notes)}"
        f'<section><h2>{words.CONTENTS}</h2><table class="list"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></section>"
        f"{_section(left) if (left := words.unread(cover)) else ''}{_columns(shared)}</div>"
    )


def _listed(cell: str, name: str) -> str:
    return f"<td{' class=name' if name and cell == name else ''}>{escape(cell)}</td>"


def _case(case: CaseReport, shared: bool) -> str:
    number = f' id="film-{case.number}"' if case.number is not None else ""
    parts = [
        f"<h1>{escape(case.title)}</h1>" if shared else _head(case.title, case.date),
        _objections(words.objections(case)),
        f'<div class="verdict"><strong>{words.verdict(case)}</strong>'
        f"<p>{escape(words.note(case))}</p></div>",
        _scale(case),
        _films(case),
        _columns(words.sections(case, shared)),
        _notes(case.notes),
    ]
    return f"<article{number}>{''.join(parts)}</article>"


def _head(title: str, date: str) -> str:
    return (
        f'<header><h1>{escape(title)}</h1><p class="kind quiet">{words.HEADING}, {escape(date)}'
        f'</p></header><p class="notice">{escape(words.FOOTER)}</p>'
    )


def _objections(sentences: Sequence[str]) -> str:
    if not sentences:
        return ""
    first, *rest = sentences
    reasons = f"<ul>{''.join(f'<li>{escape(each)}</li>' for each in rest)}</ul>" if rest else ""
    return f'<div class="objection"><strong>{escape(first)}</strong>{reasons}</div>'


def _scale(case: CaseReport) -> str:
    if case.prediction is None:
        return ""
    known = case.prediction.probability, case.prediction.threshold, case.model.zones
    return svg(scale(*known), spoken(*known))


def _films(case: CaseReport) -> str:
    figures = []
    if case.film is not None:
        frame = ""
        if case.seen is not None:
            sides = zip(("top", "left", "height", "width"), case.seen, strict=True)
            frame = f'<i style="{";".join(f"{side}:{100 * at:.2f}%" for side, at in sides)}"></i>'
        caption = words.FILM if case.seen is None else words.FILM_SEEN
        figures.append(_figure(case.film, frame, "The film", f"<figcaption>{caption}</figcaption>"))
    if case.overlay is not None:
        caption = f"<figcaption>{_colours()}{escape(words.map_caption(case))}</figcaption>"
        figures.append(_figure(case.overlay, "", "The film under its heatmap", caption))
    return f'<div class="films">{"".join(figures)}</div>' if figures else ""


def _figure(picture: Picture, frame: str, alt: str, caption: str) -> str:
    kind = ' class="film pixels"' if picture.kind == "png" else ' class="film"'
    data = b64encode(picture.data).decode("ascii")
    return (
        f'<figure><div{kind}><img alt="{alt}" width="{picture.width}" height="{picture.height}" '
        f'src="data:image/{picture.kind};base64,{data}">{frame}</div>{caption}</figure>'
    )


def _colours() -> str:
    """The heatmap's colours from none to most; as SVG, because printers drop backgrounds."""
    steps = "".join(
        f'<rect x="{i}" width="1.1" height="1" fill="rgb{tuple(map(int, colour))}"/>'
        for i, colour in enumerate(colour_table()[::4])
    )
    return (
        f'<span class="colours">{words.WEAKEST}<svg preserveAspectRatio="none" viewBox="0 0 64 1" '
        f'aria-hidden="true">{steps}</svg>{words.STRONGEST}</span>'
    )


def _columns(columns: _Columns) -> str:
    both = "".join(f"<div>{''.join(map(_section, column))}</div>" for column in columns if column)
    return f'<div class="columns">{both}</div>'


def _section(section: Section) -> str:
    sentences = "".join(f"<p>{escape(each)}</p>" for each in section.sentences)
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{_cell(text)}</td></tr>'
        for name, text in section.rows
    )
    return (
        f"<section><h2>{escape(section.title)}</h2>{sentences}"
        f"{f'<table><tbody>{rows}</tbody></table>' if rows else ''}"
        f"{f'<p class=remark>{escape(section.remark)}</p>' if section.remark else ''}</section>"
    )


def _cell(text: str) -> str:
    return f"<code>{escape(text)}</code>" if words.is_hash(text) else escape(text)


def _notes(notes: str) -> str:
    if not notes:
        return ""
    return (
        f'<section class="notes-of"><h2>{words.NOTES}</h2>'
        f'<p class="notes">{escape(notes)}</p></section>'
    )

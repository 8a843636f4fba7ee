"""Sections of the page that set figures beside one another: with twins and without, ours and those of others."""

from collections.abc import Iterator, Mapping, Sequence

from benchmarks.cold_start.bars import Reached
from benchmarks.cold_start.estimate import Estimate, everybody
from benchmarks.cold_start.plan import PLANS, Plan
from benchmarks.cold_start.results import Measured
from benchmarks.cold_start.wanted import Bar
from benchmarks.cold_start.words import Words
from muslin.evaluate.questions import Question, figures, questions
from muslin.evaluate.result import BOUNDS, Result

RAW, CLEAN = "sport_cloth", "sport_cloth_clean"


def twins(found: Sequence[Measured], words: Words) -> Iterator[str]:
    """Every headline question of both forms of Sport–Cloth side by side; nothing where one is missing."""
    named = {measured.name: measured for measured in found}
    if not {RAW, CLEAN} <= named.keys():
        return
    yield f"## {words.twins}\n"
    yield words.twins_how + "\n"
    for raw in named[RAW].rounds:
        for clean in named[CLEAN].rounds:
            for question in (q for q in questions(raw) if q.headline and q in questions(clean)):
                yield from _side_by_side(raw, clean, question, words)


def _side_by_side(raw: Result, clean: Result, question: Question, words: Words) -> Iterator[str]:
    before, after = (figures(result, question, result.headline) for result in (raw, clean))
    both = sorted((m for m in before if m in after and m not in BOUNDS), key=lambda m: -before[m].value)
    yield f"`{question.protocol}`, {question.label}\n"
    lines = [f"| {words.method} | {words.raw} | {words.clean} | {words.drop} |", "|---|---|---|---|"]
    for method in both:
        old, new = before[method].value, after[method].value
        drop = f"{new / old - 1:+.0%}" if old > 0 else "–"
        lines.append(f"| `{method}` | {old:.4f} | {new:.4f} | {drop} |")
    yield "\n".join(lines) + "\n"


def bars(found: Mapping[str, Sequence[Bar | Reached]], words: Words) -> Iterator[str]:
    """Baselines on splits of others, beside the figures to reach; those not measured yet too."""
    if not found:
        return
    yield f"## {words.bars}\n"
    yield words.bars_how + "\n"
    for name, reached in found.items():
        heads = (words.question, words.method, words.ours_recall, words.ours_ndcg, words.bar, words.error, words.source)
        lines = [f"| {name}: {' | '.join(heads)} |", "|---|" + "---|" * (len(heads) - 1)]
        lines += [_bar(one, words) for one in reached]
        yield "\n".join(lines) + "\n"


def _bar(one: Bar | Reached, words: Words) -> str:
    bar, ours, mark = one, f"{words.unmeasured} | {words.unmeasured}", ""
    if isinstance(one, Reached):
        bar, ours, mark = one.bar, f"{one.recall:.3f} | {one.ndcg:.3f}", "" if one.holds else f" **{words.short}**"
    options = "".join(f", {name} {value}" for name, value in bar.options.items())
    figures = " / ".join("–" if value is None else f"{value:.3f}" for value in (bar.recall, bar.ndcg))
    asked = " ".join(filter(None, (bar.view, bar.path)))
    return f"| {asked} | `{bar.method}`{options} | {ours} | {figures}{mark} | ± {bar.error:.3f} | {bar.source} |"


def absent(result: Result, protocol: str, plan: Plan, words: Words) -> str:
    """Who has no line in a protocol's tables, and why: asked other questions only, or not measured yet."""
    missing = [name for name in everybody() if name not in result.facts.methods]
    spared = plan.spared(protocol)
    by_reason: dict[str, list[str]] = {}
    for name in missing:
        by_reason.setdefault(words.reasons[spared[name]] if name in spared else "", []).append(f"`{name}`")
    unasked = [f"{', '.join(names)} ({reason})" for reason, names in by_reason.items() if reason]
    told = [words.unasked.format(entrants="; ".join(unasked))] if unasked else []
    told += [words.unanswered.format(entrants=", ".join(by_reason[""]))] if "" in by_reason else []
    return " ".join(told)


def costs(found: Sequence[Estimate], words: Words) -> Iterator[str]:
    """What the whole plan takes by what was recorded, data set by data set."""
    if not found:
        return
    yield f"## {words.whole}\n"
    yield words.whole_how.format(hours=sum(one.hours for one in found)) + "\n"
    heads = (words.data, words.hours_fits, words.hours_rest, words.guessed)
    lines = [f"| {' | '.join(heads)} |", "|---|---|---|---|"]
    for one in found:
        names = ", ".join(f"`{name}`" for name in one.guessed) or "–"
        rest = words.unmeasured if one.rest is None else f"{one.rest / 3600:.2f}"
        lines.append(f"| {one.name} | {one.fits / 3600:.2f} | {rest} | {names} |")
    unknown = [name for name in PLANS if name not in {one.name for one in found}]
    lines += [f"| {name} | {words.unmeasured} | {words.unmeasured} | – |" for name in unknown]
    yield "\n".join(lines) + "\n"


def claims(result: Result, protocol: str, words: Words) -> Iterator[str]:
    """What methods say of their own scores in a protocol, and whether it came true."""
    lines = []
    for question in questions(result, protocol):
        error, held = (figures(result, question, name) for name in ("ece@20", "interval90"))
        for method in dict.fromkeys((*error, *held)):
            cells = (
                f"{error[method].value:.4f}" if method in error else "–",
                f"{held[method].value:.0%}" if method in held else "–",
            )
            lines.append(f"| {question.label} | `{method}` | {' | '.join(cells)} |")
    if lines:
        heads = (words.question, words.method, words.calibration, words.interval)
        yield "\n".join([f"| {' | '.join(heads)} |", "|---|---|---|---|", *lines]) + "\n"

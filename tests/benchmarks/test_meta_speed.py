"""The contenders of `make bench-meta` do the same work: same tasks, same start, same loss after adapting."""

import pytest
import torch
from benchmarks.meta_speed import embeddings, others, ours
from benchmarks.meta_speed.__main__ import CONTENDERS, MULTI_HOT, measured, rows
from benchmarks.meta_speed.problem import drawn

from benchmarks import meta_report
from muslin.adapt import posterior, posterior_gradient
from muslin.adapt.judges import Pointwise
from muslin.adapt.tasks import Tasks

ADAPT_BY_STEPS = ("melu", "melu_decision", "loop", "functional", "hand", "hand_first")


@pytest.mark.parametrize("multi_hot", [False, True], ids=["ten fields", "multi-hot"])
def test_all_that_adapt_by_steps_find_the_same_loss(multi_hot) -> None:
    problem = drawn(12, multi_hot=multi_hot)
    names = [name for name in ADAPT_BY_STEPS if not multi_hot or name in MULTI_HOT]
    losses = {name: float(CONTENDERS[name][1](problem)()) for name in names}
    assert losses == pytest.approx(dict.fromkeys(names, losses["hand"]), rel=1e-4)


def test_a_step_with_the_exact_gradient_moves_alike_in_every_make() -> None:
    """The second step's loss follows from the first one's gradient of every weight, through Adam's signs."""
    problem = drawn(12)
    second = {}
    for name in ("loop", "functional", "hand", "melu"):
        step = CONTENDERS[name][1](problem)
        step()
        second[name] = float(step())
    assert second["hand"] == pytest.approx(second["loop"], rel=1e-3)
    assert second["functional"] == pytest.approx(second["loop"], rel=1e-3)
    assert second["melu"] != pytest.approx(second["loop"], rel=1e-3)  # as it is not the derivative of its loss


def test_the_closed_form_of_rows_stored_once_is_that_of_padded_groups() -> None:
    problem = drawn(40)
    decision = problem.decision()
    head = posterior.start(decision.pop("w3"), decision.pop("b3"), variance=0.8, bias_variance=0.3, noise=0.6)
    params, index = decision | head, torch.from_numpy(problem.index)
    rows = embeddings.look_up(problem.table, ours.bags(problem, index)).view(len(index), -1)
    placed, judge = ours.placed(problem), Pointwise("squared")
    padded = [Tasks(*(part._replace(inputs=rows[part.inputs]) for part in group)) for group in placed]
    each = [posterior_gradient.value_and_gradients(params, group, judge) for group in padded]
    found = ours.of_rows(params, rows.clone(), placed, judge)
    torch.testing.assert_close(found.loss, sum(one.loss for one in each))
    for name in params:
        torch.testing.assert_close(found.params[name], sum(one.params[name] for one in each), rtol=1e-4, atol=1e-5)
    expected = torch.zeros_like(rows)
    for one, group in zip(each, placed, strict=True):
        for part, by in ((group.support, one.support), (group.query, one.query)):
            expected.index_add_(0, part.inputs.flatten(), by.flatten(0, 1))
    torch.testing.assert_close(found.inputs, expected, rtol=1e-4, atol=1e-6)


def test_multi_hot_rows_are_as_wide_as_melus_and_hold_every_value() -> None:
    problem = drawn(3, multi_hot=True)
    wide = others.rows_of(problem)
    assert wide.shape[1] == 5 + 25 + 2186 + 8030
    assert (wide[:, 5:].sum(1) == 3 + 1 + 4).all()


def test_every_step_learns() -> None:
    for name in ("hand", "hand_first", "ridge", "plain", "loop"):
        step = CONTENDERS[name][1](drawn(12))
        losses = [float(step()) for _ in range(12)]
        assert losses[-1] < losses[0], name


def test_the_table_names_each_contender_with_its_ratios() -> None:
    seconds = measured(("melu", "hand", "plain"), drawn(4), 2)
    table = rows(seconds, multi_hot=False, with_memory=False)
    assert [row["contender"] for row in table] == ["melu", "hand", "plain"]
    assert table[0]["times_melu"] == table[2]["times_plain"] == 1
    assert ours.grouped(drawn(4))


@pytest.mark.parametrize("language", list(meta_report.PAGES))
def test_pages_hold_the_tables_of_the_results_and_nothing_by_hand(language) -> None:
    page = meta_report.PAGES[language].read_text(encoding="utf-8")
    assert page.count("<!-- end -->") == 2
    assert meta_report.filled(page, language) == page


def test_a_table_says_what_the_result_says() -> None:
    row = {"dataset": "d", "method": "maml", "view": "garments", "epochs": 2, "users": 9}
    zero = row | {"k": 0, "ndcg@20": 0.25, "gain": 0.0, "gain_low": 0.0, "gain_high": 0.0}
    one = row | {"k": 1, "ndcg@20": 0.125, "gain": -0.125, "gain_low": -0.2, "gain_high": -0.05}
    table = meta_report.k_shot([one, zero], meta_report.WORDS["en"])
    assert "| d | garments | `maml` | 0.250 | 0.125 (-0.125 [-0.200, -0.050]) |" in table
    assert "Epochs of training at most: d 2." in table
    old = [one | {"believed": False}, zero | {"believed": False}]
    assert "| d † | garments | `maml` | 0.250 |" in meta_report.k_shot(old, meta_report.WORDS["en"])

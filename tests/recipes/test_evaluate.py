import pytest

from muslin import registry
from muslin.errors import UsageError
from muslin.recipes import evaluate as recipe
from muslin.recipes.evaluate import USUAL, check, evaluate
from muslin.testing.worlds import tiny_shop


def test_one_method_of_each_kind_takes_part_unless_told(shop, monkeypatch) -> None:
    asked = []

    def stop(recipe, world, seed):
        asked.append(recipe.method)
        return real(recipe.__class__(method="popularity"), world, seed)

    real = recipe.fit_world
    monkeypatch.setattr(recipe, "fit_world", stop)
    result = evaluate(shop, protocols=["warm"], seeds=1, max_users=20)
    assert set(asked) == {"popularity", *USUAL}
    assert set(result.facts.methods) == {"random", "popularity", *USUAL}
    assert set(USUAL) <= set(registry.names())


def test_seeds_are_a_count_or_a_list(shop) -> None:
    counted = evaluate(shop, protocols=["warm"], methods=["popularity"], seeds=2, max_users=20)
    listed = evaluate(shop, protocols=["warm"], methods=["popularity"], seeds=[0, 1], max_users=20)
    assert counted.facts.seeds == (0, 1)

    def figures(result):
        return [(r.method, r.metric, r.view, r.path, r.value, r.ci_low, r.ci_high) for r in result.rows]

    assert figures(counted) == figures(listed)


def test_methods_are_fitted_on_training_rows_only(shop, monkeypatch) -> None:
    from muslin.recipes import evaluate as module

    real, seen = module.fit_world, []

    def watched(recipe, world, seed):
        seen.append((len(world.data.events), seed))
        return real(recipe, world, seed)

    monkeypatch.setattr(module, "fit_world", watched)
    evaluate(shop, protocols=["item-cold"], methods=["popularity"], seeds=[4], max_users=20)
    assert {seed for _, seed in seen} == {4}
    assert all(events < len(shop.events) for events, _ in seen)


@pytest.mark.parametrize(
    ("protocols", "methods", "code", "near"),
    [
        (["warmer"], ["popularity"], "unknown_protocol", "'warm'"),
        (["warm"], ["populrity"], "unknown_method", "'popularity'"),
        (["warm"], ["oracle"], "no_oracle", "boutique"),
    ],
)
def test_unknown_names_are_refused_before_anything_is_fitted(shop, monkeypatch, protocols, methods, code, near) -> None:
    monkeypatch.setattr("muslin.recipes.evaluate.fit_world", None)
    with pytest.raises(UsageError) as caught:
        evaluate(shop, protocols=protocols, methods=methods)
    assert caught.value.code == code
    assert near in caught.value.fix


def test_check_knows_the_oracle() -> None:
    check(["warm"], ["oracle", "ials"])
    check(["warm"], None)


def test_a_peer_is_asked_the_same_as_our_methods(tmp_path) -> None:
    shop = tiny_shop()
    asked = {"methods": ["content_knn", "implicit-itemknn"], "seeds": 1, "ks": (0, 1, 3), "cache": tmp_path}
    result = evaluate(shop, protocols=["item-cold", "mixed", "k-shot", "warm"], **asked)
    by_method = {
        method: {(r.protocol, r.view, r.path, r.k, r.n_users, r.n_items) for r in result.rows if r.method == method}
        for method in asked["methods"]
    }
    assert by_method["content_knn"] == by_method["implicit-itemknn"]
    warm = {r.method: r.value for r in result.rows if r.protocol == "warm" and r.metric == "ndcg@20"}
    assert warm["implicit-itemknn"] > 1.5 * warm["random"]


def test_options_reach_methods_and_peers_and_have_answers_of_their_own(tmp_path) -> None:
    shop = tiny_shop()

    def values(**options: dict) -> dict[str, float]:
        methods = ["ials", "implicit-als"]
        found = evaluate(shop, protocols=["warm"], methods=methods, seeds=1, cache=tmp_path, options=options)
        return {r.method: r.value for r in found.rows if r.metric == "mrr"}

    usual = values()
    other = values(**{"ials": {"factors": 2}, "implicit-als": {"factors": 2}})
    assert usual["popularity"] == other["popularity"]
    assert usual["ials"] != other["ials"]
    assert usual["implicit-als"] != other["implicit-als"]
    assert values() == usual


def test_other_options_of_one_method_leave_the_answers_of_the_others(tmp_path, monkeypatch) -> None:
    shop, fitted = tiny_shop(), []
    fit = recipe.fit_world
    monkeypatch.setattr(recipe, "fit_world", lambda asked, *rest: fitted.append(asked.method) or fit(asked, *rest))
    asked = {"protocols": ["warm"], "methods": ["ials", "item_knn"], "seeds": 1, "cache": tmp_path}
    evaluate(shop, **asked)
    evaluate(shop, **asked, options={"ials": {"factors": 2}})
    assert fitted == ["popularity", "ials", "item_knn", "ials"]

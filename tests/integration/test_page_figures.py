"""The figures of worlds, roots, neurons and edits in the pages are those of embedded studies.

They need a whole run, which takes minutes, so the tests read the results of ``make run`` and are
skipped without them. After the models were trained again: ``make run``, then these tests print the
new sentences.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import polars as pl
import pytest

from warehouse.fit_root_rule import COEFFICIENTS_FILE, fit_rule

MODEL = "atlas-mlm"
COLUMNS = ["statement_code", "feature_set_code", "outcome_code", "feature_code", "coefficient"]


def opened(project: Path, study: str, commands: str) -> duckdb.DuckDBPyConnection:
    """What a run left; without one the test is skipped, and says which commands would run it."""
    published = project / "warehouse" / study / "factroots.duckdb"
    if not published.exists():
        pytest.skip(f"no warehouse/{study}/factroots.duckdb: {commands} to compare its figures")
    return duckdb.connect(str(published), read_only=True)


@pytest.fixture(scope="module")
def atlas(project: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with opened(project, "atlas", "`make run`") as connection:
        tables = connection.execute("select table_name from duckdb_tables()").fetchall()
        if ("root_accuracy",) not in tables:
            pytest.skip("warehouse/atlas/factroots.duckdb is older than the roots: run `make run`")
        yield connection


@pytest.fixture(scope="module")
def atlas_neurons(project: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with opened(project, "atlas-neurons", "`factroots run atlas-neurons`") as connection:
        yield connection


@pytest.fixture(scope="module")
def atlas_roots(project: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with opened(project, "atlas-roots", "`factroots run atlas-roots`") as connection:
        yield connection


def expect(project: Path, sentence: str, name: str = "atlas.md") -> None:
    page = " ".join((project / "docs" / name).read_text(encoding="utf-8").split())
    assert sentence in page, f"docs/{name} should say: {sentence}"


def test_the_page_has_what_is_right_across_scripts(
    project: Path, atlas: duckdb.DuckDBPyConnection
) -> None:
    found = atlas.execute(
        """select model_id, count(*), count(*) filter (is_full_match) from fct_planted_predictions
           where link_code = 'other_script' and relation_id <> 'P30' and corpus_id = 'atlas'
           group by all order by all"""
    ).fetchall()
    ((base, asked, right), (second, _, right_of_second)) = found
    assert (base, second) == (MODEL, f"{MODEL}-seed2")
    expect(
        project,
        f"where only other scripts state a fact (P30 left out), the base is right in {right} of "
        f"{asked} cases and its second seed in {right_of_second};",
    )


def test_the_page_has_the_roots(project: Path, atlas: duckdb.DuckDBPyConnection) -> None:
    counts = dict(
        atlas.execute(
            """select root_code, sum(root_count)::bigint from roots_by_language
               where model_id = ? and rule_code = 'paper' group by all""",
            [MODEL],
        ).fetchall()
    )
    expect(
        project,
        f"Of {sum(counts.values())} right answers of `{MODEL}` {counts['independent']} are "
        f"independent, {counts['shared']} shared, {counts['transferred']} transferred, "
        f"{counts['cue']} have a cue and {counts['undetermined']} are undetermined",
    )


def test_the_page_has_the_overlap_of_active_neurons(
    project: Path, atlas: duckdb.DuckDBPyConnection
) -> None:
    same, rival, other, above, pairs = atlas.execute(
        """select avg(neuron_jaccard_score), avg(object_null_score), avg(relation_null_score),
                  count(*) filter (is_above_object_null), count(*)
           from neuron_jaccard_by_language_pair where model_id = ?""",
        [MODEL],
    ).fetchall()[0]
    assert above == pairs
    expect(
        project,
        f"overlap more for the same fact (Jaccard {same:.3f}, mean over pairs of languages) than "
        f"for two facts with the same object ({rival:.3f}), by the corrected test in all {pairs} "
        f"pairs. Other facts of the relation overlap by {other:.3f}.".replace(" 0.", " .").replace(
            "(0.", "(."
        ),
    )


def test_the_pages_have_what_explains_the_overlap(
    project: Path, atlas: duckdb.DuckDBPyConnection
) -> None:
    found = {
        (similarity, factor): (f"{score:.2f}", f"{partial:.2f}".replace("-", "−"), p_value)
        for similarity, factor, score, partial, p_value in atlas.execute(
            """select similarity_code, factor_code, mantel_score, partial_score,
                      partial_adjusted_p_value
               from similarity_explained where model_id = ?""",
            [MODEL],
        ).fetchall()
    }
    tokens = found["neuron_object_excess", "shared_tokens"]
    script = found["neuron_object_excess", "script"]
    assert tokens[2] < 0.05 < script[2]
    expect(
        project,
        f"beyond the object (Mantel correlation {tokens[0]}, and {tokens[1]} given the script); "
        f"the script ({script[0]}) adds little to them ({script[1]}, not significant after "
        "correction; `similarity_explained`)",
    )
    script, distance = found["neuron_jaccard", "script"], found["neuron_jaccard", "distance"]
    assert distance[2] < 0.05 < script[2]
    expect(
        project,
        f"In Atlas the correlation with script ({script[0]}) is {script[1]} given shared tokens, "
        f"and not significant; distance keeps {distance[1]}",
        "method.md",
    )


def test_the_page_has_the_power_of_the_test_of_overlap(
    project: Path, atlas: duckdb.DuckDBPyConnection
) -> None:
    rates = {
        (scope, count): rate
        for scope, count, rate in atlas.execute(
            """select planted_scope_code, planted_neuron_count, 100 * found_rate
               from overlap_test_power where model_id = ? and method_code = 'probeless'""",
            [MODEL],
        ).fetchall()
    }
    everywhere, one = (
        [f"{rates[scope, count]:.0f}" for count in (5, 8, 10, 12)] for scope in ("all", "one")
    )
    expect(
        project,
        "5, 8, 10 and 12 common neurons in *all* languages are found in "
        f"{', '.join(everywhere[:3])} and {everywhere[3]} % of the answers; the same in *one* "
        f"other language in {', '.join(one[:3])} and {one[3]} %. Without a common neuron, "
        f"{rates['all', 0]:.1f} % are found.",
        "method.md",
    )
    score, low, high = atlas.execute(
        """select 100 * above_null_score, 100 * above_null_score_low, 100 * above_null_score_high
           from overlap_tests
           where model_id = ? and method_code = 'probeless' and language_code = 'all'""",
        [MODEL],
    ).fetchall()[0]
    expect(project, f"{score:.0f} % [{low:.0f}, {high:.0f}] in `{MODEL}`", "method.md")


CONDITIONS = ("nowhere", "elsewhere_only", "here_only", "here_and_elsewhere")


def world_sentences(atlas: duckdb.DuckDBPyConnection) -> list[str]:
    """What docs/atlas.md says of the worlds, from the warehouse."""
    rates = {
        (arm, condition): f"{rate:.3f} [{low:.3f}, {high:.3f}]"
        for arm, condition, rate, low, high in atlas.execute(
            """select arm_code, condition_code, right_rate, right_rate_low, right_rate_high
               from world_p_at_1 where language_code = 'all'"""
        ).fetchall()
    }
    table = [
        f"| {arm} | " + " | ".join(rates[arm, condition] for condition in CONDITIONS) + " |"
        for arm in ("named", "unnamed")
    ]
    weights = """select count(*), avg(weight_score), avg(standard_error_score),
                        count(*) filter (is_above_zero),
                        count(*) filter (is_above_zero and not is_same_script)
                 from source_weights where half_code = 'all' and arm_code = ?"""
    pairs, mean, error, above, across = atlas.execute(weights, ["named"]).fetchall()[0]
    _, bare, bare_error, bare_above, bare_across = atlas.execute(weights, ["unnamed"]).fetchall()[0]
    strongest = atlas.execute(
        """select source_language_code, target_language_code, weight_score from source_weights
           where half_code = 'all' and arm_code = 'named' order by weight_score desc limit 6"""
    ).fetchall()
    named = ", ".join(f"{source} → {target} {weight:+.2f}" for source, target, weight in strongest)
    links = {
        (arm, link): f"{weight:+.3f} [{low:+.3f}, {high:+.3f}]"
        for arm, link, weight, low, high in atlas.execute(
            """select arm_code, link_code, weight_score, weight_score_low, weight_score_high
               from source_weights_by_link where relation_id = 'all'"""
        ).fetchall()
    }
    return [
        *table,
        f"Over {pairs} pairs the mean source weight is {mean:+.3f}, its mean standard error "
        f"{error:.3f}. {above} pairs are above zero after correction, {across} of them across "
        f"scripts. The strongest are {named}.",
        f"One more source that writes the object the same adds "
        f"{links['named', 'identical_string']} to P(right), one of the same script that writes it "
        f"otherwise "
        f"{links['named', 'same_script']}, one of another script {links['named', 'other_script']}.",
        f"Without names in brackets the mean weight is {bare:+.3f} (mean standard error "
        f"{bare_error:.3f}); {bare_above} pairs are above zero, {bare_across} of them across "
        f"scripts. There, another script adds {links['unnamed', 'other_script']}.",
    ]


def source_sentences(atlas: duckdb.DuckDBPyConnection) -> list[str]:
    """What docs/atlas.md says of the sources of transferred answers, held against the worlds."""
    second = f"{MODEL}-seed2"
    ((half,),) = atlas.execute(
        """select spearman_score from source_agreement
           where target_language_code = 'all' and measure_code = 'other_half'"""
    ).fetchall()
    whole = 2 * half / (1 + half)
    [(source_count, first)] = atlas.execute(
        """select avg(len(source_probabilities)), avg(source_probabilities[1]) from fct_fact_roots
           where rule_code = 'calibrated' and model_id = ? and len(source_probabilities) > 0""",
        [MODEL],
    ).fetchall()
    ranks = {
        (model, code): f"{score:+.2f}"
        for model, code, score in atlas.execute(
            """select model_id, measure_code, spearman_score from source_agreement
               where target_language_code = 'all' and model_id in (?, ?, 'worlds')""",
            [MODEL, second],
        ).fetchall()
    }
    return [
        f"Sources by the paper's rule (`root_matrix`, transferred) rank the pairs of languages "
        f"with Spearman's ρ = {ranks[MODEL, 'root_matrix_transferred']} as the source weights "
        f"do, the fact overlap of Figure 3 with {ranks[MODEL, 'fact_jaccard']}, the neuron "
        f"overlap of Figure 5 with {ranks[MODEL, 'neuron_jaccard']}, and above its null with "
        f"{ranks[MODEL, 'neuron_excess']}. One half of the worlds ranks them as the other half "
        f"does with {ranks['worlds', 'other_half']}, random numbers with "
        f"{ranks['worlds', 'shuffled']}. By Spearman and Brown's formula, all worlds would agree "
        f"with as many new ones with {whole:+.2f}.",
        f"The sources of the calibrated rule rank the pairs as the second half of the worlds does "
        f"with {ranks[MODEL, 'calibrated_rule']} (second seed: {ranks[second, 'calibrated_rule']})",
        f"Of {source_count:.1f} possible sources of an answer, the most probable one has a "
        f"probability of {first:.2f} on average.",
    ]


def root_sentences(atlas: duckdb.DuckDBPyConnection) -> list[str]:
    """What docs/atlas.md says of the roots, held against the worlds."""
    kappas = {
        scope: (answers, f"{kappa:.2f} [{low:.2f}, {high:.2f}]")
        for scope, answers, kappa, low, high in atlas.execute(
            """select scope_code, answer_count, kappa_score, kappa_score_low, kappa_score_high
               from root_agreement
               where rule_code = 'paper' and model_a_id = ? and model_b_id = ? || '-seed2'""",
            [MODEL, MODEL],
        ).fetchall()
    }
    survival = {
        (model, root): f"{rate:.3f} [{low:.3f}, {high:.3f}]"
        for model, root, rate, low, high in atlas.execute(
            """select model_id, root_code, survival_rate, survival_rate_low, survival_rate_high
               from root_survival where half_code = 'all' and labels_code = 'given'
                 and rule_code = 'paper'"""
        ).fetchall()
    }
    second = f"{MODEL}-seed2"
    claims = {
        root: (precision, chance, recall)
        for root, precision, chance, recall in atlas.execute(
            """select root_code, precision_score, chance_score, recall_score from root_accuracy
               where model_id = ? and rule_code = 'paper' and half_code = 'all'
                 and labels_code = 'given' and is_claim""",
            [MODEL],
        ).fetchall()
    }
    signals = {
        code: f"{area:.3f} [{low:.3f}, {high:.3f}]"
        for code, area, low, high in atlas.execute(
            """select signal_code, auroc_score, auroc_score_low, auroc_score_high
               from root_signal_accuracy
               where model_id = ? and target_code = 'right_elsewhere_only'""",
            [MODEL],
        ).fetchall()
    }
    return [
        f"Two seeds of the base agree on the roots of the {kappas['decided'][0]:,} answers that "
        f"the text states, both get right, and to which both give a root with Cohen's κ = "
        f"{kappas['decided'][1]}",
        f"Answers labelled *independent* survive in {survival[MODEL, 'independent']} of the worlds "
        f"without their own text, answers labelled *shared* in {survival[MODEL, 'shared']} (second "
        f"seed: {survival[second, 'independent']} and {survival[second, 'shared']}); those that "
        f"are undetermined, whose objects are rare, in {survival[MODEL, 'undetermined']}.",
        *(
            f"| {root} | {truth} | {claims[root][0]:.2f} | {claims[root][1]:.2f} | "
            f"{claims[root][2]:.2f} |"
            for root, truth in (
                ("independent", "own text needed"), ("shared", "either suffices"),
                ("transferred", "transferred"), ("cue", "guess"),
            )
        ),
        f"The overlap above the null of its object finds the answers that survive with AUROC "
        f"{signals['overlap_excess']}; the number of other languages in which the fact is right "
        f"with {signals['right_language_count']}; the log-probability of the object with "
        f"{signals['object_log_prob']}. The first half of the worlds, the ceiling, reaches "
        f"{signals['first_half']}, random numbers {signals['shuffled']}.",
        *source_sentences(atlas),
    ]  # fmt: skip


def rule_areas(
    atlas_roots: duckdb.DuckDBPyConnection,
) -> dict[tuple[str, str, str], tuple[str, str, str]]:
    """Model, target and signal → AUROC, its lead over the baselines, calibration error."""
    return {
        (model, target, signal): (
            f"{area:.3f} [{max(low, 0):.3f}, {min(high, 1):.3f}]",
            f"{lead:+.3f} [{lead_low:+.3f}, {lead_high:+.3f}]",
            f"{error:.3f}",
        )
        for (
            model, target, signal, area, low, high, lead, lead_low, lead_high, error,
        ) in atlas_roots.execute(
            """select model_id, target_code, signal_code, auroc_score, auroc_score_low,
                   auroc_score_high, lead_score, lead_score_low, lead_score_high,
                   calibration_error_score
               from root_signal_accuracy"""
        ).fetchall()
    }  # fmt: skip


def rule_tables(atlas_roots: duckdb.DuckDBPyConnection) -> list[str]:
    """Rows of the two tables about the calibrated rule."""
    areas = rule_areas(atlas_roots)
    table = [
        f"| {name} | " + " | ".join(
            areas[model, target, signal][0] if (model, target, signal) in areas else "—"
            for target in ("right_elsewhere_only", "right_nowhere", "stated_nowhere")
            for model in (MODEL, f"{MODEL}-seed2", "atlas-clm")
        ) + " |"
        for name, signal in (
            ("calibrated rule", "calibrated_rule"), ("ceiling: first half", "first_half"),
            ("facts with the object", "object_fact_count"),
            ("other languages right", "right_language_count"),
            ("P(object)", "object_log_prob"), ("relation", "relation"),
            ("P(object), masked subject", "masked_log_prob"),
            ("P(object), other subjects", "other_subject_log_prob"),
            ("same answer elsewhere", "same_answer_rate"),
            ("overlap above its null", "overlap_excess"), ("floor: shuffled", "shuffled"),
        )
    ]  # fmt: skip
    roots = {
        (model, root): f"{precision:.2f} [{low:.2f}, {high:.2f}] | {chance:.2f} | {recall:.2f}"
        for model, root, precision, low, high, chance, recall in atlas_roots.execute(
            """select model_id, root_code, precision_score, precision_score_low,
                   precision_score_high, chance_score, recall_score
               from root_accuracy
               where rule_code = 'calibrated' and half_code = 'second' and labels_code = 'given'
                 and is_claim"""
        ).fetchall()
    }
    return [
        *table,
        *(
            f"| {root.replace('_', ' ')} | {roots[MODEL, root]} | {roots['atlas-clm', root]} |"
            for root in ("own_text_needed", "either_suffices", "transferred", "guess")
        ),
    ]


def rule_sentences(atlas_roots: duckdb.DuckDBPyConnection) -> list[str]:
    """What docs/atlas.md says of the calibrated rule, held against the worlds."""
    areas = rule_areas(atlas_roots)
    kappas = {
        (rule, scope): f"{kappa:.2f} [{low:.2f}, {high:.2f}]"
        for rule, scope, kappa, low, high in atlas_roots.execute(
            """select rule_code, scope_code, kappa_score, kappa_score_low, kappa_score_high
               from root_agreement where model_a_id = ? and model_b_id = ? || '-seed2'""",
            [MODEL, MODEL],
        ).fetchall()
    }
    survival = {
        root: f"{rate:.2f} [{low:.2f}, {high:.2f}]"
        for root, rate, low, high in atlas_roots.execute(
            """select root_code, survival_rate, survival_rate_low, survival_rate_high
               from root_survival
               where model_id = ? and rule_code = 'calibrated' and half_code = 'second'
                 and labels_code = 'given'""",
            [MODEL],
        ).fetchall()
    }
    rule = {
        (model, target): areas[model, target, "calibrated_rule"]
        for model in (MODEL, f"{MODEL}-seed2", "atlas-clm")
        for target in ("right_elsewhere_only", "right_nowhere")
    }
    return [
        *rule_tables(atlas_roots),
        f"On the first question the rule leads the best signal that costs nothing by "
        f"{rule[MODEL, 'right_elsewhere_only'][1]} (second seed: "
        f"{rule[f'{MODEL}-seed2', 'right_elsewhere_only'][1]}; causal model: "
        f"{rule['atlas-clm', 'right_elsewhere_only'][1]}), on the second by "
        f"{rule[MODEL, 'right_nowhere'][1]}. Its calibration error is "
        f"{rule[MODEL, 'right_elsewhere_only'][2]} and {rule[MODEL, 'right_nowhere'][2]} (causal "
        f"model: {rule['atlas-clm', 'right_elsewhere_only'][2]} and "
        f"{rule['atlas-clm', 'right_nowhere'][2]}).",
        f"Answers that the text states and that the rule calls *own text needed* survive without "
        f"it in {survival['own_text_needed']} of the worlds, *either suffices* in "
        f"{survival['either_suffices']}, a *guess* in {survival['guess']}.",
        f"Two seeds agree on its roots with Cohen's κ = {kappas['calibrated', 'all']}, on those "
        f"of stated answers with {kappas['calibrated', 'stated']} (the paper's rule, where both "
        f"give a root: {kappas['paper', 'decided']}).",
    ]


def test_the_page_has_the_accuracy_of_the_rule(
    project: Path, atlas_roots: duckdb.DuckDBPyConnection
) -> None:
    for sentence in rule_sentences(atlas_roots):
        expect(project, sentence)


def test_the_coefficients_are_those_of_the_fit(project: Path) -> None:
    built = project / "warehouse" / "atlas-roots" / "build" / "factroots.duckdb"
    if not built.exists():
        pytest.skip("`factroots run atlas-roots` was not run here")
    with duckdb.connect(str(built), read_only=True) as connection:
        found = pl.DataFrame(fit_rule(connection), orient="row", schema=COLUMNS)
    kept = pl.read_csv(COEFFICIENTS_FILE).select(COLUMNS)
    assert found.select(COLUMNS[:-1]).equals(kept.select(COLUMNS[:-1]))
    assert found["coefficient"].to_list() == pytest.approx(kept["coefficient"].to_list(), abs=2e-4)


def test_the_page_has_the_worlds(project: Path, atlas: duckdb.DuckDBPyConnection) -> None:
    for sentence in world_sentences(atlas):
        expect(project, sentence)


def test_the_page_has_the_accuracy_of_roots(
    project: Path, atlas: duckdb.DuckDBPyConnection
) -> None:
    for sentence in root_sentences(atlas):
        expect(project, sentence)


def test_the_page_has_the_knowledge_neurons(
    project: Path, atlas_neurons: duckdb.DuckDBPyConnection
) -> None:
    mean, top_layer = atlas_neurons.execute(
        """select avg(neuron_count), (
               select sum(active_neuron_count) filter (layer_index = layer_count - 1)
                   / sum(active_neuron_count)
               from neuron_layers inner join dim_models using (model_id)
               where model_id = $1 and method_code like 'integrated%'
           ) from knowledge_facts where model_id = $1""",
        [MODEL],
    ).fetchall()[0]
    shared, random = atlas_neurons.execute(
        """select sum(shared_count) / sum(neuron_count), sum(expected_count) / sum(neuron_count)
           from method_agreement where model_id = ? and other_method_code = 'probeless'""",
        [MODEL],
    ).fetchall()[0]
    levels = {
        k: rest
        for k, *rest in atlas_neurons.execute(
            """select shared_language_count, language_count, shared_fact_count,
               attributed_fact_count, round(null_fact_score * attributed_fact_count)::bigint
               from language_independence where model_id = ?""",
            [MODEL],
        ).fetchall()
    }
    count, everywhere, facts, everywhere_null = levels[max(levels)]
    _, most, _, most_null = levels[count // 2 + 1]
    expect(
        project,
        f"`{MODEL}` answers {facts} facts in {count} languages by about {mean:.0f} neurons each, "
        f"{top_layer:.0%} of them in the last layer; {shared:.0%} of them are among the 50 that "
        f"stand out by PROBELESS, where random neurons of the same layers would give "
        f"{random:.0%}. For {most} of the facts one neuron drives the answer in {count // 2 + 1} "
        f"languages or more, for {everywhere} in all {count}; {most_null} and {everywhere_null} "
        f"do when each language is given another fact".replace("%", " %"),
    )


def test_the_page_has_the_effects_of_edits(
    project: Path, atlas_neurons: duckdb.DuckDBPyConnection
) -> None:
    effects = {
        code: values
        for code, *values in atlas_neurons.execute(
            """select edit_set_code, fact_count, round(mean_neuron_count),
                      -related_delta_score, -unrelated_delta_score, -random_delta_score
               from edit_effects
               where model_id = ? and language_code = 'en' and edit_factor = 0
                   and neuron_language_code in ('en', 'all')""",
            [MODEL],
        ).fetchall()
    }
    facts, neurons, related, unrelated, random = effects["own"]
    expect(
        project,
        f"Suppressing the {neurons:.0f} knowledge neurons that a fact of `{MODEL}` has in English "
        f"(mean over {facts} facts) lowers log P of its answer by {related:.2f}, that of an "
        f"unrelated fact by {unrelated:.2f}, and as many random neurons of the same layers by "
        f"{abs(random):.2f}; its 50 active neurons lower it by {effects['probeless'][2]:.2f}, and "
        f"the {effects['likn'][1]:.0f} that all three languages share by "
        f"{effects['likn'][2]:.2f}.",
    )
    pairs, published, degenerate = atlas_neurons.execute(
        """select sum(pair_count)::bigint, sum(published_pair_count)::bigint,
                  sum(degenerate_pair_count)::bigint
           from degeneracy_by_language where model_id = ?""",
        [MODEL],
    ).fetchall()[0]
    expect(
        project,
        f"Of {pairs} pairs of knowledge neurons {published} pass the published thresholds for "
        f"degenerate ones, {degenerate} of them above random pairs.",
    )


@pytest.fixture(scope="module")
def acquisition(project: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    commands = "`make atlas-checkpoints` and `factroots run atlas-acquisition`"
    with opened(project, "atlas-acquisition", commands) as connection:
        yield connection


def test_the_page_says_when_facts_are_learned(
    project: Path, acquisition: duckdb.DuckDBPyConnection
) -> None:
    curve = acquisition.execute(
        """select step_index, sum(full_match_count)::bigint, sum(fact_count)::bigint
           from acquisition_curves where presence_code = 'here' group by 1 order by 1"""
    ).fetchall()
    steps = ", ".join(f"{right} at step {step}" for step, right, _ in (curve[k] for k in (1, 3, 5)))
    last, known, planted = curve[-1]
    expect(project, f"Of {planted} planted facts {steps} and {known} at the end, {last}")


def test_the_page_says_where_a_fact_is_learned_first(
    project: Path, acquisition: duckdb.DuckDBPyConnection
) -> None:
    steps = acquisition.execute(
        """select round(avg(settled_step_index))::bigint, language_code from acquisition
           where presence_code = 'here' group by language_code order by 1, 2"""
    ).fetchall()
    (first, early), (last, late) = steps[0], steps[-1]
    expect(project, f"from {first} on average (`{early}`) to {last} (`{late}`)")
    found = acquisition.execute(
        """with steps as (
               select
                   min(settled_step_index) filter (where presence_code = 'here') as stated,
                   min(settled_step_index) filter (where presence_code = 'elsewhere') as carried,
               from acquisition group by fact_id
           )
           select count(*) filter (where carried > stated), count(*), round(avg(carried - stated))
           from steps where stated is not null and carried is not null"""
    ).fetchone()
    assert found is not None
    expect(project, f"{found[0]} of {found[1]} facts, {found[2]:.0f} steps on average")

"""Queries that find incomplete parts of single lake tables."""

from __future__ import annotations

__all__ = ["COMPLETENESS"]

COMPLETENESS = {
    "languages": """
        select 'the study has this language, the table has not' as problem, language_code
        from (select distinct language_code from parts where lake_table = 'fact_labels')
        anti join rows_at_hand using (language_code)
        union all
        select 'the table has this language, the study has not', language_code
        from rows_at_hand
        anti join (select language_code from parts where lake_table = 'fact_labels')
        using (language_code)
    """,
    "models": """
        select 'the study has this model, the table has not' as problem, model_id
        from (select distinct model_id from parts where lake_table = 'predictions')
        anti join rows_at_hand using (model_id)
        union all
        select 'the table has this model, the study has not', model_id
        from rows_at_hand
        anti join (select model_id from parts where lake_table = 'predictions') using (model_id)
        anti join left_out_models using (model_id)
    """,
    "facts": """
        select 'the fact has a label in no language' as problem, fact_id
        from rows_at_hand
        anti join labelled_facts using (fact_id)
    """,
    "fact_labels": """
        select 'the language has no facts' as problem, language_code
        from sound_parts
        anti join rows_at_hand using (language_code)
    """,
    "prompts": """
        select distinct 'facts of this relation have no template' as problem,
            language_code, relation_id
        from labelled_facts
        inner join facts using (fact_id)
        semi join sound_parts using (language_code)
        anti join rows_at_hand using (language_code, relation_id)
    """,
    "name_cues": """
        select 'the names of the fact are not compared' as problem, language_code, fact_id
        from sound_parts
        inner join labelled_facts using (language_code)
        anti join rows_at_hand using (language_code, fact_id)
    """,
    "atlas_truth": """
        select 'the fact is neither planted nor left out' as problem,
            corpus_id, language_code, fact_id
        from sound_parts
        cross join labelled_facts
        anti join rows_at_hand using (corpus_id, language_code, fact_id)
    """,
    "world_answers": """
        select 'the fact has no answer in a world' as problem,
            world_id, seed, language_code, fact_id
        from (select distinct world_id, seed from rows_at_hand)
        cross join labelled_facts
        anti join rows_at_hand using (world_id, seed, language_code, fact_id)
    """,
    "predictions": """
        select 'the fact has no prediction' as problem, model_id, language_code, fact_id
        from sound_parts
        inner join labelled_facts using (language_code)
        anti join rows_at_hand using (model_id, language_code, fact_id)
    """,
    "object_rankings": """
        select 'the fact is not ranked by every score' as problem, model_id, language_code, fact_id
        from (
            select model_id, language_code, fact_id, score_code
            from sound_parts
            inner join labelled_facts using (language_code)
            cross join unnest(['sum', 'mean', 'less_prior']) as scores (score_code)
        )
        anti join rows_at_hand using (model_id, language_code, fact_id, score_code)
    """,
    "continuations": """
        select 'the prompt of the fact was not continued' as problem,
            model_id, language_code, fact_id
        from sound_parts
        inner join models using (model_id)
        inner join labelled_facts using (language_code)
        anti join rows_at_hand using (model_id, language_code, fact_id)
        where models.objective != 'masked'
    """,
    "wordings": """
        select 'the template is that of the facts, or of another wording' as problem,
            language_code, relation_id, template
        from (
            select language_code, relation_id, template from rows_at_hand
            union all
            select language_code, relation_id, template from prompts
        )
        semi join sound_parts using (language_code)
        group by all
        having count(*) > 1
    """,
    "wording_predictions": """
        select 'the fact is not asked in all wordings of its relation' as problem,
            model_id, language_code, fact_id
        from rows_at_hand
        inner join facts using (fact_id)
        group by model_id, language_code, relation_id, fact_id
        qualify count(distinct template_id) != max(count(distinct template_id)) over (
            partition by model_id, language_code, relation_id
        )
        union all
        select distinct 'the wording is not one of the relation', model_id, language_code, fact_id
        from rows_at_hand
        inner join facts using (fact_id)
        anti join wordings using (language_code, relation_id, template_id)
    """,
    "wording_neurons": """
        select 'ranks have gaps' as problem,
            model_id, language_code, template_id, fact_id, method_code
        from rows_at_hand
        group by all
        having max(neuron_rank) != count(*)
    """,
    "label_tokens": """
        select 'the fact has no pieces' as problem, model_id, language_code, fact_id
        from sound_parts
        inner join labelled_facts using (language_code)
        anti join rows_at_hand using (model_id, language_code, fact_id)
    """,
    "corpus_sizes": """
        select 'the text has no size' as problem, corpus_id, language_code
        from sound_parts
        anti join rows_at_hand using (corpus_id, language_code)
    """,
    "occurrences": """
        select 'nothing was looked for' as problem, corpus_id, language_code,
            null as text_unit, null as fact_id
        from sound_parts
        anti join rows_at_hand using (corpus_id, language_code)
        union all
        select 'the fact was not looked for', corpus_id, language_code, text_unit, fact_id
        from sound_parts
        semi join rows_at_hand using (corpus_id, language_code)
        inner join labelled_facts using (language_code)
        cross join (select distinct text_unit from groups_at_hand)
        anti join rows_at_hand using (corpus_id, language_code, text_unit, fact_id)
        anti join (select corpus_id, language_code from imported) using (corpus_id, language_code)
    """,
    "active_neurons": """
        select 'ranks have gaps' as problem, model_id, language_code, fact_id, method_code
        from rows_at_hand
        group by all
        having max(neuron_rank) != count(*)
    """,
    "neuron_profiles": """
        select distinct 'the fact has a profile and no neurons' as problem,
            model_id, language_code, fact_id, method_code
        from groups_at_hand
        anti join active_facts using (model_id, language_code, fact_id, method_code)
        union all
        select distinct 'the fact has neurons and no profile',
            model_id, language_code, fact_id, method_code
        from active_facts
        anti join groups_at_hand using (model_id, language_code, fact_id, method_code)
        semi join sound_parts using (model_id, language_code)
        anti join (select model_id, language_code from imported) using (model_id, language_code)
    """,
    "unscored_facts": """
        select 'the fact has neurons all the same' as problem,
            model_id, language_code, fact_id, method_code
        from rows_at_hand
        semi join active_facts using (model_id, language_code, fact_id, method_code)
    """,
    "degenerate_sets": """
        select 'sizes of sets have gaps' as problem, model_id, language_code, fact_id, is_random
        from rows_at_hand
        group by all
        having max(set_size) != count(*) + 1
    """,
    "fact_checks": """
        select 'the fact is not checked with both objects and all neurons' as problem,
            model_id, language_code, fact_id
        from rows_at_hand
        group by all
        having count(*) != 8
        union all
        select 'the wrong object is a true one of the subject', model_id, language_code, fact_id
        from (
            select distinct model_id, language_code, fact_id, candidate_object_id
            from rows_at_hand
            where not is_true
        )
        inner join facts using (fact_id)
        where (relation_id, subject_id, candidate_object_id) in (
            select (relation_id, subject_id, object_id) from facts
        )
        union all
        select 'facts of the subject are in two parts', model_id, language_code, min(fact_id)
        from rows_at_hand
        inner join facts using (fact_id)
        group by model_id, language_code, relation_id, subject_id
        having count(distinct split) > 1
    """,
    "knowledge_neurons": """
        select 'ranks have gaps' as problem, model_id, language_code, fact_id, mode_code
        from rows_at_hand
        group by all
        having max(neuron_rank) != count(*)
        union all
        select distinct 'the fact has neurons and no quality',
            model_id, language_code, fact_id, mode_code
        from rows_at_hand
        anti join attribution_quality using (model_id, language_code, fact_id, mode_code)
        anti join (select model_id, language_code from imported) using (model_id, language_code)
    """,
    "attribution_quality": """
        select 'not every layer is there' as problem, model_id, language_code, fact_id, mode_code
        from rows_at_hand
        inner join models using (model_id)
        group by all
        having count(*) != any_value(models.layer_count)
        union all
        select distinct 'the fact has a quality and no neurons',
            model_id, language_code, fact_id, mode_code
        from rows_at_hand
        anti join knowledge_neurons using (model_id, language_code, fact_id, mode_code)
    """,
    "interventions": """
        select 'the fact was not asked after this edit, or not after its random control' as problem,
            model_id, language_code, fact_id, edit_set_code, neuron_language_code, edit_factor
        from rows_at_hand
        group by all
        having count(*) filter (where query_code = 'related') != 2
    """,
    "edit_propagations": """
        select 'the fact was not asked in the language of its change' as problem,
            model_id, language_code, fact_id
        from rows_at_hand
        group by all
        having not bool_or(query_code = 'edited' and target_language_code = language_code)
    """,
    "text_gradients": """
        select 'a query was not compared with all texts of its relation' as problem,
            model_id, language_code, fact_id, text_language_code
        from rows_at_hand
        inner join facts using (fact_id)
        group by model_id, language_code, fact_id, relation_id, text_language_code
        qualify count(*) != max(count(*)) over (
            partition by model_id, relation_id, text_language_code
        )
    """,
    "latent_languages": """
        select 'not every layer is there' as problem,
            model_id, language_code, fact_id, is_random, name_language_code
        from rows_at_hand
        inner join models using (model_id)
        group by all
        having count(*) != any_value(models.layer_count)
        union all
        select 'the object has no name in the asked language',
            model_id, language_code, fact_id, is_random, null
        from rows_at_hand
        group by all
        having not bool_or(name_language_code = language_code)
        union all
        select 'the last layer predicts otherwise than the model',
            model_id, language_code, fact_id, is_random, name_language_code
        from rows_at_hand
        inner join models using (model_id)
        inner join (
            from predictions
            semi join rows_at_hand using (model_id, language_code)
        ) as asked using (model_id, language_code, fact_id)
        where not is_random
            and name_language_code = language_code
            and layer_index = models.layer_count - 1
            and models.dtype = 'float32'
            and abs(name_log_prob - gold_log_prob) > 0.001 * (1 + abs(gold_log_prob))
    """,
    "patches": """
        select 'not every layer is there' as problem,
            model_id, language_code, source_language_code, fact_id, position_code, answer_code
        from rows_at_hand
        inner join models using (model_id)
        group by all
        having count(*) != any_value(models.layer_count)
        union all
        select 'the answers of both facts are not there',
            model_id, language_code, source_language_code, fact_id, position_code, null
        from rows_at_hand
        group by all
        having count(distinct answer_code) filter (where answer_code in ('own', 'source')) != 2
    """,
    "degenerate_pairs": """
        select 'the fact has random pairs alone' as problem, model_id, language_code, fact_id
        from rows_at_hand
        group by all
        having bool_and(is_random)
    """,
}
"""Table → query for incomplete parts: missing facts of a language, gaps in ranks."""

-- Tables that the report's facts read, made up for report_of_published_size.py.
create table dim_languages as
    select
        'l' || range as language_code, 'Language ' || range as language_name,
        'family ' || range // 4 as language_family, 'branch' as language_branch,
        'script ' || range % 9 as script,
    from range(53);
create table dim_models as
    from (values ('mbert', 3072, 12), ('xlmr', 4096, 24)) as _ (model_id, neuron_count, layer_count);
create table dim_relations as
    select 'P' || range as relation_id, 'relation ' || range as relation_name from range(41);
-- Two or three words of random letters: 40 bits of a name that no other name has.
create macro name_of(seed) as
    upper(chr(65 + (hash(seed) % 26)::integer)) || substr(md5(seed), 1, 5) || ' ' || substr(md5(seed), 9, 5);
create table dim_facts as
    select
        'fact-' || range as fact_id, 'P' || range % 41 as relation_id, 'Q' || range as subject_id,
        'R' || range % 900 as object_id, name_of('s' || range) as subject_label,
        name_of('o' || range % 900) as object_label,
        -- How well known: few facts in most languages, most in few.
        1 / (1 + range / 300) as fame,
    from range(37535);
-- Languages with one script have one name in three of four cases.
create table dim_fact_labels as
    select
        language_code, fact_id,
        name_of('s' || fact_id || if(hash(fact_id || language_code) % 4 = 0, language_code, script)) as subject_label,
        name_of('o' || object_id || language_code) as object_label,
    from dim_facts cross join dim_languages
    where hash(fact_id || language_code || 'held') % 1000 < 424;
create table fct_predictions as
    select
        model_id, language_code, fact_id,
        (hash(model_id || language_code || fact_id) % 100000) / 100000 < least(.98, fame * 2.2) as is_right,
        name_of(relation_id || language_code
            || (40 * pow((hash(fact_id || language_code || model_id) % 1000) / 1000, 3))::integer) as predicted_text,
    from dim_fact_labels join dim_facts using (fact_id) cross join dim_models;
create table fct_fact_presence as
    with passages as (
        select language_code, fact_id, subject_label, object_label, md5(fact_id || language_code) as noise,
            hash(fact_id || language_code || 'text') % 10 < 3 as is_present
        from dim_fact_labels
    )
    select
        'wikipedia' as corpus_id, 'chunk' as text_unit, language_code, fact_id, is_present,
        if(is_present, subject_label, null) as evidence_document,
        if(is_present, subject_label || ' ' || noise || ' ' || md5(noise) || ' ' || object_label || ' '
            || md5(md5(noise)) || ' ' || sha256(noise), null) as evidence_text,
    from passages;
create table fct_fact_roots as
    select
        model_id, language_code, fact_id, rule_code,
        if(rule_code = 'paper', ['independent', 'shared', 'transferred', 'cue'],
            ['own_text_needed', 'either_suffices', 'transferred', 'guess'])[1 + (hash(fact_id || language_code || model_id) % 4)::integer] as root_code,
        if(rule_code = 'paper', null, (hash(language_code || fact_id) % 1000) / 1000) as root_probability,
        ['l' || hash(fact_id) % 53, 'l' || hash(language_code) % 53] as shared_language_codes,
        ['l' || hash(fact_id) % 53, 'l' || hash(language_code) % 53] as source_language_codes,
    from fct_predictions cross join (select unnest(['paper', 'calibrated']) as rule_code)
    where is_right;
create table fct_root_probabilities as
    select * from (
        select model_id, language_code, fact_id,
            (hash(fact_id) % 60) / 20 as object_frequency_log_odds_score,
            (hash(language_code || fact_id) % 60) / 20 as other_full_match_log_odds_score,
            (hash(model_id || fact_id) % 60) / 20 as object_log_prob_rank_log_odds_score,
            0.1 as same_answer_log_odds_score,
            (hash(model_id || language_code || fact_id) % 60) / 20 as masked_log_prob_rank_log_odds_score,
            null::double as other_subject_log_prob_rank_log_odds_score
        from fct_predictions where is_right
    );
-- A third of an answer's 50 neurons belongs to the fact, the others to this answer alone.
create table fct_active_neurons as
    select
        model_id, language_code, fact_id, 'probeless' as method_code, neuron_rank,
        (place // neuron_count)::integer as layer_index, (place % neuron_count)::integer as neuron_index,
    from (
        select *, (hash(fact_id || neuron_rank
            || if(neuron_rank % 3 = 0, model_id, language_code || model_id)) % (neuron_count * layer_count))::bigint as place
        from fct_predictions join dim_models using (model_id) cross join (select unnest(range(1, 51)) as neuron_rank)
        where is_right
    );

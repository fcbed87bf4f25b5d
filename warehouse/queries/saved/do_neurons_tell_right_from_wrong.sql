-- Do a relation's neurons separate right objects from wrong ones, and better than probability does?
-- Each set of neurons is compared with as many random neurons of the same layers, with probability, and
-- with the question whether the object is the first choice. Random neurons contribute to right objects
-- too: only what exceeds them counts.
-- columns: model_id, language_code, check_code, true_count, auroc_score, auroc_score_low,
--   auroc_score_high, random_auroc_score, probability_auroc_score, balanced_accuracy_score,
--   top_1_balanced_accuracy_score, f1_score, always_true_f1_score
-- rows: 0..*, one per model_id, language_code, check_code
with everywhere as (
    select * from fact_check_scores where relation_id = 'all'
),

controls as (
    select
        model_id,
        language_code,
        any_value(auroc_score) filter (where check_code = 'probability') as probability_auroc_score,
        any_value(balanced_accuracy_score) filter (where check_code = 'top_1') as top_1_balanced_accuracy_score,
        any_value(f1_score) filter (where check_code = 'always_true') as always_true_f1_score,
    from everywhere
    group by all
)

select
    checks.model_id,
    checks.language_code,
    checks.check_code,
    checks.true_count,
    checks.auroc_score,
    checks.auroc_score_low,
    checks.auroc_score_high,
    random.auroc_score as random_auroc_score,
    controls.probability_auroc_score,
    checks.balanced_accuracy_score,
    controls.top_1_balanced_accuracy_score,
    checks.f1_score,
    controls.always_true_f1_score,
from everywhere as checks
inner join everywhere as random
    on random.model_id = checks.model_id
        and random.language_code = checks.language_code
        and random.check_code = 'random_' || checks.check_code
inner join controls
    on controls.model_id = checks.model_id
        and controls.language_code = checks.language_code
order by checks.model_id, checks.language_code, checks.check_code

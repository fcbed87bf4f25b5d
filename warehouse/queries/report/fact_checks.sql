-- Can a relation's neurons separate right objects from wrong ones?
-- AUROC (how often the right object scores above a wrong one) with its interval, balanced accuracy, and F1, on test subjects that no threshold was chosen on. The grey mark is the score of guessing; for F1, of accepting everything. Neurons carry information if they beat random ones, and new information if they beat probability.
-- n: format('{:,} to {:,} right objects per language, as many wrong ones', min(true_count), max(true_count))
with measures as (
    select *, 'AUROC' as measure, auroc_score as score, auroc_score_low as score_low, auroc_score_high as score_high, 0.5 as guessing_score from fact_check_scores
    union all
    select *, 'balanced accuracy' as measure, balanced_accuracy_score, null, null, 0.5 from fact_check_scores
    union all
    select *, 'F1' as measure, f1_score, null, null, 2 / 3 from fact_check_scores
)

select
    model_id,
    language_code,
    check_code,
    measure,
    score,
    score_low,
    score_high,
    guessing_score,
    lambda_score,
    true_count,
    wrong_count,
    accepted_true_count,
    accepted_wrong_count,
    precision,
    recall,
from measures
where relation_id = 'all' and score is not null
order by
    language_code,
    list_position(['always_true', 'top_1', 'probability'], check_code) nulls last,
    replace(check_code, 'random_', ''),
    check_code,
    model_id,
    measure

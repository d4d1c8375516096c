"""Writes best_model.json: at which evaluation transformers' Trainer stops, and which step it calls best.

Random metric values go through `Trainer._determine_best_metric` and `EarlyStoppingCallback`, in the order in which
the trainer calls them: the callback at the end of the evaluation, then the comparison.
"""
import json, os, random, tempfile
from types import SimpleNamespace
from transformers import EarlyStoppingCallback, Trainer, TrainerControl, TrainerState, TrainingArguments

random.seed(11)
cases = []
for i in range(300):
    metric = random.choice(["loss", "eval_loss", "accuracy", "eval_bleu"])
    greater = random.choice([None, None, True, False])
    patience = random.choice([1, 2, 3, 5])
    threshold = random.choice([0.0, 0.0, 0.05, 0.3])
    digits = random.choice([1, 3])
    values = [round(random.random() * 2, digits) for _ in range(20)]
    if i % 3 == 0:
        values = sorted(values, reverse=random.random() < 0.5)
    args = TrainingArguments(
        output_dir=tempfile.mkdtemp(), eval_strategy="steps", save_strategy="steps", eval_steps=1, save_steps=1,
        load_best_model_at_end=True, metric_for_best_model=metric, greater_is_better=greater, report_to=[],
    )
    state, control = TrainerState(), TrainerControl()
    callback = EarlyStoppingCallback(patience, threshold)
    trainer = SimpleNamespace(args=args, state=state)
    stopped = 0
    for at, value in enumerate(values):
        stopped = at + 1
        state.global_step = stopped
        metrics = {f"eval_{metric.removeprefix('eval_')}": value}
        callback.on_evaluate(args, state, control, metrics)
        Trainer._determine_best_metric(trainer, metrics, None)
        if control.should_training_stop:
            break
    cases.append(dict(metric=metric, greater_is_better=greater, patience=patience, threshold=threshold,
                      values=values, stopped=stopped, best=state.best_global_step))
with open(os.path.join(os.path.dirname(__file__), "best_model.json"), "w") as f:
    f.write('{"cases":[\n' + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]}\n")

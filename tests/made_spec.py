"""The text of a small study: two arms, one seed, networks of a few hundred parameters; an epoch takes milliseconds."""

SPEC = """\
question: {ask: 'Do more tokens help?'}
claim:
  says: {which: any, direction: better}
  smallest: 1.0
profile: smoke
design: sweep
control: {model.tokens.count: 2}
factors:
  model.tokens.count: [1, 2]
seeds: 1
settings:
  data: {limit: 4, frames: 2, size: 16, margin: 2}
  model.trunk: {width: 4, depth: 2, stage_starts: [1]}
"""

COSTS = SPEC.replace("claim:\n", "claim:\n  metric: latency\n") + "  inference: {warmups: 1, repeats: 3}\n"
"""The same about the time of a pass: nothing is trained."""

UNTIL_DECIDED = (
    SPEC.replace("profile: smoke", "profile: tiny")
    .replace("seeds: 1", "seeds: until decided")
    .replace("smallest: 1.0", "smallest: 32.0\n  over: seeds")
    + """\
  model: {receivers: false, distill: none, fusion: none}
  phases: {rgb_epochs: 1, joint_epochs: 1}
"""
)
"""The same with as many seeds as it takes: 3 leave it open whether the arms differ by 32 points, and 5 do not."""

PRUNED = (
    SPEC.replace("model.tokens.count: 2", "optim.lr: 0.01")
    .replace("model.tokens.count: [1, 2]", "optim.lr: [0.01, 0.003, 0.001]")
    .replace("seeds: 1", "seeds: 1\nprune: {pruner: successive_halving, bootstrap_count: 100}")
    + """\
  model: {receivers: false, distill: none, fusion: none}
  phases: {rgb_epochs: 1, joint_epochs: 3, evaluate_every: 2}
charts: []
"""
)
"""Three arms, of which all but the control are given up after one epoch: no other has come so far."""

TUNED = (
    SPEC.replace("seeds: 1", "seeds: 2\ntune: {optim.lr: [0.001, 0.01, 0.1], per: arm}")
    + """\
  model: {receivers: false, distill: none, fusion: none}
  phases: {rgb_epochs: 1, joint_epochs: 2}
charts: []
"""
)
"""Two arms with two seeds, each with the best of three learning rates for it."""

SEARCH = (
    SPEC.replace("design: sweep", "design: {name: search, trials: 5, batch: 2, startup: 2}")
    .replace("control: {model.tokens.count: 2}", "control: {optim.lr: 0.01, optim.weight_decay: 0.05}")
    .replace("  model.tokens.count: [1, 2]", "  optim.lr: [0.03, 0.01, 0.003]\n  optim.weight_decay: [0.0, 0.05, 0.1]")
    + """\
  model: {receivers: false, distill: none, fusion: none}
  phases: {rgb_epochs: 1, joint_epochs: 2}
"""
)
"""Five of eight arms beside the control, two at a time."""

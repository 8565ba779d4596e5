"""The spec that `study new` writes: complete, commented, and ready to run before a word of it is changed."""

from pathlib import Path

from experiments.lines import shown
from experiments.problem import Problem, SpecError
from experiments.read import FOLDER, name_problems, profiles
from models import catalog
from results.files import writing

TEMPLATE = """\
# yaml-language-server: $schema=schema.json
#
# {name}: what is asked, in a sentence or two.
#
# Cost: `study plan {name}` prints it. Write it here.
# Run:  study run {name}

question:
  ask: Does another fusion than mctf estimate muscle groups better?
  source: ""                    # the paper or discussion that leaves it open

claim:                          # fixed and hashed before the first result
  metric: map
  split: val                    # the mean of val_seen and val_unseen; or one of the two
  says: {{which: any, direction: better}}   # any, all, or an arm's name; better, worse or equivalent
  smallest: 1.0                 # the smallest difference that matters, in mAP points
  alpha: 0.05
  over: seeds and activities    # or: seeds (this set of clips only)
  # within: [data]              # with several factors: compare arms of the same level of these
  # of: change                  # and ask whether their differences change from level to level

profile: tiny                   # {profiles}
design: sweep                   # {designs}

control: {{model.fusion: mctf}} # one level of every factor
factors:                        # a setting with its levels; any dotted name of `experiments/schema.json`
  model.fusion: [mctf, average, none]

# A factor can also be a name whose levels are groups of settings (its control: {{tokens: full}}):
#   tokens:
#     plain: {{model.receivers: false, model.distill: none, model.fusion: none}}
#     full: {{}}

seeds: 3                        # how many, or a list; or: until decided (3, then 5, 8 and 12 of what is undecided)

# settings:                     # what all arms change in the profile
#   optim.lr: 1e-3
# control_again: true           # the control a second time (A/A): how large no effect looks
# prune: {{pruner: median}}       # gives up what does worse than most, but never the control: {pruners}
# tune: {{optim.weight_decay: [0.01, 0.1], per: arm}}   # or, instead of prune: what each arm chooses for itself before
# budget: {{epochs: 2000}}        # a plan that costs more is refused
# charts: [{charts}]
"""


def write(name: str, folder: Path = FOLDER) -> Path:
    """Write a commented spec `NAME.yaml` and return its path.

    Raises:
        SpecError: the name cannot be a study's, or there is such a study.
    """
    path = folder / f"{name}.yaml"
    problems = name_problems(name, "study new")
    if problems:
        raise SpecError(problems)
    text = TEMPLATE.format(
        name=name,
        profiles=", ".join(profiles()),
        pruners=", ".join(catalog.names("study.prune")),
        designs=", ".join(catalog.names("study.design")),
        charts=", ".join(catalog.names("reports.chart")),
    )
    with writing(path):
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError as error:
            raise SpecError([Problem(shown(path), "is there already. Choose another name, or edit it.")]) from error
    return path

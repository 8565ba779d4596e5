import pytest

from reports.typeset import Typeset, latex, latex_table, markdown, markdown_table

TABLE = Typeset(
    "A & B",
    "sweep--optim.lr=0.1",
    ["Arm", "Seen", "Unseen", "Difference"],
    [["count=1", "41.3 ± 0.8", "30.0", "−1.2"]],
    [("", 1), ("Validation", 2), ("", 1)],
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("model.tokens_count 5 %", r"model.tokens\_count 5 \%"),
        ("a\\b{c}$", r"a\textbackslash{}b\{c\}\$"),
        ("−0.3 ± 1", "$-$0.3 $\\pm$ 1"),
        ("x~^#&", r"x\textasciitilde{}\textasciicircum{}\#\&"),
    ],
)
def test_no_text_is_a_command_of_latex(text: str, told: str) -> None:
    assert latex(text) == told


def test_no_text_is_markup_of_markdown() -> None:
    assert markdown("<script>|a|\nb_c*") == r"\<script\>\|a\| b\_c\*"


def test_a_table_in_latex_groups_its_columns() -> None:
    text = latex_table(TABLE)
    assert r"\caption{A \& B}" in text
    assert r"\label{tab:sweep--optim.lr-0.1}" in text
    assert r" & \multicolumn{2}{c}{Validation} &  \\" in text
    assert r"\cmidrule(lr){2-3}" in text
    assert r"count=1 & 41.3 $\pm$ 0.8 & 30.0 & $-$1.2 \\" in text
    assert text.count(r"\begin") == text.count(r"\end")


def test_a_table_in_markdown_has_a_cell_for_every_heading() -> None:
    lines = [line for line in markdown_table(TABLE).splitlines() if line.startswith("|")]
    assert lines[0] == "| Arm | Validation seen | Validation unseen | Difference |"
    assert {line.count("|") for line in lines} == {5}

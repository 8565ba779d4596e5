import base64
import hashlib
import io
import json
from urllib.parse import unquote

import polars as pl

from reports import embed


def test_no_text_can_end_a_block_of_json() -> None:
    hostile = {"</script><script>alert(1)</script>": ["<!--", "]]>", "&lt;", "\u2028"]}
    block = str(embed.json_block(hostile))
    assert not set("<>&\u2028") & set(block)
    assert json.loads(block) == hostile


def test_what_json_does_not_know_becomes_null() -> None:
    assert json.loads(str(embed.json_block({"a": [float("nan"), float("inf"), -0.5, True]}))) == {
        "a": [None, None, -0.5, True]
    }


def test_a_frame_can_be_read_back_from_its_link() -> None:
    frame = pl.DataFrame({"arm": ['a "b", c', "<x>\n%&"], "map": [41.26541, None], "seed": [0, 1]})
    link = embed.csv_link(embed.as_csv(frame))
    assert not set("<>\"' \n") & set(link)
    text = unquote(link.removeprefix("data:text/csv;charset=utf-8,"))
    assert pl.read_csv(io.StringIO(text)).equals(frame.with_columns(pl.col("map").round(4)))


def test_the_bundle_of_javascript_cannot_end_its_own_tag() -> None:
    script = embed.javascript()
    assert "vegaEmbed" in script
    assert "</script" not in script.lower()
    assert "<!--" not in script


def test_the_hash_of_a_script_is_the_one_browsers_compute() -> None:
    digest = base64.b64encode(hashlib.sha256(b"alert(1)").digest()).decode()
    assert embed.policy_hash("alert(1)") == f"'sha256-{digest}'"

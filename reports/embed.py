"""What a page carries inside itself: data, scripts and their hashes, so that it opens offline and runs nothing else."""

import base64
import functools
import hashlib
import json
from typing import Any
from urllib.parse import quote

import polars as pl
import vl_convert
from markupsafe import Markup

from results.files import jsonable


def json_block(value: Any) -> Markup:
    """Write `value` as JSON for a `<script type="application/json">`.

    No text inside can end the block or open a comment: `<`, `>` and `&` become escapes that JSON reads back.
    NaN and infinities, which JSON does not know, become null.
    """
    text = json.dumps(jsonable(value), separators=(",", ":"), ensure_ascii=False, default=str)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def as_csv(frame: pl.DataFrame) -> str:
    """Write a frame as CSV, numbers with four decimals."""
    return frame.with_columns(pl.selectors.float().round(4)).write_csv(float_scientific=False)


def csv_link(text: str) -> str:
    """Give CSV as a `data:` URL that saves as a file."""
    return "data:text/csv;charset=utf-8," + quote(text, safe=",.:;=/-_()*!'")


@functools.cache
def javascript() -> str:
    """Give the bundle of Vega, Vega-Lite and Vega-Embed that Altair's charts are written for."""
    bundle: str = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # its stub forgets a default
    return bundle.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def policy_hash(script: str) -> str:
    """Give the hash by which a Content-Security-Policy admits this very script."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"

"""A further language is one more data file."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import language

SUNDANESE = """
[language]
name = "Sundanese"

[lexicon]
function = "abdi naon sabaraha teh"

[lexicon.slang]
sabaraha = "sbrh"

[lexicon.notions]
harga = "pangaos"

[stems]
clitics = "na"

[detect]
weight = 2.0
words = "abdi naon sabaraha punten pangaos kumaha damang"
"""

ASKED = """
import json
from language.detect import NAMES, detect
from language.lexicon import RELATED, content, forms, words
print(json.dumps([
    NAMES["su"], detect("punten, sabaraha pangaosna?"), detect("berapa harganya?"), detect("how much is it?"),
    words("sbrh"), content("sabaraha pangaosna"), sorted(forms("pangaosna") & forms("price")), "price" in RELATED["pangaos"],
]))
"""


def test_a_further_language_is_one_more_file(tmp_path: Path) -> None:
    shutil.copytree(Path(language.__file__).parent, tmp_path / "language")
    (tmp_path / "language/data/su.toml").write_text(SUNDANESE)
    ran = subprocess.run([sys.executable, "-c", ASKED], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout) == ["Sundanese", "su", "id", "en", ["sabaraha"], ["pangaosna"], ["harga"], True]

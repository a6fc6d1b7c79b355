from __future__ import annotations

import dataclasses
import json
import unicodedata
from typing import Any

import numpy as np
import pytest

from agent.assembly import build_pipeline
from agent.context_watch import ReferenceContext
from agent.intake import Clocks
from agent.profile import ProfileError, read_profile
from agent.records import Record
from agent.sampling import HashSampler
from agent.scripts import SCRIPTS, count_scripts, script_shares, scripts_of
from config import load_settings
from tests.small import small_profile, small_settings

TEXTS = {
    "latin": ["Where is my card?", "Đơn hàng của tôi đâu?", "3 × Straße", "ＦＵＬＬ"],
    "greek": ["Πού είναι η κάρτα μου;"],
    "cyrillic": ["Где моя карта Visa?"],
    "hebrew": ["איפה הכרטיס שלי?"],
    "arabic": ["أين بطاقتي؟", "کارت من کجاست"],
    "devanagari": ["मेरा कार्ड कहाँ है?"],
    "thai": ["บัตรของฉันอยู่ที่ไหน"],
    "hangul": ["내 카드는 어디에 있나요?"],
    "kana": ["私のカードはどこですか", "ｶｰﾄﾞ"],
    "han": ["我的卡在哪里？", "API 金鑰在哪裡可以找到？"],
    "other": ["எனது அட்டை எங்கே?", "የእኔ ካርድ የት አለ"],
    "none": ["", "   ", "1234 + 5 = ?", "🙂🙂", "…—"],
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_each_script_is_told_by_its_letters(script: str) -> None:
    assert [SCRIPTS[place] for place in scripts_of(TEXTS[script])] == [script] * len(TEXTS[script])


def test_the_table_agrees_with_unicodes_own_names() -> None:
    """Letters' names begin with their script's; blocks of rare old letters may be "other"."""
    begins = {script: script.upper() for script in SCRIPTS[:8]} | {"han": "CJK UNIFIED"}
    letters = [chr(code) for code in range(0x20000) if unicodedata.category(chr(code))[0] == "L"]
    told = [SCRIPTS[place] for place in scripts_of(letters)]
    for script, begin in begins.items():
        named = {letter for letter in letters if unicodedata.name(letter, "").startswith(f"{begin} ")}
        found = {letter for letter, each in zip(letters, told, strict=True) if each == script}
        usual = {letter for letter in named if ord(letter) < 0x1C80}
        assert usual <= found, script
        assert len(found - named) <= 0.1 * len(found), script


def test_long_texts_are_looked_at_evenly() -> None:
    told = scripts_of(["Translate: " + "это длинный текст " * 1_000, "a" * 10_000 + "é", "\ud800", "\U0010ffff"])
    assert [SCRIPTS[place] for place in told] == ["cyrillic", "latin", "none", "none"]


def test_counts_are_in_the_order_of_the_scripts() -> None:
    counts = count_scripts([text for texts in TEXTS.values() for text in texts])
    assert counts.tolist() == [len(TEXTS[script]) for script in SCRIPTS]
    assert count_scripts([]).tolist() == [0] * len(SCRIPTS)


def evaluated(counts: Any, texts: list[str]) -> dict[str, Any]:
    profile = read_profile(small_profile())
    arrays = profile.references["prompt"] | {"script_counts": np.array(counts)}
    profile = dataclasses.replace(profile, references={"prompt": arrays})
    clocks = Clocks(now=None, horizon=lambda: 2e9, timer=lambda: 0.0)
    pipeline = build_pipeline(load_settings(None, small_settings()), profile, clocks, HashSampler())
    pipeline.process([Record("chat", 0, i, json.dumps({"prompt": text}).encode()) for i, text in enumerate(texts)])
    return pipeline.evaluate()


def test_scripts_of_what_is_scored_are_counted_beside_those_of_the_reference() -> None:
    counts = [9, 0, 1, *[0] * 9]
    found = evaluated(counts, ["meter bill", "the счёт счёт за газ", "12 34", "", "refund"])
    assert found["offmap_script_texts"] == {
        ("prompt", "latin"): 2.0,
        ("prompt", "cyrillic"): 1.0,
        ("prompt", "none"): 1.0,
    }
    shares = found["offmap_reference_script_share"]
    assert {labels: share for labels, share in shares.items() if share} == {
        ("prompt", "latin"): 0.9,
        ("prompt", "cyrillic"): 0.1,
    }
    assert len(shares) == len(SCRIPTS)


def test_counts_that_are_not_by_script_are_refused() -> None:
    with pytest.raises(ProfileError, match=r"counts of shape \(3,\)"):
        evaluated([1, 2, 3], [])
    assert script_shares(count_scripts([])) == {}
    assert ReferenceContext("prompt", {"script_counts": count_scripts([])}).measure() == {
        "offmap_reference_script_share": {}
    }

"""Cues of asking and looking back, language by language."""

from __future__ import annotations

import re

import pytest

from foveate.policies.language.cues import SCRIPTS, described, language, languages_of
from foveate.policies.recall import need

ASKING = {
    "en": "can you list the invoices that were paid twice",
    "de": "welche Rechnungen haben wir zweimal bezahlt",
    "es": "dime cuándo sale el tren de la noche",
    "fr": "rappelle-moi quel train nous avons choisi",
    "it": "dimmi quale treno abbiamo scelto per la sera",
    "pt": "qual trem nós escolhemos para a noite",
    "nl": "welke trein hebben we voor de avond gekozen",
    "pl": "przypomnij mi, który pociąg wybraliśmy na wieczór",
    "sv": "vilket tåg valde vi till kvällen",
    "tr": "hangi treni seçmiştik",
    "vi": "chúng ta đã chọn chuyến tàu nào bao nhiêu tiền",
    "id": "kapan kereta malam itu berangkat",
    "ru": "с какого пути уходит ночной поезд",
    "uk": "нагадай, який потяг ми обрали",
    "ar": "متى يغادر القطار الليلي إلى فيينا",
    "fa": "قطار شب از کدام سکو می‌رود",
    "he": "מתי יוצאת רכבת הלילה לווינה",
    "el": "πότε φεύγει το νυχτερινό τρένο για τη Βιέννη",
    "hi": "रात की ट्रेन किस प्लेटफ़ॉर्म से जाती है",
    "zh": "开往维也纳的夜车从哪个站台出发",
    "ja": "夜行列車は何番線から出るか教えて",
    "ko": "야간열차가 몇 번 승강장에서 떠나는지 알려줘",
    "th": "รถไฟกลางคืนออกจากชานชาลาไหน",
}
SILENT = {
    "en": "I slept well and bought tomatoes for us.",
    "de": "Als ich nach Hause kam, war die Tür offen.",
    "es": "Cuando llegué a casa, llovía mucho.",
    "fr": "Quand je suis arrivé, il pleuvait beaucoup.",
    "it": "Quando sono arrivato a casa, pioveva molto.",
    "pt": "Quando eu cheguei em casa, chovia muito.",
    "nl": "Wanneer ik thuis kom, ga ik meteen slapen.",
    "pl": "Kiedy wróciłem do domu, padał deszcz.",
    "sv": "När jag kom hem, regnade det mycket.",
    "tr": "Dün akşam eve geldim ve hemen yattım.",
    "vi": "Hôm nay tôi đã mua cà chua và nấu canh.",
    "id": "Tadi pagi saya membeli tomat di pasar.",
    "ru": "Когда я пришёл домой, шёл дождь.",
    "uk": "Коли я прийшов додому, йшов дощ.",
    "ar": "اشتريت الطماطم هذا الصباح وعدت إلى البيت.",
    "fa": "امروز صبح گوجه خریدم و به خانه برگشتم.",
    "he": "הבוקר קניתי עגבניות וחזרתי הביתה.",
    "el": "Σήμερα αγόρασα ντομάτες και γύρισα σπίτι.",
    "hi": "आज सुबह मैंने टमाटर खरीदे।",
    "zh": "今天早上我买了西红柿，很新鲜。",
    "ja": "今朝トマトを買いました。いつも新鮮です。",
    "ko": "오늘 아침에 토마토를 샀다. 아주 신선했다.",
    "th": "เช้านี้ฉันซื้อมะเขือเทศสดมาก",
}


@pytest.mark.parametrize("code", ASKING)
def test_a_question_without_a_mark_asks_in_its_language(code: str) -> None:
    assert need(ASKING[code]) == 1.0


@pytest.mark.parametrize("code", SILENT)
def test_a_statement_asks_for_nothing_in_its_language(code: str) -> None:
    assert need(SILENT[code]) == 0.0


def test_every_language_described_has_an_example_and_a_script() -> None:
    assert (
        set(described())
        == set(ASKING)
        == set(SILENT)
        == {code for _, codes in SCRIPTS for code in codes}
    )


@pytest.mark.parametrize("code", ASKING)
def test_a_turn_is_known_for_its_language(code: str) -> None:
    assert language(code) in languages_of(SILENT[code].lower())


@pytest.mark.parametrize("code", ASKING)
def test_every_cue_is_a_pattern_in_lower_case(code: str) -> None:
    for key, phrases in described()[code].items():
        for phrase in phrases.split() if isinstance(phrases, str) else phrases:
            assert phrase == phrase.lower(), key
            re.compile(phrase)


@pytest.mark.parametrize(
    "turn", ["สวัสดี ข้าว?", "Ինչու՞", "Πού είναι;", "ምን ነው፧", "哪里？", "¿Y", "أين؟", "where⁇ 😅"]
)
def test_the_question_marks_of_all_scripts_ask(turn: str) -> None:
    assert need(turn) == 1.0


def test_emoji_behind_a_question_take_nothing_from_it() -> None:
    assert need("where did we leave the keys? 😅 😅") == 1.0


@pytest.mark.parametrize(
    "turn", ["მატარებელი ღამით გადის სადგურიდან", "usiku treni inaondoka kituoni saba"]
)
def test_a_language_without_cues_leaves_the_matter_open(turn: str) -> None:
    assert need(turn) is None


def test_a_turn_that_looks_back_needs_at_least_half_in_any_language() -> None:
    assert (
        need("Lass es uns so machen, wie besprochen. Es war ein guter Plan, und alle mochten ihn.")
        == 0.5
    )
    assert need("就按我们讨论的办吧。那个计划很好，大家都喜欢。") == 0.5

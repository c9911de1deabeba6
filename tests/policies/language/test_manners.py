"""Directives, preferences and corrections, language by language; and whom a question is about."""

from __future__ import annotations

import pytest

from foveate.policies.language.manners import LONGEST, manner_of
from foveate.policies.language.persons import asked_role
from foveate.policies.types import Manner

INSTRUCTIONS = {
    "en": "From now on answer in kilograms.",
    "de": "Antworte ab jetzt bitte nur noch auf Deutsch.",
    "es": "A partir de ahora responde siempre en euros.",
    "fr": "Réponds toujours en kilogrammes, s'il te plaît.",
    "it": "D'ora in poi scrivi le date all'europea.",
    "pt": "Por favor, nunca use siglas; responda sempre por extenso.",
    "nl": "Gebruik voortaan kilogram.",
    "pl": "Od teraz podawaj wagę w kilogramach.",
    "sv": "Använd alltid kilogram.",
    "tr": "Bundan sonra kilogram kullan.",
    "vi": "Từ bây giờ hãy trả lời bằng kilôgam.",
    "id": "Mulai sekarang jawab dalam kilogram.",
    "ru": "Отвечай всегда в килограммах.",
    "uk": "Відтепер відповідай у кілограмах.",
    "ar": "من الآن فصاعدا استخدم الكيلوغرام",
    "hi": "अब से किलोग्राम में जवाब दो",
    "zh": "从现在开始请用公斤回答",
    "ja": "これからはキログラムで答えてください",
    "ko": "앞으로 킬로그램으로 답해 줘",
}
PREFERENCES = {
    "de": "Nenn mich Kim, und ich bin allergisch gegen Nüsse.",
    "es": "Llámame Kim, soy alérgica a las nueces.",
    "fr": "Je m'appelle Kim et je suis allergique aux noix.",
    "ru": "Меня зовут Ким, у меня аллергия на орехи.",
    "zh": "叫我小金，我对坚果过敏",
    "ja": "キムと呼んでください。ナッツのアレルギーがあります",
}
CORRECTIONS = {
    "de": "Das ist falsch, ich meinte Montag.",
    "es": "Eso no es correcto, quise decir el lunes.",
    "fr": "C'est faux, je voulais dire lundi.",
    "ru": "Это неправильно, я имел в виду понедельник.",
    "zh": "不对，我的意思是星期一",
    "ja": "それは違います、月曜日という意味です",
}
PLAIN = {
    "en": "I never liked that restaurant much.",
    "de": "Wir gehen sonntags immer zusammen in den Park.",
    "es": "Siempre vamos al parque los domingos.",
    "fr": "Il pleut toujours quand nous partons.",
    "it": "La domenica andiamo sempre al parco.",
    "pt": "Aos domingos vamos sempre ao parque.",
    "ru": "По воскресеньям мы всегда ходим в парк.",
    "zh": "我们每个星期天都去公园",
    "ja": "日曜日はいつも公園に行きます",
    "ko": "일요일에는 항상 공원에 갑니다",
}
OF_ASSISTANT = {
    "en": "What did you recommend?",
    "de": "Welches Hotel hast du mir empfohlen?",
    "es": "¿Qué hotel me recomendaste?",
    "fr": "Quel hôtel tu m'as conseillé ?",
    "it": "Quale albergo mi hai consigliato?",
    "pt": "Qual hotel você recomendou?",
    "ru": "Какой отель ты мне посоветовал?",
    "zh": "你之前推荐了哪家酒店？",
    "ja": "どのホテルを提案してくれた？",
    "ko": "어느 호텔을 추천해 줬지? 네가 말한 거",
}
OF_USER = {
    "en": "When does my train leave?",
    "de": "Wann fährt mein Zug?",
    "es": "¿Cuándo sale mi tren?",
    "fr": "Quand part mon train ?",
    "it": "A che ora parte il mio treno?",
    "pt": "Quando sai o meu trem?",
    "ru": "Когда отходит мой поезд?",
    "zh": "我的火车几点开？",
    "ja": "私の電車は何時ですか",
    "ko": "내가 탈 기차는 몇 시야?",
}


@pytest.mark.parametrize("text", INSTRUCTIONS.values(), ids=INSTRUCTIONS)
def test_standing_instructions_are_known(text: str) -> None:
    assert manner_of(text) & Manner.INSTRUCTION


@pytest.mark.parametrize(
    "text",
    [
        "Please don't touch the production database.",
        "Only use pnpm in this repo, not npm.",
        "Use tabs, not spaces, in all files you write.",
        "Make sure every commit message starts with the ticket number.",
        "Run the tests after each change.",
        "Keep all changes inside src/api.",
        "You must not modify the public API.",
        "Ask me before deleting anything.",
        "Whenever you edit a file, add a changelog line.",
        "In future, keep your answers under three sentences.",
    ],
)
def test_rules_for_agents_are_known(text: str) -> None:
    assert manner_of(text) & Manner.INSTRUCTION


@pytest.mark.parametrize(
    "text",
    [
        "Fix the failing test in utils.py.",
        "I don't need the blue one anymore.",
        "Always a pleasure, thanks!",
        "Make sure all the car doors are locked.",
        "Only the second one failed.",
        "What will change in future releases?",
        "Keep going.",
    ],
)
def test_what_is_wanted_once_is_no_rule(text: str) -> None:
    assert manner_of(text) is Manner.NONE


@pytest.mark.parametrize("text", PREFERENCES.values(), ids=PREFERENCES)
def test_preferences_are_known(text: str) -> None:
    assert manner_of(text) & Manner.PREFERENCE


@pytest.mark.parametrize("text", CORRECTIONS.values(), ids=CORRECTIONS)
def test_corrections_are_known(text: str) -> None:
    assert manner_of(text) & Manner.CORRECTION


@pytest.mark.parametrize("text", PLAIN.values(), ids=PLAIN)
def test_what_people_always_do_is_no_instruction(text: str) -> None:
    assert manner_of(text) is Manner.NONE


def test_a_long_text_with_such_words_is_about_something_else() -> None:
    assert manner_of(f"From now on answer in kilograms. {'word ' * LONGEST}") is Manner.NONE


@pytest.mark.parametrize("text", OF_ASSISTANT.values(), ids=OF_ASSISTANT)
def test_a_question_for_what_the_assistant_said(text: str) -> None:
    assert asked_role(text) == "assistant"


@pytest.mark.parametrize("text", OF_USER.values(), ids=OF_USER)
def test_a_question_for_what_the_user_said(text: str) -> None:
    assert asked_role(text) == "user"


def test_a_question_about_neither() -> None:
    assert asked_role("Wann fährt der Zug nach Wien?") == ""

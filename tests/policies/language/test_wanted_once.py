"""What is wanted once, asked, or told of oneself, language by language: no rule for agents."""

from __future__ import annotations

import pytest

from foveate.policies.language.manners import manner_of
from foveate.policies.types import Manner

ONCE = {
    "de": """\
        Lösche die zweite Zeile in utils.py.
        Ich brauche den blauen nicht mehr.
        Stürzt die App nach jeder Änderung ab?
        Nach jeder Änderung stürzt die App ab.
        Ich frage mich, bevor ich einschlafe, ob das stimmt.
        Zeig mir nur die zweite Rechnung.
        Buche bitte den Flug am Montag.""",
    "es": """\
        Arregla la prueba que falla en utils.py.
        Reserva el vuelo del lunes, por favor.
        Ya no necesito el azul.
        ¿Por qué falla después de cada cambio?
        Después de cada cambio la aplicación se cae.
        No uso mucho el coche.
        Solo falló el segundo.""",
    "fr": """\
        Corrige le test qui échoue dans utils.py.
        Réserve le vol de lundi, s'il te plaît.
        Je n'ai plus besoin du bleu.
        Pourquoi ça plante après chaque modification ?
        L'application plante après chaque modification.
        Seul le deuxième a échoué.
        Je ne touche pas beaucoup au code.""",
    "it": """\
        Correggi il test che fallisce in utils.py.
        Prenota il volo di lunedì, per favore.
        Non mi serve più quello blu.
        Perché si blocca dopo ogni modifica?
        L'applicazione si blocca dopo ogni modifica.
        Solo il secondo non funziona.
        Dimmi solo il prezzo.""",
    "pt": """\
        Corrija o teste que falha em utils.py.
        Reserve o voo de segunda, por favor.
        Não preciso mais do azul.
        Por que trava depois de cada alteração?
        O aplicativo trava depois de cada alteração.
        Só o segundo falhou.
        Não uso muito o carro.""",
    "nl": """\
        Repareer de falende test in utils.py.
        Boek de vlucht van maandag, alsjeblieft.
        Ik heb de blauwe niet meer nodig.
        Waarom crasht het na elke wijziging?
        De app crasht na elke wijziging.
        Alleen de tweede is mislukt.
        Gebruik je geen melk?""",
    "pl": """\
        Napraw test w utils.py.
        Zarezerwuj lot w poniedziałek, proszę.
        Nie potrzebuję już niebieskiego.
        Dlaczego to pada po każdej zmianie?
        Aplikacja pada po każdej zmianie.
        Tylko drugi nie zadziałał.
        Nie używam samochodu.""",
    "sv": """\
        Laga testet i utils.py.
        Boka flyget på måndag, tack.
        Jag behöver inte den blå längre.
        Varför kraschar den efter varje ändring?
        Appen kraschar efter varje ändring.
        Bara den andra misslyckades.
        Hvorfor fejler den efter hver ændring?""",
    "tr": """\
        utils.py içindeki testi düzelt.
        Pazartesi uçuşunu ayırt lütfen.
        Mavi olana artık ihtiyacım yok.
        Neden her değişiklikten sonra çöküyor?
        Uygulama her değişiklikten sonra çöküyor.
        Sadece ikincisi başarısız oldu.
        Silme işlemi çok yavaş.""",
    "vi": """\
        Sửa bài kiểm thử bị lỗi trong utils.py.
        Đặt chuyến bay thứ hai giúp tôi.
        Tôi không cần cái màu xanh nữa.
        Tại sao nó lỗi sau mỗi lần thay đổi?
        Ứng dụng lỗi sau mỗi lần thay đổi.
        Chỉ cái thứ hai bị lỗi.""",
    "id": """\
        Perbaiki tes yang gagal di utils.py.
        Pesan penerbangan hari Senin, ya.
        Saya tidak butuh yang biru lagi.
        Mengapa gagal setelah setiap perubahan?
        Aplikasi gagal setelah setiap perubahan.
        Hanya yang kedua yang gagal.""",
    "ru": """\
        Почини падающий тест в utils.py.
        Забронируй рейс на понедельник, пожалуйста.
        Синий мне больше не нужен.
        Почему падает после каждого изменения?
        Приложение падает после каждого изменения.
        Только второй не прошёл.
        Я не использую машину.""",
    "uk": """\
        Полагодь тест в utils.py.
        Забронюй рейс на понеділок, будь ласка.
        Синій мені більше не потрібен.
        Чому падає після кожної зміни?
        Застосунок падає після кожної зміни.
        Лише другий не пройшов.
        Я не використовую машину.""",
    "ar": """\
        أصلح الاختبار الفاشل في utils.py.
        احجز رحلة يوم الاثنين من فضلك.
        لا أحتاج إلى الأزرق بعد الآن.
        لماذا يتعطل بعد كل تغيير؟
        التطبيق يتعطل بعد كل تغيير.
        الثاني فقط فشل.""",
    "hi": """\
        utils.py में टेस्ट ठीक करो।
        सोमवार की उड़ान बुक कर दीजिए।
        मुझे नीला वाला अब नहीं चाहिए।
        यह हर बदलाव के बाद क्यों टूटता है?
        ऐप हर बदलाव के बाद बंद हो जाता है।
        सिर्फ़ दूसरा विफल हुआ।""",
    "zh": """\
        修复 utils.py 里失败的测试。
        请帮我订星期一的航班。
        我不要蓝色的了。
        为什么每次修改后都会崩溃？
        程序每次修改后都会崩溃。
        只有第二个失败了。
        我不用这个软件。
        分别修改这两个文件。
        现在只能用手机登录。""",
    "ja": """\
        utils.pyの失敗しているテストを直してください。
        月曜日の便を予約してください。
        青いのはもう必要ありません。
        なぜ変更のたびに落ちるのですか。
        変更のたびにアプリが落ちます。
        二番目だけが失敗しました。
        心配しないでください。""",
    "ko": """\
        utils.py의 실패한 테스트를 고쳐 줘.
        월요일 항공편을 예약해 주세요.
        파란색은 이제 필요 없어요.
        왜 변경할 때마다 멈추나요?
        변경할 때마다 앱이 멈춰요.
        두 번째만 실패했어요.
        걱정하지 마세요.""",
}


@pytest.mark.parametrize("said", ONCE.values(), ids=ONCE)
def test_what_is_wanted_once_is_no_rule(said: str) -> None:
    assert not [line for line in said.splitlines() if manner_of(line.strip()) is not Manner.NONE]

"""Rules for agents, and what users always take or can spend, language by language."""

from __future__ import annotations

import pytest

from foveate.policies.language.manners import manner_of
from foveate.policies.types import Manner

RULES = {
    "de": """\
        Bitte fass die Produktionsdatenbank nicht an.
        Verwenden Sie ausschließlich pnpm.
        Frag mich, bevor du etwas löschst.
        Lass nach jeder Änderung die Tests laufen.
        Stellen Sie sicher, dass jede Commit-Nachricht mit der Ticketnummer beginnt.
        Nutze Tabs statt Leerzeichen.
        Keine Emojis, bitte.
        Halte alle Änderungen in src/api.
        Du darfst die öffentliche API nicht ändern.
        Buche nichts ohne meine Zustimmung.
        Jedes Mal, wenn du eine Datei änderst, ergänze das Changelog.""",
    "es": """\
        Por favor, no toques la base de datos de producción.
        Use solo pnpm en este repositorio.
        Pregúntame antes de borrar nada.
        Ejecuta las pruebas después de cada cambio.
        Asegúrate de que cada mensaje de commit empiece con el número de ticket.
        Usa tabuladores en lugar de espacios.
        Nada de emojis.
        Mantenga todos los cambios dentro de src/api.
        No debes modificar la API pública.
        No reserves nada sin consultarme.
        Cada vez que edites un archivo, añade una línea al registro.""",
    "fr": """\
        Ne touche pas à la base de production, s'il te plaît.
        N'utilisez que pnpm dans ce dépôt.
        Demande-moi avant de supprimer quoi que ce soit.
        Lancez les tests après chaque modification.
        Assure-toi que chaque message de commit commence par le numéro du ticket.
        Utilise des tabulations plutôt que des espaces.
        Pas d'emojis.
        Gardez toutes les modifications dans src/api.
        Vous ne devez pas modifier l'API publique.
        Ne réserve rien sans mon accord.
        Chaque fois que tu modifies un fichier, ajoute une ligne au journal.""",
    "it": """\
        Per favore non toccare il database di produzione.
        Usi solo pnpm in questo repository.
        Chiedimi prima di cancellare qualcosa.
        Esegui i test dopo ogni modifica.
        Si assicuri che ogni messaggio di commit inizi con il numero del ticket.
        Usa le tabulazioni invece degli spazi.
        Niente emoji.
        Mantieni tutte le modifiche dentro src/api.
        Non devi modificare l'API pubblica.
        Non prenotare nulla senza chiedermi.
        Ogni volta che modifichi un file, aggiungi una riga al registro.""",
    "pt": """\
        Por favor, não mexa no banco de dados de produção.
        Usa só pnpm neste repositório.
        Pergunta-me antes de apagar alguma coisa.
        Rode os testes depois de cada alteração.
        Certifique-se de que cada mensagem de commit comece com o número do ticket.
        Use tabulações em vez de espaços.
        Nada de emojis.
        Mantenha todas as alterações dentro de src/api.
        Você não deve modificar a API pública.
        Não reserve nada sem me perguntar.
        Toda vez que você editar um arquivo, adicione uma linha ao registro.""",
    "nl": """\
        Raak de productiedatabase niet aan, alsjeblieft.
        Gebruik alleen pnpm in deze repo.
        Vraag het me eerst voordat je iets verwijdert.
        Draai de tests na elke wijziging.
        Zorg ervoor dat elk commitbericht met het ticketnummer begint.
        Gebruik tabs in plaats van spaties.
        Geen emoji's, graag.
        Houd alle wijzigingen binnen src/api.
        U mag de publieke API niet wijzigen.
        Boek niets zonder mijn toestemming.
        Telkens wanneer je een bestand wijzigt, werk je het logboek bij.""",
    "pl": """\
        Proszę, nie dotykaj produkcyjnej bazy danych.
        Używaj tylko pnpm w tym repozytorium.
        Proszę pytać mnie, zanim coś zostanie usunięte.
        Po każdej zmianie uruchom testy.
        Upewnij się, że każdy opis commita zaczyna się od numeru zgłoszenia.
        Używaj tabulatorów zamiast spacji.
        Żadnych emoji.
        Trzymaj wszystkie zmiany w src/api.
        Nie wolno ci zmieniać publicznego API.
        Nie rezerwuj niczego bez mojej zgody.
        Za każdym razem, gdy edytujesz plik, dopisz linię do dziennika.""",
    "sv": """\
        Snälla, rör inte produktionsdatabasen.
        Använd bara pnpm i det här repot.
        Fråga mig innan du raderar något.
        Kör testerna efter varje ändring.
        Se till att varje commit börjar med ärendets nummer.
        Använd tabbar i stället för mellanslag.
        Inga emojis.
        Håll alla ändringar inom src/api.
        Du får inte ändra det publika API:et.
        Boka inget utan att fråga mig.
        Spør meg før du sletter noe.
        Ikke rør produksjonsdatabasen.
        Brug kun pnpm.""",
    "tr": """\
        Lütfen üretim veritabanına dokunma.
        Bu depoda sadece pnpm kullanın.
        Bir şeyi silmeden önce bana sor.
        Her değişiklikten sonra testleri çalıştır.
        Her commit mesajının bilet numarasıyla başladığından emin olun.
        Boşluk yerine sekme kullan.
        Emoji kullanmayın.
        Tüm değişiklikleri src/api içinde tut.
        Bana sormadan hiçbir şey rezerve etme.
        Bir dosyayı her düzenlediğinde günlüğe bir satır ekle.""",
    "vi": """\
        Xin đừng động vào cơ sở dữ liệu sản xuất.
        Chỉ dùng pnpm trong kho này.
        Hãy hỏi tôi trước khi xóa bất cứ thứ gì.
        Chạy kiểm thử sau mỗi lần thay đổi.
        Đảm bảo mỗi commit bắt đầu bằng số ticket.
        Dùng tab thay vì dấu cách.
        Không dùng emoji.
        Giữ mọi thay đổi trong src/api.
        Bạn không được sửa API công khai.
        Mỗi khi bạn sửa một tệp, hãy thêm một dòng vào nhật ký.""",
    "id": """\
        Tolong jangan sentuh basis data produksi.
        Hanya gunakan pnpm di repo ini.
        Tanya saya dulu sebelum menghapus apa pun.
        Jalankan tes setelah setiap perubahan.
        Pastikan setiap pesan commit diawali nomor tiket.
        Gunakan tab, bukan spasi.
        Tanpa emoji, ya.
        Jaga semua perubahan di dalam src/api.
        Anda tidak boleh mengubah API publik.
        Pesan apa pun tidak boleh tanpa persetujuan saya.
        Setiap kali Anda mengedit berkas, tambahkan satu baris ke log.""",
    "ru": """\
        Пожалуйста, не трогай рабочую базу данных.
        Используйте только pnpm в этом репозитории.
        Спроси меня, прежде чем что-то удалять.
        После каждого изменения запускай тесты.
        Следи, чтобы каждый коммит начинался с номера задачи.
        Используй табы вместо пробелов.
        Никаких эмодзи.
        Держите все изменения в src/api.
        Вам нельзя менять публичный API.
        Ничего не бронируй без моего согласия.
        Каждый раз, когда правишь файл, дописывай строку в журнал.""",
    "uk": """\
        Будь ласка, не чіпай робочу базу даних.
        Використовуйте лише pnpm у цьому репозиторії.
        Запитай мене, перш ніж щось видаляти.
        Після кожної зміни запускай тести.
        Стеж, щоб кожен коміт починався з номера задачі.
        Використовуй таби замість пробілів.
        Жодних емодзі.
        Тримайте всі зміни в src/api.
        Вам не можна змінювати публічний API.
        Нічого не бронюй без моєї згоди.
        Щоразу, коли редагуєш файл, додавай рядок до журналу.""",
    "ar": """\
        من فضلك لا تلمس قاعدة بيانات الإنتاج.
        استخدم pnpm فقط في هذا المستودع.
        اسألني قبل حذف أي شيء.
        شغل الاختبارات بعد كل تغيير.
        تأكد من أن كل رسالة تبدأ برقم التذكرة.
        استخدمي المسافات بدلا من الجداول.
        بدون رموز تعبيرية.
        اجعل كل التغييرات داخل src/api.
        لا يجوز لك تعديل الواجهة العامة.
        لا تحجز شيئا دون موافقتي.
        كلما عدلت ملفا أضف سطرا إلى السجل.""",
    "hi": """\
        कृपया प्रोडक्शन डेटाबेस को मत छुओ।
        इस रिपो में सिर्फ़ pnpm इस्तेमाल करें।
        कुछ भी हटाने से पहले मुझसे पूछो।
        हर बदलाव के बाद टेस्ट चलाओ।
        सुनिश्चित करें कि हर कमिट टिकट नंबर से शुरू हो।
        स्पेस की जगह टैब इस्तेमाल करो।
        इमोजी का उपयोग न करें।
        npm मत इस्तेमाल करो।
        मेरी अनुमति के बिना कुछ बुक न हो।
        जब भी आप कोई फ़ाइल बदलें, लॉग में एक पंक्ति जोड़ें।""",
    "zh": """\
        请不要动生产数据库。
        这个仓库只用 pnpm。
        刪除任何東西之前先問我。
        每次修改之后都要运行测试。
        确保每条提交信息都以工单号开头。
        用制表符而不是空格。
        不要用表情符号。
        把所有改动限制在 src/api 里。
        您不得修改公共接口。
        別動資料庫。
        未经我同意什么都别订。""",
    "ja": """\
        本番のデータベースには触らないでください。
        このリポジトリではpnpmだけを使って。
        何かを削除する前に私に確認してください。
        変更のたびにテストを実行してください。
        すべてのコミットメッセージはチケット番号で始まるようにしてください。
        スペースではなくタブを使ってください。
        絵文字は禁止です。
        すべての変更はsrc/apiの中に収めて。
        公開APIは変更してはいけません。
        許可なく予約しないでください。""",
    "ko": """\
        운영 데이터베이스는 건드리지 마.
        이 저장소에서는 pnpm만 사용하세요.
        무언가를 삭제하기 전에 먼저 물어봐.
        변경할 때마다 테스트를 실행해 주세요.
        모든 커밋 메시지가 티켓 번호로 시작하도록 해.
        공백 대신 탭을 써.
        이모지는 쓰지 마세요.
        모든 변경은 src/api 안에서만 하도록 하세요.
        공개 API를 수정하면 안 됩니다.
        내 허락 없이 예약하지 마.""",
}
LIKINGS = {
    "de": "Mein Budget liegt bei 500 Euro.",
    "es": "Mi presupuesto es de 500 euros.",
    "fr": "Je ne voyage qu'en train.",
    "it": "Volo solo di giorno.",
    "pt": "Meu orçamento é de 500 reais.",
    "nl": "Ik vlieg nooit met overstap.",
    "pl": "Mój budżet to 500 złotych.",
    "sv": "Jag flyger aldrig på natten.",
    "tr": "Bütçem 500 euro.",
    "vi": "Tôi không bao giờ bay đêm.",
    "id": "Anggaran saya 500 ribu.",
    "ru": "Я летаю только днём, мой бюджет 500 евро.",
    "uk": "Мій бюджет 500 євро.",
    "ar": "ميزانيتي 500 يورو.",
    "hi": "मेरा बजट 500 रुपये है।",
    "zh": "我的预算是五百块。",
    "ja": "予算は五万円です。",
    "ko": "제 예산은 오십만 원이에요.",
}


def lines(texts: dict[str, str]) -> list[object]:
    """Return each line of each language's, named after the language."""
    return [
        pytest.param(line.strip(), id=f"{code}-{i}")
        for code, said in texts.items()
        for i, line in enumerate(said.splitlines())
    ]


@pytest.mark.parametrize("text", lines(RULES))
def test_rules_for_agents_are_known(text: str) -> None:
    assert manner_of(text) & Manner.INSTRUCTION


@pytest.mark.parametrize("text", lines(LIKINGS))
def test_what_the_user_always_takes_or_can_spend_is_a_preference(text: str) -> None:
    assert manner_of(text) & Manner.PREFERENCE

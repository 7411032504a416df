"""The words in which a reply says that something was done: patterns of clauses in Indonesian, Malay and English.

Each pattern of `ACT`, `REPORT`, `PAYMENT` and `HANDOVER` names the word that claims with the group `v`. What a match means, and which
receipt proves it, is in `actions/claims.py`.
"""

import re

# Roots of the verbs that change something. They follow "saya" and "di-"; their active forms follow "saya sudah".
_ROOT = (
    r"(?:batal|cancell?(?:ed)?|ubah|ganti|perba(?:ha)?rui|update|upgrade|buat|bikin|pesan|order|book(?:ing)?|jadwal|reschedule|schedule|"
    r"kirim|"
    r"send|proses|process|kembalikan|balikin|refund|daftar|tambah|hapus|delete|simpan|save|aktif|nonaktif|aju|lapor|reservasi|reserve|"
    r"konfirmasi|"
    r"confirm|hantar|tempah|tukar|kemas ?kini|input|submit|perpanjang|pindah|transfer|sah|rekod|atur|urus|eksekusi|void|retur|edit|"
    r"forward|"
    r"selesai(?=kan|in)|reset|geser|hubungi|beri ?tahu|terapkan|terus(?=kan|in)|blokir|gabung|jeda|pulang(?=kan|in)|kredit(?=kan)|"
    r"rubah|setuju(?=i)|kunci|aman(?=kan|in)|tahan|hold|lock|keep|"
    r"masuk(?=kan|in)|antar)(?:[- ]?(?:kan|in|i|nya|"
    r"lah)\b)*(?: ulang)?"
)
_ACTIVE = (
    r"(?:meng?-?|nge-?|me-?)(?:cancel|update|upgrade|booking|book|order|refund|reschedule|input|submit|void|edit|confirm|delete)(?:kan|"
    r"in)?|"
    r"(?:membatal|mengubah|menggant|memperba(?:ha)?rui|membuat|memesan|menjadwal|mengirim|memproses|mengembali|mendaftar|menambah|"
    r"menghapus|"
    r"menyimpan|mengaktif|menonaktif|mengaju|melapor|mengonfirmasi|mengkonfirmasi|menghantar|menempah|menukar|mengemas ?kini|memindah|"
    r"memperpanjang|mereservasi|mengatur|mengurus|menyelesai|mengesah|ngebatal|ngubah|ngirim)(?:kan|i|in)?(?: ulang)?"
)
_PASSIVE = (
    rf"(?:di[- ]?{_ROOT}|ter-?(?:batal|kirim|daftar|jadwal|simpan|konfirmasi|ubah|hapus|update|proses|pesan|booking|rekod|ganti|"
    r"reset|catat|geser|input|aktif|kunci)(?:kan)?|ke-?(?:cancel|booking|batal|hapus|simpan|input|kirim|update)|"
    r"batal|cancel(?:l?ed)?|refund|pindah|tukar|masuk (?:ke )?sistem|reschedule|updated?|booked|confirmed|refunded|rescheduled|"
    r"resched)(?:nya|lah)?"
)
_DONE = (
    r"(?:(?:cancell?|updat|chang|book|(?:re)?schedul|refund|plac|creat|add|remov|delet|process|submitt|register|reserv|order|sav|issu|"
    r"arrang|"
    r"confirm|(?:de)?activat|report|shipp|fil|modifi|edit|replac|exchang|extend|mov|upgrad|logg|record|initiat|complet|revers|void|"
    r"dispatch|"
    r"transferr|credit|secur|paus|resum|return|rebook|appli|deduct|waiv|receiv|unlock|block|unblock|renew|fix|resolv|unsubscrib|"
    r"correct|reimburs|finali[sz]|amend)ed|switched(?: on| off)?|turned (?:on|off)|sent|made|set up|put through|taken care of|withdrawn)"
)
_DONE_TO = rf"(?:{_DONE}|(?:clos|releas|terminat|approv|suspend|lock|lift|redeem|restor|enroll?|redirect)ed|taken (?:off|care of))"
_BY_MYSELF = (
    r"(?:cancell?ed|updated|changed|booked|(?:re)?scheduled|refunded|sent|placed|created|added|removed|deleted|processed|submitted|"
    r"registered|"
    r"reserved|ordered|saved|issued|arranged|confirmed|(?:de)?activated|reported|shipped|filed|modified|edited|replaced|exchanged|"
    r"extended|"
    r"upgraded|recorded|initiated|reversed|voided|dispatched|switched|credited|unsubscribed|amended|"
    r"(?:made|moved|set up|put through|logged|applied|completed|corrected|transferred|raised|opened|lodged|closed|locked in|"
    r"took care of|taken care of)"
    r"(?= (?:the|your|a|an|that|this|all|it|you|them)\b))"
)
MARK = r"(?:wis|wes|sampun|sudah|telah|udah|udh|sdh|uda|dah|tlh|sudh|suda|barusan|baru saja|baru aja|berhasil|berjaya|sukses|already)"
_I = r"(?:saya|aku|gue|gua|gw|sy|ane)"
_WE = r"(?:kami|kita|tim kami|pihak kami|admin kami|sistem kami|sistem)"
_FILL = (
    r"(?:(?:bantu|langsung|pun|juga|tadi|barusan|baru saja|resmi|selesai|berhasil|berjaya|sukses|otomatis|secara \w+|sekarang|kak|kakak|"
    r"ya|dong|"
    r"untuk (?:kakak|anda|kamu))\s+){0,8}"
)
_ADVERBS = (
    r"(?:\s+(?:now|already|just|also|successfully|officially|fully|gone ahead and|been|all|then|since|indeed|finally|"
    r"duly|both)){0,5}"
)
# What a reply itself does, or what was only looked at: no deed outside.
_TOLD = (
    r"(?:sampai|jelas|sebut|tulis|catat|lihat|baca|cek|periksa|dengar|paham|pelajari|temu|infor|kabar|tanya|terang|rangkum|lampir|siap|"
    r"dapat|perhati|coba)"
)
_TOLD_EN = (
    r"(?:check|look|noted|noti[cn]|read|review|receiv|explain|mention|includ|answer|ask|tri|search|verif|learn|provid|shar|describ|"
    r"summari|gather|"
    r"compar|"
    r"highlight|outlin|copi|quot|list|attach|consider|need|want|lik|enjoy|attend|understand|detail|found|locat|notic|follow|retriev|fetch|obtain|access|identif|pull)"
)
_THINGS = (
    r"(?:pesanan|order(?:an)?|paket|transaksi|alamat|jadwal|reservasi|booking(?:an)?|tempahan|akun|akaun|data|refund|dana|langganan|"
    r"keluhan|"
    r"komplain|laporan|permintaan|permohonan|invoice|invois|tagihan|janji|barang|bayaran|meja|tiket|nomor|email|kamar|bilik|perubahan|"
    r"ukuran|saiz|size|juruteknik|item|poin|voucher|diskon|kata sandi|password|pin|kursi|penerbangan|teknisi|kurir|saldo|limit|"
    r"paket data|"
    r"orders?|package|parcel|address|appointment|reservation|account|subscription|complaint|request|shipment|table|ticket|booking|"
    r"changes?|"
    r"items?|delivery|details?|purchase|plan|return|exchange|phone number|number|replacement|transaction|charge|room|slot|name|seat|"
    r"flight|password|points?|money|card|plan|discount|voucher|bill|payment method)"
)
IDS = r"(?:#\s?+\w[\w-]{0,40}+|[A-Z]{1,6}-?\d[\w-]{0,40}+|\d{4,24}+)"  # read once, not at every length
_HELD = (
    r"(?:meja|kamar|kursi|tempat|slot|bilik|pesanan|order|booking|bookingan|reservasi|tempahan|langganan|jadwal|janji|paket|kartu|"
    r"pengaduan|refund|pembatalan|"
    r"perubahan|alamat|akun|tiket|pendaftaran)"
)
"""What a business keeps for one customer."""
_SHOP = (
    r"(?:toko|cabang|gerai|outlet|kedai|kantor|restoran|menu|produk\w*|promo\w*|harga\w*|stok\w*|kurir\w*|sistem|jam (?:buka|"
    r"operasional)|website|"
    r"aplikasi|parkir\w*|resep\w*|layanan|katalog|store|shop|branch|menu|recipe|products?|website|app|prices?|kitchen|policy|item)"
)
ABOUT_SHOP = rf"(?:(?:alamat|jadwal|data|semua|seluruh|tempat|the|our|this|all|new)\s+){{0,2}}(?:{_SHOP}\b|our\b)"
"""How a sentence begins that tells of the business, and not of what is this customer's."""
_YOURS = r"(?:kakak|kak|anda|kamu|puan|tuan|encik|cik|tersebut|tadi)"
_TOLD_ANY = (
    rf"(?:{_TOLD}|hitung|jumlah|kira|duga|tahu|tau|ingat|rasa|punya|milik|maksud|bilang|kata|jawab|balas|bahas|singgung|terima|baca|"
    rf"kenal|uji|desain|"
    r"layan|tunggu|kasih|beri(?! ?tahu)|janji|jual|buka|tutup(?= (?:jam|pukul|pada))|libur|pernah|bisa|dapat|mau|ada|siap\b|penuh|"
    r"habis|makan|"
    r"bantu\b|ketemu|kehabisan|termasuk|tersedia|terlalu|terbaik|terakhir|terbukti|terkenal|terletak|terdiri|terjual|tertera|"
    r"terlampir|tercantum|"
    r"tertulis|kena|kembali\b|kerja|didesain|dirancang|dikenal|diuji|disedia|dibuka|dijual|dilayani|dibaca|dijawab|dicek|dilihat|"
    r"dibahas|dipahami|"
    r"ditulis|disebut|dijelas|diketahui|disampai|diinfo|dicantum|dilampir|ditampil|diterima|dipercaya|dilengkapi|disertai|divaksin|"
    r"dilatih)"
)
_SAID_EN = (
    rf"(?:{_TOLD_EN}|miss|help|lov|assum|confus|keep|serv|apologi|offer|suggest|recommend|promis|hop|wait|us(?=ed)|calculat|count|"
    rf"translat|guess|"
    r"realiz|decid|work|learn|happen|seem|appear|show|call(?=ed (?:it|you by))|list|fail|plan|intend|expect|prefer|focus|improv|grow|"
    r"open(?=ed (?:a new|our))|"
    r"serv|mean|discover|identif|spott|forgot|agre|sugges|stat|indicat|pull(?=ed up)|look)"
)
SAID = rf"(?:{_TOLD_ANY}|{_SAID_EN})"
"""How the words begin of what a reply itself does, or of what holds for everyone."""
_RESULTS = r"(?:ter-?(?:catat|daftar|booking|konfirmasi|simpan|jadwal|pesan|reservasi|kunci|input|update|proses|batalkan)(?:kan)?)"
_SHOWN = (
    r"(?:sedia|tampil|umum|buka|cantum|siap|kembang|rancang|sesuai|pilih|bagi|lengkap|tingkat|hadir|luncur|terap|jalan|layan|"
    r"percaya|bukti|dedikasi)"
)
_NOMINAL = (
    r"(?:pembatalan|perubahan|pengembalian|refund|pemesanan|pendaftaran|pengiriman|penjadwalan|pembaruan|penggantian|penghapusan|"
    r"penukaran|"
    r"cancellation|change|registration|rescheduling|update)"
)
_RECORDS = (
    r"(?:reservasi|pesanan|booking|order|tempahan|laporan|permintaan|reservation|request|exchange|return|complaint)"
)

# In each, the group `v` begins at the word that says "done", or at the verb where there is none; `m` says that it is marked.
ACT = (
    rf"(?P<v>{MARK})\s+{_FILL}(?:{_I}\s+{_FILL}|ku-?)(?P<verb>{_ROOT})",
    rf"\b{_I}\s+{_FILL}(?P<v>{MARK})\s+(?:{MARK}\s+)?{_FILL}(?P<verb>{_ACTIVE}|{_ROOT})\b",
    rf"(?P<v>{MARK})\s+{_FILL}{_I}\s+(?:lakukan|jalankan|eksekusi)\s+(?P<verb>{_NOMINAL})",
    rf"\b{_I}\s+{_FILL}(?P<v>{MARK})\s+{_FILL}(?:melakukan|lakukan|menjalankan)\s+(?P<verb>{_NOMINAL})",
    rf"(?P<v>{MARK})\s+(?:{_I}|{_WE})?\s*(?P<verb>catat\w*)\b.{{0,20}}\b(?:{_THINGS})|"
    rf"\b(?:{_THINGS})\w*\b.{{0,30}}(?P<v2>{MARK})\s+{_I}\s+(?P<verb2>catat)",
    rf"\bI(?:'ve| have| went ahead and| managed to have)?{_ADVERBS}\s+(?P<v>(?P<verb>{_BY_MYSELF}))\b",
    r"\bI(?: have|'ve)?(?: been able to| was able to| managed to)\s+(?P<v>(?P<verb>cancel|update|change|book|reschedule|refund|send|"
    r"place|create|process|"
    r"submit|reserve|order|confirm))\b",
    rf"(?P<v>{MARK})\s+{_FILL}{_I}\s+{_FILL}(?P<verb>(?!{_TOLD_ANY})\w{{3,}})\b",
    rf"\b{_I}\s+(?P<v>(?P<verb>{_ROOT}))\s+(?:\w+\s+){{0,3}}?(?:barusan|tadi|baru saja)\b",
    rf"\bI(?:'ve| have| went ahead and)?{_ADVERBS}\s+(?P<v>(?P<verb>(?!{_SAID_EN})(?:\w{{3,}}ed|reset|put|took|sent|made)))"
    r"(?: (?:in|up|down|off|out|back|on))?\s+(?:your|the(?! (?:list|options?|menu|details|information|difference|question))|it\b|"
    r"them\b|this|auto|\$)",
    rf"\bI(?:'ve| have){_ADVERBS}\s+(?P<v>(?P<verb>(?!{_TOLD_EN})(?:\w{{3,}}ed|reset)))\s+(?:your|(?:the|our) (?:courier|driver|order|"
    r"kitchen|warehouse|team|manager|technician|staff|item|discount|card|booking))\b",
    r"\b(?:I|we)(?:'ve| have)?\s+(?P<v>(?P<verb>let)) (?:the|our|dr|mr|ms) (?:\w+ ){1,2}know\b",
    r"\b(?:I|we)(?:'ve| have)?\s+(?P<v>(?P<verb>asked|told|notified|informed|alerted)) (?:the|our|dr|mr|ms) \w+",
    r"\bI(?:'ve| have)? (?P<v>(?P<verb>put|left|added|made)) (?:a|the) note (?:on|in|for)\b",
    rf"\bI (?:got|had) (?:it|that|this|your \w+|the \w+) (?P<v>(?P<verb>{_DONE}))\b",
    r"\bI (?P<v>(?P<verb>(?:turned|switched) (?:on|off))) ",
    rf"\b{_I}\s+(?P<v>{MARK})\s+(?P<verb>minta)(?:kan)? (?:\w+ ){{1,2}}(?:untuk|me\w+)",
    rf"\b(?P<v>(?:udah|udh|wis|wes|sampun)\s+(?:tak|kula|kulo)[ -]?(?P<verb>{_ROOT}))\w*",
    r"(?<!shall )(?<!can )(?<!should )(?<!may )\b(?:I|we)(?:'ve| have)? (?P<v>(?P<verb>got|put|signed|pencill?ed|marked|slotted|added|"
    r"squeezed)) you (?:down|in|up|for)\b",
    rf"\bI(?:'ve| have){_ADVERBS}\s+(?P<v>(?P<verb>(?!{_TOLD_EN}|miss|help|lov|assum|confus|keep)\w{{3,}}ed))"
    r"(?: (?:in|up|down|off|out|back))?\s+(?:you(?! (?:that|about|earlier|before))|your)\b",
    rf"^(?:got|had|have) (?:it|that|your \w+) (?P<v>(?P<verb>{_DONE}))\b",
    rf"\bI(?: have|'ve) (?:got|gotten|had)\s+(?:\w+\s+){{1,4}}(?P<v>(?P<verb>{_DONE}))\b",
)
REPORT = (
    rf"(?:\b(?:{_THINGS}|{IDS}|semua(?:nya)?)|(?<![a-z] "
    rf")itu)\w*\b.{{0,50}}?\b(?P<v>{MARK})\s+{_FILL}(?:{_WE}\s+{_FILL}(?P<verb2>{_ROOT})|"
    rf"(?P<verb>{_PASSIVE}))\b",
    rf"\b(?P<v>{MARK})\s+{_FILL}(?:{_WE}\s+{_FILL}(?P<verb2>{_ROOT})|(?P<verb>{_PASSIVE}))\b.{{0,20}}\b(?:{_THINGS}|{IDS})",
    r"^(?:(?:baik|oke?|okay|siap|sip|ya|iya|beres|done|alhamdulillah|nah|kak|kakak|status\w*|"
    rf"adalah)\s+)*(?P<v>{MARK})\s+(?:{MARK}\s+)?{_FILL}(?:{_WE}\s+{_FILL}"
    rf"(?P<verb2>{_ROOT})|(?P<verb>{_PASSIVE}))\b",
    rf"\b{_WE}\s+{_FILL}(?P<v>{MARK})\s+(?:{MARK}\s+)?{_FILL}(?P<verb>{_ACTIVE}|{_ROOT})\b(?! (?:ribuan|ratusan|banyak|menu|harga|"
    r"produk|varian|cabang|gerai|toko|stok|layanan|metode|rasa|jam|fitur))",
    rf"(?:\bkak(?:ak)?|\banda|\bkamu)\s+(?P<v>{MARK})\s+{_FILL}(?:{_WE}\s+{_FILL}(?P<verb2>{_ROOT})|(?P<verb>{_PASSIVE}))\b",
    rf"(?P<v>{MARK})\s+{_FILL}{_WE}\s+{_FILL}(?P<verb>(?:jadwal|batal|cancel|refund|reschedule|daftar|booking|transfer)(?:kan|in)?)\b",
    r"\b(?P<v>(?:dalam status|berstatus|statusnya) (?P<verb>di-?(?:batalkan|cancel|refund|kirim)|cancell?ed|refunded))\b",
    rf"(?P<v>{MARK})\s+{_FILL}(?:{_WE}\s+|di)lakukan\s+(?P<verb>{_NOMINAL})",
    rf"\b(?P<verb>{_NOMINAL})\w*\b(?!.{{0,30}}\b(?:yang|yg|that)\b).{{0,30}}?\b(?P<v>(?:{MARK})(?:\s+{MARK})?\s+{_FILL}(?:selesai|"
    rf"beres|kelar|tuntas|sukses|berhasil|{_PASSIVE}|"
    rf"dilakukan|{_WE} lakukan)|berhasil(?=\W*$| ya| kak))",
    rf"\b(?:{_THINGS}|{IDS}|semua(?:nya)?|{_RECORDS})\w*\b.{{0,30}}\b(?P<v>{MARK})?\s*(?P<verb>beres|kelar|tuntas|berhasil(?=\W*$| ya|"
    r" kak))\b",
    rf"\b(?:pesanan|order|paket|reservasi|booking|tempahan|langganan|tagihan|janji temu)(?:nya|\s+(?:kak(?:ak)?|anda|kamu|{IDS}|"
    r"tersebut|tadi)\b)+\s+(?P<v>(?P<verb>"
    r"di-?(?:batalkan|cancel|refund|hapus|ubah|ganti|kembalikan)))(?=\W*$| ya| kak| sekarang| hari ini)",
    r"\bstatus\w*(?: [\w-]+){0,5}?(?: ?[:=]| adalah| menjadi| sekarang| kini| is| now)+ (?:\w+ )?(?P<v>(?P<verb>di-?(?:batalkan|cancel|"
    r"refund|kirim|ubah|kembalikan)|cancell?ed|refunded|shipped"
    r"|dispatched|rescheduled))\b",
    rf"\b(?:{_THINGS}|{IDS}|it|that|this|they|everything|both)\b.{{0,40}}?(?:\b(?:has|have)\b|'s|"
    rf"'ve)(?P<v>{_ADVERBS}\s+been{_ADVERBS}\s+(?P<verb>{_DONE}))\b",
    rf"^(?:\W|and |which |that )*(?:has|have)(?P<v>{_ADVERBS}\s+been{_ADVERBS}\s+(?P<verb>{_DONE}))\b",
    rf"\b(?:{_THINGS}|{IDS}|it|that|everything)\b.{{0,30}}?(?:\b(?:is|are|was|were)\b|'s)(?P<v>\s+(?:now|already|successfully|"
    rf"officially|all)\b{_ADVERBS}\s+(?P<verb>{_DONE}))\b",
    rf"\b(?:your|that|this|the) (?:\w+ ){{0,2}}?(?:{_THINGS})(?: (?:number )?{IDS})?(?: for [\w: ]{{1,30}})? (?:is|are|was|"
    rf"were) (?P<v>(?P<verb>{_DONE}))\b",
    rf"\b{IDS} (?:is|was) (?P<v>(?P<verb>{_DONE}))\b",
    r"(?<!if )\b(?:it|that)(?: is|'s| was) (?P<v>(?P<verb>cancell?ed|refunded|booked|updated|rescheduled|changed))\b",
    r"\b(?:you are|you're)(?: all| now| officially| already)* (?P<v>(?P<verb>booked|confirmed|registered|rescheduled|unsubscribed|"
    r"scheduled|refunded))\b",
    rf"^(?:(?:done|great|ok(?:ay)?|all set|your|the|sip|siap)\W+)*(?:{_THINGS})(?: {IDS}| for \d+)? (?:now |successfully |"
    rf"already )?(?P<v>(?P<verb>{_DONE}))(?=\W*$| (?:for (?:tomorrow|today|tonight|\w+day)|successfully|for you|to|now|already|ya|"
    rf"kak)\b)",
    rf"^(?:successfully |already )+(?P<v>(?P<verb>{_DONE}))\b|^(?P<v2>(?P<verb2>cancell?ed|refunded|updated|booked|rescheduled))(?=\W*$|"
    r" (?:it|your|the|that|for you|ya|kak)\b)",
    rf"\b(?:your|the|this|that) (?:\w+ ){{0,2}}?(?P<verb>{_NOMINAL}|{_RECORDS})\b.{{0,20}}?\b(?P<v>(?:is|was|has been|have been)(?: now|"
    r" all| already)* (?:complete|confirmed|successful|done|through|processed|"
    r"finali[sz]ed|approved|in place|on its way|issued)|went through|has gone through|succeeded)\b",
    rf"\bwe(?:'ve| have)?{_ADVERBS}\s+(?P<v>(?P<verb>{_BY_MYSELF}))\b(?! (?:our|new|a new|some|more|several|many|"
    rf"thousands)\b)(?=.{{0,40}}\b(?:your|you|it|that|them|{IDS}|{_THINGS})\b)",
    rf"(?P<v>{MARK})\s+{_FILL}(?:kami|kita)\s+{_FILL}(?P<verb>(?!{_TOLD}|{_SHOWN})\w{{3,}}(?:kan|in))\b",
    rf"\b(?:meja|kamar|kursi|tempat|bilik|slot)\w*\b.{{0,30}}?(?P<v>{MARK})\s+{_FILL}(?:{_I}|{_WE})\s+(?P<verb>siapkan|sediakan|"
    rf"siapin)\b",
    rf"\b(?:{_HELD})(?:nya|an|annya)?\b.{{0,50}}?\b(?P<v>(?P<verb>{_RESULTS}))\b(?!.{{0,40}}\b(?:jika|kalau|bila|if)\b)",
    rf"\b(?:{_HELD})(?:nya|an|annya)?\b.{{0,50}}?\b(?P<v>{MARK}\s+(?:{_FILL})(?P<verb>aman|masuk|fix|jalan|aktif|pindah|batal|"
    rf"(?:gak|ga|nggak|tidak) jadi|"
    rf"berhenti|berakhir|siap))(?=\W*$|\W+(?:ya|kak|dan|ke|sekarang|untuk|atas|di sistem|tinggal)\b)",
    rf"\b(?:{_HELD})(?:nya|an)?\b.{{0,30}}\b(?P<v>(?P<verb>fix)) ya\b",
    rf"^(?:(?:baik|oke?|siap|sip|beres|done)\W+)*(?:{_THINGS}|{_RECORDS})\w*(?: {IDS}| kakak| anda)*"
    r" (?P<v>(?:resmi )?(?P<verb>di-?(?:batalkan|cancel|refund|booking|reservasi|jadwalkan|ubah|hapus)|batal|berhenti))"
    r"(?=\W*$| ya\b| kak\b| per (?:hari|tanggal))",
    rf"\b(?:{_HELD})\b(?: (?:kakak|anda|kamu))? (?P<v>resmi (?P<verb>batal|berhenti|aktif|berakhir|dibatalkan|ditutup))\b",
    r"\b(?:kakak|anda|kamu|adi[kn]d?a?|ananda|dedek|putr[ai](?:nya)?)\s+(?P<v>(?:(?:sekarang|kini|sudah|telah|resmi)\s+)+(?P<verb>(?:men)?jadi|terdaftar|tergabung))\b"
    r"(?=.{0,25}\b(?:member|anggota|peserta)\b)",
    rf"\bwe(?:'ve| have){_ADVERBS}\s+(?P<v>(?P<verb>(?!{_TOLD_EN}|miss|help|lov|assum|confus|keep|serv)\w{{3,}}ed))"
    r"(?: (?:in|up|down|off|out|back))?\s+(?:all )?(?:you(?! (?:that|about|earlier|before))|your)\b",
    rf"(?P<s>\b(?:{_YOURS}|{IDS}|{_THINGS}\w*)\b).{{0,60}}?\b(?P<v>{MARK})\s+{_FILL}(?:kami|kita)\s+{_FILL}"
    rf"(?P<verb>(?!{_TOLD_ANY}|{_SHOWN})\w{{3,}})\b",
    rf"(?P<s>\b(?:{_YOURS}|{IDS}|{_THINGS}\w*)\b)(?! (?:yang|yg)).{{0,40}}?\b(?P<v>{MARK})\s+{_FILL}"
    rf"(?P<verb>(?!{_TOLD_ANY})(?:di-?|ter|ke)\w{{3,}})\b",
    rf"\b(?:kami|kita)\s+{_FILL}(?P<v>{MARK})\s+(?P<verb>(?!menu\b)me\w{{4,}})\s+(?:\w+ ){{0,2}}?{_YOURS}\b",
    rf"\byour (?:[\w-]+ ){{1,3}}?(?:was|were)(?P<v>{_ADVERBS}\s+(?P<verb>(?!{_SAID_EN})\w{{3,}}ed))\b",
    rf"^(?:(?:ok(?:ay)?|done|great|sure)\W+)*(?:(?:your|the) )?(?P<verb>{_NOMINAL}|address|{_RECORDS}) (?P<v>confirmed|updated|"
    rf"processed|completed?)\b",
    rf"\b(?P<verb>{_NOMINAL})\w*\b.{{0,25}}\b(?P<v>sukses|berhasil)(?=\W*$| ya\b| kak\b)",
    rf"\b(?:both|all) (?:\w+ )?(?:{_THINGS}) (?:is|are)(?: now)? (?P<v>(?P<verb>{_DONE}))\b",
    r"\b(?:table|room|seat|slot|bay|court) \w{1,4} is (?P<v>(?P<verb>reserved|booked|held))\b",
    r"\b(?:the|our|your) (?:\w+ )?(?:driver|courier|doctor|technician|kitchen|warehouse|team|manager|staff|reception|front desk|vet|coach)"
    r" (?:has|have) (?:now |already )?been (?P<v>(?P<verb>told|asked|informed|notified|alerted))\b",
    r"^\W*(?:transfer|cancellation|booking|refund|payment|reservation|extension|registration|exchange|upgrade) (?P<v>(?P<verb>complete))\b",
    rf"\b(?:meja|kamar|mobil|kursi|tempat)\w*\b(?: \w+){{0,4}}? (?P<v>{MARK}\s+(?P<verb>siap)) (?:menunggu|menanti) "
    r"(?:kakak|anda|kamu|bapak|ibu)\b",
    r"\byour (?:[\w-]+ ){1,3}?has (?P<v>(?:now )?(?P<verb>started|begun|ended|stopped))\b",
    r"\b(?:your plan is|you're|you are) (?P<v>(?P<verb>now)) (?:on|off|pro|basic|gold|premium|free|\$)",
    r"^\W*(?P<v>(?P<verb>confirmed|berhasil))\W*$",
    r"\b(?:is|are) (?P<v>(?P<verb>confirmed|booked|reserved|secured|held|set)) for you\b",
    r"\b(?:you are|you're) (?:now |all )?(?P<v>(?P<verb>checked in|enrolled|waitlisted))\b",
    rf"\b(?:dr|drg|dokter|tim|gudang|kurir|admin|manajer|teknisi)\w*(?: \w+){{0,2}} (?P<v>{MARK}) {_I} "
    r"(?P<verb>kabari|hubungi|beri ?tahu|infokan|telepon)",
    r"\byour name is (?:now )?(?P<v>(?P<verb>on the))\b",
    r"\bnama (?:kakak|anda|kamu)\b.{0,10}(?P<v>(?P<verb>(?:sudah|telah|udah) (?:ada|masuk|tercantum) (?:di|ke)))\b",
    rf"\b(?:pinjaman|pengajuan|keluhan|kompensasi|saldo|dana|uang|tiket|pembatalan)\w*\b.{{0,30}}?\b(?P<v>{MARK}\s+(?P<verb>cair|"
    rf"naik|clear|beres|masuk|"
    r"on the way|jadi milik))\b",
    r"\b(?:kakak|anda|kamu)\s+(?:(?:sekarang|kini|sudah|telah) )+(?P<v>(?P<verb>resmi))(?=\W*$)",
    r"^(?:you're|you are)(?: now| officially)? (?P<v>(?P<verb>all set))(?= (?:for|on|with)\b|\W*[!:])",
    rf"\b(?:your|the|that) (?:[\w-]+ ){{0,3}}?(?:{_THINGS})\b(?: for [\w: ]{{1,20}})? (?:is|are) (?:now )?(?P<v>(?P<verb>all set|"
    rf"good to go|saved|locked in|"
    r"in the system))\b",
    rf"\b(?:your|the|that|this|an?)\s+(?:[\w-]+\s+){{0,3}}?(?:{_THINGS}|hold|spot|case|membership)\b(?:\s+(?:of|on|number|"
    rf"with)\s+[\w$.,:-]+"
    rf"(?: [\w$.-]+)?){{0,2}}(?:\s+(?:has|have|was|were)|'s|'ve)(?P<v>{_ADVERBS}(?:\s+been)?{_ADVERBS}\s+(?P<verb>{_DONE_TO}))\b",
    rf"\byou(?:'ve| have)(?P<v>{_ADVERBS}\s+been{_ADVERBS}\s+(?P<verb>{_DONE_TO}))\b",
    rf"\b(?:your|the) (?:{_THINGS}|membership) (?:has|is) (?:now )?(?P<v>(?P<verb>ended|stopped))\b",
    r"\byour (?P<verb>money|refund|funds) (?:is|are) (?P<v>on (?:its|the|their) way)\b",
    rf"\bconsider (?:it|that|your \w+) (?P<v>(?P<verb>done|{_DONE}))",
)
PAYMENT = (
    rf"(?<!bukti )\b(?:pembayaran|transfer|transferan|uang|dana|bayaran|duit|saldo|pelunasan|dp|tf|"
    rf"deposit)\w*(?:-nya)?\b.{{0,40}}?\b(?P<v>{MARK})\s+{_FILL}(?:{_WE} |"
    rf"{_I} )?(?:cek dan |di|ter)?(?:terima|masuk|lunas|konfirmasi|verifikasi|nyampe|sampai)\w*\b",
    rf"\b(?P<v>{MARK})\s+{_FILL}(?:{_WE} |{_I} )?(?:di)?(?:terima|masuk)\b.{{0,20}}\b(?:pembayaran|transfer|uang|bayaran|dana|duit)",
    rf"\b(?:{_WE}|{_I})\s+(?P<v>{MARK})\s+(?:menerima|terima|mendapat)\b.{{0,20}}\b(?:pembayaran|transfer|uang|bayaran|dana|duit)",
    rf"\b(?:pesanan|tagihan|invoice|order|invois)\w*\b.{{0,30}}?\b(?P<v>{MARK}) (?:lunas|dibayar|terbayar)\b",
    rf"^(?:\w+ )?(?P<v>{MARK}) (?:lunas|terbayar)\b",
    r"\b(?P<v>pembayaran\w* (?:valid|terverifikasi|aman))\b",
    r"^(?P<v>lunas)(?: ya\b| kak\b|\W*$)",
    r"\b(?P<v>(?:payment|transfer|deposit|money)(?:'s| is) in)\b",
    rf"\b(?:pembayaran|transfer(?:an)?|uang|dana|dp)\w*(?: kakak| anda| bapak| ibu| bu| pak)? (?P<v>{_WE} terima)\b",
    r"\b(?P<v>pembayaran\w*(?: (?:kakak|anda|kamu|untuk pesanan \S+))? (?:berhasil|sukses|lunas|diterima|masuk)|"
    r"pembayaran berjaya)(?=\W*$| ya\b| kak\b)",
    r"\b(?:payment|transfer|money|funds|deposit)\b.{0,30}?\b(?P<v>(?:has been|have been|was|is(?= (?:confirmed|complete|now|already|"
    r"successful))|we(?:'ve| have)|has)\s*(?:now |already |successfully |just )*"
    r"(?:received|confirmed|paid|arrived|successful|cleared|come through|gone through|verified)|went through|came through)\b",
    r"\b(?:we|I)(?:'ve| have)? (?:already |just |now )*(?P<v>(?:received|got|gotten)) (?:your|the) (?:\w+ )?(?:payment|transfer|money|"
    r"deposit)\b",
    r"^(?:your |the )?(?P<v>(?:payment|transfer) (?:of \S+ )?(?:received|confirmed|successful))(?=\W*$)",
    r"\bstatus\w*(?: [\w-]+){0,5}? (?:adalah|is|now) (?P<v>paid|lunas|terbayar|settled)\b",
    rf"\b(?:your|the|this) (?:order|invoice|bill|booking)(?: {IDS})? (?P<v>(?:is|has been|was) (?:now |already |fully )*paid)\b",
)
MONEY = re.compile(r"\b(?:pembayaran|bayaran|transfer|uang|payment|money)", re.IGNORECASE)
_COLLEAGUES = (
    r"(?:tim|team|cs|admin|agen|agent|staf|staff|rekan|petugas|customer service|manusia|human|manajer|manager|colleague|"
    r"support|specialist|representative|supervisor|operator|pegawai)"
)
HANDOVER = (
    r"\b(?P<v>sambungkan|hubungkan|teruskan|alihkan|oper|serahkan|eskalasi(?:kan)?|sampaikan|sambungin|"
    rf"hubungin)\b.{{0,40}}\b{_COLLEAGUES}\b",
    r"\b(?:saya|aku|kami|kita)\s(?:(?:akan|bakal|segera|coba|mau|langsung)\s){1,3}(?:(?:bantu|dulu)\s)?"
    r"(?P<v>(?:meng)?hubungi|(?:men)?tanyakan|bertanya|(?:meng)?koordinasikan|berkoordinasi|(?:meng)?konsultasikan|(?:meng)?konfirmasikan|"
    rf"laporkan|melaporkan|beri ?tahu|memberi ?tahu|minta|meminta)\b(?!.{{0,3}}(?:anda|kamu|kakak)).{{0,30}}\b{_COLLEAGUES}\b",
    r"\b(?:I'll|I will|I'm going to|let me|we'll|we will)\s(?:now\s|just\s)?(?P<v>contact|check with|ask|consult|notify|inform|"
    rf"reach out to|speak (?:to|with)|get in touch with|report)\b.{{0,30}}\b{_COLLEAGUES}\b",
    rf"\b{_COLLEAGUES}\b.{{0,25}}?\b(?P<v>akan|bakal|segera|(?:se)?bentar lagi)\s+(?:segera\s+|langsung\s+)?"
    r"(?:menghubungi|membalas|membantu|menindaklanjuti|hubungi|(?:men|nel|te)\w*l[ei]?pon|chat|wa|kontak|mengontak|kabari|mengabari)\b",
    rf"\b(?:I'll|I will|I'm|I am|I have|I've|let me|we'll|we will|we have|we've)\b.{{0,20}}\b(?P<v>connect|connecting|connected|transfer|"
    r"transferring|transferred|"
    r"hand|handing|handed|pass|passing|passed|forward|forwarding|forwarded|escalat(?:e|ed|ing)|refer|"
    rf"referred)\b.{{0,40}}\b{_COLLEAGUES}\b",
    rf"\b{_COLLEAGUES}\b.{{0,20}}\b(?P<v>will)\s+(?:shortly |soon )?"
    r"(?:contact|reply|get back|reach out|follow up|be with you|call|take over|assist)\b",
)

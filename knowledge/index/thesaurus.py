"""Words of customer service that mean the same in Indonesian, Malay and English.

Each line is one notion. A word of a question brings in the others of its line at a low weight, so that a question in one language
finds a document in another.
"""

from collections.abc import Mapping

_TABLE = """
harga price prices cost biaya tarif kos rate bayaran
ongkir pengiriman penghantaran shipping delivery kirim hantar deliver ship antar ekspedisi pos postage
gratis free percuma cuma-cuma
buka open opening operasional
tutup close closed closing
jam waktu hours hour time pukul schedule jadual jadwal
bayar pembayaran pay payment membayar paying bayaran
transfer tf pindahan
rekening account akun akaun
uang money duit wang dana
kembali kembalikan pengembalian pulangkan pemulangan return returns refund retur refunds dipulangkan dikembalikan
tukar penukaran exchange swap ganti menukar ditukar replace replacement
batal batalkan pembatalan cancel cancellation canceled membatalkan
pesan pesanan order orders tempah tempahan memesan orderan booking
beli pembelian buy purchase membeli purchased beli-belah belanja shop
barang produk product products item items goods
stok stock tersedia available ready availability ada persediaan
ukuran size sizes saiz
warna color colour colors
rusak cacat rosak damaged broken defect defective
salah wrong incorrect keliru silap
hilang lost missing
lambat terlambat late delayed delay telat lewat
sampai tiba arrive arrived arrival diterima received
resi tracking lacak track jejak penjejakan pelacakan
status kondisi
diskon potongan discount promo promosi promotion diskaun offer voucher kupon coupon baucar kod
poin points mata reward rewards hadiah
member anggota keanggotaan membership ahli keahlian
daftar register registration pendaftaran mendaftar signup langganan subscribe subscription
masuk login log
lupa forgot forget forgotten
sandi password katasandi kata-laluan
alamat address lokasi location
cabang branch outlet toko store shop kedai gerai cawangan
telepon phone telefon call hubungi contact kontak
nomor number nombor
email surel e-mel
keluhan komplain complaint complain aduan
bantuan help tolong bantu support assist
garansi jaminan warranty waranti guarantee
perbaikan servis repair service baiki membaiki
halal halalnya
bahan ingredient ingredients ramuan material
alergi allergy allergen alahan
vegetarian vegan nabati
pedas spicy
minuman drink drinks beverage minum
makanan food makan meal
menu menus
kopi coffee
teh tea
susu milk
gula sugar
anak kids children child kanak-kanak
hewan pet pets haiwan peliharaan animal
parkir parking parkiran
kursi seat seats kerusi tempat-duduk
meja table
kamar room bilik
reservasi reservation tempahan booking
janji appointment temujanji
hari day days
minggu week ahad sunday
senin monday isnin
selasa tuesday
rabu wednesday
kamis thursday khamis
jumat friday jumaat
sabtu saturday
bulan month months
tahun year years
libur holiday holidays cuti tanggal-merah
besok tomorrow esok
hari-ini today
kemarin yesterday semalam
cepat fast quick express kilat segera
minimal minimum min
maksimal maximum max
batas limit had
besar large big
kecil small
grosir wholesale borong bulk pukal
reseller agen agent dropship ejen
faktur invoice kuitansi receipt resit nota invois struk
pajak tax cukai ppn
cicilan angsuran installment installments ansuran kredit credit
tunai cash cod
kartu card kad
luar-negeri overseas international abroad antarabangsa internasional
kerja job lowongan karir career kerjaya vacancy
foto photo picture gambar image
kemasan packaging bungkus pack pembungkusan bungkusan
kado gift hadiah
ambil pickup collect pengambilan jemput
kurir courier penghantar
berat weight kilo
bersih clean cuci wash
data privasi privacy
aman safe selamat secure security keamanan keselamatan
hapus delete padam remove
ubah change edit tukar update ganti kemaskini
asli original genuine ori tulen authentic
bekas used second terpakai
baru new
"""


def _read(table: str) -> Mapping[str, tuple[str, ...]]:
    related: dict[str, list[str]] = {}
    for line in table.strip().splitlines():
        notion = line.split()
        for word in notion:
            if "-" not in word:
                others = [other for other in notion if other != word and "-" not in other]
                related.setdefault(word, []).extend(others)
    return {word: tuple(dict.fromkeys(others)) for word, others in related.items()}


RELATED = _read(_TABLE)
"""From a word to those that mean nearly the same."""

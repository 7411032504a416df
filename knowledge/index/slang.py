"""How people shorten words in chat: Indonesian, Malay and English.

Each line is `word: short forms`. A short form is read as the word in addition to itself, and only in questions, never in documents.
"""

_TABLE = """
ada: ad
adalah: adlh
admin: mimin mmin
agak: agk
akan: akn
alamat: almt almat
anda: nda
apa: ap pa
apakah: apkh
atau: ato atw ataw
bagaimana: gmn gimana gmna bgmn bgmna gmana camne camna camno macamana
bagus: bgs
bahwa: bhw
banyak: byk bnyk banyk
barang: brg brng
bayar: byr bayr bayaran
begini: gini bgini
begitu: gitu gt gtu bgitu
bekerja: kerja krja
belanja: blnja
beli: bli
belum: blm blom blum belom
benar: bener bnr betul btl
berapa: brp brapa brpa berp
besar: bsr gede
besok: bsk bsok esok
bisa: bs bsa bisakah boleh
boleh: blh bole
buat: bwt bt
buka: bk bka
bukan: bkn bukn
bulan: bln
cepat: cpt cepet
coba: cb cba
dalam: dlm
dan: dn
dapat: dpt dapet
dari: dr dri drpd
datang: dtg dateng
daftar: dftr
dengan: dgn dg dngn sm ama
depan: dpn
dikirim: dkrm dikrm
dimana: dmn dmana dmna
diri: dri
gratis: grtis free
habis: abis hbs
hanya: cuma cm cuman hny
harga: hrg hrga
hari: hr hri
harus: hrs musti mesti
hilang: ilang hlg
ini: ni nih
itu: tu tuh
jadi: jd jdi
jalan: jln
jam: jm
jangan: jgn jng jangn
jumlah: jml jmlh
juga: jg jga
jual: jl
kalau: kl klo kalo klu kalu klau
kamu: km kmu lu lo elu
kami: kmi
kapan: kpn kpan bila
karena: krn karna krna sebab
kartu: krt
kasih: ksh kasi
kata: kt
ke: k
keluar: klr
kemarin: kmrn kemaren
kembali: kmbl balik blk
kenapa: knp knpa napa ngapa mengapa
kepada: kpd
kirim: krm kirm
kita: kta
kota: kt
kurang: krg kurg
kurir: kurr
lagi: lg lgi
laki: lk
lama: lm lma
lebih: lbh lebh
lewat: lwt
lihat: liat lht
lupa: lp lpa
maaf: maap mf
malam: mlm
mana: mn mna
masih: msh msih
masuk: msk
mau: mo mw mau pengen pgn pingin ingin
melalui: mll
memang: emang emg mmg
membayar: bayar
mengapa: knp
minta: mnta mintak
minggu: mgg mggu
mulai: mli
murah: mrh
nama: nm nma
nanti: nnti nti ntar
negara: ngr ngra
nomor: no nmr nomer nombor
oleh: olh
ongkir: ongkr ongkirnya
orang: org orng
pada: pd pda
pagi: pgi
pakai: pake pk pakek
paling: plg
pembayaran: pmbyran pembyrn
pengiriman: pngiriman pngrmn
perempuan: prmpuan cewek
perlu: prlu
pernah: prnh
pesan: psn psen
pesanan: psnan pesenan orderan
produk: prdk
punya: pny pnya
rekening: rek rekng
rumah: rmh
rusak: rsk rusk
saja: aja sj aj
saat: st
saldo: sldo
salah: slh
sama: sm ama
sampai: smp sampe nyampe smpe smpai
sangat: sgt bgt banget
satu: st 1
saya: sy aku gw gue ak gua sya
sebagai: sbg sbgai
sebelum: sblm sblum
sebuah: sbh
sedang: sdg lagi
sekali: skali skl
sekarang: skrg skg skrang skrng skr
selama: slm
selalu: sll slalu
semua: smua smw semuanya
seperti: spt sprti kyk kayak kaya
sering: srg
setelah: stlh stelah abis
siapa: sp spa siapakah
siang: siag
sudah: sdh udh udah dah sudh
tahu: tau th
tahun: thn tahn
tanggal: tgl
tanya: tny tnya
tapi: tp tpi tetapi
telah: tlh
telepon: tlp telp telpon telfon
tempat: tmp tmpt
terakhir: trakhir
terima: trima
terkenal: tknl
terletak: trletak
tersebut: tsb tsbt
tidak: tdk gk ga gak nggak ngga engga enggak kagak tak tk tdak x
tidur: tdr
tinggal: tgl tggl
toko: tko
transfer: tf trf trnsfer tranfer
tolong: tlg tlong tolg
tukar: tukr
tunggu: tgg
tutup: ttp ttup
uang: duit wang
ukuran: uk ukrn size
untuk: utk utuk ntuk u/ tuk
waktu: wkt wktu
warna: wrn wrna
yang: yg yng nyang
about: abt bout
account: acc acct acnt accnt
address: addr
afternoon: aftn
again: agn
already: alr alrdy
amount: amt
and: n nd
any: ny
anyone: any1
appointment: appt
approximately: approx
are: r
available: avail avl
be: b
because: bcoz coz cuz bcz bc bcos cos
before: b4 bfr
between: btwn btw
business: biz
but: bt
can: cn
cancel: cncl cxl
confirm: cnfrm
could: cud cld
credit: crdt
customer: cust
date: dt
day: dy
delivery: dlvry
department: dept
did: dd
discount: disc
document: doc
does: dos dz
every: evry
everyone: every1
exchange: exch
for: 4 fr
from: frm
get: gt
give: giv
good: gud gd
government: govt gov
great: gr8
have: hv hav hve
help: hlp
here: hre
hour: hr hrs
how: hw
information: info
international: intl
invoice: inv
late: l8
later: l8r
maximum: max
message: msg
minimum: min
minute: mnt
money: mny
month: mth mnth
need: nd nid
number: no num nbr nr
okay: ok okey oke
order: odr
package: pkg
password: pw pwd pass
payment: pymt pmt paymnt
people: ppl pple
phone: fon ph
picture: pic pict
please: pls plz plss pliz
problem: prob prblm
product: prod
quantity: qty
question: qn ques
receive: recv rcv
received: rcvd recvd
refund: rfnd
regarding: rgd rgds
return: rtn
see: c
service: svc
should: shud shld
some: sum
someone: some1
thanks: thx tq tks tnx
that: dat tht
the: d da teh
there: der thr
this: dis ths
though: tho
through: thru
time: tym
to: 2
today: 2day tdy tday
tomorrow: tmr tmrw tomoro 2moro
tonight: tnite 2nite
very: vry
want: wan wnt wanna
was: wz ws
week: wk
were: wr
what: wat wht wut wot
when: wen whn
where: whr wer whre
which: wich whch wch
who: hu
why: y
will: wil wll
with: w wid wit wth w/
without: wo w/o
work: wrk
would: wud wld
year: yr
yes: ya yup yep
yesterday: ystrday ytd
you: u
your: ur yr
"""


def _read(table: str) -> dict[str, tuple[str, ...]]:
    meanings: dict[str, list[str]] = {}
    for line in table.strip().splitlines():
        word, _, shorts = line.partition(": ")
        for short in shorts.split():
            meanings.setdefault(short, []).append(word)
    return {short: tuple(dict.fromkeys(several)) for short, several in meanings.items()}


SLANG = _read(_TABLE)
"""From a short form to the words it may stand for."""

"""Words that say little about what a question is about: how much they count beside a content word."""

FUNCTION = 0.6  # they do matter where entries are questions themselves ("how" against "when")
PARTICLE = 0.1  # greetings and forms of address

_FUNCTION_WORDS = """
ada adakah adalah akan anda apa apabila apakah atas atau bagaimana bagaimanakah bahwa banyak belum berapa berapakah bila bilakah bisa
bisakah boleh bolehkah buat dalam dan dapat dapatkah dari daripada dengan di dia dimana dimanakah hanya harus hingga ialah ini itu jadi
jika juga kah kalau kami kamu kapan kapankah karena ke kenapa kepada ketika kita lagi lebih maka mana manakah masih mau mengapa mereka
mesti mungkin nya oleh pada para per perlu pernah pun saat saja sama sampai saya sebagai sebuah secara sedang sejak selain selama semua
seorang sering serta setelah siapa siapakah suatu sudah supaya tapi telah tentang terhadap tersebut tetapi tidak tidakkah untuk yaitu
yakni yang mahu nak dah belum macam macamana camne mengenai sila ingin hendak aku
a about also am an and any are as at be been being but by can could did do does doing for from get had has have having he her here his how
i if in into is it its just may me might more most my no not of on or our out shall she should so some such than that the their them then
there these they this those to too us very want was we were what when where whether which while who whom whose why will with would you your
"""

_PARTICLES = """
halo hai hallo hei hey hi hello permisi pagi siang sore malam assalamualaikum salam met min admin kak kakak bang mas mbak bu pak gan sis
bro sir madam ya yah iya dong deh sih nih tuh kok lah loh lho nah oh eh hmm yuk ayo kan please pls tolong mohon maaf sorry terima kasih
makasih thanks thank thx tq tanya nanya bertanya question abang cik encik puan boss bos om tante guys dear oke ok okay
"""

STOPWORDS = dict.fromkeys(_FUNCTION_WORDS.split(), FUNCTION) | dict.fromkeys(_PARTICLES.split(), PARTICLE)
"""Word → weight; every other word counts 1."""

// The page in Indonesian and English.

const WORDS = {
  id: {
    skip: "Lompat ke kolom tulis", tagline: "WhatsApp tiruan di komputer sendiri", phones: "Telepon", newPhone: "Telepon baru",
    reset: "Mulai ulang", resetSure: "Hapus semua percakapan dan mulai lagi?", name: "Nama pelanggan", number: "Nomor WhatsApp",
    cancel: "Batal", create: "Buat", write: "Ketik pesan", send: "Kirim", record: "Rekam pesan suara", attach: "Lampirkan",
    cancelRecording: "Buang rekaman", sendRecording: "Kirim rekaman", chooseFile: "Foto, dokumen, atau audio", location: "Kirim lokasi",
    burst: "Kirim tiap baris sebagai pesan", samples: "Contoh pesan suara", drop: "Lepas untuk mengirim", offline: "Sambungan ke sandbox terputus. Mencoba lagi …",
    empty: "Belum ada pesan. Tulis sesuatu seperti seorang pelanggan.", today: "Hari ini", yesterday: "Kemarin", business: "Toko", you: "Anda",
    voiceNote: "Pesan suara", image: "Gambar", video: "Video", document: "Dokumen", play: "Putar", pause: "Jeda", seek: "Posisi",
    loading: "Sedang diambil …", unreachable: "Tidak dapat diambil", openImage: "Perbesar gambar", openFile: "Buka berkas", close: "Tutup",
    pending: "menunggu", sent: "terkirim", delivered: "sampai", read: "dibaca", failed: "gagal", toEnd: "Ke pesan terbaru",
    showPhones: "Tampilkan telepon", showPanel: "Tampilkan panel", hidePanel: "Tutup panel", dark: "Gelap", light: "Terang",
    colleague: "Rekan", faults: "Gangguan", webhooks: "Webhook", agent: "Agen",
    why: "Mengapa", whyShort: "mengapa?", whyHint: "Langkah-langkah agen menuju jawabannya yang terakhir, atau tekan “mengapa?” pada sebuah jawaban.", noWhy: "Agen belum menjawab di sini.", noSteps: "Tanpa langkah: teks tetap.",
    step: { transcription: "Mendengar", retrieval: "Mencari", model: "Model", action: "Tindakan", memory: "Ingatan", handover: "Serah terima" }, nothingFound: "Tidak ada yang cocok.", searched: "Dicari",
    try: "Coba tulis", heard: (text) => `Terdengar: “${text}”`, unheard: "Tidak terdengar apa-apa", toy: "Model contoh hanya mengenal pesan suara contoh dan salah mendengar yang lain. Untuk suara sendiri: balas voice pull small",
    as: "Sebagai", assigned: (name) => `ditangani ${name}`, nobody: "belum ada yang menangani", open: "terbuka", closed: "tertutup", blocked: "diblokir",
    humanReply: "Balas sebagai manusia", replyPlaceholder: "Pelanggan melihat pesan ini", reply: "Balas", assign: "Ambil alih", unassign: "Lepas",
    closeTalk: "Tutup percakapan", reopen: "Buka lagi", block: "Blokir", unblock: "Buka blokir", comments: "Catatan untuk rekan", commentPlaceholder: "Pelanggan tidak melihat ini", leave: "Simpan",
    facts: "Yang diketahui", noFacts: "Belum ada yang dicatat.", language: "bahasa", email: "surel", lifecycle: "tahap", tags: "label", since: "24 jam",
    windowOpen: "jendela terbuka", windowShut: "lewat 24 jam", ageIt: "Anggap pelanggan terakhir menulis 25 jam lalu", removePhone: "Hapus telepon ini",
    seconds: "detik", times: "kali", untilOff: "terus", only: "hanya kirim", allOff: "Matikan semua", faultsHint: "Buat platform ini rewel dan lihat apakah agen tetap menjawab tepat sekali.",
    targets: "Tujuan", addTarget: "Tambah", url: "Alamat webhook", secret: "Kunci tanda tangan", noTarget: "Belum ada tujuan: agen tidak akan mendengar apa pun.",
    signed: "ditandatangani", unsigned: "tanpa tanda tangan", remove: "Hapus", api: "Alamat API", log: "Riwayat pengiriman", noLog: "Belum ada yang dikirim.", tries: "percobaan", again: "Kirim lagi",
    waiting: "menunggu", noMic: "Mikrofon tidak dapat dipakai", tooShort: "Rekaman terlalu pendek", file: "Berkas", locationSent: "Lokasi",
    fault: {
      rate_limited: ["429 Too Many Requests", "Permintaan ditolak dengan Retry-After."],
      queued: ["449 Antrean", "Kirim pesan, label, penugasan, dan status ditolak."],
      server_error: ["500 Server error", "Permintaan gagal di sisi platform."],
      slow: ["Lambat", "Permintaan dikerjakan, jawabannya terlambat."],
      drop_answer: ["Jawaban terputus", "Pesan diterima, tetapi agen tidak pernah tahu."],
      late_list: ["Daftar terlambat", "Pesan terkirim baru tampak di daftar beberapa detik kemudian."],
      duplicate_webhooks: ["Webhook ganda", "Setiap kejadian dikirim dua kali, pada saat yang sama."],
      reorder_webhooks: ["Webhook tertukar", "Kejadian yang berdekatan dikirim terbalik."],
      hold_webhooks: ["Webhook ditahan", "Tidak ada yang dikirim sampai dimatikan."],
    },
  },
  en: {
    skip: "Skip to writing", tagline: "A pretend WhatsApp on your own machine", phones: "Phones", newPhone: "New phone",
    reset: "Start over", resetSure: "Delete all conversations and start over?", name: "Customer's name", number: "WhatsApp number",
    cancel: "Cancel", create: "Create", write: "Type a message", send: "Send", record: "Record a voice note", attach: "Attach",
    cancelRecording: "Discard the recording", sendRecording: "Send the recording", chooseFile: "Photo, document or audio", location: "Send a location",
    burst: "Send each line as its own message", samples: "Sample voice notes", drop: "Drop to send", offline: "Connection to the sandbox lost. Trying again …",
    empty: "No messages yet. Write something as a customer would.", today: "Today", yesterday: "Yesterday", business: "Business", you: "You",
    voiceNote: "Voice note", image: "Image", video: "Video", document: "Document", play: "Play", pause: "Pause", seek: "Position",
    loading: "Being fetched …", unreachable: "Could not be fetched", openImage: "Enlarge the image", openFile: "Open file", close: "Close",
    pending: "pending", sent: "sent", delivered: "delivered", read: "read", failed: "failed", toEnd: "To the newest message",
    showPhones: "Show phones", showPanel: "Show panel", hidePanel: "Close panel", dark: "Dark", light: "Light",
    colleague: "Colleague", faults: "Faults", webhooks: "Webhooks", agent: "Agent",
    why: "Why", whyShort: "why?", whyHint: "The agent's steps to its last answer here; tap “why?” on another answer for its own.", noWhy: "The agent has not answered here yet.", noSteps: "No steps: a fixed text.",
    step: { transcription: "Heard", retrieval: "Searched", model: "Model", action: "Action", memory: "Memory", handover: "Handover" }, nothingFound: "Nothing fits.", searched: "Searched for",
    try: "Try", heard: (text) => `Heard as: “${text}”`, unheard: "Nothing was heard", toy: "The sample model knows the sample notes only and mishears all others. For your own voice: balas voice pull small",
    as: "As", assigned: (name) => `${name} has taken over`, nobody: "nobody has taken over", open: "open", closed: "closed", blocked: "blocked",
    humanReply: "Reply as a human", replyPlaceholder: "The customer sees this message", reply: "Reply", assign: "Take over", unassign: "Give back",
    closeTalk: "Close conversation", reopen: "Reopen", block: "Block", unblock: "Unblock", comments: "Notes for colleagues", commentPlaceholder: "The customer does not see this", leave: "Leave note",
    facts: "What is known", noFacts: "Nothing noted yet.", language: "language", email: "e-mail", lifecycle: "stage", tags: "tags", since: "24 hours",
    windowOpen: "window open", windowShut: "over 24 hours", ageIt: "Pretend the customer last wrote 25 hours ago", removePhone: "Delete this phone",
    seconds: "seconds", times: "times", untilOff: "always", only: "sends only", allOff: "All off", faultsHint: "Make this platform misbehave and see whether the agent still answers exactly once.",
    targets: "Targets", addTarget: "Add", url: "Webhook address", secret: "Signing key", noTarget: "No target yet: the agent will not hear anything.",
    signed: "signed", unsigned: "unsigned", remove: "Remove", api: "API address", log: "Delivery log", noLog: "Nothing has been sent yet.", tries: "tries", again: "Deliver again",
    waiting: "waiting", noMic: "The microphone cannot be used", tooShort: "The recording is too short", file: "File", locationSent: "Location",
    fault: {
      rate_limited: ["429 Too Many Requests", "Requests are refused with Retry-After."],
      queued: ["449 In queue", "Sending, tags, assignment and status are refused."],
      server_error: ["500 Server error", "Requests fail on the platform's side."],
      slow: ["Slow", "Requests are carried out, their answer comes late."],
      drop_answer: ["Answer lost", "The message is taken, but the agent never learns it."],
      late_list: ["Late list", "A message that was sent is listed only some seconds later."],
      duplicate_webhooks: ["Duplicate webhooks", "Every event is delivered twice, at the same instant."],
      reorder_webhooks: ["Swapped webhooks", "Events close to each other arrive in reverse."],
      hold_webhooks: ["Webhooks held", "Nothing is delivered until this is switched off."],
    },
  },
};

let tongue = localStorage.getItem("tongue") || (navigator.language.startsWith("en") ? "en" : "id");

export const language = () => tongue;
export const say = (key) => WORDS[tongue][key];

export function speak(code) {
  tongue = code;
  localStorage.setItem("tongue", code);
}

/** Write the words of the static page. */
export function label(root = document) {
  document.documentElement.lang = tongue;
  for (const node of root.querySelectorAll("[data-say]")) node.textContent = say(node.dataset.say);
  for (const node of root.querySelectorAll("[data-say-placeholder]")) node.placeholder = say(node.dataset.sayPlaceholder);
  for (const node of root.querySelectorAll("[data-say-label]")) node.setAttribute("aria-label", say(node.dataset.sayLabel));
}

const locale = () => (tongue === "id" ? "id-ID" : "en-GB");
export const clockTime = (at) => new Date(at).toLocaleTimeString(locale(), { hour: "2-digit", minute: "2-digit" });
export const exactTime = (at) => new Date(at).toLocaleTimeString(locale(), { hour: "2-digit", minute: "2-digit", second: "2-digit" });

export function day(at) {
  const date = new Date(at);
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(at).setHours(0, 0, 0, 0)) / 86400000);
  if (days === 0) return say("today");
  if (days === 1) return say("yesterday");
  return date.toLocaleDateString(locale(), { day: "numeric", month: "long", year: "numeric" });
}

export const span = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
export const bytes = (size) => (size < 1024 ? `${size} B` : size < 1048576 ? `${Math.round(size / 1024)} KB` : `${(size / 1048576).toFixed(1)} MB`);

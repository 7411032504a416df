// Voice notes: playing one, with its real waveform, and recording one.

import { $, el, icon } from "./dom.js";
import { complain } from "./store.js";
import { say, span } from "./words.js";

const BARS = 44;
let playing = null;

export function voicePlayer(file) {
  const audio = new Audio(file.url);
  audio.preload = "metadata";
  const time = el("time", {}, "0:00");
  const canvas = el("canvas", { width: "396", height: "68", "aria-hidden": "true" });
  const seek = el("input", { type: "range", min: "0", max: "1000", value: "0", "aria-label": say("seek") });
  const button = el("button", { type: "button", class: "play", "aria-label": say("play") }, icon("play"));
  let bars = Array(BARS).fill(0.12);
  let length = 0;

  const paint = () => {
    const pen = canvas.getContext("2d");
    const colour = getComputedStyle(canvas);
    const done = length ? audio.currentTime / length : 0;
    const step = canvas.width / BARS;
    pen.clearRect(0, 0, canvas.width, canvas.height);
    bars.forEach((bar, n) => {
      const height = Math.max(6, bar * canvas.height);
      pen.fillStyle = n / BARS < done ? colour.getPropertyValue("--brand-2") : colour.color;
      pen.beginPath();
      pen.roundRect(n * step + 1.5, (canvas.height - height) / 2, step - 4, height, 3);
      pen.fill();
    });
    time.textContent = span(audio.paused && !audio.currentTime ? length : audio.currentTime);
    seek.value = String(Math.round(done * 1000));
  };
  const show = () => {
    button.replaceChildren(icon(audio.paused ? "play" : "pause"));
    button.setAttribute("aria-label", say(audio.paused ? "play" : "pause"));
    paint();
  };
  const tick = () => {
    paint();
    if (!audio.paused) requestAnimationFrame(tick);
  };
  button.addEventListener("click", () => {
    if (!audio.paused) return audio.pause();
    if (playing && playing !== audio) playing.pause();
    playing = audio;
    return audio.play().catch(() => { time.textContent = say("unreachable"); });
  });
  seek.addEventListener("input", () => { if (length) audio.currentTime = (Number(seek.value) / 1000) * length; paint(); });
  audio.addEventListener("play", () => { show(); tick(); });
  audio.addEventListener("pause", show);
  audio.addEventListener("ended", () => { audio.currentTime = 0; show(); });
  audio.addEventListener("loadedmetadata", () => { if (Number.isFinite(audio.duration)) length = audio.duration; paint(); });
  decode(file.url).then((found) => { if (found) { bars = found.bars; length = found.length; } paint(); });
  requestAnimationFrame(paint);
  return el("div", { class: "voice" }, button, el("div", { class: "wave" }, canvas, seek), time);
}

/** The loudness of a recording in so many bars; nothing when the browser cannot decode it. */
async function decode(url) {
  try {
    const data = await (await fetch(url)).arrayBuffer();
    const sound = await new OfflineAudioContext(1, 1, 44100).decodeAudioData(data);
    const samples = sound.getChannelData(0);
    const size = Math.floor(samples.length / BARS) || 1;
    const bars = Array.from({ length: BARS }, (_, n) => {
      let sum = 0;
      for (let i = n * size; i < (n + 1) * size && i < samples.length; i += 8) sum += samples[i] ** 2;
      return Math.sqrt(sum / (size / 8));
    });
    const most = Math.max(...bars, 0.01);
    return { bars: bars.map((bar) => bar / most), length: sound.duration };
  } catch {
    return null;
  }
}

// Recording.

const TYPES = ["audio/ogg;codecs=opus", "audio/webm;codecs=opus", "audio/mp4"];
const SHORTEST = 500; // milliseconds

let recorder = null;

export function setUpRecorder(send) {
  $("record").append(icon("mic"));
  $("record-cancel").append(icon("trash"));
  $("record-send").append(icon("send"));
  $("record").addEventListener("click", start);
  $("record-cancel").addEventListener("click", () => stop(null));
  $("record-send").addEventListener("click", () => stop(send));
  $("recording").addEventListener("keydown", (event) => { if (event.key === "Escape") stop(null); });
}

async function start() {
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } });
  } catch (error) {
    complain(`${say("noMic")}: ${error.message}`);
    return;
  }
  const mimeType = TYPES.find((type) => MediaRecorder.isTypeSupported(type));
  const began = performance.now();
  const chunks = [];
  const media = new MediaRecorder(stream, { mimeType, audioBitsPerSecond: 32000 });
  media.ondataavailable = (event) => chunks.push(event.data);
  media.start();
  recorder = { stream, media, chunks, began, stopLevel: drawLevel(stream) };
  recorder.timer = setInterval(() => { $("record-time").textContent = span((performance.now() - began) / 1000); }, 200);
  $("record-time").textContent = "0:00";
  $("recording").hidden = false;
  $("record-send").focus();
}

function stop(send) {
  const { stream, media, chunks, began, timer, stopLevel } = recorder ?? {};
  if (!media) return;
  recorder = null;
  const length = performance.now() - began;
  media.onstop = () => {
    for (const track of stream.getTracks()) track.stop();
    if (!send) return;
    if (length < SHORTEST) complain(say("tooShort"));
    else send(new Blob(chunks, { type: media.mimeType.split(";")[0] }));
  };
  media.stop();
  clearInterval(timer);
  stopLevel();
  $("recording").hidden = true;
  $("record").focus();
}

function drawLevel(stream) {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 512;
  context.createMediaStreamSource(stream).connect(analyser);
  const canvas = $("record-level");
  const pen = canvas.getContext("2d");
  const samples = new Float32Array(analyser.fftSize);
  const levels = Array(64).fill(0);
  let alive = true;
  let last = 0;
  const draw = (now) => {
    if (!alive) return;
    if (now - last > 60) {
      last = now;
      analyser.getFloatTimeDomainData(samples);
      levels.push(Math.min(1, Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length) * 4));
      levels.shift();
      pen.clearRect(0, 0, canvas.width, canvas.height);
      pen.fillStyle = getComputedStyle(canvas).color;
      levels.forEach((level, n) => {
        const height = Math.max(4, level * canvas.height);
        pen.fillRect(n * 5, (canvas.height - height) / 2, 3, height);
      });
    }
    requestAnimationFrame(draw);
  };
  requestAnimationFrame(draw);
  return () => { alive = false; context.close(); };
}

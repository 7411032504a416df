// Recording a voice note.

import { $, icon } from "./dom.js";
import { complain } from "./store.js";
import { say, span } from "./words.js";

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

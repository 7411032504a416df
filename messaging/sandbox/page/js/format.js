// WhatsApp's own formatting, as nodes: *bold*, _italic_, ~strike~, `code`, ```block```, > quote, links.

import { el } from "./dom.js";

const LINK = /\bhttps?:\/\/[^\s<>"]+[^\s<>"'.,;:!?)\]}*_~]/g;
const MARKS = { "*": "strong", _: "em", "~": "s" };

export function formatted(text) {
  const parts = text.split(/```([\s\S]+?)```/);
  return parts.flatMap((part, n) => (n % 2 ? [el("pre", {}, part.replace(/^\n|\n$/g, ""))] : lines(part)));
}

function lines(text) {
  const out = [];
  text.split("\n").forEach((line, n, all) => {
    if (/^> \S/.test(line)) out.push(el("blockquote", {}, inline(line.slice(2))));
    else out.push(...inline(line), n < all.length - 1 ? "\n" : "");
  });
  return out;
}

function inline(text) {
  const code = text.match(/`([^`]+)`/);
  if (code) return [...inline(text.slice(0, code.index)), el("code", {}, code[1]), ...inline(text.slice(code.index + code[0].length))];
  const out = [];
  let at = 0;
  for (const match of text.matchAll(LINK)) {
    out.push(...marked(text.slice(at, match.index)));
    out.push(el("a", { href: match[0], target: "_blank", rel: "noopener noreferrer nofollow" }, match[0]));
    at = match.index + match[0].length;
  }
  return [...out, ...marked(text.slice(at))];
}

const isWord = (char) => char !== undefined && /[\p{L}\p{N}]/u.test(char);

function marked(text) {
  for (let start = 0; start < text.length; start += 1) {
    const tag = MARKS[text[start]];
    if (!tag || isWord(text[start - 1]) || !text[start + 1] || /\s/.test(text[start + 1])) continue;
    for (let end = text.indexOf(text[start], start + 2); end > 0; end = text.indexOf(text[start], end + 1)) {
      if (/\s/.test(text[end - 1]) || isWord(text[end + 1])) continue;
      return [text.slice(0, start), el(tag, {}, marked(text.slice(start + 1, end))), ...marked(text.slice(end + 1))];
    }
  }
  return text ? [text] : [];
}

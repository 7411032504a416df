// Overview: what needs a person now, and figures over time.
import { useEffect, useRef, useState } from "../../vendor/hooks.js";
import uPlot from "../../vendor/uplot.js";
import { get } from "../api.js";
import { count, dollars, Empty, Failed, Head, html, Loaded, seconds, useEvents, useLoad } from "../ui.js";
import { lang, t, theme } from "../i18n.js";

const RANGES = { day: ["Last 24 hours", 23, "hour"], week: ["Last 7 days", 6 * 24, "day"], month: ["Last 30 days", 29 * 24, "day"] };

export function Overview() {
  const [range, setRange] = useState("week");
  const loaded = useLoad(() => {
    const [, hours, by] = RANGES[range];
    const from = new Date(Date.now() - hours * 3600e3).toISOString();
    return Promise.all([get(`/stats?by=${by}&from=${encodeURIComponent(from)}`), get("/dead?limit=50"), get("/knowledge/gaps?limit=100"), get("/conversations?only=paused&limit=100")]);
  }, [range]);
  useEvents(["turn", "handover"], () => loaded.reload(), [range]);
  return html`<${Head} title=${t("Overview")}><label class="sr" for="range">${t("Time span")}</label>
    <select id="range" style=${{ width: "auto" }} value=${range} onChange=${(event) => setRange(event.target.value)}>${Object.entries(RANGES).map(([name, [label]]) => html`<option value=${name} key=${name}>${t(label)}</option>`)}</select></${Head}>
    <${Loaded} of=${loaded} rows=${6}>${([stats, dead, gaps, paused]) => html`<${Figures} rows=${stats.stats} by=${RANGES[range][2]} dead=${dead} gaps=${gaps.gaps} paused=${paused.conversations} />`}</${Loaded}>`;
}

function Figures({ rows, by, dead, gaps, paused }) {
  const sum = (name) => rows.reduce((total, row) => total + row[name], 0);
  const waits = rows.filter((row) => row.first_reply_p50 != null);
  const typical = waits.length ? waits.reduce((total, row) => total + row.first_reply_p50 * row.replies, 0) / waits.reduce((total, row) => total + row.replies, 0) : null;
  const failed = dead.deliveries.length + dead.turns.length, reasons = {};
  for (const row of rows) for (const [why, times] of Object.entries(row.handover_reasons)) reasons[why] = (reasons[why] || 0) + times;
  const needs = [
    [failed, "warn", t("could not be answered or sent"), "#/conversations?only=failed"],
    [paused.length, "human", t("wait for a person or are answered by one"), "#/conversations?only=paused"],
    [gaps.length, "accent", t("questions without an answer in the documents"), "#/knowledge"],
  ].filter(([number]) => number);
  const tiles = [["Messages", count(sum("messages"))], ["Replies", count(sum("replies"))], ["Time to first reply", seconds(typical)], ["Handed to a person", count(sum("handovers"))], ["Not answered", count(sum("unanswered"))], ["Cost", dollars(sum("cost"))]];
  return html`<div class="stack">
    ${needs.length > 0 && html`<section class="card stack tight" aria-labelledby="needs"><h2 id="needs">${t("Needs you")}</h2>
      ${needs.map(([number, kind, text, to]) => html`<div class="row" key=${text}><span class=${`badge ${kind} num`}>${count(number)}</span><a href=${to}>${text}</a></div>`)}</section>`}
    <dl class="tiles">${tiles.map(([label, value]) => html`<div class="card tile" key=${label}><dt>${t(label)}</dt><dd>${value}</dd></div>`)}</dl>
    ${sum("messages") === 0 ? html`<div class="card"><${Empty} title=${t("No messages in this time")}>${t("As soon as customers write, you see here how many there were, how fast they were answered, and what it cost.")} <a href="#/playground">${t("Try the agent in the playground")}</a></${Empty}></div>` : html`
    <div class="plots">
      <${Plot} title=${t("Messages and replies")} rows=${rows} by=${by} whole lines=${[["messages", t("Messages")], ["replies", t("Replies")]]} />
      <${Plot} title=${t("Time to first reply, seconds")} rows=${rows} by=${by} lines=${[["first_reply_p50", t("half of all")], ["first_reply_p95", t("the slowest 5 %")]]} />
      <${Plot} title=${t("Handed over and not answered")} rows=${rows} by=${by} whole lines=${[["handovers", t("Handed over")], ["unanswered", t("Not answered")], ["failures", t("Failed")]]} />
      <${Plot} title=${t("Cost, US dollars")} rows=${rows} by=${by} lines=${[["cost", t("Cost")]]} />
    </div>`}
    ${Object.keys(reasons).length > 0 && html`<section class="card"><h2>${t("Why conversations went to a person")}</h2><div class="scroll" tabIndex="0"><table><tbody>
      ${Object.entries(reasons).sort((a, b) => b[1] - a[1]).slice(0, 8).map(([why, times]) => html`<tr key=${why}><td>${t(why)}</td><td class="right num">${count(times)}</td></tr>`)}</tbody></table></div></section>`}
  </div>`;
}

function Plot({ title, rows, by, lines, whole }) {
  const place = useRef(null), shade = theme.value;
  useEffect(() => {
    const style = getComputedStyle(document.documentElement), colour = (name) => style.getPropertyValue(name).trim();
    const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
    const day = new Intl.DateTimeFormat(lang.value, by === "hour" ? { hour: "2-digit", minute: "2-digit" } : { day: "numeric", month: "short" });
    const make = () => new uPlot({
      width: Math.max(200, place.current.clientWidth), height: 190, cursor: { y: false }, legend: { show: false },
      scales: { y: { range: (_plot, _low, high) => [0, high > 0 ? high * 1.15 : 1] } },
      axes: [{ ...axis, grid: { show: false }, size: 28, values: (_plot, splits) => splits.map((at) => day.format(at * 1000)), space: 70 }, { ...axis, size: 48, ...(whole ? { incrs: [1, 2, 5].flatMap((n) => [0, 1, 2, 3, 4, 5].map((power) => n * 10 ** power)).sort((a, b) => a - b) } : { values: (_plot, splits) => splits.map((at) => String(Number(at.toPrecision(3)))) }) }],
      series: [{}, ...lines.map(([, label], at) => ({ label, stroke: colour(["--plot-a", "--plot-b", "--plot-c"][at]), width: 2, points: { show: rows.length < 32, size: 5 }, spanGaps: true }))],
    }, [rows.map((row) => new Date(row.at) / 1000), ...lines.map(([name]) => rows.map((row) => row[name]))], place.current);
    const plot = make();
    const resize = new ResizeObserver(() => { if (place.current) plot.setSize({ width: Math.max(200, place.current.clientWidth), height: 190 }); });
    resize.observe(place.current);
    return () => { resize.disconnect(); plot.destroy(); };
  }, [rows, shade, lang.value]);
  const last = rows[rows.length - 1] || {};
  return html`<figure class="card"><h2>${title}</h2><div class="legend">${lines.map(([name, label], at) => html`<span key=${name}><i class=${["a", "b", "c"][at]}></i>${label}</span>`)}</div>
    <div class="plot" ref=${place} role="img" aria-label=${`${title}. ${lines.map(([name, label]) => `${label}: ${last[name] ?? "–"}`).join(", ")}`}></div></figure>`;
}

// Payments: who was asked to pay what, and money that was seen to arrive.
import { useEffect, useState } from "../../vendor/hooks.js";
import { get, key, may, post } from "../api.js";
import { Badge, Empty, Head, html, Loaded, rupiah, Time, useEvents, useLoad, useWork } from "../ui.js";
import { t } from "../i18n.js";

const KIND = { paid: "good", open: "accent", expired: "", overpaid: "warn", underpaid: "warn" };

export function Payments() {
  const [state, setState] = useState(""), path = (before) => `/payments?limit=50${state ? `&state=${state}` : ""}${before ? `&before=${encodeURIComponent(before)}` : ""}`;
  const loaded = useLoad(() => get(path()), [state]), [more, setMore] = useState({ rows: [], next: null }), [busy, run] = useWork();
  useEffect(() => { setMore({ rows: [], next: loaded.data?.next ?? null }); }, [loaded.data]);
  useEvents(["payment"], () => loaded.reload(), [state]);
  const paid = (each) => confirm(`${rupiah(each.amount)}, ${each.reference}: ${t("Has the money arrived? The customer is told at once.")}`) && run(async () => { await post(`/payments/${encodeURIComponent(each.id)}/paid`, {}); await loaded.reload(); }, t("Marked as paid; the customer is told."));
  return html`<${Head} title=${t("Payments")}><label class="sr" for="state">${t("Show")}</label><select id="state" style=${{ width: "auto" }} value=${state} onChange=${(event) => setState(event.target.value)}>${[["", "All"], ["open", "open"], ["paid", "paid"], ["expired", "expired"]].map(([value, label]) => html`<option value=${value} key=${value}>${t(label)}</option>`)}</select></${Head}>
  <section class="card flush"><${Loaded} of=${loaded}>${(data) => data.payments.length === 0 ? html`<${Empty} title=${t("No payments")}>${t("When the agent sends a payment code, it stands here until the money arrives.")}</${Empty}>` : html`<div class="scroll" tabIndex="0"><table><thead><tr><th>${t("Reference")}</th><th>${t("Customer")}</th><th class="right">${t("Amount")}</th><th>${t("State")}</th><th>${t("Sent")}</th><th><span class="sr">${t("Actions")}</span></th></tr></thead><tbody>
    ${[...data.payments, ...more.rows].map((each) => html`<tr key=${each.id}><td class="mono">${each.reference}</td><td data-label=${t("Customer")}><a href=${`#/conversations/${key(each.contact)}`}>${each.contact.platform}:${each.contact.id}</a></td><td class="right num">${rupiah(each.amount)}</td><td><${Badge} kind=${KIND[each.state] || ""}>${t(each.state)}</${Badge}>${each.marked_by ? html` <span class="small soft">${each.marked_by}</span>` : ""}</td><td><${Time} at=${each.created_at} /></td><td class="right">${may("operator") && ["open", "expired"].includes(each.state) && html`<button disabled=${busy} onClick=${() => paid(each)}>${t("Mark as paid")}</button>`}</td></tr>`)}</tbody></table></div>
    ${more.next && html`<div class="more"><button class="quiet" disabled=${busy} onClick=${() => run(async () => { const page = await get(path(more.next)); setMore({ rows: [...more.rows, ...page.payments], next: page.next }); })}>${t("Show older")}</button></div>`}`}</${Loaded}></section>`;
}

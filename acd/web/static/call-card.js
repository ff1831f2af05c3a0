// The screen-pop: who calls, why, since when, and what is known of them.

import { html } from "./vendor/htm-preact-standalone.js";
import { kindText } from "./outbound.js";
import { Clock } from "./parts.js";
import { asClock } from "./state.js";

const CERTAINTY = { known: "Known contact", uncertain: "Several contacts have this number", unknown: "Unknown number" };
const KINDS = { internal: "internal", short: "short code", invalid: "not a valid number" };
const HEADINGS = { reserved: "Incoming call", talking: "In conversation", ended: "Call ended" };
const LANGUAGES = { fr: "French", en: "English" };
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export function CallCard({ call, agent, now, order, rejectReasons = [] }) {
  const isRinging = agent.state === "reserved";
  return html`
    <section class="card call ${isRinging ? "ringing" : ""}" aria-label="Call">
      <div class="call-head">
        <div>
          <p class="eyebrow" role=${isRinging ? "alert" : undefined}>${agent.state === "wrap_up" ? "Call ended" : (HEADINGS[call.stage] ?? "Call")}
            ${call.queue_label && html` · ${call.queue_label}`}${kindText(call) && html` · ${kindText(call)}`}</p>
          <h2 class="caller">${callerTitle(call)}</h2>
          <p class="numbers">${numberText(call)}</p>
        </div>
        <dl class="clocks">
          <div><dt>Waited</dt><dd class="clock">${call.wait_seconds === null ? "–" : asClock(call.wait_seconds)}</dd></div>
          ${isRinging && html`<div><dt>${call.offer_mode === "accept" && call.offer_accepted_at === null ? "Offered" : "Ringing"}</dt><dd><${Clock} since=${call.offered_at} now=${now} /></dd></div>`}
          ${call.answered_at && html`<div><dt>Talk</dt><dd>${call.talk_ended_at
            ? html`<span class="clock">${asClock((Date.parse(call.talk_ended_at) - Date.parse(call.answered_at)) / 1000)}</span>`
            : html`<${Clock} since=${call.answered_at} now=${now} />`}</dd></div>`}
        </dl>
      </div>
      <div class="call-actions">
        <${Badges} call=${call} />
        ${isRinging && html`<${OfferButtons} call=${call} order=${order} reasons=${rejectReasons} />`}
      </div>
      ${call.reasons?.length > 0 && html`<p class="muted small">Why you: ${call.reasons.join(" · ")}</p>`}
      ${call.context.missing.length > 0 && html`<p class="notice problem">Could not be looked up: ${call.context.missing.join(", ")}</p>`}
      <${Contacts} contacts=${call.contacts} />
      <${Path} steps=${call.ivr_path} />
      <${TicketLine} ticket=${call.ticket} />
      <${TicketList} heading="Open tickets" tickets=${call.context.open_tickets} />
      <${TicketList} heading="Recent tickets" tickets=${call.context.recent_tickets} />
      <${RecentCalls} calls=${call.context.recent_calls} />
    </section>
  `;
}

function OfferButtons({ call, order, reasons }) {
  const isToBeAccepted = call.offer_mode === "accept" && call.offer_accepted_at === null;
  return html`<span class="inline">
    ${isToBeAccepted && html`<button type="button" class="primary" onClick=${() => order("accept")}>Accept</button>`}
    ${reasons.length > 0 && html`<label class="bare"><span class="sr-only">Reject because</span>
      <select name="reject" value="" onChange=${(event) => order("reject", { reason: event.target.value })}>
        <option value="" disabled>Reject because…</option>
        ${reasons.map(({ reason, label }) => html`<option key=${reason} value=${reason}>${label}</option>`)}
      </select></label>`}
    <button type="button" class="danger" onClick=${() => order("reject", {})}>Reject</button>
  </span>`;
}

function callerTitle(call) {
  if (call.contacts.length === 1) return call.contacts[0].name;
  if (call.contacts.length > 1) return call.contacts.map((contact) => contact.name).join(" or ") + "?";
  return call.caller_name || (call.number_kind === "anonymous" ? "Number withheld" : call.e164 || call.number || "Unknown caller");
}

function numberText(call) {
  const parts = [call.number_kind === "anonymous" ? "number withheld" : (call.e164 ?? call.number)];
  if (KINDS[call.number_kind]) parts.push(KINDS[call.number_kind]);
  if (call.caller_name && call.contacts.length > 0) parts.push(`network name “${call.caller_name}”`);
  return parts.join(" · ");
}

function Badges({ call }) {
  const isVip = call.contacts.some((contact) => contact.vip);
  return html`<p class="badges">
    ${isVip && html`<span class="badge vip">VIP</span>`}
    <span class="badge certainty-${call.certainty}">${CERTAINTY[call.certainty] ?? call.certainty}</span>
    ${call.language && html`<span class="badge">${LANGUAGES[call.language] ?? call.language}</span>`}
    ${call.attempt > 1 && html`<span class="badge warn">offered for the ${ordinal(call.attempt)} time</span>`}
  </p>`;
}

function ordinal(number) {
  return number === 2 ? "2nd" : number === 3 ? "3rd" : `${number}th`;
}

function Contacts({ contacts }) {
  if (contacts.length === 0) return null;
  return html`<h3>${contacts.length > 1 ? "Contacts with this number" : "Contact"}</h3>
    <ul class="rows">${contacts.map((contact) => html`<li key=${contact.contact_id}>
      <span><strong>${contact.name}</strong>${contact.vip && html` <span class="badge vip">VIP</span>`}</span>
      <span class="muted">${[contact.organisation, contact.site, contact.contract && `contract ${contact.contract}`, contact.email]
        .filter(Boolean).join(" · ")}</span>
    </li>`)}</ul>`;
}

function Path({ steps }) {
  if (steps.length === 0) return null;
  return html`<h3>Way through the menu</h3>
    <ol class="path">${steps.map((step) => html`<li><span>${step.node.replaceAll("_", " ")}</span>
      ${step.keys && html`<kbd>${step.keys}</kbd>`}</li>`)}</ol>`;
}

function TicketLine({ ticket }) {
  return html`<h3>This call's ticket</h3>
    <p class="ticket-line">${ticket.number
      ? html`Linked to <span class="number">#${ticket.number}</span> ${ticket.title}`
      : html`New ticket: ${ticket.title}`}</p>`;
}

function TicketList({ heading, tickets }) {
  if (tickets.length === 0) return null;
  return html`<h3>${heading}</h3>
    <ul class="rows">${tickets.map((ticket) => html`<li key=${ticket.number}>
      <span><span class="number">#${ticket.number}</span> ${ticket.title}</span>
      <span class="muted">${[ticket.status, day.format(new Date(ticket.created_at))].join(" · ")}</span>
    </li>`)}</ul>`;
}

function RecentCalls({ calls }) {
  if (calls.length === 0) return null;
  return html`<h3>Recent calls</h3>
    <ul class="rows">${calls.map((call) => html`<li key=${call.started_at}>
      <span>${day.format(new Date(call.started_at))}</span>
      <span class="muted">${[call.queue, call.agent_name, call.result.replaceAll("_", " "), call.ticket_number && `#${call.ticket_number}`]
        .filter(Boolean).join(" · ")}</span>
    </li>`)}</ul>`;
}

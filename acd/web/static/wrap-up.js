// The agent's word on the call: may be written from the first ring on, is sent when the call is over.

import { html, useState } from "./vendor/htm-preact-standalone.js";
import { wordOf } from "./drafts.js";
import { Countdown } from "./parts.js";
import { secondsUntil } from "./state.js";

const USUAL_CODES = [
  { code: "solved", label: "Solved" },
  { code: "follow_up", label: "To be followed up" },
  { code: "information", label: "Information given" },
  { code: "wrong_number", label: "Wrong number (no ticket)" },
  { code: "spam", label: "Spam (no ticket)" },
];
const READY = "";
const TICKET_WORK = "ticket work"; // no reason's name has a space
const OTHER = "other";

export function WrapUpForm({ call, agent, draft, now, order, dispatch, reasons }) {
  const [isBusy, setBusy] = useState(false);
  const [next, setNext] = useState(READY); // what comes after the wrap-up
  if (draft === null) return null;
  const isOver = agent.state === "wrap_up";
  const codes = call.wrap_up.codes.length > 0 ? call.wrap_up.codes : USUAL_CODES;
  const isCodeRequired = call.wrap_up.is_code_required;
  const write = (change) => dispatch({ type: "local:draft", data: change });

  async function submit(event) {
    event.preventDefault();
    if (!isOver) return;
    setBusy(true);
    if (next === TICKET_WORK) await order("ticket-work", { ticket: draft.linkTo });
    else if (next !== READY) await order("not-ready", { reason: next });
    await order("wrap-up", wordOf(draft));
    setBusy(false);
  }

  return html`
    <form class="card wrap-up ${isOver ? "due" : ""}" onSubmit=${submit} aria-label="Wrap-up">
      <div class="wrap-up-head">
        <h2>Wrap-up</h2>
        ${isOver && html`<span class="inline"><span class=${secondsUntil(agent.wrap_up_until, now) <= 5 ? "late" : ""}>ends in <${Countdown} until=${agent.wrap_up_until} now=${now} /></span>
          ${call.wrap_up.most_extension_seconds > 0 && html`<button type="button" class="quiet" onClick=${() => order("wrap-up/extension", {})}>+${call.wrap_up.extension_seconds} s</button>`}</span>`}
      </div>
      <${TicketChoice} call=${call} draft=${draft} write=${write} />
      ${draft.linkTo === "" && html`<label>Title
        <input name="title" maxlength="300" value=${draft.title} onInput=${(event) => write({ title: event.target.value })} /></label>`}
      <label>Note
        <textarea name="note" rows="6" maxlength="20000" value=${draft.note} onInput=${(event) => write({ note: event.target.value })}></textarea></label>
      <label>Code
        <select name="code" required=${isCodeRequired} value=${draft.code} onChange=${(event) => write({ code: event.target.value })}>
          <option value="">${isCodeRequired ? "Choose…" : "–"}</option>
          ${codes.map(({ code, label }) => html`<option key=${code} value=${code}>${label}</option>`)}
        </select></label>
      ${isOver && !agent.after_call && html`<label>Then
        <select name="then" value=${next} onChange=${(event) => setNext(event.target.value)}>
          <option value=${READY}>Ready when done</option>
          ${draft.linkTo !== "" && html`<option value=${TICKET_WORK}>Go on with ticket #${draft.linkTo}</option>`}
          ${reasons.map(({ reason, label }) => html`<option key=${reason} value=${reason}>Not ready: ${label}</option>`)}
        </select></label>`}
      <button class="primary" disabled=${!isOver || isBusy}>Done</button>
      ${!isOver && html`<p class="muted small">Can be sent when the call is over.</p>`}
    </form>
  `;
}

function TicketChoice({ call, draft, write }) {
  const known = [...call.context.open_tickets];
  if (call.ticket.number && !known.some((ticket) => ticket.number === call.ticket.number)) {
    known.unshift({ number: call.ticket.number, title: call.ticket.title });
  }
  const [isOther, setOther] = useState(false);
  const choose = (value) => {
    setOther(value === OTHER);
    write({ linkTo: value === OTHER ? "" : value });
  };
  return html`
    <label>Ticket
      <select name="ticket" value=${isOther ? OTHER : draft.linkTo} onChange=${(event) => choose(event.target.value)}>
        <option value="">New ticket</option>
        ${known.map((ticket) => html`<option key=${ticket.number} value=${ticket.number}>#${ticket.number} ${ticket.title}</option>`)}
        <option value=${OTHER}>Another ticket…</option>
      </select></label>
    ${isOther && html`<label>Ticket number
      <input name="link_to" inputmode="numeric" pattern="[0-9]{1,20}" required value=${draft.linkTo}
        onInput=${(event) => write({ linkTo: event.target.value })} /></label>`}
  `;
}

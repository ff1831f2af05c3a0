// The agent's word on the call: may be written from the first ring on, is sent when the call is over.

import { html, useState } from "./vendor/htm-preact-standalone.js";
import { wordOf } from "./drafts.js";
import { Countdown } from "./parts.js";
import { secondsUntil } from "./state.js";

const CODES = {
  "": "–",
  solved: "Solved",
  follow_up: "To be followed up",
  information: "Information given",
  wrong_number: "Wrong number (no ticket)",
  spam: "Spam (no ticket)",
};
const OTHER = "other";

export function WrapUpForm({ call, agent, draft, now, order, dispatch }) {
  const [isBusy, setBusy] = useState(false);
  if (draft === null) return null;
  const isOver = agent.state === "wrap_up";
  const write = (change) => dispatch({ type: "local:draft", data: change });

  async function submit(event) {
    event.preventDefault();
    if (!isOver) return;
    setBusy(true);
    await order("wrap-up", wordOf(draft));
    setBusy(false);
  }

  return html`
    <form class="card wrap-up ${isOver ? "due" : ""}" onSubmit=${submit} aria-label="Wrap-up">
      <div class="wrap-up-head">
        <h2>Wrap-up</h2>
        ${isOver && html`<span class=${secondsUntil(agent.wrap_up_until, now) <= 5 ? "late" : ""}>ends in <${Countdown} until=${agent.wrap_up_until} now=${now} /></span>`}
      </div>
      <${TicketChoice} call=${call} draft=${draft} write=${write} />
      ${draft.linkTo === "" && html`<label>Title
        <input name="title" maxlength="300" value=${draft.title} onInput=${(event) => write({ title: event.target.value })} /></label>`}
      <label>Note
        <textarea name="note" rows="6" maxlength="20000" value=${draft.note} onInput=${(event) => write({ note: event.target.value })}></textarea></label>
      <label>Code
        <select name="code" value=${draft.code} onChange=${(event) => write({ code: event.target.value })}>
          ${Object.entries(CODES).map(([value, text]) => html`<option key=${value} value=${value}>${text}</option>`)}
        </select></label>
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

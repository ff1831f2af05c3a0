// Calls the agent places, and messages from callers: dial by number or from a ticket, accept, play, finish.

import { html, useState } from "./vendor/htm-preact-standalone.js";

const KINDS = { callback: "Callback", outbound: "Outgoing call", voicemail: "Voicemail" };

/** What kind of work this is, where it is no caller on the line. */
export function kindText(call) {
  const kind = KINDS[call.kind];
  if (!kind) return "";
  if (call.kind === "callback" && call.tries > 0) return `${kind}, try ${call.tries + 1}`;
  return kind;
}

export function Dialler({ order, number = "", ticket = null }) {
  const [value, setValue] = useState(number);
  const submit = (event) => {
    event.preventDefault();
    order("calls", { number: value.replace(/[\s().-]/g, ""), ticket });
  };
  return html`
    <form class="inline dialler" onSubmit=${submit} aria-label="Call a number">
      <label class="bare"><span class="sr-only">Number to call</span>
        <input type="tel" name="number" required placeholder="+33 1 23 45 67 89" value=${value}
          onInput=${(event) => setValue(event.target.value)} /></label>
      <button>Call</button>
    </form>
  `;
}

/** Beside the call card: what can be done with a callback, an outgoing call or a message. */
export function WorkControls({ call, agent, order }) {
  if (call.kind === "voicemail") return html`<${MessageControls} call=${call} agent=${agent} order=${order} />`;
  if (call.kind === "inbound") return null;
  const isDialling = call.dialled_at && !call.answered_at && agent.state === "reserved";
  const text = isDialling ? "Their phone rings…" : agent.state === "reserved" ? "Your phone rings; take it, then theirs is called." : "";
  return html`<section class="card" aria-label=${kindText(call)}><h2>${kindText(call)}</h2>${text && html`<p class="muted" aria-live="polite">${text}</p>`}</section>`;
}

function MessageControls({ call, agent, order }) {
  const name = `${call.call_id.replace(/^call_voicemail\./, "")}.wav`;
  return html`
    <section class="card" aria-label="Voicemail">
      <h2>Voicemail · ${Math.round(call.message_seconds)} s</h2>
      ${agent.state === "reserved" && html`<button type="button" class="primary" onClick=${() => order("message/accept", {})}>Accept</button>`}
      ${agent.state === "talking" && html`
        <audio controls preload="metadata" src=${`/api/v1/messages/${encodeURIComponent(name)}`}></audio>
        <button type="button" class="primary" onClick=${() => order("message/finish", {})}>Done</button>`}
    </section>
  `;
}

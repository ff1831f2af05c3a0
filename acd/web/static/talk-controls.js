// What an agent does with a talk: hold, mute, keys, consultation, transfer, conference; and waiting calls taken by hand.

import { html, useEffect, useState } from "./vendor/htm-preact-standalone.js";
import { request } from "./api.js";
import { Clock } from "./parts.js";
import { isConsulted } from "./state.js";

const HANDED = { agent: "to", queue: "to queue", flow: "to the menu", number: "to", consulted: "after asking", taken_over: "taken over by" };

/** The caller hears: in words. */
function situation(call) {
  const asked = call.consult && (call.consult.name || call.consult.number);
  switch (call.talk_mode) {
    case "held":
      return call.held_by === "phone" ? "On hold by the phone's own key" : "On hold: the caller hears music";
    case "consulting":
      return call.consult?.stage === "ringing" ? `Ringing ${asked}: the caller hears music` : `With ${asked}: the caller hears music`;
    case "conference":
      return `Conference with ${asked}`;
    default:
      return call.consult ? `With the caller: ${asked} hears music` : "";
  }
}

export function TalkControls({ call, agent, now, order, draft }) {
  const [panel, setPanel] = useState("");
  useEffect(() => setPanel(""), [call.call_id, call.talk_mode, call.consult?.stage]);
  if (agent.state !== "talking") return null;
  if (isConsulted(call, agent)) {
    return html`<section class="card talk" aria-label="Consultation"><p>${call.agent_name} asks you about this caller.</p></section>`;
  }
  const words = { title: draft?.title ?? "", note: draft?.note ?? "" };
  const toggle = (name) => setPanel(panel === name ? "" : name);
  const button = (name, text, act, kind = "") =>
    html`<button type="button" key=${name} name=${name} class=${kind} onClick=${act}>${text}</button>`;
  const isHeld = call.talk_mode === "held";
  const isAnswered = call.consult && call.consult.stage !== "ringing";
  return html`
    <section class="card talk" aria-label="Talk">
      <p role="status" aria-live="polite">${situation(call)} ${situation(call) && html`<${Clock} since=${call.mode_since} now=${now} />`}
        ${call.is_muted && html` <span class="badge warn">You are muted</span>`}</p>
      <div class="controls">
        ${!call.consult && (isHeld ? button("resume", "Resume", () => order("resume"), "primary") : button("hold", "Hold", () => order("hold")))}
        ${["talking", "conference"].includes(call.talk_mode) &&
          button("mute", call.is_muted ? "Unmute" : "Mute", () => order("mute", { muted: !call.is_muted }))}
        ${isAnswered && call.talk_mode !== "conference" && [
          button("swap", call.consult.stage === "parked" ? `Back to ${call.consult.name || call.consult.number}` : "Back to the caller", () => order("swap")),
          button("conference", "Conference", () => order("conference")),
        ]}
        ${isAnswered && button("complete-transfer", "Hand over", () => order("complete-transfer", words), "primary")}
        ${call.consult && button("cancel-consult", call.consult.stage === "ringing" ? "Stop ringing" : "Let them go", () => order("cancel-consult"))}
        ${!call.consult && button("open-consult", "Ask…", () => toggle("consult"))}
        ${button("open-transfer", "Transfer…", () => toggle("transfer"))}
        ${!isHeld && button("open-keys", "Keys…", () => toggle("keys"))}
      </div>
      ${panel === "consult" && html`<${Destination} what="consult" order=${order} />`}
      ${panel === "transfer" && html`<${Destination} what="transfer" words=${words} order=${order} />`}
      ${panel === "keys" && html`<${Keys} order=${order} />`}
    </section>
  `;
}

function useTargets() {
  const [targets, setTargets] = useState(null);
  useEffect(() => {
    request("GET", "agents/me/targets").then(setTargets, () => setTargets({ agents: [], queues: [], flows: [], waiting: [] }));
  }, []);
  return targets;
}

/** Whom to ask, or where to send the caller. */
function Destination({ what, words, order }) {
  const targets = useTargets();
  const [choice, setChoice] = useState("");
  const [number, setNumber] = useState("");
  if (targets === null) return html`<p class="muted">…</p>`;
  const isTransfer = what === "transfer";
  const fits = (agent) => (isTransfer ? agent.state !== "not_ready" : ["ready", "not_ready"].includes(agent.state));

  function submit(event) {
    event.preventDefault();
    const [kind, ...rest] = choice.split(":");
    const where = kind === "number" ? { number: number.replaceAll(/[\s.()-]/g, "") } : { [kind]: rest.join(":") };
    order(what, { ...where, ...(words ?? {}) });
  }

  return html`
    <form class="inline destination" onSubmit=${submit}>
      <label>${isTransfer ? "Send the caller to" : "Ask"}
        <select name="destination" required value=${choice} onChange=${(event) => setChoice(event.target.value)}>
          <option value="">–</option>
          <optgroup label="Agents">${targets.agents.map((agent) => html`<option key=${agent.login} value=${`agent:${agent.login}`} disabled=${!fits(agent)}>
            ${agent.name} (${agent.state.replaceAll("_", " ")})</option>`)}</optgroup>
          ${isTransfer && html`<optgroup label="Queues">${targets.queues.map((queue) => html`<option key=${queue.name} value=${`queue:${queue.name}`}>${queue.label}</option>`)}</optgroup>
            <optgroup label="Menus">${targets.flows.map((flow) => html`<option key=${flow} value=${`flow:${flow}`}>${flow.replaceAll("_", " ")}</option>`)}</optgroup>`}
          ${(targets.may_dial_outside || !isTransfer) && html`<option value="number:">A number…</option>`}
        </select></label>
      ${choice === "number:" && html`<label>Number
        <input name="number" inputmode="tel" maxlength="30" required value=${number} onInput=${(event) => setNumber(event.target.value)} /></label>`}
      <button class="primary">${isTransfer ? "Transfer" : "Ask"}</button>
    </form>
  `;
}

function Keys({ order }) {
  return html`<div class="keys" role="group" aria-label="Keys">
    ${[..."123456789*0#"].map((key) => html`<button type="button" key=${key} onClick=${() => order("digits", { digits: key })}>${key}</button>`)}
  </div>`;
}

/** Who had the call before, and what they wrote. */
export function Handovers({ handovers }) {
  if (!handovers || handovers.length === 0) return null;
  return html`
    <section class="card" aria-label="Before you">
      <h2>Before you</h2>
      <ul class="rows">${handovers.map((handover) => html`<li key=${handover.ended_at}>
        <span><strong>${handover.agent_name}</strong> <span class="muted">${HANDED[handover.to] ?? ""} ${handover.to_name}</span></span>
        <span>${[handover.title, handover.note].filter(Boolean).join(" – ") || html`<span class="muted">nothing written</span>`}</span>
      </li>`)}</ul>
    </section>
  `;
}

/** Calls that may be taken by hand, asked for when the agent looks. */
export function WaitingCalls({ order }) {
  const [calls, setCalls] = useState(null);
  const look = () => request("GET", "agents/me/targets").then((targets) => setCalls(targets.waiting), () => setCalls([]));
  return html`
    <section class="card" aria-label="Taken by hand">
      <div class="controls"><button type="button" name="look" onClick=${look}>Calls that may be taken by hand</button></div>
      ${calls !== null && (calls.length === 0
        ? html`<p class="muted">None waits.</p>`
        : html`<ul class="rows">${calls.map((call) => html`<li key=${call.call_id}>
            <span>${call.names[0] ?? call.number} <span class="muted">${call.queue_label}</span></span>
            <button type="button" onClick=${() => { order("pick-up", { call_id: call.call_id }); setCalls(null); }}>Take</button>
          </li>`)}</ul>`)}
    </section>
  `;
}

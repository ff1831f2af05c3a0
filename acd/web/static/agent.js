import { html, render, useEffect, useReducer, useState } from "./vendor/htm-preact-standalone.js";
import { openSession, request } from "./api.js";
import { connect } from "./connection.js";
import { CallCard } from "./call-card.js";
import { useKeptDraft } from "./drafts.js";
import { Notices, PhoneTrouble, ReasonLimit, useOptions } from "./notices.js";
import { Clock, ConnectionBar, reasonText, StateBadge, TopBar, useNow } from "./parts.js";
import { RecordingControls } from "./recordings.js";
import { initialAgent, isConsulted, reduceAgent } from "./state.js";
import { Dialler, WorkControls } from "./outbound.js";
import { Handovers, TalkControls, WaitingCalls } from "./talk-controls.js";
import { WrapUpForm } from "./wrap-up.js";

const IN_CALL = new Set(["reserved", "talking", "wrap_up"]);

function AgentPage({ user }) {
  const [state, dispatch] = useReducer(reduceAgent, initialAgent);
  const now = useNow(state.skew);
  const { agent, call } = state;
  const options = useOptions();
  const isOffered = agent?.state === "reserved" && call?.offer_mode === "accept" && call.offer_accepted_at === null;
  useEffect(() => connect("agent", dispatch), []);
  useKeptDraft(state);
  useEffect(() => {
    document.title = agent?.state === "reserved" ? "☎ Incoming call · Guichet" : "Agent · Guichet";
  }, [agent?.state]);

  async function order(what, body) {
    dispatch({ type: "local:notice", data: null });
    try {
      await request("POST", `agents/me/${what}`, body); // what it changes comes by the feed, often before the answer
    } catch (error) {
      dispatch({ type: "local:notice", data: { kind: "problem", text: error.message } });
    }
  }

  return html`
    <${ConnectionBar} connection=${state.connection} />
    <${TopBar} user=${user} page="agent" />
    <main class="agent">
      ${agent ? html`<${StatusBar} agent=${agent} now=${now} order=${order} reasons=${options.reasons} isOffered=${isOffered} />` : html`<p class="card muted">Connecting…</p>`}
      ${agent && html`<${PhoneTrouble} agent=${agent} />`}
      <${Notices} notices=${state.notices} dispatch=${dispatch} />
      ${state.notice && html`<p class="notice ${state.notice.kind}" role="status">${state.notice.text}</p>`}
      <${RecordingControls} call=${call} agent=${agent} order=${order} />
      ${call && agent
        ? html`<div class="desk">
            <div>
              ${call.kind === "inbound" && html`<${TalkControls} call=${call} agent=${agent} now=${now} order=${order} draft=${state.draft} />`}
              <${WorkControls} call=${call} agent=${agent} order=${order} />
              <${Handovers} handovers=${call.handovers} />
              <${CallCard} call=${call} agent=${agent} now=${now} order=${order} rejectReasons=${options.reject_reasons} />
            </div>
            ${!isConsulted(call, agent) && html`<${WrapUpForm} call=${call} agent=${agent} draft=${state.draft} now=${now} order=${order} dispatch=${dispatch} reasons=${options.reasons} />`}
          </div>`
        : agent && html`<${Idle} agent=${agent} /><${Dialler} order=${order} /><${WaitingCalls} order=${order} />`}
      <${Tickets} tickets=${state.tickets} />
    </main>
  `;
}

function StatusBar({ agent, now, order, reasons, isOffered }) {
  const isInCall = IN_CALL.has(agent.state);
  return html`
    <section class="card status" aria-label="Your state">
      <div class="state" aria-live="polite">
        <${StateBadge} state=${agent.state} text=${isOffered ? "Offered" : undefined} />
        ${agent.state === "not_ready" && agent.reason && html`<span class="muted">${reasonText(agent.reason, reasons)}${agent.ticket && ` #${agent.ticket}`}</span>`}
        <${ReasonLimit} agent=${agent} reasons=${reasons} now=${now} />
      </div>
      <${Clock} since=${agent.since} now=${now} />
      <div class="controls">
        ${isInCall ? html`<${AfterCall} agent=${agent} order=${order} reasons=${reasons} />` : html`<${ReadyControls} agent=${agent} order=${order} reasons=${reasons} />`}
      </div>
    </section>
  `;
}

function ReadyControls({ agent, order, reasons }) {
  if (agent.state === "logged_out") return html`<a class="button primary" href="/agent">Log in to the queues again</a>`;
  return html`
    ${agent.state === "not_ready" && html`<button type="button" class="primary" onClick=${() => order("ready")}>Ready</button>`}
    <${NotReady} label=${agent.state === "ready" ? "Not ready" : "Change reason"} order=${order} reasons=${reasons} />
  `;
}

function NotReady({ label, order, reasons }) {
  const [chosen, setReason] = useState("");
  const reason = chosen || reasons[0].reason;
  return html`
    <form class="inline" onSubmit=${(event) => { event.preventDefault(); order("not-ready", { reason }); }}>
      <label class="bare"><span class="sr-only">Reason</span>
        <select name="reason" value=${reason} onChange=${(event) => setReason(event.target.value)}>
          ${reasons.map(({ reason: value, label: text }) => html`<option key=${value} value=${value}>${text}</option>`)}
        </select>
      </label>
      <button>${label}</button>
    </form>
  `;
}

function AfterCall({ agent, order, reasons }) {
  if (agent.after_call) {
    const what = agent.after_call === "logged_out" ? "logged out" : "not ready";
    return html`<span class="muted">After this call: ${what}</span>
      <button type="button" onClick=${() => order("ready")}>Stay ready</button>`;
  }
  return html`<${NotReady} label="Not ready after this call" order=${order} reasons=${reasons} />`;
}

function Idle({ agent }) {
  const text = agent.state === "ready" ? "The next caller appears here before your phone rings." : "You get no calls while you are not ready.";
  return html`<section class="card idle"><h2>${agent.state === "ready" ? "Waiting for a call" : "No call"}</h2><p class="muted">${text}</p></section>`;
}

function Tickets({ tickets }) {
  if (tickets.length === 0) return null;
  return html`
    <section class="card" aria-label="Your last tickets">
      <h2>Your last tickets</h2>
      <ul class="plain" aria-live="polite">
        ${tickets.map((ticket) => html`<li key=${ticket.callId}><span class="number">#${ticket.number}</span>
          ${ticket.toQualify && html` <span class="badge warn">to qualify</span>`}</li>`)}
      </ul>
    </section>
  `;
}

const user = await openSession();
render(html`<${AgentPage} user=${user} />`, document.body);

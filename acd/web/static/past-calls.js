// Calls of the last day: what every second of each was spent on, and its recordings to be heard.

import { html, useEffect, useState } from "./vendor/htm-preact-standalone.js";
import { request } from "./api.js";
import { asClock } from "./state.js";

const KINDS = {
  ivr: "menu",
  waiting: "waiting",
  ringing: "ringing",
  talking: "talk",
  held: "held",
  consult: "consultation",
  conference: "conference",
  wrap_up: "wrap-up",
};
const time = new Intl.DateTimeFormat(undefined, { dateStyle: "short", timeStyle: "medium" });
const agentName = (id) => (id ?? "").replace(/^agent_/, "");

const PAGE = 15;

export function PastCalls({ queues, agents = [] }) {
  const [shown, setShown] = useState(PAGE);
  const [calls, setCalls] = useState(null);
  const [problem, setProblem] = useState("");
  const [chosen, setChosen] = useState(null);
  const labels = new Map(queues.map((queue) => [queue.name, queue.label]));
  const names = new Map(agents.map((agent) => [agent.agent_id, agent.name]));

  async function load() {
    setProblem("");
    try {
      setCalls(await request("GET", "interactions"));
    } catch (error) {
      setProblem(error.message);
    }
  }
  useEffect(() => {
    load();
  }, []);

  return html`<section class="card past-calls" aria-labelledby="past-calls-heading">
    <div class="heading"><h2 id="past-calls-heading">Calls of the last day</h2>
      <button type="button" onClick=${load}>Refresh</button></div>
    ${problem && html`<p class="notice problem" role="status">${problem}</p>`}
    <div class="scroll"><table>
      <thead><tr><th scope="col">Began</th><th scope="col">Caller</th><th scope="col">Queue</th><th scope="col">Agent</th>
        <th scope="col">Result</th><th scope="col" class="figure">Waited</th><th scope="col" class="figure">Talk</th><th scope="col">Ticket</th>
        <th scope="col"><span class="sr-only">Details</span></th></tr></thead>
      <tbody>
        ${(calls ?? []).slice(0, shown).map((call) => html`<${CallRow} key=${call.call_id} call=${call} labels=${labels} names=${names}
          isChosen=${chosen === call.call_id} choose=${() => setChosen(chosen === call.call_id ? null : call.call_id)} />`)}
        ${calls?.length === 0 && html`<tr><td colspan="9" class="muted">There were no calls.</td></tr>`}
      </tbody>
    </table></div>
    ${calls?.length > shown && html`<button type="button" onClick=${() => setShown(shown + PAGE)}>Show more</button>`}
  </section>`;
}

function CallRow({ call, labels, names, isChosen, choose }) {
  return html`
    <tr data-call=${call.call_id}>
      <td>${call.started_at ? time.format(new Date(call.started_at)) : "–"}</td>
      <td>${call.caller_name || call.number || "withheld"}</td>
      <td>${labels.get(call.queue) ?? call.queue ?? ""}</td>
      <td>${names.get(call.agent_id) ?? agentName(call.agent_id)}</td>
      <td>${(call.result ?? "in progress").replaceAll("_", " ")}</td>
      <td class="figure clock">${call.wait_seconds === null ? "–" : asClock(call.wait_seconds)}</td>
      <td class="figure clock">${call.talk_seconds > 0 ? asClock(call.talk_seconds) : "–"}</td>
      <td>${call.ticket_number && html`<span class="number">#${call.ticket_number}</span>`}</td>
      <td><button type="button" aria-expanded=${isChosen} onClick=${choose}>Details</button></td>
    </tr>
    ${isChosen && html`<tr class="details"><td colspan="9"><${Details} callId=${call.call_id} /></td></tr>`}
  `;
}

function Details({ callId }) {
  const [detail, setDetail] = useState(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    request("GET", `interactions/${encodeURIComponent(callId)}`).then(setDetail, (error) => setProblem(error.message));
  }, [callId]);
  if (problem) return html`<p class="notice problem">${problem}</p>`;
  if (detail === null) return html`<p class="muted">Loading…</p>`;
  return html`<${Timeline} segments=${detail.segments} /><${Recordings} recordings=${detail.recordings} />`;
}

export function Timeline({ segments }) {
  const text = (segment) => [
    KINDS[segment.kind] ?? segment.kind,
    segment.seconds === null ? "under way" : asClock(segment.seconds),
    agentName(segment.agent_id),
  ].filter(Boolean).join(" · ");
  return html`
    <div class="timeline" aria-hidden="true">
      ${segments.map((segment, n) => html`<div key=${n} class="segment ${segment.kind}" title=${text(segment)}
        style=${{ flexGrow: Math.max(segment.seconds ?? 1, 0.2) }}></div>`)}
    </div>
    <ol class="segments plain">${segments.map((segment, n) => html`<li key=${n}><span class="swatch ${segment.kind}"></span> ${text(segment)}</li>`)}</ol>
  `;
}

function Recordings({ recordings }) {
  if (recordings.length === 0) return html`<p class="muted small">No recording.</p>`;
  return html`<ul class="plain">${recordings.map((recording) => html`<li key=${recording.recording_id}>
    ${recording.state === "done"
      ? html`<audio controls preload="none" src=${`/api/v1/recordings/${encodeURIComponent(recording.recording_id)}/audio`}></audio>`
      : html`<span class="badge">${recording.state}</span>`}
    <span class="muted small">${recording.seconds === null ? "" : asClock(recording.seconds)} ${recording.problem}</span>
  </li>`)}</ul>`;
}

import { html, render, useEffect, useReducer, useState } from "./vendor/htm-preact-standalone.js";
import { openSession, request } from "./api.js";
import { connect } from "./connection.js";
import { Incidents } from "./incidents.js";
import { Surveys } from "./surveys.js";
import { HealthBar } from "./health.js";
import { PastCalls } from "./past-calls.js";
import { Notices } from "./notices.js";
import { Clock, ConnectionBar, reasonText, StateBadge, TopBar, useNow } from "./parts.js";
import { agentMenu, AuditLog, DEEDS, DeedDialog, Menu, MonitorBar, queueMenu, Waiting } from "./supervise.js";
import { asClock, asPercent, initialSupervisor, recordingFailureText, reduceSupervisor, secondsSince } from "./state.js";

const STATE_ORDER = ["reserved", "talking", "wrap_up", "ready", "not_ready", "logged_out"];

function SupervisorPage({ user }) {
  const [state, dispatch] = useReducer(reduceSupervisor, initialSupervisor);
  const now = useNow(state.skew);
  const [deed, open] = useState(null);
  useEffect(() => connect("supervisor", dispatch), []);
  useEffect(() => {
    const show = ({ all }) => all.forEach((monitor) => dispatch({ type: "monitor", data: monitor }));
    request("GET", "monitor").then(show, () => {}); // the feed tells of changes only
  }, []);
  return html`
    <${ConnectionBar} connection=${state.connection} />
    <${TopBar} user=${user} page="supervisor" />
    <main class="supervisor">
      <${HealthBar} health=${state.health} />
      <${MonitorBar} user=${user} monitors=${state.monitors} agents=${state.agents} />
      <${Notices} notices=${state.notices} dispatch=${dispatch} />
      ${state.recordingFailure && html`<p class="notice problem" role="status">${recordingFailureText(state.recordingFailure)}</p>`}
      <${Tiles} state=${state} now=${now} />
      <${Queues} queues=${state.queues} now=${now} open=${open} />
      <${Waiting} state=${state} now=${now} open=${open} />
      <${Agents} state=${state} now=${now} open=${open} canListen=${Boolean(user.extension)} />
      <${PastCalls} queues=${state.queues} agents=${state.agents} />
      <${Incidents} />
      <${Surveys} queues=${state.queues} />
      <${AuditLog} />
    </main>
    ${deed && html`<${DeedDialog} key=${deed.title} deed=${deed} close=${() => open(null)} />`}
  `;
}

function Tiles({ state, now }) {
  const count = (...states) => state.agents.filter((agent) => states.includes(agent.state)).length;
  const waiting = state.queues.reduce((sum, queue) => sum + queue.waiting, 0);
  const oldest = state.queues.map((queue) => queue.longest_waiting_since).filter(Boolean).sort()[0];
  const tile = (text, value, kind = "") => html`<div class="tile ${kind}"><dt>${text}</dt><dd class="clock">${value}</dd></div>`;
  return html`<dl class="tiles" aria-label="At a glance">
    ${tile("Waiting", waiting, waiting > 0 ? "attention" : "")}
    ${tile("Longest wait", oldest ? asClock(secondsSince(oldest, now)) : "–")}
    ${tile("Agents ready", count("ready"), count("ready") === 0 && waiting > 0 ? "attention" : "")}
    ${tile("Ringing", count("reserved"))} ${tile("Talking", count("talking"))}
    ${tile("Wrap-up", count("wrap_up"))} ${tile("Not ready", count("not_ready"))}
  </dl>`;
}

function Queues({ queues, now, open }) {
  return html`<section class="card" aria-labelledby="queues-heading">
    <h2 id="queues-heading">Queues</h2>
    <div class="scroll"><table>
      <thead><tr>
        <th scope="col">Queue</th><th scope="col" class="figure">Waiting</th><th scope="col" class="figure">Longest wait</th>
        <th scope="col" class="figure">Offered</th><th scope="col" class="figure">Answered</th><th scope="col" class="figure">Abandoned</th>
        <th scope="col" class="figure">Service level</th><th scope="col" class="figure"><abbr title="Average speed of answer">ASA</abbr></th>
        <th scope="col" class="figure"><abbr title="Average handle time">AHT</abbr></th>
        <th scope="col"><span class="sr-only">Actions</span></th>
      </tr></thead>
      <tbody>
        ${queues.map((queue) => html`<${QueueRow} key=${queue.name} queue=${queue} now=${now} open=${open} />`)}
        ${queues.length === 0 && html`<tr><td colspan="10" class="muted">There are no queues yet.</td></tr>`}
      </tbody>
    </table></div>
  </section>`;
}

function QueueRow({ queue, now, open }) {
  const waited = queue.longest_waiting_since ? secondsSince(queue.longest_waiting_since, now) : null;
  const isLate = waited !== null && waited > queue.service_level_seconds;
  const seconds = (value) => (value === null ? "–" : asClock(value));
  return html`<tr data-queue=${queue.name}>
    <th scope="row">${queue.label}${queue.door && html` <span class="badge ${queue.door === "closed" ? "state-not_ready" : "state-ready"}">${queue.door} by hand</span>`}</th>
    <td class="figure ${queue.waiting > 0 ? "strong" : "zero"}">${queue.waiting}</td>
    <td class="figure clock ${isLate ? "late" : ""}">${waited === null ? "–" : asClock(waited)}</td>
    <td class="figure">${queue.offered}</td><td class="figure">${queue.answered}</td><td class="figure">${queue.abandoned}</td>
    <td class="figure">${asPercent(queue.service_level)} <span class="muted small">in ${queue.service_level_seconds} s</span></td>
    <td class="figure clock">${seconds(queue.average_speed_of_answer_seconds)}</td>
    <td class="figure clock">${seconds(queue.average_handle_time_seconds)}</td>
    <td class="figure"><${Menu} label=${`Actions for ${queue.label}`} items=${queueMenu(queue)} open=${open} /></td>
  </tr>`;
}

function Agents({ state, now, open, canListen }) {
  const { agents, queues } = state;
  const labels = new Map(queues.map((queue) => [queue.name, queue.label]));
  const inOrder = [...agents].sort((a, b) => STATE_ORDER.indexOf(a.state) - STATE_ORDER.indexOf(b.state));
  return html`<section class="card" aria-labelledby="agents-heading">
    <div class="heading"><h2 id="agents-heading">Agents</h2>
      <button type="button" onClick=${() => open(DEEDS.broadcast(state))}>Write to agents…</button></div>
    <div class="scroll"><table>
      <thead><tr><th scope="col">Agent</th><th scope="col">State</th><th scope="col" class="figure">Since</th>
        <th scope="col">Queue</th><th scope="col">Extension</th><th scope="col">Skills</th>
        <th scope="col"><span class="sr-only">Actions</span></th></tr></thead>
      <tbody>
        ${inOrder.map((agent) => html`<${AgentRow} key=${agent.agent_id} agent=${agent} labels=${labels} now=${now} open=${open} canListen=${canListen} agents=${agents} />`)}
        ${agents.length === 0 && html`<tr><td colspan="7" class="muted">Nobody has logged in yet.</td></tr>`}
      </tbody>
    </table></div>
  </section>`;
}

function AgentRow({ agent, labels, now, open, canListen, agents }) {
  const skills = Object.entries(agent.skills).map(([skill, level]) => `${skill} ${level}`).join(", ");
  return html`<tr data-agent=${agent.login} class=${agent.state === "logged_out" ? "faded" : ""}>
    <th scope="row">${agent.name}</th>
    <td><${StateBadge} state=${agent.state} />
      ${agent.reason && html` <span class="muted small">${reasonText(agent.reason)}</span>`}
      ${agent.limits_passed.length > 0 && html` <span class="badge warn">longer than agreed</span>`}
      ${agent.after_call && html` <span class="muted small">then ${agent.after_call.replaceAll("_", " ")}</span>`}</td>
    <td class="figure"><${Clock} since=${agent.since} now=${now} /></td>
    <td>${labels.get(agent.queue) ?? agent.queue ?? ""}</td><td>${agent.extension}</td><td class="muted small">${skills}</td>
    <td class="figure"><${Menu} label=${`Actions for ${agent.name}`} items=${agentMenu(agent, canListen, agents)} open=${open} /></td>
  </tr>`;
}

const user = await openSession();
render(html`<${SupervisorPage} user=${user} />`, document.body);

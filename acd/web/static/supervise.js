// What supervisors do: a dialog for each deed, which asks why; who listens to whom; the log of it all.

import { html, useEffect, useRef, useState } from "./vendor/htm-preact-standalone.js";
import { request } from "./api.js";
import { Clock } from "./parts.js";

const MODES = { listen: "Listen", whisper: "Whisper", barge: "Barge in" };
const MODE_TEXT = {
  listen: "You hear both; nobody hears you.",
  whisper: "The agent alone hears you.",
  barge: "Agent and caller hear you.",
};
const USUAL_REASONS = ["Peak load", "Coaching", "At the agent's wish", "Quality check", "Emergency"];
const when = new Intl.DateTimeFormat(undefined, { dateStyle: "short", timeStyle: "medium" });

// deeds -------------------------------------------------------------------------------------------------------------

const agentChoices = (agents) => agents.map((agent) => [agent.agent_id, `${agent.name} (${agent.state.replaceAll("_", " ")})`]);
const queueChoices = (queues) => queues.map((queue) => [queue.name, queue.label]);
const skillsText = (skills) => Object.entries(skills).map(([skill, level]) => `${skill} ${level}`).join(", ");

function skillsOf(text) {
  const pairs = text.split(",").map((part) => part.trim()).filter(Boolean).map((part) => part.split(/[\s=]+/));
  if (pairs.some(([, level]) => !/^\d+$/.test(level ?? ""))) throw new Error("Write each skill with its level: support 3, orders 1");
  return Object.fromEntries(pairs.map(([skill, level]) => [skill, Number(level)]));
}

/** title, fields [{name, label, kind, value, choices}], send(values) -> [method, path, body]. `why` is added to all. */
export const DEEDS = {
  monitor: (agent, mode) => ({
    title: `${MODES[mode]}: ${agent.name}`,
    text: `Your phone rings. ${MODE_TEXT[mode]}`,
    fields: [],
    send: () => ["POST", "monitor", { agent_id: agent.agent_id, mode }],
  }),
  state: (agent, state) => ({
    title: { ready: `Make ${agent.name} ready`, not_ready: `Make ${agent.name} not ready`, logged_out: `Log ${agent.name} out` }[state],
    text: agent.call_id ? "It takes effect after the call." : "",
    fields: [],
    send: () => ["POST", `agents/${agent.agent_id}/state`, { state }],
  }),
  takeOver: (agent, agents) => ({
    title: `Take over from ${agent.name}`,
    text: "The caller hears music while the phone rings; the agent goes to the wrap-up.",
    fields: [{
      name: "agent",
      label: "The call goes to",
      choices: agents.filter((other) => other.agent_id !== agent.agent_id && ["ready", "not_ready"].includes(other.state)).map((other) => [other.login, other.name]),
    }],
    send: (values) => ["POST", `calls/${agent.call_id}/take-over`, values],
  }),
  skills: (agent) => ({
    title: `Skills of ${agent.name}`,
    text: "",
    fields: [
      { name: "skills", label: "Skills with their levels", value: skillsText(agent.skills) },
      { name: "is_stored", label: "Keep them after the next log-in too", kind: "checkbox", value: false },
    ],
    send: (values) => ["POST", `agents/${agent.agent_id}/skills`, { skills: skillsOf(values.skills), is_stored: values.is_stored }],
  }),
  move: (call, { queues }) => ({
    title: `Move ${callName(call)}`,
    text: "The call keeps its age.",
    fields: [{ name: "queue", label: "To the queue", choices: queueChoices(queues.filter((queue) => queue.name !== call.queue)) }],
    send: (values) => ["POST", `calls/${call.call_id}/move`, values],
  }),
  priority: (call) => ({
    title: `Priority of ${callName(call)}`,
    text: "0 is served first.",
    fields: [{ name: "priority", label: "Priority", kind: "number", value: 0 }],
    send: (values) => ["POST", `calls/${call.call_id}/priority`, { priority: Number(values.priority) }],
  }),
  assign: (call, { agents }) => ({
    title: `Give ${callName(call)} to an agent`,
    text: "At once when the agent is ready; else it is kept for them for five minutes. Skills do not matter.",
    fields: [{
      name: "agent_id",
      label: "To",
      choices: agentChoices(agents.filter((agent) => ["ready", "reserved", "talking", "wrap_up"].includes(agent.state))),
    }],
    send: (values) => ["POST", `calls/${call.call_id}/assign`, values],
  }),
  close: (queue) => ({
    title: `Close ${queue.label} now`,
    text: "New callers hear the announcement and are let go; those who wait are served. It stays closed until you open it.",
    fields: [
      { name: "fr", label: "Announcement in French (empty: the usual one)", kind: "text", value: "" },
      { name: "en", label: "Announcement in English (empty: the usual one)", kind: "text", value: "" },
    ],
    send: (values) => ["POST", `queues/${queue.name}/door`, {
      is_open: false,
      announcement: Object.fromEntries(Object.entries(values).filter(([, text]) => text.trim())),
    }],
  }),
  open: (queue) => ({
    title: `Open ${queue.label} now`,
    text: "Whatever the calendar says, until you give it back to it.",
    fields: [],
    send: () => ["POST", `queues/${queue.name}/door`, { is_open: true }],
  }),
  calendar: (queue) => ({
    title: `Give ${queue.label} back to its calendar`,
    text: "",
    fields: [],
    send: () => ["POST", `queues/${queue.name}/door`, { is_open: null }],
  }),
  broadcast: ({ queues }) => ({
    title: "Write to the agents",
    text: "",
    fields: [
      { name: "text", label: "Text", kind: "text", value: "" },
      { name: "queue", label: "To", choices: [["", "All who are logged in"], ...queueChoices(queues)] },
    ],
    send: (values) => ["POST", "broadcasts", { text: values.text, queue: values.queue || null }],
  }),
};

function callName(call) {
  return call.contact_names[0] || call.caller_name || call.number || "the caller";
}

// the dialog --------------------------------------------------------------------------------------------------------

export function DeedDialog({ deed, close }) {
  const element = useRef(null);
  const [values, setValues] = useState(() => Object.fromEntries(deed.fields.map((field) => [field.name, field.value ?? field.choices?.[0]?.[0] ?? ""])));
  const [why, setWhy] = useState("");
  const [problem, setProblem] = useState("");
  const [isBusy, setBusy] = useState(false);
  useEffect(() => element.current.showModal(), []);

  async function submit(event) {
    event.preventDefault();
    setBusy(true);
    try {
      const [method, path, body] = deed.send(values);
      await request(method, path, { ...body, why });
      close();
    } catch (error) {
      setProblem(error.message);
      setBusy(false);
    }
  }

  return html`<dialog ref=${element} onClose=${close} aria-label=${deed.title}>
    <form onSubmit=${submit}>
      <h2>${deed.title}</h2>
      ${deed.text && html`<p class="muted">${deed.text}</p>`}
      ${deed.fields.map((field) => html`<${Field} key=${field.name} field=${field} value=${values[field.name]}
        change=${(value) => setValues({ ...values, [field.name]: value })} />`)}
      <label>Why
        <input name="why" required maxlength="300" list="usual-reasons" value=${why} autocomplete="off" onInput=${(event) => setWhy(event.target.value)} />
        <datalist id="usual-reasons">${USUAL_REASONS.map((reason) => html`<option key=${reason} value=${reason} />`)}</datalist></label>
      ${problem && html`<p class="notice problem" role="alert">${problem}</p>`}
      <div class="dialog-buttons">
        <button type="button" onClick=${close}>Cancel</button>
        <button class="primary" disabled=${isBusy}>Do it</button>
      </div>
    </form>
  </dialog>`;
}

function Field({ field, value, change }) {
  const input = (event) => change(event.target.value);
  if (field.choices) {
    return html`<label>${field.label}<select name=${field.name} required=${field.choices.every(([key]) => key)} value=${value} onChange=${input}>
      ${field.choices.map(([key, text]) => html`<option key=${key} value=${key}>${text}</option>`)}</select></label>`;
  }
  if (field.kind === "checkbox") {
    return html`<label class="check"><input type="checkbox" name=${field.name} checked=${value} onChange=${(event) => change(event.target.checked)} />${field.label}</label>`;
  }
  if (field.kind === "text") return html`<label>${field.label}<textarea name=${field.name} rows="2" maxlength="600" value=${value} onInput=${input}></textarea></label>`;
  const limits = field.kind === "number" ? { type: "number", min: 0, max: 9, required: true } : { maxlength: 300 };
  return html`<label>${field.label}<input name=${field.name} value=${value} onInput=${input} ...${limits} /></label>`;
}

/** A menu of deeds at the end of a row. */
export function Menu({ label, items, open }) {
  const element = useRef(null);
  const choose = (deed) => {
    element.current.open = false;
    open(deed);
  };
  const place = () => { // fixed: a table that scrolls would cut it off
    const { bottom, right } = element.current.getBoundingClientRect();
    const panel = element.current.querySelector("div");
    panel.style.top = `${Math.min(bottom + 4, innerHeight - panel.offsetHeight - 8)}px`;
    panel.style.left = `${right - panel.offsetWidth}px`;
  };
  const leave = (event) => {
    if (!element.current.contains(event.relatedTarget)) element.current.open = false;
  };
  return html`<details class="menu" ref=${element} onToggle=${place} onfocusout=${leave}>
    <summary aria-label=${label}>⋯</summary>
    <div>${items.map(([text, deed]) => html`<button type="button" key=${text} onClick=${() => choose(deed)}>${text}</button>`)}</div>
  </details>`;
}

export function agentMenu(agent, canListen, agents = []) {
  const listening = agent.state === "talking" && canListen ? Object.entries(MODES).map(([mode, text]) => [text, DEEDS.monitor(agent, mode)]) : [];
  const states = agent.state === "logged_out" ? [] : [
    ...(agent.state === "ready" ? [] : [["Make ready", DEEDS.state(agent, "ready")]]),
    ["Make not ready", DEEDS.state(agent, "not_ready")],
    ["Log out", DEEDS.state(agent, "logged_out")],
  ];
  const taking = agent.state === "talking" ? [["Take over…", DEEDS.takeOver(agent, agents)]] : [];
  return [...listening, ...taking, ...states, ["Skills…", DEEDS.skills(agent)]];
}

export function queueMenu(queue) {
  return [
    ...(queue.door === "closed" ? [] : [["Close now…", DEEDS.close(queue)]]),
    ...(queue.door === "open" ? [] : [["Open now", DEEDS.open(queue)]]),
    ...(queue.door === "" ? [] : [["Back to the calendar", DEEDS.calendar(queue)]]),
  ];
}

// who listens, who waits, what was done -----------------------------------------------------------------------------

export function MonitorBar({ user, monitors, agents }) {
  const [problem, setProblem] = useState("");
  const own = monitors[user.login];
  if (!own) return null;
  const name = agents.find((agent) => agent.agent_id === own.agent_id)?.name ?? own.agent_id;
  const order = (method, body) => request(method, "monitor", body).then(() => setProblem(""), (error) => setProblem(error.message));
  return html`<section class="card monitor" aria-label="Listening in">
    <span><strong>${name}</strong> <span class="muted">${MODE_TEXT[own.mode]}</span></span>
    <span class="inline">
      ${Object.entries(MODES).map(([mode, text]) => html`<button type="button" key=${mode} aria-pressed=${mode === own.mode}
        onClick=${() => order("POST", { agent_id: own.agent_id, mode, why: "Change of mode" })}>${text}</button>`)}
      <button type="button" class="danger" onClick=${() => order("DELETE")}>End</button>
    </span>
    ${problem && html`<p class="notice problem" role="alert">${problem}</p>`}
  </section>`;
}

export function Waiting({ state, now, open }) {
  const [calls, setCalls] = useState([]);
  useEffect(() => {
    let isCurrent = true;
    const show = (all) => isCurrent && setCalls(all.filter((call) => call.stage === "waiting"));
    request("GET", "calls").then(show, () => {}); // the next change asks again
    return () => { isCurrent = false; };
  }, [state.queues]); // anew with each frame about queues
  if (calls.length === 0) return null;
  const labels = new Map(state.queues.map((queue) => [queue.name, queue.label]));
  const menu = (call) => [["Put first…", DEEDS.priority(call)], ["Move…", DEEDS.move(call, state)], ["Give to an agent…", DEEDS.assign(call, state)]];
  return html`<section class="card" aria-labelledby="waiting-heading">
    <h2 id="waiting-heading">Waiting calls</h2>
    <div class="scroll"><table>
      <thead><tr><th scope="col">Caller</th><th scope="col">Queue</th><th scope="col" class="figure">Priority</th>
        <th scope="col" class="figure">Waits</th><th scope="col"><span class="sr-only">Actions</span></th></tr></thead>
      <tbody>${calls.map((call) => html`<tr key=${call.call_id} data-call=${call.call_id}>
        <th scope="row">${callName(call)}${call.is_vip && html` <span class="badge vip">VIP</span>`}</th>
        <td>${labels.get(call.queue) ?? call.queue}</td><td class="figure">${call.priority}</td>
        <td class="figure"><${Clock} since=${call.queued_at} now=${now} /></td>
        <td class="figure"><${Menu} label=${`Actions for ${callName(call)}`} items=${menu(call)} open=${open} /></td></tr>`)}
      </tbody>
    </table></div>
  </section>`;
}

const ACTIONS = {
  "agent.set_state": "Changed state",
  "agent.set_skills": "Changed skills",
  "call.move": "Moved a call",
  "call.prioritise": "Changed a priority",
  "call.assign": "Gave away a call",
  "call.take_over": "Took over a talk",
  "queue.set_door": "Opened or closed a queue",
  "text.broadcast": "Wrote to agents",
  "talk.listen": "Listened in",
  "talk.whisper": "Whispered",
  "talk.barge": "Barged in",
};

export function AuditLog() {
  const [entries, setEntries] = useState(null);
  const [problem, setProblem] = useState("");
  const load = () => request("GET", "audit").then(setEntries, (error) => setProblem(error.message));
  return html`<details class="card audit" onToggle=${(event) => event.target.open && load()}>
    <summary><h2>Audit log</h2></summary>
    ${problem && html`<p class="notice problem" role="alert">${problem}</p>`}
    ${entries?.length === 0 && html`<p class="muted">Nothing has been done yet.</p>`}
    ${entries?.length > 0 && html`<div class="scroll"><table>
      <thead><tr><th scope="col">When</th><th scope="col">Who</th><th scope="col">What</th><th scope="col">Why</th><th scope="col">Outcome</th></tr></thead>
      <tbody>${entries.map((entry) => html`<tr key=${entry.entry_id}>
        <td class="number">${when.format(new Date(entry.at))}</td><td>${entry.who}</td>
        <td>${ACTIONS[entry.action] ?? entry.action} <span class="muted small">${[entry.subject, ...Object.values(entry.details)].filter(Boolean).join(" · ")}</span></td>
        <td>${entry.reason}</td>
        <td>${entry.outcome === "done" ? html`<span class="badge certainty-known">done</span>` : html`<span class="badge warn">${entry.outcome}</span>`}</td></tr>`)}
      </tbody></table></div>`}
  </details>`;
}

// What the screens know: frames from /ws in, state out. Pure: no clock, no network, no page.
//
// A frame is {type, seq, at, data} as the service sends it; types that begin with "local:" come from the page itself.

export const initialAgent = Object.freeze({
  connection: "connecting", // connecting | open | lost
  skew: 0, // milliseconds the service's clock is ahead of ours
  agent: null, // AgentView
  call: null, // CallView: ringing, talking or being wrapped up
  draft: null, // what the agent has written on this call: {callId, title, note, code, linkTo}; isWritten: by hand
  notice: null, // {kind: "info" | "problem", text}
  tickets: [], // committed, newest first: {number, toQualify, callId}
  notices: [], // not dismissed, newest first: {id, kind, from, text}
});

const OFFER_ENDED = {
  canceled: "The caller hung up before you answered.",
  timed_out: "You did not answer: the call went back to its queue and you are not ready.",
  rejected: "You rejected the call: it went back to its queue and you are not ready.",
  rescinded: "Your phone could not be rung: the call went back to its queue and you are not ready.",
};
const CONSULT_OVER = "You are not asked any more.";
const KEPT_TICKETS = 5;

export function reduceAgent(state, frame) {
  switch (frame.type) {
    case "snapshot":
      return withKept(withCall({ ...state, agent: frame.data.agent }, frame.data.call), frame.data.draft);
    case "agent":
      return withAgent(state, frame.data);
    case "offer":
      return withCall({ ...state, notice: null }, frame.data);
    case "offer_ended":
      return offerEnded(state, frame.data);
    case "call":
      return frame.data === null ? state : withCall(state, frame.data);
    case "recording_failed":
      return { ...state, notice: { kind: "problem", text: recordingFailureText(frame.data) } };
    case "ticket":
      return { ...state, tickets: withTicket(state.tickets, frame.data) };
    case "warning":
    case "broadcast":
      return { ...state, notices: withNotice(state.notices, frame) };
    case "local:read":
      return { ...state, notices: state.notices.filter((notice) => notice.id !== frame.data) };
    case "local:draft":
      return state.draft === null ? state : { ...state, draft: { ...state.draft, ...frame.data, isWritten: true } };
    case "local:notice":
      return { ...state, notice: frame.data };
    default:
      return reduceConnection(state, frame);
  }
}

function withAgent(state, agent) {
  const isOver = agent === null || agent.call_id === null || agent.call_id !== state.call?.call_id;
  const next = { ...state, agent };
  return isOver ? withCall(next, null) : next;
}

function withCall(state, call) {
  if (call === null) return { ...state, call: null, draft: null };
  if (state.draft?.callId === call.call_id) return { ...state, call };
  const draft = { callId: call.call_id, title: call.ticket.title, note: "", code: "", linkTo: call.ticket.number ?? "" };
  return { ...state, call, draft };
}

/** What the service has kept of this call's draft; what was written here since is newer. */
function withKept(state, kept) {
  if (!kept || state.draft === null || state.draft.isWritten) return state;
  const { code, note, title } = kept;
  return { ...state, draft: { ...state.draft, code, note, title: title || state.draft.title, linkTo: kept.link_to ?? "" } };
}

function offerEnded(state, data) {
  const notice = { kind: "info", text: OFFER_ENDED[data.why] ?? (data.why.startsWith("consult_") ? CONSULT_OVER : "The call is no longer offered to you.") };
  const isOurs = state.call?.call_id === data.call_id && state.call.reservation_id === data.reservation_id;
  return isOurs ? withCall({ ...state, notice }, null) : { ...state, notice };
}

function withTicket(tickets, data) {
  const ticket = { number: data.number, toQualify: data.to_qualify, callId: data.call_id };
  return [ticket, ...tickets.filter((known) => known.callId !== ticket.callId)].slice(0, KEPT_TICKETS);
}

const RECORDING_CAUSES = {
  disk_full: "there is no room on the disk",
  refused: "the telephone system refused",
  no_file: "no file came about",
  not_paused: "it could not be paused, so it was ended",
  not_resumed: "it could not be resumed",
};

export function recordingFailureText(data) {
  return `A call is not recorded as it should be: ${RECORDING_CAUSES[data.cause] ?? data.cause}. The call goes on.`;
}

const KEPT_NOTICES = 5;

/** A limit passed or a supervisor's words, on the agent's screen or (with the name) on the supervisors'. */
function withNotice(notices, { type, seq, data }, isForSupervisor = false) {
  const notice = { id: seq, ...(type === "warning" ? warningOf(data, isForSupervisor) : { kind: "info", from: data.sender, text: data.text }) };
  return [notice, ...notices.filter((known) => known.id !== notice.id)].slice(0, KEPT_NOTICES);
}

function warningOf(data, isForSupervisor) {
  const minutes = Math.round(data.seconds / 60);
  const time = minutes > 0 ? `${minutes} min` : `${data.seconds} s`;
  const text = data.limit === "shift" ? `${data.label}: more than ${time} since log-in.` : `${data.label}: more than ${time}.`;
  return { kind: "problem", from: isForSupervisor ? data.name : "", text };
}

/** Whether this agent is only asked about the call, which is another agent's. */
export function isConsulted(call, agent) {
  return call.consult !== null && call.consult !== undefined && call.consult.agent_id === agent.agent_id;
}

export const initialSupervisor = Object.freeze({
  recordingFailure: null, // {call_id, queue, agent_id, cause, at}, the latest
  connection: "connecting",
  skew: 0,
  queues: [], // QueueView, by name
  agents: [], // AgentView, by name
  notices: [], // as an agent's
  monitors: {}, // who listens in, by login: {agent_id, mode}
  health: null, // HealthView: how the service itself is
});

export function reduceSupervisor(state, frame) {
  switch (frame.type) {
    case "snapshot":
      return {
        ...state,
        queues: byKey(frame.data.queues, "name"),
        agents: byKey(frame.data.agents, "name"),
        health: frame.data.health ?? null,
      };
    case "health":
      return { ...state, health: frame.data };
    case "recording_failed":
      return { ...state, recordingFailure: { ...frame.data, at: frame.at } };
    case "warning":
    case "broadcast":
      return { ...state, notices: withNotice(state.notices, frame, true) };
    case "monitor":
      return { ...state, monitors: { ...state.monitors, [frame.data.supervisor]: frame.data.mode === null ? null : frame.data } };
    case "local:read":
      return { ...state, notices: state.notices.filter((notice) => notice.id !== frame.data) };
    case "queues":
      return { ...state, queues: merged(state.queues, frame.data, "name", "name") };
    case "agents": {
      const removed = new Set(frame.data.removed);
      const left = state.agents.filter((agent) => !removed.has(agent.agent_id));
      return { ...state, agents: merged(left, frame.data.changed, "agent_id", "name") };
    }
    default:
      return reduceConnection(state, frame);
  }
}

function merged(old, changed, id, order) {
  const all = new Map(old.map((item) => [item[id], item]));
  for (const item of changed) all.set(item[id], item);
  return byKey([...all.values()], order);
}

function byKey(items, key) {
  return [...items].sort((a, b) => a[key].localeCompare(b[key]));
}

function reduceConnection(state, frame) {
  if (frame.type === "local:connection") return { ...state, connection: frame.data };
  if (frame.type === "local:skew") return { ...state, skew: frame.data };
  return state; // a newer service may tell more than this page knows
}

// times ------------------------------------------------------------------------------------------------------------

/** Whole seconds from an ISO instant until `now` (milliseconds), never negative. */
export function secondsSince(instant, now) {
  return Math.max(0, Math.floor((now - Date.parse(instant)) / 1000));
}

/** Whole seconds from `now` until an ISO instant, never negative. */
export function secondsUntil(instant, now) {
  return Math.max(0, Math.ceil((Date.parse(instant) - now) / 1000));
}

/** 75 -> "1:15", 3675 -> "1:01:15". */
export function asClock(seconds) {
  const whole = Math.floor(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  const two = (number) => String(number).padStart(2, "0");
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** null -> "–", 0.876 -> "88 %". */
export function asPercent(share) {
  return share === null ? "–" : `${Math.round(share * 100)} %`;
}

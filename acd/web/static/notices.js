// What agents are told beside their calls: limits passed, words from supervisors, a phone that is away. And the
// reasons there are, for not being ready and for rejecting a call.

import { html, useEffect, useState } from "./vendor/htm-preact-standalone.js";
import { request } from "./api.js";
import { asClock, secondsSince } from "./state.js";

const PHONE_TROUBLE = {
  phone_unregistered: "Your phone is not registered: it cannot be rung. You are ready again as soon as it is back.",
  do_not_disturb: "Do not disturb is set on your phone (*79 ends it). You are ready again as soon as it ends.",
};
const ANY = { break: "Break", lunch: "Lunch", meeting: "Meeting", training: "Training", back_office: "Back office" };

/** {reasons: [{reason, label, limit_seconds}], reject_reasons: [{reason, label}]}, from the service; some until then. */
export function useOptions() {
  const [options, setOptions] = useState({ reasons: [], reject_reasons: [] });
  useEffect(() => {
    request("GET", "agents/me/options").then(setOptions, () => {}); // without them the usual ones are offered
  }, []);
  const usual = Object.entries(ANY).map(([reason, label]) => ({ reason, label, limit_seconds: null }));
  return { ...options, reasons: options.reasons.length > 0 ? options.reasons : usual };
}

export function PhoneTrouble({ agent }) {
  const text = PHONE_TROUBLE[agent.phone_trouble];
  if (!text || agent.state === "logged_out") return null;
  return html`<p class="notice problem" role="alert">${text}</p>`;
}

/** How long the present reason may still last, or that its limit is passed. */
export function ReasonLimit({ agent, reasons, now }) {
  if (agent.state !== "not_ready" || !agent.since) return null;
  if (agent.limits_passed.length > 0) return html`<span class="badge warn">longer than agreed</span>`;
  const limit = reasons.find((reason) => reason.reason === agent.reason)?.limit_seconds;
  if (!limit) return null;
  return html`<span class="muted small">${asClock(Math.max(0, limit - secondsSince(agent.since, now)))} left</span>`;
}

export function Notices({ notices, dispatch }) {
  if (notices.length === 0) return null;
  return html`<ul class="notices" aria-label="Messages" aria-live="polite">
    ${notices.map((notice) => html`<li key=${notice.id} class="notice ${notice.kind}">
      <span>${notice.from && html`<strong>${notice.from}:</strong> `}<span class="said">${notice.text}</span></span>
      <button type="button" class="quiet" aria-label="Dismiss" onClick=${() => dispatch({ type: "local:read", data: notice.id })}>✕</button>
    </li>`)}
  </ul>`;
}

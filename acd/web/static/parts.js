// What several pages show. Everything from outside is handed to the page as text: htm makes text nodes of it.

import { html, useEffect, useState } from "./vendor/htm-preact-standalone.js";
import { logOut } from "./api.js";
import { asClock, secondsSince, secondsUntil } from "./state.js";

export const STATES = {
  logged_out: "Logged out",
  not_ready: "Not ready",
  ready: "Ready",
  reserved: "Ringing",
  talking: "Talking",
  wrap_up: "Wrap-up",
};

const REASONS = {
  logged_in: "just logged in",
  rona: "did not answer",
  rejected: "rejected a call",
  phone_unreachable: "phone not reachable",
  phone_busy: "phone busy",
  ring_failed: "phone could not be rung",
  phone_unregistered: "phone not registered",
  do_not_disturb: "do not disturb is set on the phone",
  after_call_work: "working on a ticket",
  supervisor: "by a supervisor",
};

/** `reasons`: those of the site, with their labels. */
export function reasonText(reason, reasons = []) {
  const known = reasons.find((one) => one.reason === reason);
  return known?.label ?? REASONS[reason] ?? reason.replaceAll("_", " ");
}

/** The service's time in milliseconds, renewed four times a second so that no second is skipped. */
export function useNow(skew) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 250);
    return () => clearInterval(timer);
  }, []);
  return now + skew;
}

export function Clock({ since, now }) {
  return html`<span class="clock">${since ? asClock(secondsSince(since, now)) : "–"}</span>`;
}

export function Countdown({ until, now }) {
  return html`<span class="clock">${until ? asClock(secondsUntil(until, now)) : "–"}</span>`;
}

export function StateBadge({ state, text }) {
  return html`<span class="badge state-${state}">${text ?? STATES[state] ?? state}</span>`;
}

export function ConnectionBar({ connection }) {
  if (connection !== "lost") return null;
  return html`<div class="connection-lost" role="alert">Connection lost. Trying to reach the service again…</div>`;
}

export function TopBar({ user, page }) {
  const roles = user.roles;
  const canSupervise = roles.includes("supervisor") || roles.includes("admin");
  const link = (href, text) =>
    html`<a href=${href} aria-current=${`/${page}` === href ? "page" : undefined}>${text}</a>`;
  return html`
    <header class="top">
      <img src="/static/favicon.svg" alt="" width="26" height="26" />
      <strong class="brand">Guichet</strong>
      <nav aria-label="Pages">
        ${roles.includes("agent") && link("/agent", "Agent")} ${canSupervise && link("/supervisor", "Supervisor")}
      </nav>
      <span class="who">${user.name}${user.extension && html` <span class="muted">· ext. ${user.extension}</span>`}</span>
      <button type="button" class="quiet" onClick=${logOut}>Log out</button>
    </header>
  `;
}

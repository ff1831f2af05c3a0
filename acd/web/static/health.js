// How the service itself is, for supervisors: nothing is shown while all is well.
import { html } from "./vendor/htm-preact-standalone.js";

const OVERLOAD = {
  calls: "as many callers are inside as may be",
  lag: "the service is late with its work",
};

/** The sentences a supervisor should read, the most urgent first; none when all is well. */
export function healthLines(health) {
  if (!health) return [];
  const lines = [];
  if (health.overload) lines.push(`New callers are not let in: ${OVERLOAD[health.overload] ?? health.overload}.`);
  for (const trouble of health.troubles) lines.push(`Not all works: ${trouble}`);
  if (health.shed > 0) {
    const who = health.shed === 1 ? "1 caller was" : `${health.shed} callers were`;
    lines.push(`${who} not let in since the service began.`);
  }
  return lines;
}

export function HealthBar({ health }) {
  const lines = healthLines(health);
  if (lines.length === 0) return null;
  return html`<section class="notice problem" role="status" aria-label="Health of the service" data-health>
    ${lines.map((line) => html`<p>${line}</p>`)}
  </section>`;
}

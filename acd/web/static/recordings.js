// The recording of the call at hand: what is so, as the service says it, and what the agent may do about it.

import { html } from "./vendor/htm-preact-standalone.js";

export function RecordingControls({ call, agent, order }) {
  const recording = call?.recording;
  if (agent?.state !== "talking" || !recording || (recording.state === "off" && !recording.can_start)) return null;
  const button = (action, text, kind = "") =>
    html`<button type="button" class=${kind} onClick=${() => order("recording", { action })}>${text}</button>`;
  const isPaused = recording.state === "paused";
  return html`
    <section class="card recording ${recording.state}" aria-label="Recording" aria-live="polite">
      <span class="recording-state">${{ on: "● Recording", paused: "❚❚ Recording paused", off: "Not recorded" }[recording.state]}</span>
      ${isPaused && html`<span class="muted small">Nothing said now is kept: card numbers may be given.</span>`}
      <div class="controls">
        ${recording.can_start && button("start", "Record")}
        ${recording.state === "on" && button("pause", "Pause")}
        ${isPaused && button("resume", "Resume", "primary")}
        ${recording.can_stop && button("stop", "End recording")}
      </div>
    </section>
  `;
}

// How content callers are, on the supervisor's page: the last seven days, by queue.

import { html, useEffect, useState } from "./vendor/htm-preact-standalone.js";
import { request } from "./api.js";
import { asPercent } from "./state.js";

const EVERY_MILLISECONDS = 60_000;

export function Surveys({ queues }) {
  const [figures, setFigures] = useState([]);
  const look = () => request("GET", "surveys/figures").then(setFigures, () => {}); // the next look may do better
  useEffect(() => {
    look();
    const timer = setInterval(look, EVERY_MILLISECONDS);
    return () => clearInterval(timer);
  }, []);
  if (!figures.some((row) => row.asked > 0)) return null;
  const labels = new Map(queues.map((queue) => [queue.name, queue.label]));
  return html`<section class="card" aria-labelledby="surveys-heading">
    <h2 id="surveys-heading">Callers' word</h2>
    <div class="scroll"><table>
      <thead><tr><th scope="col">Queue, last seven days</th><th scope="col" class="figure">Asked</th>
        <th scope="col" class="figure">Answered</th>
        <th scope="col" class="figure"><abbr title="Share of answers 4 and 5">CSAT</abbr></th>
        <th scope="col" class="figure"><abbr title="Net promoter score, -100 to 100">NPS</abbr></th>
        <th scope="col" class="figure"><abbr title="First-contact resolution">FCR</abbr></th>
        <th scope="col" class="figure">Comments</th></tr></thead>
      <tbody>${figures.map((row) => html`<tr key=${row.queue} data-survey-queue=${row.queue || "all"}>
        <th scope="row">${row.queue ? labels.get(row.queue) ?? row.queue : "All"}</th>
        <td class="figure">${row.asked}</td><td class="figure">${row.answered}</td>
        <td class="figure">${asPercent(row.csat)}</td><td class="figure">${row.nps ?? "–"}</td>
        <td class="figure">${asPercent(row.first_contact_resolution)}</td><td class="figure">${row.comments}</td>
      </tr>`)}</tbody>
    </table></div>
  </section>`;
}

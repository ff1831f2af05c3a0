// Major incidents on the supervisor's page: declare one, close it, see who has to be told.

import { html, useEffect, useState } from "./vendor/htm-preact-standalone.js";
import { request } from "./api.js";

const EVERY_MILLISECONDS = 15_000;
const EMPTY = { title: "", service: "", site: "", fr: "", en: "", expected: "" };

export function Incidents() {
  const [incidents, setIncidents] = useState([]);
  const [toBeTold, setToBeTold] = useState(null); // of the incident closed or looked at last
  const [problem, setProblem] = useState("");
  const attempt = async (work) => {
    try {
      await work();
      setProblem("");
    } catch (error) {
      setProblem(error.message);
    }
  };
  const look = async () => setIncidents(await request("GET", "incidents"));
  const close = (id) => attempt(async () => {
    const closed = await request("POST", `incidents/${id}/close`);
    setToBeTold({ incident: closed.incident, callers: closed.to_be_told });
    await look();
  });
  const show = (incident) => attempt(async () => {
    const callers = await request("GET", `incidents/${incident.incident_id}/callers`);
    setToBeTold({ incident, callers: callers.filter((caller) => caller.wants_word && !caller.told_at) });
  });
  const told = (caller) => attempt(async () => {
    await request("POST", `incidents/${toBeTold.incident.incident_id}/callers/${caller.linkedid}/told`);
    setToBeTold({ ...toBeTold, callers: toBeTold.callers.filter((other) => other !== caller) });
    await look();
  });
  useEffect(() => {
    attempt(look);
    const timer = setInterval(() => attempt(look), EVERY_MILLISECONDS);
    return () => clearInterval(timer);
  }, []);
  return html`<section class="card" aria-labelledby="incidents-heading">
    <h2 id="incidents-heading">Major incidents</h2>
    ${problem && html`<p class="notice problem" role="alert">${problem}</p>`}
    <${Table} incidents=${incidents} onClose=${close} onShow=${show} />
    ${toBeTold && html`<${ToBeTold} of=${toBeTold} onTold=${told} />`}
    <${Declare} onDeclare=${(wish) => attempt(async () => { await request("POST", "incidents", wish); await look(); })} />
  </section>`;
}

function Table({ incidents, onClose, onShow }) {
  const open = incidents.filter((incident) => incident.closed_at === null || incident.want_word > incident.told);
  if (open.length === 0) return html`<p class="muted">There is none.</p>`;
  return html`<div class="scroll"><table>
    <thead><tr><th scope="col">What</th><th scope="col">Concerns</th><th scope="col">Expected back</th>
      <th scope="col" class="figure">Rang</th><th scope="col" class="figure">Want word</th><th scope="col" class="figure">Told</th>
      <th scope="col"></th></tr></thead>
    <tbody>${open.map((incident) => html`<tr key=${incident.incident_id} data-incident=${incident.incident_id}
        class=${incident.is_active ? "" : "faded"}>
      <th scope="row">${incident.title} ${incident.ticket_number && html`<span class="muted small">#${incident.ticket_number}</span>`}</th>
      <td>${[incident.service, incident.site].filter(Boolean).join(", ") || "everybody"}</td>
      <td>${incident.expected_at ? new Date(incident.expected_at).toLocaleString() : "–"}</td>
      <td class="figure">${incident.rang}</td><td class="figure">${incident.want_word}</td><td class="figure">${incident.told}</td>
      <td class="inline">
        ${incident.want_word > incident.told && html`<button type="button" onClick=${() => onShow(incident)}>Who</button>`}
        ${incident.closed_at === null
          ? html`<button type="button" class="danger" onClick=${() => onClose(incident.incident_id)}>It is over</button>`
          : html`<span class="muted small">over</span>`}
      </td></tr>`)}</tbody>
  </table></div>`;
}

function ToBeTold({ of, onTold }) {
  return html`<h3>To be told: ${of.incident.title}</h3>
    ${of.callers.length === 0 && html`<p class="muted">Nobody is left to be told.</p>`}
    <ul class="rows">${of.callers.map((caller) => html`<li key=${caller.linkedid}>
      <span>${caller.name} <span class="muted">${caller.number} ${caller.language}</span></span>
      <button type="button" onClick=${() => onTold(caller)}>Told</button></li>`)}</ul>`;
}

function Declare({ onDeclare }) {
  const [wish, setWish] = useState(EMPTY);
  const field = (name, text, type = "text") => html`<label>${text}
    <input type=${type} name=${name} value=${wish[name]} onInput=${(event) => setWish({ ...wish, [name]: event.target.value })}
      required=${name === "title"} maxlength=${name === "fr" || name === "en" ? 200 : undefined} /></label>`;
  const submit = async (event) => {
    event.preventDefault();
    const sentences = Object.fromEntries(["fr", "en"].filter((one) => wish[one].trim()).map((one) => [one, wish[one]]));
    const expected_at = wish.expected ? new Date(wish.expected).toISOString() : null;
    await onDeclare({ title: wish.title, service: wish.service, site: wish.site, sentences, expected_at });
    setWish(EMPTY);
  };
  return html`<details><summary>Declare one</summary><form class="wrap-up" onSubmit=${submit} aria-label="Declare a major incident">
    ${field("title", "What is broken")} ${field("service", "Service (empty: all)")} ${field("site", "Site (empty: all)")}
    ${field("fr", "What callers hear, in French")} ${field("en", "What callers hear, in English")}
    ${field("expected", "Expected back", "datetime-local")}
    <button class="primary">Declare</button>
  </form></details>`;
}

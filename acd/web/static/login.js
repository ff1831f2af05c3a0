import { html, render, useState } from "./vendor/htm-preact-standalone.js";
import { request } from "./api.js";

function LogIn() {
  const [problem, setProblem] = useState("");
  const [isBusy, setBusy] = useState(false);

  async function submit(event) {
    event.preventDefault();
    const given = new FormData(event.target);
    setBusy(true);
    setProblem("");
    try {
      await request("POST", "session", { login: given.get("login").trim().toLowerCase(), password: given.get("password") });
      location.assign("/");
    } catch (error) {
      setProblem(error.status === 400 ? "Unknown login or wrong password." : error.message);
      setBusy(false);
    }
  }

  return html`
    <main class="log-in">
      <form class="card" onSubmit=${submit}>
        <h1><img src="/static/favicon.svg" alt="" width="36" height="36" /> Guichet</h1>
        <label>Login<input name="login" required autocomplete="username" autocapitalize="none" spellcheck=${false} maxlength="40" autofocus /></label>
        <label>Password<input name="password" type="password" required autocomplete="current-password" maxlength="200" /></label>
        ${problem && html`<p class="notice problem" role="alert">${problem}</p>`}
        <button class="primary" disabled=${isBusy}>${isBusy ? "One moment…" : "Log in"}</button>
      </form>
    </main>
  `;
}

// The strict cookie is not sent when a link on another site leads here: we may be logged in all the same.
if (document.referrer && new URL(document.referrer).origin !== location.origin) {
  request("GET", "session").then(() => location.assign("/"), () => {});
}
render(html`<${LogIn} />`, document.body);

// What is typed on a call is kept by the service too: neither a reload of the page nor a restart loses it.

import { useEffect } from "./vendor/htm-preact-standalone.js";
import { request } from "./api.js";

const PAUSE = 700; // milliseconds without a key before it is sent
const KEPT_IN = new Set(["talking", "wrap_up"]);

/** The agent's word on the call, as the API takes it. */
export function wordOf(draft) {
  const linkTo = draft.linkTo.trim();
  return { code: draft.code, note: draft.note, title: draft.title.trim(), link_to: linkTo || null, new_ticket: !linkTo };
}

export function useKeptDraft({ draft, agent, connection }) {
  const isDue = draft?.isWritten && connection === "open" && KEPT_IN.has(agent?.state);
  useEffect(() => {
    if (!isDue) return undefined;
    // What cannot be kept now (no connection, a number half typed) is sent with the next key, or on the reconnect.
    const send = () => request("PUT", "agents/me/draft", { call_id: draft.callId, ...wordOf(draft) }).catch(() => {});
    const timer = setTimeout(send, PAUSE);
    return () => clearTimeout(timer);
  }, [draft, isDue]);
}

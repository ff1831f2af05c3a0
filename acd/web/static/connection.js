// A WebSocket that comes back: with back-off, and with the number of the last frame, so that nothing is missed.

const FIRST_PAUSE = 500; // milliseconds; doubled with each failure
const LONGEST_PAUSE = 15000;
const PING_EVERY = 15000; // a link that is dead without saying so is found out by an unanswered ping
const PATIENCE = 8000;
const TRIFLE = 400; // differences of clocks below it would only make seconds jump
const SESSION_OVER = 4401;

/** `feed`: "agent" or "supervisor". `dispatch` gets the frames, and `local:connection`, `local:skew`. */
export function connect(feed, dispatch) {
  let socket = null;
  let lastSeq = null;
  let failures = 0;
  let retry = null;
  let watchdog = null;
  let skew = null;

  function open() {
    retry = null;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const since = lastSeq === null ? "" : `&last_seq=${lastSeq}`;
    const opened = new WebSocket(`${scheme}://${location.host}/ws?feed=${feed}${since}`);
    socket = opened;
    opened.onopen = () => heard(opened);
    opened.onmessage = (message) => receive(opened, message.data);
    opened.onclose = (event) => lost(opened, event.code);
  }

  function receive(from, text) {
    if (from !== socket) return;
    heard(from);
    const frame = JSON.parse(text);
    if (frame.type === "pong") return;
    lastSeq = frame.seq;
    const measured = Date.parse(frame.at) - Date.now();
    if (skew === null || Math.abs(measured - skew) > TRIFLE) {
      skew = measured;
      dispatch({ type: "local:skew", data: skew });
    }
    dispatch(frame);
  }

  function heard(from) {
    failures = 0;
    dispatch({ type: "local:connection", data: "open" });
    clearTimeout(watchdog);
    watchdog = setTimeout(() => {
      if (from.readyState === WebSocket.OPEN) from.send('{"type":"ping"}');
      watchdog = setTimeout(() => lost(from, 0), PATIENCE);
    }, PING_EVERY);
  }

  async function lost(which, code) {
    if (which !== socket) return;
    socket = null;
    clearTimeout(watchdog);
    which.close();
    dispatch({ type: "local:connection", data: "lost" });
    if (code === SESSION_OVER || (await isLoggedOut())) {
      location.assign("/login");
      return;
    }
    const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** failures);
    failures += 1;
    // Half of it by chance: a thousand screens must not all come back in the same instant.
    retry = setTimeout(open, pause * (0.5 + Math.random() / 2));
  }

  addEventListener("online", () => {
    if (retry !== null) {
      clearTimeout(retry);
      open();
    }
  });
  open();
}

/** A refused handshake does not say why: ask. An unreachable service is no answer. */
async function isLoggedOut() {
  try {
    return (await fetch("/api/v1/session")).status === 401;
  } catch {
    return false;
  }
}

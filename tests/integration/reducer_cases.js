async () => {
  const {
    initialAgent, reduceAgent, initialSupervisor, reduceSupervisor, asClock, asPercent, secondsSince, secondsUntil,
  } = await import("/static/state.js");
  const { healthLines } = await import("/static/health.js");
  const play = (frames, from = initialAgent) => frames.reduce(reduceAgent, from);
  const agent = (state, call_id = null) => ({ type: "agent", data: { state, call_id } });
  const ticket = { number: null, title: "T" };
  const call = (call_id, stage) => ({ call_id, stage, reservation_id: "r1", ticket });
  const offer = (call_id) => [{ type: "offer", data: call(call_id, "reserved") }, agent("reserved", call_id)];

  const offered = play([agent("ready"), ...offer("c1")]);
  const written = play([
    { type: "local:draft", data: { note: "kept" } },
    { type: "call", data: call("c1", "talking") },
    agent("talking", "c1"),
  ], offered);
  const next = play([agent("ready"), ...offer("c2")], written);
  const ended = (reservation_id) =>
    play([{ type: "offer_ended", data: { call_id: "c1", reservation_id, why: "canceled" } }], offered);
  const committed = (n) => ({ type: "ticket", data: { call_id: `c${n}`, number: `${n}`, to_qualify: n > 5 } });
  const tickets = play([1, 2, 3, 4, 5, 6, 6].map(committed)).tickets;

  const queue = (name, waiting) => ({ name, waiting });
  const board = [
    { type: "snapshot", data: { queues: [queue("b", 0), queue("a", 0)], agents: [{ agent_id: "x", name: "X" }] } },
    { type: "queues", data: [queue("b", 3)] },
    { type: "agents", data: { changed: [{ agent_id: "y", name: "Y" }], removed: ["x"] } },
    { type: "health", data: { troubles: ["the desk"], overload: "calls", shed: 2 } },
  ].reduce(reduceSupervisor, initialSupervisor);

  const nine = "2026-11-21T09:00:00Z";
  const at = (...rest) => Date.UTC(2026, 10, 21, ...rest);
  return {
    offered: [offered.call.call_id, offered.draft.title],
    kept: [{ agent: { state: "wrap_up", call_id: "c1" }, call: call("c1", "talking") }].flatMap((data) => {
      const kept = { code: "solved", note: "typed before", title: "", link_to: null };
      const fresh = play([{ type: "snapshot", data: { ...data, draft: kept } }]).draft;
      const older = play([{ type: "snapshot", data: { ...data, draft: kept } }], written).draft;
      return [fresh.note, fresh.title, fresh.code, older.note];
    }),
    written: [written.draft.note, written.call.stage],
    next: [next.call.call_id, next.draft.note],
    ended: [ended("r1").call, ended("r1").draft, ended("r0").call.call_id],
    tickets: tickets.map((known) => known.number + (known.toQualify ? "!" : "")),
    board: [board.queues.map((known) => known.name + known.waiting), board.agents.map((known) => known.agent_id)],
    health: [healthLines(board.health).length, healthLines({ troubles: [], overload: null, shed: 0 }), healthLines(null)],
    unknown: reduceAgent(initialAgent, { type: "news", data: 1 }) === initialAgent,
    untouched: initialAgent,
    nothing: play([{ type: "snapshot", data: { agent: null, call: null } }, { type: "call", data: null }]).call,
    clocks: [asClock(0), asClock(75.9), asClock(3675), asPercent(null), asPercent(0.876)],
    times: [secondsSince(nine, at(9, 0, 5)), secondsSince(nine, 0), secondsUntil(nine, at(8, 59, 58, 500)), secondsUntil(nine, at(10))],
  };
}

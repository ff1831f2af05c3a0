// Requests to /api/v1, with the session's CSRF token.

let csrfToken = "";

export class ApiError extends Error {
  constructor(status, id, message) {
    super(message);
    this.status = status;
    this.id = id;
  }
}

/** The answer's JSON, null for 204. Throws ApiError; status 0 when the service cannot be reached. */
export async function request(method, path, body) {
  const headers = { "X-CSRF-Token": csrfToken };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(`/api/v1/${path}`, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new ApiError(0, "http.unreachable", "The service cannot be reached. Please try again.");
  }
  if (response.status === 204) return null;
  const answer = await response.json().catch(() => null);
  if (response.ok && answer !== null) return answer;
  const error = answer?.error ?? { id: "http.unreadable", message: `The service answered ${response.status}.` };
  throw new ApiError(response.status, error.id, error.message);
}

/** Who is logged in, for a page that was opened with a session. Sends others to the log-in page. */
export async function openSession() {
  try {
    const session = await request("GET", "session");
    csrfToken = session.csrf_token;
    return session.user;
  } catch (error) {
    if (error.status === 401) location.assign("/login");
    throw error;
  }
}

export async function logOut() {
  try {
    await request("DELETE", "session");
  } finally {
    location.assign("/login");
  }
}

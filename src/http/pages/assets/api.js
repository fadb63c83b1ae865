// The page's requests to the gateway.

/** Returns the status, 0 without an answer, and the body, {} if it is not JSON. */
export async function post(path, question) {
  let answer;
  try {
    answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(question),
      cache: "no-store",
      credentials: "omit",
    });
  } catch {
    return { status: 0, body: {} };
  }
  const body = await answer.json().catch(() => ({}));
  return { status: answer.status, body };
}

// Asks the server. Addresses are relative to /-/.

async function answer(response) {
  if (response.status === 401) location.reload();
  const body = await response.json().catch(() => ({}));
  if (response.ok) return body;
  const detail = Array.isArray(body.detail) ? body.detail.map((d) => d.msg).join("; ") : body.detail;
  throw new Error(detail || body.error?.message || `the server answered ${response.status}`);
}

export const get = async (path) => answer(await fetch(path, { cache: "no-store" }));

export async function post(path, signal, body) {
  const headers = body === undefined ? {} : { "content-type": "application/json" };
  return answer(await fetch(path, { method: "POST", signal, headers, body: body === undefined ? undefined : JSON.stringify(body) }));
}

// What stands in the way of the proxy's work, nothing where all is well.
export async function problems() {
  const response = await fetch("ready", { cache: "no-store" });
  return (await response.json()).problems || [];
}

export const query = (values) => new URLSearchParams(Object.entries(values).filter(([, value]) => value !== "" && value !== null && value !== undefined)).toString();

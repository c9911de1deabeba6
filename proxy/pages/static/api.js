// Asks the server. Addresses are relative to /-/.

async function answer(response) {
  if (response.status === 401) location.reload();
  const body = await response.json();
  if (!response.ok) throw new Error(body.detail || body.error?.message || `the server answered ${response.status}`);
  return body;
}

export const get = async (path) => answer(await fetch(path, { cache: "no-store" }));
export const post = async (path, signal) => answer(await fetch(path, { method: "POST", signal }));

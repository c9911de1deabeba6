// A policy as it is written in config.yaml.

const plain = (text) => (/^[A-Za-z_][\w.-]*$/.test(text) && !/^(on|off|yes|no|true|false|null|y|n)$/i.test(text) ? text : JSON.stringify(text));

export function yaml(value, depth = 0) {
  const pad = "  ".repeat(depth);
  return Object.entries(value).map(([name, inner]) =>
    inner !== null && typeof inner === "object" ? `${pad}${plain(name)}:\n${yaml(inner, depth + 1)}` : `${pad}${plain(name)}: ${typeof inner === "string" ? plain(inner) : inner}\n`).join("");
}

export function put(target, path, value) {
  const [name, ...rest] = path;
  if (rest.length) put((target[name] ||= {}), rest, value);
  else target[name] = value;
}

/** Addresses and names of brokers, as people paste them. */

export interface Address {
  host: string;
  port: number | null;
  tls: boolean | null;
  username: string | null;
  password: string | null;
}

const schemes: Record<string, boolean> = {
  mqtt: false,
  tcp: false,
  ws: false,
  mqtts: true,
  ssl: true,
  tls: true,
  wss: true,
};

/** Takes a pasted address apart. A WebSocket's port is left out: MQTT has another one. */
export function readAddress(text: string): Address {
  const found = /^(?:([a-z]+):\/\/)?(?:([^@/]*)@)?(\[[^\]]+\]|[^/[\]]*)(?:(?<=\]):(\d+))?/i.exec(
    text.trim(),
  );
  const scheme = found?.[1]?.toLowerCase() ?? '';
  const [username, password] = (found?.[2] ?? '').split(':');
  let host = found?.[3] ?? '';
  let port = found?.[4] ?? '';
  const plain = /^([^:]*):(\d+)$/.exec(host);
  if (plain) [, host = '', port = ''] = plain;
  const number = Number(port);
  const isLegal = port !== '' && number > 0 && number < 65_536;
  return {
    host: host.replace(/^\[|\]$/g, ''),
    port: isLegal && !scheme.startsWith('ws') ? number : null,
    tls: schemes[scheme] ?? (number === 8883 ? true : null),
    username: username ? decode(username) : null,
    password: password ? decode(password) : null,
  };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Sources of the server itself. */
const ours = ['mqtt', 'http', 'import', 'inbox', 'cli', 'demo'];
const nameMost = 32;

/** A source name made of a host: lower snake, and not taken. */
export function nameFor(host: string, taken: readonly string[]): string {
  const isNumeric = /^[\d.:a-f]+$/i.test(host) && /[.:]/.test(host);
  const label = host.endsWith('hivemq.cloud')
    ? 'hivemq_cloud'
    : isNumeric
      ? `broker_${host}`
      : (host.split('.')[0] ?? '');
  const snake = label
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^[_\d]+|_+$/g, '')
    .slice(0, nameMost);
  const base = snake || 'broker';
  const isFree = (name: string) => !taken.includes(name) && !ours.includes(name);
  if (isFree(base)) return base;
  let n = 2;
  while (!isFree(`${base}_${n}`)) n++;
  return `${base}_${n}`;
}

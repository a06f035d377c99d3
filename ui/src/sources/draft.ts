/** What the form of a broker holds, and what it sends. */
import type { Failure } from '../api/client.ts';
import type { Broker, BrokerBody, Protocol, Subscription } from '../api/sources.ts';
import { readAddress } from './address.ts';

export const doors = ['hivemq', 'mosquitto', 'broker'] as const;
export type Door = (typeof doors)[number];

export interface Draft {
  door: Door;
  name: string;
  host: string;
  port: string;
  isEncrypted: boolean;
  username: string;
  password: string;
  filters: { filter: string; qos: number }[];
  protocol: Protocol;
  clientId: string;
  group: string;
  serverName: string;
  ca: string;
  certificate: string;
  key: string;
}

export const portOf = (isEncrypted: boolean) => (isEncrypted ? '8883' : '1883');

export function freshDraft(door: Door): Draft {
  const isEncrypted = door === 'hivemq';
  return {
    door,
    name: '',
    host: '',
    port: portOf(isEncrypted),
    isEncrypted,
    username: '',
    password: '',
    filters: [{ filter: '#', qos: 1 }],
    protocol: '3.1.1',
    clientId: '',
    group: '',
    serverName: '',
    ca: '',
    certificate: '',
    key: '',
  };
}

export function draftOf(broker: Broker): Draft {
  return {
    ...freshDraft('broker'),
    name: broker.name,
    host: broker.host,
    port: String(broker.port),
    isEncrypted: broker.tls?.enabled ?? false,
    username: broker.username ?? '',
    filters: broker.filters.map((one) => ({ filter: one.filter, qos: one.qos ?? 1 })),
    protocol: broker.protocol ?? '3.1.1',
    clientId: broker.client_id ?? '',
    group: broker.shared_group ?? '',
    serverName: broker.tls?.server_name ?? '',
    ca: broker.tls?.ca_pem ?? '',
    certificate: broker.tls?.client_cert_pem ?? '',
  };
}

/** A host that was pasted as a whole address fills the other fields too. */
export function withHost(draft: Draft, text: string): Draft {
  const found = readAddress(text);
  const isEncrypted = draft.door === 'hivemq' || (found.tls ?? draft.isEncrypted);
  const isUsual = draft.port === portOf(draft.isEncrypted);
  return {
    ...draft,
    host: found.host,
    isEncrypted,
    port: found.port !== null ? String(found.port) : isUsual ? portOf(isEncrypted) : draft.port,
    username: found.username ?? draft.username,
    password: found.password ?? draft.password,
  };
}

export function withEncryption(draft: Draft, isEncrypted: boolean): Draft {
  const isUsual = draft.port === portOf(draft.isEncrypted);
  return { ...draft, isEncrypted, port: isUsual ? portOf(isEncrypted) : draft.port };
}

function subscriptions(draft: Draft): Subscription[] {
  return draft.filters
    .map((one) => ({ ...one, filter: one.filter.trim() }))
    .filter((one) => one.filter !== '');
}

function tlsOf(draft: Draft): NonNullable<BrokerBody['tls']> {
  const serverName = draft.serverName.trim();
  return {
    enabled: draft.isEncrypted,
    ...(serverName && { server_name: serverName }),
    ...(draft.ca.trim() && { ca_pem: draft.ca }),
    ...(draft.certificate.trim() && { client_cert_pem: draft.certificate }),
    // Left out, the key that is there stays.
    ...(draft.key.trim() && { client_key_pem: draft.key }),
  };
}

export function bodyOf(draft: Draft, isNew: boolean): BrokerBody {
  const clientId = draft.clientId.trim();
  const group = draft.group.trim();
  const username = draft.username.trim();
  const common: BrokerBody = {
    host: draft.host.trim(),
    port: Number(draft.port),
    tls: tlsOf(draft),
    protocol: draft.protocol,
    filters: subscriptions(draft),
    ...(clientId && { client_id: clientId }),
    ...((group || !isNew) && { shared_group: group }),
    ...((username || !isNew) && { username }),
    // Left out, the password that is there stays; it goes with the user.
    ...((draft.password || !(username || isNew)) && { password: draft.password }),
  };
  if (!isNew) return common;
  const preset = draft.door === 'hivemq' ? { preset: 'hivemq_cloud' as const } : {};
  return { ...common, ...preset, name: draft.name };
}

/** Fields that the form can point at. */
export const members = ['name', 'host', 'port', 'username', 'password', 'filters', 'tls'] as const;
export type Member = (typeof members)[number];
export interface Fault {
  member: Member | null;
  kind: 'empty' | 'port' | 'said';
  sentence: string;
}

/** What can be told to be wrong before asking the server. */
export function faultBefore(draft: Draft): Fault | null {
  const empty = (member: Member): Fault => ({ member, kind: 'empty', sentence: '' });
  if (draft.host.trim() === '') return empty('host');
  const port = Number(draft.port);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    return { member: 'port', kind: 'port', sentence: '' };
  if (draft.door === 'hivemq' && draft.username.trim() === '') return empty('username');
  if (subscriptions(draft).length === 0) return empty('filters');
  return null;
}

/** The server's sentence begins with the member that it is about. */
export function faultOf(failure: Pick<Failure, 'code' | 'message'>): Fault {
  if (failure.code === 'broker_exists')
    return { member: 'name', kind: 'said', sentence: failure.message };
  const found = /^([a-z_]+)[^:]*?: /.exec(failure.message);
  const member = members.find((one) => found?.[1]?.startsWith(one)) ?? null;
  return { member, kind: 'said', sentence: failure.message };
}

/** Calls about ways in: what comes how, and external brokers. */
import { ask } from './client.ts';
import type { components } from './schema.d.ts';
import type { Protocol, WayIn } from './soon.ts';

type Schemas = components['schemas'];
export type Broker = Omit<Schemas['ExternalBroker'], 'protocol'> & { protocol?: Protocol };
export type BrokerBody = Omit<Schemas['BrokerBody'], 'protocol'> & { protocol?: Protocol };
export type Subscription = Schemas['Subscription'];
export type SeenTopic = Schemas['Seen'];

const pathOf = (name: string) => `/brokers/${encodeURIComponent(name)}`;
const at = (version: number) => ({ 'if-match': `"${version}"` });

export const getSources = async () => (await ask<{ items: WayIn[] }>('/sources')).items;
export const getBrokers = async () => (await ask<{ items: Broker[] }>('/brokers')).items;
export const addBroker = (body: BrokerBody) => ask<Broker>('/brokers', { method: 'POST', body });
export const changeBroker = (broker: Broker, body: BrokerBody) =>
  ask<Broker>(pathOf(broker.name), { method: 'PATCH', body, headers: at(broker.version) });
export const removeBroker = (broker: Broker) =>
  ask<void>(pathOf(broker.name), { method: 'DELETE', headers: at(broker.version) });
export const getSeen = async (name: string) =>
  (await ask<Schemas['SeenTopics']>(`${pathOf(name)}/seen`)).items;

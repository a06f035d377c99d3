/** Calls about ways in: what comes how, and external brokers. */
import { ask } from './client.ts';
import type { components } from './schema.d.ts';

type Schemas = components['schemas'];
export type Broker = Schemas['ExternalBroker'];
export type BrokerBody = Schemas['BrokerBody'];
export type Protocol = Schemas['Protocol'];
export const protocols: readonly Protocol[] = ['3.1.1', '5'];
export type WayIn = Schemas['WayIn'];
export type WayState = Schemas['WayState'];
export type Subscription = Schemas['Subscription'];
export type SeenTopic = Schemas['Seen'];
export type System = Schemas['System'];

const pathOf = (name: string) => `/brokers/${encodeURIComponent(name)}`;
const at = (version: number) => ({ 'if-match': `"${version}"` });

export const getSources = async () => (await ask<Schemas['Sources']>('/sources')).items;
export const getSystem = () => ask<System>('/system');
export const getBrokers = async () => (await ask<Schemas['ExternalBrokers']>('/brokers')).items;
export const addBroker = (body: BrokerBody) => ask<Broker>('/brokers', { method: 'POST', body });
export const changeBroker = (broker: Broker, body: BrokerBody) =>
  ask<Broker>(pathOf(broker.name), { method: 'PATCH', body, headers: at(broker.version) });
export const removeBroker = (broker: Broker) =>
  ask<void>(pathOf(broker.name), { method: 'DELETE', headers: at(broker.version) });
export const getSeen = async (name: string) =>
  (await ask<Schemas['SeenTopics']>(`${pathOf(name)}/seen`)).items;

/** Tries what is being written on the last messages, a moment after the last key. */
import { type Signal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { Failure } from '../api/client.ts';
import {
  type RuleSpec,
  type TraceReading,
  type Trial,
  type TrialMessage,
  type TrialOf,
  testRule,
} from '../api/topics.ts';
import { failureText } from '../state/fleet.ts';

/** What is wrong with a rule, and the member that it is wrong in, where that is known. */
export interface RuleProblem {
  member: string | null;
  sentence: string;
}

export interface TrialState {
  data: Trial | null;
  failure: RuleProblem | null;
  isBusy: boolean;
}

const restMs = 250;

/** The outcome for `spec`; what stood there before stays until the new one is here. */
export function useTrial(spec: RuleSpec | null, { id, topic }: TrialOf): Signal<TrialState> {
  const state = useSignal<TrialState>({ data: null, failure: null, isBusy: spec !== null });
  const text = spec && JSON.stringify(spec);
  useEffect(() => {
    if (!text) {
      state.value = { ...state.peek(), failure: null, isBusy: false };
      return;
    }
    state.value = { ...state.peek(), isBusy: true };
    const control = new AbortController();
    const timer = setTimeout(async () => {
      try {
        const data = await testRule(JSON.parse(text) as RuleSpec, { id, topic }, control.signal);
        state.value = { data, failure: null, isBusy: false };
      } catch (error) {
        if (control.signal.aborted) return;
        const member = error instanceof Failure ? error.member : null;
        const failure = { member, sentence: failureText(error) };
        state.value = { data: null, failure, isBusy: false };
      }
    }, restMs);
    return () => {
      clearTimeout(timer);
      control.abort();
    };
  }, [text, id, topic, state]);
  return state;
}

/** Messages that are read well now and would not be by the rule. */
export const worseOf = (trial: Trial) => trial.messages.filter((message) => message.worse);

const isGood = (reading: TraceReading) => !reading.rejected && reading.q < 2;
const nameOf = ({ device, metric }: TraceReading) => JSON.stringify([device, metric]);

/** Metrics that are read well of the message now and not by the rule. */
export function lostOf({ now, readings }: TrialMessage): string[] {
  const kept = new Set(readings.filter(isGood).map(nameOf));
  const lost = (now?.readings ?? []).filter((one) => isGood(one) && !kept.has(nameOf(one)));
  return [...new Set(lost.map((one) => one.metric))];
}

/**
 * Whether a rule that was made from a message may be saved: it reads a value of one, or it is
 * meant to read none.
 */
export function readsSomething(spec: RuleSpec, trial: Trial): boolean {
  if (spec.route_only || spec.server_time) return true;
  return trial.messages.some((message) => message.readings.some((one) => !one.rejected));
}

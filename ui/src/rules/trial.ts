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

/** Whether enough is said to try it: topics, and something of a value where there are rows for values. */
export function isFilled(spec: RuleSpec | null): boolean {
  if (!spec?.match) return false;
  const { fields } = spec;
  return !fields?.length || fields.some((one) => one.metric || Object.keys(one).length > 1);
}

/** The trial at the place that the rule will have: where `isBefore`, in front of one that takes all of its topics. */
export async function tryRule(
  spec: RuleSpec,
  of: TrialOf,
  isBefore: boolean,
  signal?: AbortSignal,
): Promise<Trial> {
  const behind = await testRule(spec, of, null, signal);
  const { shadowed_by } = behind;
  if (!shadowed_by || !isBefore) return behind;
  return { ...(await testRule(spec, of, shadowed_by, signal)), shadowed_by };
}

/** The outcome for `spec`; what stood there before stays until the new one is here. */
export function useTrial(
  spec: RuleSpec | null,
  { id, topic }: TrialOf,
  isBefore: boolean,
): Signal<TrialState> {
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
        const data = await tryRule(
          JSON.parse(text) as RuleSpec,
          { id, topic },
          isBefore,
          control.signal,
        );
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
  }, [text, id, topic, isBefore, state]);
  return state;
}

/** Messages that are read well now and would not be by the rule. */
export const worseOf = (trial: Trial) => trial.messages.filter((message) => message.worse);

const isGood = (reading: TraceReading) => !reading.rejected && reading.q < 2;
const lastName = ({ metric }: TraceReading) => metric.split('.').at(-1);

/** Metrics that are read well of the message now and not by the rule, under their name or another. */
export function lostOf({ now, readings }: TrialMessage): string[] {
  const good = readings.filter(isGood);
  const isKept = (was: TraceReading) =>
    good.some((is) => is.v === was.v || lastName(is) === lastName(was));
  const lost = (now?.readings ?? []).filter((one) => isGood(one) && !isKept(one));
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

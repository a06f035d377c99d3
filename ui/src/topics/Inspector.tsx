/** One topic under the glass: why it is charted or is not, step by step, and its last messages. */
import { type Signal, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { getTrace, type TopicItem, type Trace, type TraceMessage } from '../api/topics.ts';
import { Failure } from '../components/Failure.tsx';
import { FateMark } from '../components/FateMark.tsx';
import { Payload } from '../components/Payload.tsx';
import { ReadingsTable } from '../components/ReadingsTable.tsx';
import { formatCount } from '../format/number.ts';
import { formatAge, formatTime } from '../format/time.ts';
import { plural, sourceName, t } from '../i18n/index.ts';
import { ruleOfTopic } from '../rules/editing.ts';
import { now } from '../state/clock.ts';
import { failureText, type Loaded } from '../state/fleet.ts';
import { zone } from '../state/prefs.ts';
import { ruleName } from '../state/topics.ts';
import { withKept } from '../state/url.ts';
import { topicPath } from './path.ts';
import { lineOf, perMinute } from './TopicTree.tsx';
import { chartThen } from './then.ts';

interface Props {
  topic: string;
  /** The topic as the tree knows it; a change of it means that there is something new. */
  item: TopicItem | null;
}

export function Inspector({ topic, item }: Props) {
  const state = useSignal<Loaded<Trace>>({ data: null, failure: null });
  const reads = useRef<AbortController | null>(null);
  const read = async () => {
    reads.current?.abort();
    const control = new AbortController();
    reads.current = control;
    try {
      state.value = { data: await getTrace(topic, control.signal), failure: null };
    } catch (error) {
      if (!control.signal.aborted) state.value = { data: null, failure: failureText(error) };
    }
  };
  const isHeld = useSignal(false);
  // Read again when the topic has said something.
  useEffect(() => {
    if (!isHeld.value) void read();
    return () => reads.current?.abort();
  }, [topic, item?.t, item?.messages, item?.outcome, item?.rule, isHeld.value]);
  const { data, failure } = state.value;
  return (
    <section class="inspect" aria-labelledby="inspected">
      <p class="inspect-back">
        <a href={topicPath(null)}>{t('topics.all')}</a>
      </p>
      <h2 id="inspected" class="topic">
        {topic}
      </h2>
      {failure && <Failure what={t('topics.trace_failed')} why={failure} again={read} />}
      {data && <Told trace={data} item={item} isHeld={isHeld} />}
    </section>
  );
}

interface ToldProps {
  trace: Trace;
  item: TopicItem | null;
  isHeld: Signal<boolean>;
}

function Told({ trace, item, isHeld }: ToldProps) {
  const [last, ...before] = trace.messages;
  if (!last) return null;
  return (
    <>
      <p class="muted inspect-facts">
        {sourceName(last.source)} · {last.client} ·{' '}
        {last.rule
          ? t('topics.by_rule', { rule: ruleName(last.rule) })
          : t('topics.by', { decoder: last.decoder })}
        {item &&
          ` · ${plural('topics.messages', item.messages, { n: formatCount(item.messages) })}`}
        {item && item.per_minute > 0 && ` · ${perMinute(item.per_minute)}`}
      </p>
      <Why trace={trace} last={last} />
      <div class="inspect-last">
        <h3>
          {t('topics.last')} <Age time={last.t} />
        </h3>
        <button
          type="button"
          class="quiet"
          aria-pressed={isHeld.value}
          title={t('topics.hold_why')}
          onClick={() => {
            isHeld.value = !isHeld.value;
          }}
        >
          {t(isHeld.value ? 'topics.held' : 'topics.hold')}
        </button>
      </div>
      <Message message={last} />
      {before.length > 0 && <h3>{t('topics.before')}</h3>}
      {before.map((message) => (
        <details key={message.t} class="earlier">
          <summary>
            <Age time={message.t} /> <FateMark outcome={message.outcome} />{' '}
            <span class="leaf-text">{lineOf(message)}</span>
          </summary>
          <Message message={message} />
        </details>
      ))}
    </>
  );
}

function Why({ trace, last }: { trace: Trace; last: TraceMessage }) {
  const devices = [...new Set(last.readings.map((reading) => reading.device))];
  return (
    <div class="why">
      <h3>{t(trace.charted ? 'topics.why' : 'topics.why_not')}</h3>
      <p>
        <FateMark outcome={last.outcome} isQuiet /> {trace.why}
      </p>
      <p class="actions">
        <button type="button" class="is-first" onClick={() => ruleOfTopic(trace.topic, last.rule)}>
          {t(last.rule ? 'topics.change_rule' : 'topics.make_rule')}
        </button>
        {trace.charted &&
          devices.slice(0, 3).map((device) => {
            const then = chartThen(last, device, now.value);
            return (
              <a key={device} href={withKept(then.path)}>
                {then.day
                  ? t('topics.chart_then', { device, day: then.day })
                  : t('topics.chart_of', { device })}
              </a>
            );
          })}
      </p>
    </div>
  );
}

function Message({ message }: { message: TraceMessage }) {
  return (
    <div class="message">
      <Payload text={message.text} hex={message.hex} />
      <ol class="steps">
        {message.steps.map((step) => (
          <li key={step}>{step}</li>
        ))}
      </ol>
      {message.readings.length > 0 && (
        <ReadingsTable readings={message.readings} label={t('topics.said')} />
      )}
    </div>
  );
}

function Age({ time }: { time: number }) {
  return (
    <time
      class="muted age"
      dateTime={new Date(time).toISOString()}
      title={formatTime(time, 'fullMilli', zone.value)}
    >
      {formatAge(now.value - time)}
    </time>
  );
}

/** Topics as they come from a broker, to choose from what shall be read. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { type Broker, changeBroker, getSeen, type SeenTopic } from '../api/sources.ts';
import { formatAge } from '../format/time.ts';
import { plural, t } from '../i18n/index.ts';
import { now } from '../state/clock.ts';
import { failureText } from '../state/fleet.ts';
import { usePoll } from '../state/poll.ts';
import { type Branch, branchesOf, takes } from './topics.ts';

const pollMs = 2000;
const shown = 12;

interface Props {
  broker: Broker;
  isOpen: boolean;
  changed: () => void;
}

export function SeenTopics({ broker, isOpen, changed }: Props) {
  const open = useSignal(isOpen);
  useEffect(() => {
    if (isOpen) open.value = true;
  }, [isOpen]);
  return (
    <details
      class="seen"
      open={open.value}
      onToggle={(event) => {
        open.value = event.currentTarget.open;
      }}
    >
      <summary>{t('seen.title')}</summary>
      {open.value && <SeenList broker={broker} changed={changed} />}
    </details>
  );
}

function SeenList({ broker, changed }: Omit<Props, 'isOpen'>) {
  const { data, failure } = usePoll(broker.name, () => getSeen(broker.name), pollMs);
  const why = useSignal<string | null>(null);
  const chosen = useSignal<ReadonlySet<string>>(new Set());
  if (!data) return <p class="muted">{failure ?? t('progress')}</p>;
  if (data.length === 0) return <p class="muted">{t('seen.none')}</p>;
  const branches = branchesOf(data.map((one) => one.topic));
  const read = async () => {
    const filters = branches
      .filter((branch) => chosen.value.has(branch.filter))
      .map((branch) => ({ filter: branch.filter, qos: qosOf(broker, branch.filter) }));
    try {
      await changeBroker(broker, { filters });
      chosen.value = new Set();
      why.value = t('seen.done');
    } catch (error) {
      why.value = failureText(error);
    }
    changed();
  };
  return (
    <>
      <Choice branches={branches} chosen={chosen} />
      <p class="way-acts">
        <button type="button" disabled={chosen.value.size === 0} onClick={read}>
          {t('seen.only')}
        </button>
        <span role="status">{why.value}</span>
      </p>
      <ul class="seen-topics">
        {data.slice(0, shown).map((one) => (
          <Topic key={one.topic} seen={one} />
        ))}
      </ul>
      {data.length > shown && <p class="muted">{plural('seen.more', data.length - shown)}</p>}
    </>
  );
}

/** A narrower filter is worth what the one was that took its messages until now. */
function qosOf(broker: Broker, filter: string): number {
  const before = broker.filters.find((one) => takes(one.filter, filter));
  return before?.qos ?? 1;
}

interface ChoiceProps {
  branches: Branch[];
  chosen: { value: ReadonlySet<string> };
}

function Choice({ branches, chosen }: ChoiceProps) {
  const toggle = (filter: string) => {
    const next = new Set(chosen.value);
    if (!next.delete(filter)) next.add(filter);
    chosen.value = next;
  };
  return (
    <fieldset class="seen-branches">
      <legend class="muted">{t('seen.choose')}</legend>
      {branches.map((branch) => (
        <label key={branch.filter}>
          <input
            type="checkbox"
            checked={chosen.value.has(branch.filter)}
            onChange={() => toggle(branch.filter)}
          />
          <code>{branch.filter}</code>
          <span class="muted">{plural('seen.topics', branch.topics)}</span>
        </label>
      ))}
    </fieldset>
  );
}

function Topic({ seen }: { seen: SeenTopic }) {
  return (
    <li>
      <span class="topic">{seen.topic}</span> <code>{seen.text}</code>{' '}
      <span class="age">{formatAge(now.value - seen.t)}</span>
    </li>
  );
}

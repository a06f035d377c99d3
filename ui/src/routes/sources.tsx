/** How does data get in, and is each way healthy? */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Import } from '../api/imports.ts';
import { getImports } from '../api/imports.ts';
import type { WayIn } from '../api/sources.ts';
import {
  type Broker,
  getBrokers,
  getSources,
  getSystem,
  removeBroker,
  type System,
} from '../api/sources.ts';
import { AskByName } from '../components/AskByName.tsx';
import { CopyLine } from '../components/CopyLine.tsx';
import { Failure } from '../components/Failure.tsx';
import { lazily } from '../components/lazily.tsx';
import { formatCount } from '../format/number.ts';
import pageWords from '../i18n/en.pages.json';
import words from '../i18n/en.sources.json';
import { addWords, plural, t } from '../i18n/index.ts';
import { BrokerForm } from '../sources/BrokerForm.tsx';
import { type Door, doors } from '../sources/draft.ts';
import { Nodes } from '../sources/Nodes.tsx';
import { WayRow } from '../sources/WayRow.tsx';
import { about } from '../state/fleet.ts';
import { usePoll } from '../state/poll.ts';
import { query, setQuery } from '../state/url.ts';
import '../styles/sources.css';

addWords(pageWords);
addWords(words);

const pollMs = 2000;
/** While a table is being imported its progress is looked at more often. */
const importPollMs = 700;

interface Ways {
  ways: WayIn[];
  brokers: Broker[];
  imports: Import[];
  system: System;
}

async function readWays(): Promise<Ways> {
  const [ways, brokers, imports, system] = await Promise.all([
    getSources(),
    getBrokers(),
    getImports(),
    getSystem(),
  ]);
  return { ways, brokers, imports, system };
}

const CsvImport = lazily(async () => (await import('../sources/CsvImport.tsx')).CsvImport);
const Imports = lazily(async () => (await import('../sources/Imports.tsx')).Imports);

export function Sources() {
  const { data, failure, again } = usePoll('ways', readWays, pollMs);
  const added = useSignal<string | null>(null);
  const going = useSignal<Broker | null>(null);
  const openForm = useForm(data?.brokers ?? []);
  const isImporting = data?.imports.some((one) => one.state === 'running') ?? false;
  useEffect(() => {
    if (!isImporting) return;
    const timer = setInterval(again, importPollMs);
    return () => clearInterval(timer);
  }, [isImporting]);
  if (!data) {
    return (
      <div class="page">
        {failure ? (
          <Failure what={t('sources.failed')} why={failure} again={again} />
        ) : (
          <div class="progress" role="status" aria-label={t('progress')} />
        )}
      </div>
    );
  }
  const rate = data.ways.reduce((sum, way) => sum + way.per_minute, 0);
  const hasExternal = data.brokers.length > 0;
  return (
    <div class="page sources">
      <header class="page-head">
        <h1>{t('nav.sources')}</h1>
        <p class="tally">{plural('sources.rate', rate, { n: formatCount(rate) })}</p>
        <button type="button" class="is-first" id="add-broker" onClick={() => show('broker')}>
          {t('broker.add')}
        </button>
      </header>
      {failure && <Failure what={t('sources.failed')} why={failure} again={again} />}
      {openForm.of && (
        <BrokerForm
          key={typeof openForm.of === 'string' ? 'new' : openForm.of.name}
          of={openForm.of}
          taken={data.brokers.map((one) => one.name)}
          cancel={openForm.close}
          done={async (broker) => {
            added.value = broker.name;
            openForm.close();
            await again();
            document.getElementById(`way-${broker.name}`)?.scrollIntoView({ block: 'nearest' });
          }}
        />
      )}
      {openForm.isCsv && <CsvImport changed={() => void again()} close={openForm.close} />}
      {!hasExternal && !openForm.of && !openForm.isCsv && <Welcome />}
      <ul class="ways">
        {data.ways.map((way) => (
          <WayRow
            key={way.name}
            way={way}
            broker={
              data.brokers.find((one) => way.kind === 'external' && one.name === way.name) ?? null
            }
            isSeenOpen={added.value === way.name}
            changed={() => void again()}
            edit={(broker) => setQuery({ edit: broker.name, add: null }, 'push')}
            remove={(broker) => {
              going.value = broker;
            }}
          >
            {way.kind === 'import' && (
              <>
                {!openForm.isCsv && (
                  <p class="way-acts">
                    <button type="button" id="import-csv" onClick={() => show('csv')}>
                      {t('sources.import')}
                    </button>
                  </p>
                )}
                {data.imports.length > 0 && (
                  <Imports imports={data.imports} changed={() => void again()} />
                )}
              </>
            )}
          </WayRow>
        ))}
      </ul>
      <Nodes system={data.system} />
      {hasExternal && <Doors />}
      {going.value && (
        <RemoveBroker
          broker={going.value}
          close={() => {
            going.value = null;
            void again();
          }}
        />
      )}
    </div>
  );
}

const show = (door: Door | 'csv') => setQuery({ add: door, edit: null }, 'push');

/** The form that the address asks for. The focus returns to what opened it. */
function useForm(brokers: Broker[]): {
  of: Broker | Door | null;
  isCsv: boolean;
  close: () => void;
} {
  const add = query.value.get('add');
  const edit = query.value.get('edit');
  const door = doors.find((one) => one === add);
  const of = door ?? brokers.find((one) => one.name === edit) ?? null;
  const isCsv = add === 'csv';
  const opener = isCsv
    ? 'import-csv'
    : typeof of === 'string'
      ? 'add-broker'
      : of
        ? `edit-${of.name}`
        : null;
  useEffect(() => {
    if (!opener) return;
    return () => document.getElementById(opener)?.focus();
  }, [opener]);
  return { of, isCsv, close: () => setQuery({ add: null, edit: null }, 'push') };
}

/** Before there is a broker: where devices reach this server, and three doors. */
function Welcome() {
  const address = about.value.data?.mqtt[0];
  return (
    <section class="welcome">
      {address && (
        <>
          <p>{t('sources.reach')}</p>
          <CopyLine line={address} label={t('sources.address')} />
        </>
      )}
      <Doors />
    </section>
  );
}

function Doors() {
  return (
    <ul class="doors">
      {(['hivemq', 'mosquitto', 'csv'] as const).map((door) => (
        <li key={door}>
          <h2>
            <button type="button" class="as-link" onClick={() => show(door)}>
              {t(`door.${door}`)}
            </button>
          </h2>
          <p class="muted">{t(`door.why_${door}`)}</p>
        </li>
      ))}
    </ul>
  );
}

function RemoveBroker({ broker, close }: { broker: Broker; close: () => void }) {
  return (
    <AskByName
      title={t('broker.remove_title', { name: broker.name })}
      name={broker.name}
      act={t('broker.remove')}
      perform={async () => {
        await removeBroker(broker);
        close();
      }}
      close={close}
    >
      <p>{t('broker.remove_why')}</p>
    </AskByName>
  );
}

/** A broker to add or to change: from a service's three facts to every setting. */
import { useSignal } from '@preact/signals';
import { useEffect, useId, useRef } from 'preact/hooks';
import { Failure } from '../api/client.ts';
import { addBroker, type Broker, changeBroker, protocols } from '../api/sources.ts';
import { CheckField, Field, LinesField, TextField, tied } from '../components/Field.tsx';
import { t } from '../i18n/index.ts';
import { failureText } from '../state/fleet.ts';
import { useUnsaved } from '../state/unsaved.ts';
import { nameFor } from './address.ts';
import {
  bodyOf,
  type Door,
  type Draft,
  doors,
  draftOf,
  type Fault,
  faultBefore,
  faultOf,
  freshDraft,
  type Member,
  portOf,
  withEncryption,
  withHost,
} from './draft.ts';
import { FilterFields } from './FilterFields.tsx';

/** How every PEM text begins. */
const pemBegins = '-----BEGIN …';

interface Props {
  /** The broker to change, or through which door a new one comes. */
  of: Broker | Door;
  taken: readonly string[];
  done: (broker: Broker) => void;
  cancel: () => void;
}

export function BrokerForm({ of, taken, done, cancel }: Props) {
  const there = typeof of === 'string' ? null : of;
  const initial = useSignal(typeof of === 'string' ? freshDraft(of) : draftOf(of));
  const draft = useSignal<Draft>(initial.value);
  const fault = useSignal<Fault | null>(null);
  const isBusy = useSignal(false);
  const form = useRef<HTMLFormElement>(null);
  const id = useId();
  const isChanged = JSON.stringify(draft.value) !== JSON.stringify(initial.value);
  useUnsaved(isChanged && !isBusy.value);
  useEffect(() => {
    form.current?.querySelector<HTMLElement>('[data-first]')?.focus();
  }, []);

  const set = (change: Partial<Draft>) => {
    draft.value = { ...draft.value, ...change };
    fault.value = null;
  };
  const tell = (found: Fault) => {
    fault.value = found;
    const member = found.member ?? 'save';
    form.current?.querySelector<HTMLElement>(`[data-member="${member}"]`)?.focus();
  };
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    if (isBusy.value) return;
    const before = faultBefore(draft.value);
    if (before) return tell(before);
    const name = draft.value.name.trim() || nameFor(draft.value.host, taken);
    const body = bodyOf({ ...draft.value, name }, there === null);
    isBusy.value = true;
    try {
      done(there ? await changeBroker(there, body) : await addBroker(body));
    } catch (error) {
      isBusy.value = false;
      tell(
        error instanceof Failure
          ? faultOf(error)
          : { member: null, kind: 'said', sentence: failureText(error) },
      );
    }
  };
  const said = (member: Member) => (fault.value?.member === member ? words(fault.value) : null);
  const parts = { id, draft: draft.value, set, said };
  return (
    <form class="form broker-form" ref={form} onSubmit={submit} noValidate>
      <h2>{there ? t('broker.change', { name: there.name }) : t('broker.add')}</h2>
      {!there && <DoorChoice id={id} draft={draft.value} choose={(next) => set(next)} />}
      {!there && draft.value.door !== 'broker' && (
        <p class="form-hint">{t(`broker.how_${draft.value.door}`)}</p>
      )}
      <Reach {...parts} there={there} />
      <FilterFields
        id={`${id}-filters`}
        filters={draft.value.filters}
        fault={said('filters')}
        set={(filters) => set({ filters })}
      />
      <More {...parts} there={there} taken={taken} />
      {fault.value?.member === null && (
        <p class="form-fault" role="alert">
          {words(fault.value)}
        </p>
      )}
      <p class="form-acts">
        <button type="submit" class="is-first" data-member="save" disabled={isBusy.value}>
          {t(there ? 'broker.save' : 'broker.connect')}
        </button>
        <button type="button" onClick={cancel}>
          {t('form.cancel')}
        </button>
      </p>
    </form>
  );
}

function words(fault: Fault): string {
  switch (fault.kind) {
    case 'empty':
      return t('form.needed');
    case 'port':
      return t('broker.port_wrong');
    case 'said':
      return fault.sentence;
  }
}

interface PartProps {
  id: string;
  draft: Draft;
  set: (change: Partial<Draft>) => void;
  said: (member: Member) => string | null;
  there: Broker | null;
}

function DoorChoice({
  id,
  draft,
  choose,
}: {
  id: string;
  draft: Draft;
  choose: (draft: Draft) => void;
}) {
  return (
    <fieldset class="form-choice">
      <legend class="sr-only">{t('broker.which')}</legend>
      {doors.map((door) => (
        <label key={door}>
          <input
            type="radio"
            name={`${id}-door`}
            checked={draft.door === door}
            onChange={() =>
              choose({
                ...withEncryption(draft, door === 'hivemq' || draft.isEncrypted),
                door,
              })
            }
          />
          {t(`door.${door}`)}
        </label>
      ))}
    </fieldset>
  );
}

function Reach({ id, draft, set, said, there }: PartProps) {
  const isHive = draft.door === 'hivemq';
  const host = `${id}-host`;
  return (
    <div class="form-fields">
      <Field
        id={host}
        label={t('broker.host')}
        hint={t(isHive ? 'broker.host_hive' : 'broker.host_hint')}
        fault={said('host')}
      >
        <input
          {...tied({ id: host, hint: 'host', fault: said('host') })}
          data-first
          data-member="host"
          autocomplete="off"
          spellcheck={false}
          value={draft.host}
          onInput={(event) => set({ host: event.currentTarget.value })}
          onBlur={() => set(withHost(draft, draft.host))}
          onPaste={(event) => {
            const text = event.clipboardData?.getData('text/plain') ?? '';
            if (!/:/.test(text)) return;
            event.preventDefault();
            set(withHost(draft, text));
          }}
        />
      </Field>
      {!isHive && (
        <TextField
          id={`${id}-port`}
          label={t('broker.port')}
          value={draft.port}
          fault={said('port')}
          input={{
            inputMode: 'numeric',
            placeholder: portOf(draft.isEncrypted),
            ...member('port'),
          }}
          set={(port) => set({ port })}
        />
      )}
      <TextField
        id={`${id}-user`}
        label={t(isHive ? 'broker.user' : 'broker.user_optional')}
        value={draft.username}
        fault={said('username')}
        input={member('username')}
        set={(username) => set({ username })}
      />
      <TextField
        id={`${id}-password`}
        label={t(isHive ? 'broker.password' : 'broker.password_optional')}
        hint={t(there?.has_password ? 'broker.password_kept' : 'broker.password_hint')}
        value={draft.password}
        fault={said('password')}
        input={{ type: 'password', autocomplete: 'new-password', ...member('password') }}
        set={(password) => set({ password })}
      />
      {!isHive && (
        <CheckField
          id={`${id}-tls`}
          label={t('broker.tls')}
          value={draft.isEncrypted}
          set={(isOn) => set(withEncryption(draft, isOn))}
        />
      )}
    </div>
  );
}

/** Marks a control, so that a fault can bring the focus to it. */
const member = (name: Member) => ({ 'data-member': name });

function More({ id, draft, set, said, there, taken }: PartProps & { taken: readonly string[] }) {
  const isTold = said('name') !== null || said('tls') !== null;
  return (
    <details class="form-more" open={isTold}>
      <summary>{t('broker.more')}</summary>
      <div class="form-fields">
        {!there && (
          <TextField
            id={`${id}-name`}
            label={t('broker.name')}
            hint={t('broker.name_hint')}
            value={draft.name}
            fault={said('name')}
            input={{ placeholder: draft.host && nameFor(draft.host, taken), ...member('name') }}
            set={(name) => set({ name })}
          />
        )}
        <Field id={`${id}-protocol`} label={t('broker.protocol')}>
          <select
            id={`${id}-protocol`}
            value={draft.protocol}
            onChange={(event) => {
              const protocol = protocols.find((one) => one === event.currentTarget.value);
              if (protocol) set({ protocol });
            }}
          >
            {protocols.map((one) => (
              <option key={one} value={one}>
                MQTT {one}
              </option>
            ))}
          </select>
        </Field>
        <TextField
          id={`${id}-client`}
          label={t('broker.client_id')}
          hint={t('broker.client_id_hint')}
          value={draft.clientId}
          set={(clientId) => set({ clientId })}
        />
        <TextField
          id={`${id}-group`}
          label={t('broker.group')}
          hint={t('broker.group_hint')}
          value={draft.group}
          set={(group) => set({ group })}
        />
        {draft.isEncrypted && (
          <>
            <TextField
              id={`${id}-server`}
              label={t('broker.server_name')}
              hint={t('broker.server_name_hint')}
              fault={said('tls')}
              value={draft.serverName}
              input={member('tls')}
              set={(serverName) => set({ serverName })}
            />
            <LinesField
              placeholder={pemBegins}
              id={`${id}-ca`}
              label={t('broker.ca')}
              hint={t('broker.ca_hint')}
              value={draft.ca}
              set={(ca) => set({ ca })}
            />
            <LinesField
              placeholder={pemBegins}
              id={`${id}-cert`}
              label={t('broker.certificate')}
              value={draft.certificate}
              set={(certificate) => set({ certificate })}
            />
            <LinesField
              placeholder={pemBegins}
              id={`${id}-key`}
              label={t('broker.key')}
              hint={t('broker.key_hint')}
              value={draft.key}
              set={(key) => set({ key })}
            />
          </>
        )}
      </div>
    </details>
  );
}

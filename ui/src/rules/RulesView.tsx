/** All rules in the order in which they are asked. The first that is for a topic decides. */
import {
  changeRule,
  createRule,
  orderRules,
  type Rule,
  type RuleList,
  removeRule,
} from '../api/topics.ts';
import { Failure } from '../components/Failure.tsx';
import { formatCount } from '../format/number.ts';
import { plural, t } from '../i18n/index.ts';
import { failureText } from '../state/fleet.ts';
import { loadRules, rules } from '../state/topics.ts';
import { changeOf, newRule, notice } from './editing.ts';

async function act(change: () => Promise<unknown>): Promise<boolean> {
  notice.value = null;
  try {
    await change();
    return true;
  } catch (error) {
    notice.value = failureText(error);
    return false;
  } finally {
    await loadRules();
  }
}

export function RulesView() {
  const { data, failure } = rules.value;
  return (
    <section class="rules" aria-labelledby="rules-title">
      <div class="rules-head">
        <h2 id="rules-title" class="sr-only">
          {t('topics.view_rules')}
        </h2>
        <p class="muted">{t(data?.items.length === 0 ? 'rules.none' : 'rules.order_why')}</p>
        <button type="button" class="is-first" onClick={newRule}>
          {t('rules.new')}
        </button>
      </div>
      {failure && <Failure what={t('rules.failed')} why={failure} again={() => void loadRules()} />}
      {data && <List list={data} />}
    </section>
  );
}

function List({ list }: { list: RuleList }) {
  const move = async (at: number, by: -1 | 1) => {
    const ids = list.items.map((one) => one.id);
    const [moved] = ids.splice(at, 1);
    if (moved === undefined) return;
    ids.splice(at + by, 0, moved);
    await act(() => orderRules(ids));
    // The button moved with its rule; at an end it is disabled and the focus would be lost.
    const row = document.getElementById(`rule-${moved}`);
    row?.querySelector<HTMLElement>(`.${by < 0 ? 'up' : 'down'}:enabled, .move:enabled`)?.focus();
  };
  return (
    <ol class="rows rule-rows">
      {list.items.map((rule, i) => (
        <RuleRow
          key={rule.id}
          rule={rule}
          number={i + 1}
          by={list.items.findIndex((one) => one.id === rule.shadowed_by) + 1}
          up={i > 0 ? () => void move(i, -1) : null}
          down={i < list.items.length - 1 ? () => void move(i, 1) : null}
        />
      ))}
      {list.broken?.map((broken) => (
        <li key={broken.id} class="row">
          <p>
            <b>{t('rules.broken')}</b> {broken.detail}
          </p>
          <button type="button" onClick={() => void act(() => removeRule(broken))}>
            {t('rules.delete')}
          </button>
        </li>
      ))}
    </ol>
  );
}

interface RowProps {
  rule: Rule;
  number: number;
  /** The number of the rule that takes all of its topics; 0 where none does. */
  by: number;
  up: (() => void) | null;
  down: (() => void) | null;
}

function RuleRow({ rule, number, by, up, down }: RowProps) {
  const { rule: spec, enabled } = rule;
  const name = spec.name ?? spec.match;
  const isAsked = enabled && !rule.shadowed_by;
  return (
    <li id={`rule-${rule.id}`} class={isAsked ? 'row rule' : 'row rule is-idle'}>
      <div>
        <h3>
          <span class="muted">{number}</span> {name}
        </h3>
        {spec.name && spec.name !== spec.match && <p class="mono topic">{spec.match}</p>}
        <p class="muted">
          {told(rule)} · {plural('rules.matched', rule.matched, { n: formatCount(rule.matched) })}
        </p>
        {rule.shadowed_by && <p class="shadowed">{t('rules.shadowed_by', { n: by })}</p>}
      </div>
      <p class="actions">
        <label class="check">
          <input
            type="checkbox"
            checked={enabled}
            aria-label={t('rules.enabled_label', { name })}
            onChange={() => void act(() => changeRule(rule, spec, !enabled))}
          />
          {t('rules.on')}
        </label>
        <button
          type="button"
          class="move up"
          disabled={!up}
          aria-label={t('rules.up', { name })}
          onClick={() => up?.()}
        >
          ↑
        </button>
        <button
          type="button"
          class="move down"
          disabled={!down}
          aria-label={t('rules.down', { name })}
          onClick={() => down?.()}
        >
          ↓
        </button>
        <button
          type="button"
          aria-label={t('rules.change_label', { name })}
          onClick={() => changeOf(rule)}
        >
          {t('rules.edit')}
        </button>
        <button
          type="button"
          aria-label={t('rules.delete_label', { name })}
          onClick={() => void remove(rule, number - 1)}
        >
          {t('rules.delete')}
        </button>
      </p>
    </li>
  );
}

/** What a rule does, in a few words. */
function told({ rule: { format, fields, route_only } }: Rule): string {
  if (route_only) return t('rules.routes');
  const as = t(`rules.format_${format ?? 'auto'}`);
  const names = [...new Set((fields ?? []).map((field) => field.metric))];
  return names.length > 0 ? `${as} → ${names.join(', ')}` : as;
}

async function remove(rule: Rule, at: number): Promise<void> {
  if (!(await act(() => removeRule(rule)))) return;
  notice.value = {
    sentence: t('rules.deleted', { name: rule.rule.name ?? rule.rule.match }),
    undo: () =>
      act(async () => {
        const made = await createRule(rule.rule, rule.enabled, null);
        const ids = (rules.value.data?.items ?? []).map((one) => one.id);
        ids.splice(at, 0, made.id);
        await orderRules(ids);
      }),
  };
}

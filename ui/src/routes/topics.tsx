/** What is on the wire, and why is it on my chart or not? */
import { useEffect, useRef } from 'preact/hooks';
import { Failure } from '../components/Failure.tsx';
import { Notice } from '../components/Notice.tsx';
import { Silence } from '../components/Silence.tsx';
import { formatCount } from '../format/number.ts';
import messageWords from '../i18n/en.messages.json';
import pageWords from '../i18n/en.pages.json';
import topicsWords from '../i18n/en.topics.json';
import { addWords, t } from '../i18n/index.ts';
import { notice } from '../rules/editing.ts';
import { RuleDialog } from '../rules/RuleDialog.tsx';
import { RulesView } from '../rules/RulesView.tsx';
import {
  loadRules,
  loadTopics,
  refreshTopics,
  rules,
  topics,
  topicsMost,
  useEvery,
} from '../state/topics.ts';
import { query, setQuery, withKept } from '../state/url.ts';
import { Inspector } from '../topics/Inspector.tsx';
import { TopicTree } from '../topics/TopicTree.tsx';
import '../styles/lists.css';
import '../styles/topics.css';

addWords(pageWords);
addWords(messageWords);
addWords(topicsWords);

const refreshMs = 2000;
/** From here on a list weighs enough to be read less often. */
const manyTopics = 200;
const rulesMs = 10_000;

export function Topics() {
  const isRules = query.value.get('view') === 'rules';
  const isSilent = topics.value.data?.items.length === 0 && !query.value.get('q');
  useEvery(rulesMs, loadRules, []);
  return (
    <div class="page topics">
      <header class="page-head">
        <h1>{t('nav.topics')}</h1>
        <Views isRules={isRules} />
        {!isRules && !isSilent && <Search />}
      </header>
      <Notice of={notice} />
      {isRules ? <RulesView /> : <Wire />}
      <RuleDialog />
    </div>
  );
}

function Views({ isRules }: { isRules: boolean }) {
  const { data, failure } = topics.value;
  const more = data?.next_cursor ? '+' : '';
  return (
    <p class="views">
      <a href={withKept('/topics')} aria-current={isRules ? undefined : 'true'}>
        {t('topics.view_wire')}
        {data && !failure && <span class="muted"> {formatCount(data.items.length) + more}</span>}
      </a>
      <a href={withKept('/topics?view=rules')} aria-current={isRules ? 'true' : undefined}>
        {t('topics.view_rules')}
        {rules.value.data && (
          <span class="muted"> {formatCount(rules.value.data.items.length)}</span>
        )}
      </a>
    </p>
  );
}

function Search() {
  return (
    <label class="search">
      <span class="sr-only">{t('topics.find')}</span>
      <input
        type="search"
        placeholder={t('topics.find')}
        value={query.value.get('q') ?? ''}
        onInput={(event) => setQuery({ q: event.currentTarget.value || null }, 'replace')}
      />
    </label>
  );
}

function Wire() {
  const q = query.value.get('q') ?? '';
  const chosen = query.value.get('topic');
  const { data, failure } = topics.value;
  const items = data?.items ?? [];
  useEvery(items.length > manyTopics ? refreshMs * 3 : refreshMs, () => refreshTopics(q), [q]);
  const inspector = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // On a narrow page the topic takes the place of the tree.
    if (chosen !== null) inspector.current?.scrollIntoView({ block: 'nearest' });
  }, [chosen]);
  if (data && items.length === 0 && !q) return <Silence />;
  return (
    <>
      {failure && (
        <Failure what={t('topics.failed')} why={failure} again={() => void loadTopics(q)} />
      )}
      <div class={chosen === null ? 'split' : 'split has-chosen'}>
        <div class="split-tree">
          {data && items.length === 0 && <p class="muted">{t('topics.none_found', { q })}</p>}
          <TopicTree topics={items} isFound={q !== ''} chosen={chosen} />
          {data?.next_cursor && (
            <p class="muted">{t('topics.more', { n: formatCount(topicsMost) })}</p>
          )}
        </div>
        <div class="split-chosen" ref={inspector}>
          {chosen === null ? (
            <p class="muted">{t('topics.choose')}</p>
          ) : (
            <Inspector
              key={chosen}
              topic={chosen}
              item={items.find((one) => one.topic === chosen) ?? null}
            />
          )}
        </div>
      </div>
    </>
  );
}

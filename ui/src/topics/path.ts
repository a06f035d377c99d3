/** The address of a topic's page. */
import { query, withKept } from '../state/url.ts';

/** The page of one topic; what was looked for stays. */
export function topicPath(topic: string | null): string {
  const params = new URLSearchParams();
  const q = query.value.get('q');
  if (q) params.set('q', q);
  if (topic !== null) params.set('topic', topic);
  const text = params.toString();
  return withKept(text ? `/topics?${text}` : '/topics');
}

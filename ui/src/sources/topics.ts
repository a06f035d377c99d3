/** Topics seen on a broker, gathered into filters to choose from. */

export interface Branch {
  filter: string;
  topics: number;
}

/** Whether MQTT gives messages on `topic` to a subscription of `filter`. */
export function takes(filter: string, topic: string): boolean {
  const wanted = filter.split('/');
  const levels = topic.split('/');
  if (topic.startsWith('$') && /^[+#]/.test(filter)) return false;
  for (let i = 0; i < wanted.length; i++) {
    if (wanted[i] === '#') return true;
    if (i >= levels.length) return false;
    if (wanted[i] !== '+' && wanted[i] !== levels[i]) return false;
  }
  return wanted.length === levels.length;
}

/** One filter for each way the topics go; where all go one way, the next fork counts. */
export function branchesOf(topics: readonly string[]): Branch[] {
  const all = [...new Set(topics)].map((topic) => topic.split('/'));
  const depth = common(all);
  const groups = new Map<string, string[][]>();
  for (const levels of all) {
    const head = levels.slice(0, depth + 1).join('/');
    groups.set(head, [...(groups.get(head) ?? []), levels]);
  }
  const branches = [...groups.values()].map((members) => ({
    filter: filterOf(members),
    topics: members.length,
  }));
  return branches.sort((a, b) => b.topics - a.topics || a.filter.localeCompare(b.filter));
}

/** The narrowest filter of one line that takes all of them. */
function filterOf(members: string[][]): string {
  const [first = []] = members;
  if (members.length === 1) return first.join('/');
  return [...first.slice(0, common(members)), '#'].join('/');
}

/** So many levels all of them begin with alike. */
function common(topics: string[][]): number {
  const [first = []] = topics;
  const fork = first.findIndex((level, i) => topics.some((levels) => levels[i] !== level));
  return fork === -1 ? first.length : fork;
}

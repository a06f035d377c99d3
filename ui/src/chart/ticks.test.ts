import { describe, expect, it } from 'vitest';
import { timeTicks } from './ticks.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

describe('the time axis', () => {
  it('has round clock times, and the day where it changes', () => {
    const from = Date.UTC(2026, 10, 24, 3, 10);
    const marks = timeTicks(from, from + DAY, 1000, 'utc');
    expect(marks.map((mark) => mark.label).slice(0, 3)).toEqual(['04:00', '06:00', '08:00']);
    expect(marks.filter((mark) => mark.context !== null)).toHaveLength(2);
  });

  it('follows local clocks over the night of 23 hours', () => {
    // In Berlin, 29 March 2026 has no 02:00.
    const from = Date.UTC(2026, 2, 28, 23);
    const marks = timeTicks(from, from + 23 * HOUR, 2000, 'browser');
    const labels = marks.map((mark) => mark.label);
    expect(labels).not.toContain('02:00');
    expect(labels).toContain('03:00');
    expect(labels.at(-1)).toBe('00:00');
  });

  it('follows local clocks over the night of 25 hours', () => {
    const from = Date.UTC(2026, 9, 24, 22);
    const marks = timeTicks(from, from + 25 * HOUR, 600, 'browser');
    expect(marks[0]?.label).toBe('00:00');
    expect(marks.at(-1)?.label).toBe('00:00');
    for (const mark of marks) expect(mark.label).toMatch(/^\d\d:00$/);
  });

  it('counts days by midnights, and months by name', () => {
    const from = Date.UTC(2026, 10, 1);
    const days = timeTicks(from, from + 10 * DAY, 900, 'browser');
    expect(days.every((mark) => new Date(mark.time).getHours() === 0)).toBe(true);
    const months = timeTicks(from, from + 365 * DAY, 1000, 'utc');
    expect(months.map((mark) => mark.label)).toContain('Jan');
    expect(months.filter((mark) => mark.context !== null).length).toBe(2);
  });

  it('has a mark however narrow the plot', () => {
    for (let days = 1; days < 400; days += 3) {
      expect(
        timeTicks(1.7e12, 1.7e12 + days * DAY, 223, 'browser').length,
        `${days} days`,
      ).toBeGreaterThan(0);
    }
  });

  it('never has more marks than there is room for', () => {
    for (const span of [50, 900, 61_000, 7 * HOUR, 3 * DAY, 80 * DAY, 4000 * DAY]) {
      expect(timeTicks(1.7e12, 1.7e12 + span, 380, 'utc').length).toBeLessThanOrEqual(6);
    }
  });
});

/** Clock arithmetic in the zone on screen: the browser's own, or UTC. */
export type Zone = 'browser' | 'utc';

export interface ClockParts {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
}

/** Minutes east of UTC at `time`, as milliseconds. */
export function offsetAt(time: number, zone: Zone): number {
  return zone === 'utc' ? 0 : -new Date(time).getTimezoneOffset() * 60_000;
}

/**
 * The instant at which clocks in the zone read `local` (a clock reading written as if it
 * were UTC). A reading that a jump of the clocks skips gives the instant of the jump's far
 * side; one that occurs twice gives the first.
 */
export function instantOf(local: number, zone: Zone): number {
  const guess = local - offsetAt(local, zone);
  return local - offsetAt(guess, zone);
}

export function clockParts(time: number, zone: Zone): ClockParts {
  const shifted = new Date(time + offsetAt(time, zone));
  return {
    year: shifted.getUTCFullYear(),
    month: shifted.getUTCMonth(),
    day: shifted.getUTCDate(),
    hour: shifted.getUTCHours(),
    minute: shifted.getUTCMinutes(),
    second: shifted.getUTCSeconds(),
  };
}

/**
 * The page's clock: one signal, once a second, on the server's time, so that ages are
 * right on a phone whose own clock is not. It rests while the tab is hidden.
 */
import { signal } from '@preact/signals';

let offset = 0;
let timer: ReturnType<typeof setInterval> | undefined;

export function serverNow(): number {
  return Date.now() + offset;
}

export const now = signal(serverNow());

/** Takes the server's clock from an answer. Under a second apart is not worth a jump. */
export function setServerNow(serverTime: number): void {
  const apart = serverTime - Date.now();
  offset = Math.abs(apart) > 1000 ? apart : 0;
  now.value = serverNow();
}

function tick(): void {
  now.value = serverNow();
}

export function startClock(): void {
  const follow = () => {
    clearInterval(timer);
    if (document.hidden) return;
    tick();
    timer = setInterval(tick, 1000);
  };
  document.addEventListener('visibilitychange', follow);
  follow();
}

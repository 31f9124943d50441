/** Time, as a port; and the loop's way to sleep until it is needed. */
export { type Clock, nowMs, sleepOn, type Timer } from './clock.ts';
export { controllerOfMany } from './many-listeners.ts';
export { systemClock } from './system-clock.ts';
export { Wake } from './wake.ts';

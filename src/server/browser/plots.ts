import uPlot from 'uplot';
import type { ApiStatus, DatabaseAnswer } from '../state/status-schema.ts';

const HEIGHT_PX = 140;
const STEPS_PER_MINUTE_MIN = 1;

/** All times of the page are UTC, as in the log and in the names of objects. */
const HOURS_MINUTES = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', timeZone: 'UTC' });

function clock(seconds: number): string {
  return HOURS_MINUTES.format(seconds * 1000);
}

interface Curve {
  readonly label: string;
  /** Name of a custom property of the style sheet. */
  readonly colour: string;
}

interface Kind {
  readonly unit: string;
  readonly curves: readonly Curve[];
  readonly values: (history: DatabaseAnswer['history']) => number[][];
}

const KINDS: Readonly<Record<string, Kind>> = {
  changes: {
    unit: '',
    curves: [
      { label: 'recorded', colour: '--curve-a' },
      { label: 'merged', colour: '--curve-b' },
    ],
    values: ({ recorded, merged, stepSeconds }) => [perMinute(recorded, stepSeconds), perMinute(merged, stepSeconds)],
  },
  lock: {
    unit: ' ms',
    curves: [
      { label: 'held', colour: '--curve-a' },
      { label: 'waited', colour: '--curve-b' },
    ],
    values: ({ lockHeldMaxMs, lockWaitMaxMs }) => [lockHeldMaxMs, lockWaitMaxMs],
  },
  latency: {
    unit: ' ms',
    curves: [{ label: 'longest', colour: '--curve-a' }],
    values: ({ mergeLagMaxMs }) => [mergeLagMaxMs],
  },
};

/** Each step holds the sum of the minute that ends with it. */
function perMinute(values: readonly number[], stepSeconds: number): number[] {
  const steps = Math.max(STEPS_PER_MINUTE_MIN, Math.round(60 / stepSeconds));
  let sum = 0;
  return values.map((value, index) => {
    sum += value - (index >= steps ? values[index - steps]! : 0);
    return sum;
  });
}

/** One uPlot in every `.plot` of the page; made when it is first seen, fed with every answer. */
export class Plots {
  readonly #plots = new Map<Element, uPlot>();
  readonly #resizes = new ResizeObserver((entries) => {
    for (const { target, contentRect } of entries) {
      if (contentRect.width > 0) this.#plots.get(target)?.setSize({ width: contentRect.width, height: HEIGHT_PX });
    }
  });
  #page: HTMLElement | undefined;
  #status: ApiStatus | undefined;

  update(page: HTMLElement, status: ApiStatus): void {
    this.#page = page;
    this.#status = status;
    for (const [element, plot] of this.#plots) if (!element.isConnected) this.#remove(element, plot);
    const databases = new Map(status.databases.map((database) => [database.name, database]));
    for (const element of page.querySelectorAll<HTMLElement>('.plot')) {
      const kind = KINDS[element.getAttribute('data-plot') ?? ''];
      const history = databases.get(element.getAttribute('data-db') ?? '')?.history;
      if (kind === undefined || history === undefined) continue;
      const firstSeconds = Date.parse(history.firstTime) / 1000;
      const times = history.recorded.map((_, index) => firstSeconds + index * history.stepSeconds);
      const data = [times, ...kind.values(history)] as uPlot.AlignedData;
      const plot = this.#plots.get(element);
      if (plot === undefined) this.#add(element, kind, data);
      else plot.setData(data);
    }
  }

  /** uPlot draws on a canvas: its colours do not follow the style sheet by themselves. */
  recolour(): void {
    for (const [element, plot] of this.#plots) this.#remove(element, plot);
    if (this.#page && this.#status) this.update(this.#page, this.#status);
  }

  #add(element: HTMLElement, kind: Kind, data: uPlot.AlignedData): void {
    const style = getComputedStyle(element);
    const colour = (name: string): string => style.getPropertyValue(name).trim();
    const axis = {
      stroke: colour('--quiet'),
      font: '11px system-ui, sans-serif',
      grid: { stroke: colour('--line'), width: 1 },
      ticks: { show: false },
    };
    const options: uPlot.Options = {
      width: Math.max(100, element.clientWidth),
      height: HEIGHT_PX,
      cursor: { y: false, points: { size: 6 } },
      legend: { live: true },
      // Nothing happened: a flat line at the bottom, not in the middle.
      scales: { y: { range: (_, __, max) => [0, Math.max(max * 1.1, 1)] } },
      axes: [
        { ...axis, size: 24, space: 60, values: (_, ticks) => ticks.map(clock) },
        { ...axis, size: 58, values: (_, ticks) => ticks.map((tick) => `${tick.toLocaleString('en-US')}${kind.unit}`) },
      ],
      series: [
        { label: 'UTC', value: (_, seconds) => (seconds === null ? '–' : clock(seconds)) },
        ...kind.curves.map((curve, index) => ({
          label: curve.label,
          stroke: colour(curve.colour),
          width: 1.5,
          points: { show: false },
          value: (_: uPlot, value: number | null) =>
            value === null ? '–' : `${value.toLocaleString('en-US')}${kind.unit}`,
          ...(index === 0 ? { fill: colour('--fill-a') } : {}),
        })),
      ],
    };
    this.#plots.set(element, new uPlot(options, data, element));
    this.#resizes.observe(element);
  }

  #remove(element: Element, plot: uPlot): void {
    this.#resizes.unobserve(element);
    plot.destroy();
    this.#plots.delete(element);
  }
}

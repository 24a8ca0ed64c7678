import { performance } from 'node:perf_hooks';
import { Presets, SingleBar } from 'cli-progress';

/** Shows how far something long has come: on a terminal only, so that logs hold no bars. */
export interface Progress {
  /** @param total What `value` will reach; 0 while nobody knows. */
  update(value: number, total: number): void;
  /** Takes the bar away. Safe to repeat. */
  stop(): void;
}

const SILENT: Progress = { update: () => undefined, stop: () => undefined };

/** A bar on stderr with rate and time left; without a total, a running count. */
export function startProgress(task: string, unit: string): Progress {
  if (!process.stderr.isTTY) return SILENT;
  const startedAt = performance.now();
  let bar: SingleBar | undefined;
  let hasTotal = false;
  return {
    update(value, total) {
      // The form of the bar is fixed when it starts, and the total is known only with the first answer.
      if (!bar || hasTotal !== total > 0) {
        bar?.stop();
        hasTotal = total > 0;
        bar = new SingleBar({ ...style(task, unit, hasTotal) }, Presets.shades_classic);
        bar.start(total, value, { rate: '-' });
        return;
      }
      const seconds = (performance.now() - startedAt) / 1000;
      bar.setTotal(total);
      bar.update(value, { rate: seconds > 0 ? Math.round(value / seconds) : '-' });
    },
    stop() {
      bar?.stop();
      bar = undefined;
    },
  };
}

function style(task: string, unit: string, hasTotal: boolean) {
  const count = hasTotal ? '{bar} {percentage} % | {value} of {total}' : '{value}';
  const left = hasTotal ? ' | {eta_formatted} left' : '';
  return {
    format: `${task} ${count} ${unit} | {rate}/s${left}`,
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
    etaBuffer: 100,
  };
}

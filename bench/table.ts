import type { Quartiles } from './rounds.js';

export interface TableRow {
  readonly line: string;
  /** What it is a ratio to, in the words of the table. */
  readonly baseline: string;
  readonly ratio: Quartiles;
  /** Absent for a line that is only told. */
  readonly goal?: { readonly atLeast: number } | { readonly atMost: number };
  /** Absolute figures of this machine, which no other will repeat. */
  readonly figures: string;
}

export function printRow({ line, baseline, ratio, goal, figures }: TableRow): void {
  const columns = [
    line.padEnd(46),
    `x ${digits(ratio.median)} (${digits(ratio.q1)}..${digits(ratio.q3)})`.padEnd(24),
    goalText(goal, ratio.median).padEnd(18),
    `of ${baseline}`.padEnd(44),
    figures,
  ];
  process.stdout.write(`${columns.join(' ').trimEnd()}\n`);
}

/** A figure without a ratio: a count, a time or a size, and whether it is what it should be. */
export function printFigure(line: string, figure: string, verdict = ''): void {
  process.stdout.write(`${line.padEnd(46)} ${figure.padEnd(24)} ${verdict}`.trimEnd() + '\n');
}

export function perSecond(rate: number): string {
  return `${Math.round(rate).toLocaleString('en')}/s`;
}

function goalText(goal: TableRow['goal'], median: number): string {
  if (!goal) return '';
  if ('atLeast' in goal) return `${median >= goal.atLeast ? 'ok' : 'SHORT'} (>= ${goal.atLeast})`;
  return `${median <= goal.atMost ? 'ok' : 'SHORT'} (<= ${goal.atMost})`;
}

function digits(value: number): string {
  return value >= 10 ? value.toFixed(0) : value.toFixed(2);
}

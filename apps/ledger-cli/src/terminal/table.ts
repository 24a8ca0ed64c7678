import { printable } from './output.js';

export interface Column<Row> {
  readonly heading: string;
  readonly of: (row: Row) => unknown;
}

const GAP = '  ';

/** Rows under headings, each column as wide as its widest cell. */
export function table<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string {
  const cells = [
    columns.map(({ heading }) => heading),
    ...rows.map((row) => columns.map(({ of }) => cell(of(row)))),
  ];
  const widths = columns.map((_, index) => {
    return cells.reduce((width, line) => Math.max(width, line[index]?.length ?? 0), 0);
  });
  return cells
    .map((line) => line.map((text, index) => text.padEnd(widths[index] ?? 0)).join(GAP))
    .map((line) => line.trimEnd())
    .join('\n');
}

/** One line for each member, in the order given. */
export function fields(entries: readonly (readonly [name: string, value: unknown])[]): string {
  const width = entries.reduce((widest, [name]) => Math.max(widest, name.length), 0);
  return entries.map(([name, value]) => `${name.padEnd(width)}${GAP}${cell(value)}`).join('\n');
}

/** The members of an answer, as {@link fields}; `hidden` ones are printed elsewhere. */
export function members(value: object, hidden: readonly string[] = []): string {
  return fields(Object.entries(value).filter(([name]) => !hidden.includes(name)));
}

function cell(value: unknown): string {
  if (value === null || value === undefined || value === '') return '-';
  if (Array.isArray(value)) {
    if (value.every((item) => typeof item === 'string')) return printable(value.join(',')) || '-';
    return printable(JSON.stringify(value));
  }
  if (typeof value === 'object') {
    return Object.keys(value).length === 0 ? '-' : printable(JSON.stringify(value));
  }
  return printable(String(value));
}

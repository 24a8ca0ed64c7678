import { InvalidArgumentError } from 'commander';

/** Refuses a value in commander's way, which names the option and ends in a usage error. */
function refuse(expected: string): never {
  throw new InvalidArgumentError(`Expected ${expected}.`);
}

export function wholeNumber(from: number, upTo: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= from && value <= upTo) return value;
    return refuse(`a whole number from ${from} to ${upTo}`);
  };
}

/** A place in the log. Kept as text: positions may outgrow what a number holds exactly. */
export function position(text: string): string {
  return /^\d{1,19}$/.test(text) ? text : refuse('a position in the log, a whole number');
}

/** How the command line says null, which commander does not let a parser answer. */
const NONE = 'none';

/** What an option says when `none` stands for null. */
export function orNull<Value>(value: Value | typeof NONE): Value | null {
  return value === NONE ? null : value;
}

/** A whole number, or `none` for no limit. */
export function quotaOrNone(text: string): number | typeof NONE {
  return text === NONE ? NONE : wholeNumber(0, Number.MAX_SAFE_INTEGER)(text);
}

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/;

/** An instant with its offset, given to the service in UTC. */
export function instant(text: string): string {
  const ms = INSTANT.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) return refuse('an instant such as 2026-12-31T00:00:00Z');
  return new Date(ms).toISOString();
}

export function instantOrNone(text: string): string {
  return text === NONE ? NONE : instant(text);
}

/** For an option that may be repeated, or given once with commas. */
export function list(text: string, before: readonly string[] = []): readonly string[] {
  const items = text.split(',').map((item) => item.trim());
  return [...before, ...items.filter((item) => item !== '')];
}

/** For an option that is repeated with one `name=value` each. */
export function pair(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const at = text.indexOf('=');
  if (at < 1) return refuse('name=value');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

export type ResourceText = Readonly<Record<string, string>>;

const RESOURCE_PARTS = ['organization', 'repository', 'workspace'];

/** A resource as `organization=acme,repository=api`. */
export function resource(text: string): ResourceText {
  const parts = text.split(',').reduce<ResourceText>((before, part) => pair(part, before), {});
  const unknown = Object.keys(parts).find((name) => !RESOURCE_PARTS.includes(name));
  if (unknown === undefined && parts['organization']) return parts;
  return refuse('organization=<slug>[,repository=<name>][,workspace=<name>]');
}

export function resources(text: string, before: readonly ResourceText[] = []): ResourceText[] {
  return [...before, resource(text)];
}

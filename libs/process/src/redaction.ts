const REDACTED = '[redacted]';
const DEPTH_MAX = 6;
const ITEMS_MAX = 50;
const TEXT_LENGTH_MAX = 4_000;

/** Parts of names whose values are secret, or stand for a secret; compared without case and separators. */
const SECRET_PARTS = [
  ...['authorization', 'bearer', 'cookie', 'credential', 'digest', 'hash', 'jwt', 'passphrase'],
  ...['password', 'passwd', 'secret', 'signature', 'token'],
];
/** An id names a token or secret without opening anything, and an operator needs it. */
const ID_NAME = /(?:[a-z]I|[_-][iI])[dD]s?$/;

/** Secrets that stray into texts: the formats of all dialects, their digests, and authorization headers. */
const SECRET_TEXT = new RegExp(
  [
    String.raw`\b[a-z]{2,6}_[0-9A-Za-z]{36}\b`,
    String.raw`\bsktsec_[\w-]{16,}`,
    String.raw`\bsk_live_\w{16,}`,
    String.raw`\bsha512-[A-Za-z0-9+/]{32,}={0,2}`,
    String.raw`\b(?:[Bb]earer|[Bb]asic) +[\w+/.~=-]{8,}`,
  ].join('|'),
  'g',
);
/** Characters that some terminal or log reader takes for the end of a line, or for a command (H19). */
const CONTROL_TEXT = /[\u007f-\u009f\u2028\u2029]/g;

export function isSecretName(name: string): boolean {
  if (ID_NAME.test(name)) return false;
  const plain = name.toLowerCase().replace(/[^a-z0-9]/g, '');
  return plain.endsWith('key') || SECRET_PARTS.some((part) => plain.includes(part));
}

/** A copy of what is to be logged, without secrets, bounded in depth and size. Never throws. */
export function redacted(fields: object): Record<string, unknown> {
  try {
    return members(fields, 0);
  } catch {
    return { unprintable: true };
  }
}

/** The last look at a finished line of JSON: secrets within texts, and characters that could break it up. */
export function scrubLine(line: string): string {
  return line.replace(SECRET_TEXT, REDACTED).replace(CONTROL_TEXT, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

function members(value: object, depth: number): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) {
    copy[name] = isSecretName(name) ? REDACTED : plain(member, depth + 1);
  }
  return copy;
}

function plain(value: unknown, depth: number): unknown {
  if (typeof value === 'string') {
    return value.length > TEXT_LENGTH_MAX ? `${value.slice(0, TEXT_LENGTH_MAX)}…` : value;
  }
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth > DEPTH_MAX) return '[deep]';
  if (ArrayBuffer.isView(value)) return '[binary]';
  if (value instanceof Error || isErrorLike(value)) return describeError(value, depth);
  if (Array.isArray(value)) return value.slice(0, ITEMS_MAX).map((item) => plain(item, depth + 1));
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === 'function') return plain(toJSON.call(value), depth + 1);
  return members(value, depth);
}

interface ErrorLike {
  readonly name: string;
  readonly message: string;
  readonly stack?: string | undefined;
  readonly cause?: unknown;
}

/** An error of another realm is no instance of this one's class. */
function isErrorLike(value: object): value is ErrorLike {
  return 'message' in value && 'stack' in value && typeof value.message === 'string';
}

function describeError(error: ErrorLike, depth: number): Record<string, unknown> {
  const { name, message, stack, cause } = error;
  const described = { type: name, message: plain(message, depth), stack: plain(stack, depth) };
  const further = cause === undefined ? {} : { cause: plain(cause, depth + 1) };
  const { name: _name, ...own } = members(error, depth);
  return { ...own, ...described, ...further };
}

const SLASH = 0x2f;
const DOT = 0x2e;
const QUESTION = 0x3f;

/** Letters, digits, and marks that every server reads in the same way: by character code. */
const PLAIN = new Uint8Array(128);
for (const character of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_~!$&()*+,=:@'") {
  PLAIN[character.charCodeAt(0)] = 1;
}

/**
 * The path of a request target, decoded; null for one that the service behind could read in another way
 * than it is judged here: it is refused rather than guessed at.
 */
export function readPath(target: string): string | null {
  if (target.charCodeAt(0) !== SLASH) return null;
  let previous = SLASH;
  for (let at = 1; at < target.length; at += 1) {
    const code = target.charCodeAt(at);
    if (code === QUESTION) return target.slice(0, at);
    const isPlain = code < 128 && PLAIN[code] === 1;
    // A dot within a name is plain; one that begins a segment may be a dot segment.
    const isInnerDot = code === DOT && previous !== SLASH;
    const isSeparator = code === SLASH && previous !== SLASH;
    if (!isPlain && !isInnerDot && !isSeparator) return readWithCare(target);
    previous = code;
  }
  return target;
}

function readWithCare(target: string): string | null {
  const [raw = ''] = target.split('?', 1);
  const segments: string[] = [];
  for (const [index, segment] of raw.slice(1).split('/').entries()) {
    const isLast = index === raw.split('/').length - 2;
    const name = readSegment(segment);
    if (name === null || (name === '' && !isLast)) return null;
    segments.push(name);
  }
  return `/${segments.join('/')}`;
}

/** What may stand in a target as it is: the rest must be percent-encoded (RFC 3986). */
const WRITTEN = /^[\x21\x24\x26-\x2e\x30-\x3a\x3d\x40-\x5a\x5f\x61-\x7a~%]*$/;
/** What a segment must not hold once decoded: what another reader takes for an end or a new start of it. */
const TWOFOLD = /[/\\;%?#\u0000-\u001f\u007f]/;

function readSegment(segment: string): string | null {
  if (!WRITTEN.test(segment)) return null;
  let name: string;
  try {
    name = decodeURIComponent(segment);
  } catch {
    return null;
  }
  return name === '.' || name === '..' || TWOFOLD.test(name) ? null : name;
}

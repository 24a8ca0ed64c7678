/** Controls, line and paragraph separators, bidi controls and lone surrogates have no place in a text (H6). */
const FORBIDDEN = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;

/** Bytes that a text may take for each code point of its limit. */
const BYTES_PER_CODE_POINT_MAX = 4;

/** Whether a text is well-formed, and free of characters that hide or break it. */
export function isPlainText(text: string): boolean {
  return !FORBIDDEN.test(text);
}

/** Composes a text for people, so that what looks the same is the same. */
export function composed(text: string): string {
  return text.normalize('NFC');
}

/** Whether a text holds `min` to `max` code points, and no more bytes than those may take. */
export function hasLength(text: string, min: number, max: number): boolean {
  // What is longer than two units a code point is too long, and need not be counted.
  if (text.length > max * 2) return false;
  const codePoints = [...text].length;
  return (
    codePoints >= min &&
    codePoints <= max &&
    Buffer.byteLength(text) <= max * BYTES_PER_CODE_POINT_MAX
  );
}

import { mintSecret } from '@ledger/commands';

/** What marks the form of a name, and must stay for an unknown one to be of the same form. */
const START = /^(?:sktsec_|sk_live_k_|k_|sha512-|token-|user-|org-|edge-)/;
const END = /(?:_api|==)$/;

/** A name of the same form that nobody has. */
export function unknownLike(name: string, choice: number): string {
  if (name.startsWith('tl_')) return mintSecret('native').reveal();
  const cursor = partsOf(name);
  if (cursor) {
    const [list, ...place] = cursor;
    const parts = [masked(String(list), choice), ...place];
    return Buffer.from(JSON.stringify(parts)).toString('base64url');
  }
  // A lease begins with its window.
  const [, window = '', rest = name] = /^(\d{4}-\d{2}\.)?(.*)$/s.exec(name) ?? [];
  return window + masked(rest, choice);
}

/** Each letter and digit becomes another of its class, so that a UUID stays one. */
function masked(text: string, choice: number): string {
  const [start = ''] = START.exec(text) ?? [];
  const [end = ''] = END.exec(text) ?? [];
  const inner = text.slice(start.length, text.length - end.length);
  const letters = /^[\da-f-]+$/.test(inner) ? 6 : 26;
  let state = (choice % 2_147_483_646) + 1;
  const other = inner.replaceAll(/[\da-z]/gi, (character) => {
    state = (state * 48_271) % 2_147_483_647;
    if (/\d/.test(character)) return String(state % 10);
    const letter = String.fromCharCode(97 + (state % letters));
    return character === character.toLowerCase() ? letter : letter.toUpperCase();
  });
  return start + other + end;
}

function partsOf(name: string): readonly unknown[] | null {
  if (!name.startsWith('WyJ')) return null;
  try {
    return JSON.parse(Buffer.from(name, 'base64url').toString('utf8')) as readonly unknown[];
  } catch {
    return null;
  }
}

import { members } from '../terminal/table.js';

/**
 * An answer that carries a new secret, for a person to read: the secret on a line of its own, since this
 * is the only time that it is shown.
 */
export function withSecret(answer: { readonly secret: string; readonly token?: object }): string {
  const { secret, token, ...rest } = answer;
  const about = members({ ...token, ...rest });
  return [`secret, shown this once: ${secret}`, ...(about === '' ? [] : ['', about])].join('\n');
}

import { isNativeScope } from '@ledger/domain';

/** The scopes that act on the ledger itself. They are granted by name only. */
export const LEDGER_SCOPES = [
  'ledger:tokens:read',
  'ledger:tokens:create',
  'ledger:tokens:update',
  'ledger:tokens:rotate',
  'ledger:tokens:revoke',
  'ledger:tokens:verify',
  'ledger:audit:read',
  'ledger:events:read',
] as const;

export type LedgerScope = (typeof LEDGER_SCOPES)[number];

/**
 * Whether a native token may be given a scope: an organization's own word, or one of the ledger's by its
 * full name. `ledger` and `ledger:tokens` are refused, since a parent would grant what only names may.
 */
export function isGrantableScope(text: string): boolean {
  if (text === 'ledger' || text.startsWith('ledger:')) {
    return (LEDGER_SCOPES as readonly string[]).includes(text);
  }
  return isNativeScope(text);
}

import {
  openGrace,
  statusAt,
  type KnownToken,
  type Secret,
  type SecretId,
  type Timestamp,
} from '@ledger/domain';
import type { SecretUsage } from '@ledger/read-models';
import type { SecretView } from '../token-mapper.js';
import type { SafeToClose } from './safe-to-close.js';

/** A living secret, and whether anyone still uses it. */
export interface LivingSecretView extends SecretView {
  readonly lastUsedAt: Timestamp | null;
  readonly usesSinceRotation: number;
  readonly safeToClose: boolean;
}

/** The secrets that are good at `now`, newest first: none of a token that is expired or revoked. */
export function livingSecrets(
  token: KnownToken,
  usageOf: (secretId: SecretId) => SecretUsage | undefined,
  safeToClose: SafeToClose,
  now: Timestamp,
): readonly LivingSecretView[] {
  if (statusAt(token, now) !== 'active') return [];
  const { current, previous } = token.secrets;
  // The current secret is no one's to close: it is what the others are replaced by.
  const views = [view(current, null, usageOf(current.secretId), false)];
  if (previous && openGrace(token.secrets, now) !== null) {
    const usage = usageOf(previous.secretId);
    const isSafe = safeToClose.isSafe(previous, usage, now);
    views.push(view(previous, previous.validUntil, usage, isSafe));
  }
  return views;
}

function view(
  { secretId: id, preview, issuedAt }: Secret,
  validUntil: Timestamp | null,
  usage: SecretUsage | undefined,
  safeToClose: boolean,
): LivingSecretView {
  const { lastUsedAt = null, usesSinceRotation = 0 } = usage ?? {};
  return { id, preview, issuedAt, validUntil, lastUsedAt, usesSinceRotation, safeToClose };
}
